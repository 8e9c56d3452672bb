"""The located data that come with the program: IPFire's, as Debian's ``tor-geoipdb`` carries them.

``build_embedded`` compiles the two text files of that package; the result lies in
``bailiwick/data/geo/ipfire`` with its licence and source, and under its own licence.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Final

from bailiwick.errors import InvalidInput, Position
from bailiwick.location.addresses import Network, pack
from bailiwick.location.answers import NOTHING, Answer
from bailiwick.location.blocks import Answers, runs_of
from bailiwick.location.runs import silenced
from bailiwick.location.storage import (
    DamagedFile,
    Description,
    pack_table,
    read_stable,
    unpack_table,
    write_atomically,
)
from bailiwick.location.table import AddressTable
from bailiwick.places import canonical

EMBEDDED: Final = "ipfire"
DATA_FILE: Final = "located.bwl"
LICENCE: Final = "CC BY-SA 4.0"
CREDIT: Final = "IPFire Location Database, https://location.ipfire.org/"

_GENERATED = re.compile(r"# Generated:\s*(.+)")
_LINE = re.compile(r"([0-9a-f.:]+),([0-9a-f.:]+),([A-Z?]{2})")


def embedded_path() -> Path:
    """Find the file of the embedded data in the installed package."""
    return Path(str(resources.files("bailiwick") / "data" / "geo" / "ipfire" / DATA_FILE))


def load_embedded() -> tuple[AddressTable, Description]:
    """Read the embedded data; all of it is checked."""
    return unpack_table(read_stable(embedded_path()), DATA_FILE)


@dataclass(frozen=True, slots=True)
class Built:
    """What ``build_embedded`` made."""

    path: Path
    digest: str
    """SHA-256 of the file."""
    size_bytes: int
    built_at: datetime
    """Date of the data, not of the build."""
    runs: tuple[int, int]
    """Runs of IPv4 and of IPv6 addresses with one answer."""
    countries: int
    notes: tuple[str, ...]


def build_embedded(source_dir: Path, out_dir: Path, package_version: str = "unknown") -> Built:
    """Compile ``geoip`` and ``geoip6`` of ``source_dir`` and put the data and its source there.

    The same input gives the same file. The licence beside it is kept as it is.
    """
    texts = [read_stable(source_dir / name).decode("utf-8") for name in ("geoip", "geoip6")]
    built_at = _one_date(texts, source_dir)
    odd: set[str] = set()
    answers = Answers()
    rows = [row for text, name in zip(texts, ("geoip", "geoip6"), strict=True)
            for row in _rows(text, name, odd)]  # fmt: skip
    v4, v6 = runs_of(_apart(rows), answers)
    v4, v6 = silenced(v4, 32), silenced(v6, 128)
    table = AddressTable(v4, v6, answers.every())
    description = Description(
        name=EMBEDDED,
        schema=EMBEDDED,
        role="located",
        built_at=built_at,
        licence=LICENCE,
        credit=CREDIT,
        notes=tuple(f"`{code}` is no place" for code in sorted(odd)),
    )
    data = pack_table(table, description)
    write_atomically(out_dir / DATA_FILE, data)
    built = Built(
        out_dir / DATA_FILE,
        hashlib.sha256(data).hexdigest(),
        len(data),
        built_at,
        (len(v4), len(v6)),
        len(table.answers) - 1,
        description.notes,
    )
    write_atomically(out_dir / "SOURCE", _source(built, package_version).encode())
    return built


def _source(built: Built, package_version: str) -> str:
    return (
        f"file: {DATA_FILE}\n"
        f"sha256: {built.digest}\n"
        f"what: country where each address is used; runs: {built.runs[0]} of IPv4, "
        f"{built.runs[1]} of IPv6; countries: {built.countries}\n"
        f"credit: {CREDIT}\n"
        f"licence: {LICENCE} (see LICENSE)\n"
        f"data of: {built.built_at:%Y-%m-%d %H:%M} UTC (from the header of the files)\n"
        f"taken from: Debian package tor-geoipdb, version {package_version}, "
        f"files geoip and geoip6\n"
        f"changes: compiled to another format; UK written as GB; codes that are no countries and "
        f"special-purpose addresses made unknown\n"
        f"rebuild: python tools/build_geo.py\n"
    )


def _one_date(texts: list[str], source_dir: Path) -> datetime:
    found = [_GENERATED.search(text[:4096]) for text in texts]
    try:
        (date,) = {match[1].strip() if match else "" for match in found}
        return parsedate_to_datetime(date).astimezone(UTC)
    except ValueError as error:
        raise DamagedFile(
            f"`{source_dir}`: geoip and geoip6 have no date, or not the same one"
        ) from error


def _rows(text: str, name: str, odd: set[str]) -> Iterator[tuple[Network, Answer]]:
    known: dict[str, Answer] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        network = _range(match[1], match[2]) if match else None
        if match is None or network is None:
            raise InvalidInput.of(f"`{line}` is not a range", position=Position(name, number))
        if match[3] not in known:
            known[match[3]] = _answer(match[3], odd)
        yield network, known[match[3]]


def _range(first: str, last: str) -> Network | None:
    if first.isdigit() and last.isdigit():
        version, low, high = 4, int(first), int(last)
    else:
        begin, end = pack(first), pack(last)
        if begin is None or end is None or not len(begin) == len(end) == 16:
            return None
        version, low, high = 6, int.from_bytes(begin, "big"), int.from_bytes(end, "big")
    return Network(version, low, high) if low <= high < 1 << 128 else None


def _answer(code: str, odd: set[str]) -> Answer:
    place = canonical(code)
    if place is None:
        odd.add(code)
    return Answer((place,)) if place else NOTHING


def _apart(rows: list[tuple[Network, Answer]]) -> list[tuple[Network, Answer]]:
    """Refuse ranges that touch each other's addresses: none of them could be believed."""
    ordered = sorted(rows, key=lambda row: (row[0].version, row[0].first))
    for (one, _), (other, _) in pairwise(ordered):
        if one.version == other.version and one.last >= other.first:
            raise DamagedFile(f"the ranges at {one.text} and {other.text} overlap")
    return ordered
