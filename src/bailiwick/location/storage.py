"""A table in a file: small, checksummed, and refused whole if one bit of it is wrong.

The layout is in ``docs/location.md``: a signature that shows text-mode damage, sizes, a JSON header
(what the data is, its date and licence, and its answers), the runs as xz, and SHA-256 of it all.
A file is read in one go and checked before anything in it is believed.
"""

import hashlib
import json
import lzma
import os
import stat
import struct
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bailiwick.errors import BailiwickError
from bailiwick.facts import NETWORKS
from bailiwick.location.answers import NOTHING, Answer
from bailiwick.location.cells import RADII_KM
from bailiwick.location.runs import Ids, Numbers, Runs
from bailiwick.location.table import AddressTable
from bailiwick.places import canonical

SIGNATURE: Final = b"\x89BWL\r\n\x1a\n"
FORMAT: Final = 1
MAX_FILE_BYTES: Final = 1 << 30
_FIXED: Final = struct.Struct(">8sHIIII")
"""Signature, format, and the sizes of the JSON header, the xz stream, and both runs."""
_DIGEST_BYTES: Final = 32
_RUN_BYTES: Final = {4: 4 + 2, 6: 16 + 2}


class DamagedFile(BailiwickError):
    """A file of data that cannot be trusted; the last good one stays in use."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a table of data is, where it is from and how old it is."""

    name: str
    schema: str
    """The shape it was read from: ``ipfire``, ``maxmind``, ``private_relay``, ..."""
    role: str
    """``located``, ``geofeed``, ``relay`` or ``network``: how its answers are used."""
    built_at: datetime | None
    """When the source's data was built (UTC), not when we asked; ``None``: nobody says."""
    complete: bool = False
    """An anonymizer source whose silence means "no anonymizer"; a list never is."""
    versions: tuple[int, ...] = (4, 6)
    """IP versions that the source covers. It is silent about the others."""
    licence: str = ""
    credit: str = ""
    notes: tuple[str, ...] = ()
    """What was odd while it was read: codes that are no countries, and how many."""


def read_stable(path: Path) -> bytes:
    """Read a whole file, refusing one that changes meanwhile or is no ordinary file."""
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode) or before.st_size > MAX_FILE_BYTES:
                raise DamagedFile(f"`{path}` is not a file of at most {MAX_FILE_BYTES >> 20} MiB")
            data = file.read()
            after = os.fstat(file.fileno())
    except OSError as error:
        raise DamagedFile(f"`{path}` cannot be read: {error.strerror}") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or (
        len(data) != after.st_size
    ):
        raise DamagedFile(f"`{path}` changed while it was read", "replace files by renaming")
    return data


def write_atomically(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` so that a reader sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def pack_table(table: AddressTable, description: Description) -> bytes:
    """Write a table as the bytes of a file. The same table gives the same bytes."""
    header = json.dumps(_header(table, description), sort_keys=True, ensure_ascii=False).encode()
    v4, v6 = table.runs()
    body = lzma.compress(
        _columns(v4, 4) + _columns(v6, 6),
        check=lzma.CHECK_NONE,  # the digest covers it
        preset=9 | lzma.PRESET_EXTREME,
    )
    sizes = len(header), len(body), len(v4), len(v6)
    data = _FIXED.pack(SIGNATURE, FORMAT, *sizes) + header + body
    return data + hashlib.sha256(data).digest()


def _header(table: AddressTable, description: Description) -> dict[str, Any]:
    return {
        "name": description.name,
        "schema": description.schema,
        "role": description.role,
        "built_at": description.built_at.isoformat() if description.built_at else None,
        "complete": description.complete,
        "versions": description.versions,
        "licence": description.licence,
        "credit": description.credit,
        "notes": description.notes,
        "answers": [_written(one) for one in table.answers],
    }


def _written(answer: Answer) -> list[Any]:
    return [answer.places, answer.network, answer.holder, *([answer.cell] if answer.cell else [])]


def _columns(runs: Runs, version: int) -> bytes:
    """Lay runs out byte plane by byte plane, starts as differences: this packs best."""
    steps = np.diff(runs.high, prepend=np.uint64(0))
    columns = [_planes(steps, 4 if version == 4 else 8)]
    if version == 6:
        columns.append(_planes(runs.low, 8))
    return b"".join([*columns, _planes(runs.ids.astype(np.uint64), 2)])


def _planes(numbers: Numbers, width: int) -> bytes:
    rows = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    return rows[:, 8 - width :].T.tobytes()


def unpack_table(data: bytes, name: str) -> tuple[AddressTable, Description]:
    """Read the bytes of a file; ``name`` is for messages. Everything is checked."""
    header, body, counts = _sections(data, name)
    try:
        answers, description = _answers(header["answers"]), _description(header)
        v4, v6 = _runs(_expanded(body, counts), counts)
    except (KeyError, TypeError, ValueError, lzma.LZMAError) as error:
        raise DamagedFile(f"`{name}` is damaged: {error}") from error
    for runs, bits in ((v4, 32), (v6, 128)):
        if problem := runs.problem(bits, len(answers)):
            raise DamagedFile(
                f"`{name}` is damaged: its IPv{4 if bits == 32 else 6} table {problem}"
            )
    return AddressTable(v4, v6, answers), description


def _sections(data: bytes, name: str) -> tuple[Mapping[str, Any], bytes, tuple[int, int]]:
    if not data.startswith(SIGNATURE):
        raise DamagedFile(f"`{name}` is not a Bailiwick data file", "make it with `data import`")
    if len(data) < _FIXED.size + _DIGEST_BYTES:
        raise DamagedFile(f"`{name}` is cut short")
    _, version, header_size, body_size, v4, v6 = _FIXED.unpack_from(data)
    if version != FORMAT:
        raise DamagedFile(f"`{name}` has format {version}; this program reads {FORMAT}")
    begin, end = _FIXED.size + header_size, _FIXED.size + header_size + body_size
    if len(data) != end + _DIGEST_BYTES or hashlib.sha256(data[:end]).digest() != data[end:]:
        raise DamagedFile(f"`{name}` is damaged: its checksum does not match")
    return _json(data[_FIXED.size : begin], name), data[begin:end], (v4, v6)


def _json(data: bytes, name: str) -> Mapping[str, Any]:
    try:
        header = json.loads(data)
    except ValueError as error:
        raise DamagedFile(f"`{name}` is damaged: {error}") from error
    if not isinstance(header, dict):
        raise DamagedFile(f"`{name}` is damaged: its header is not an object")
    return header


def _expanded(body: bytes, counts: tuple[int, int]) -> bytes:
    size = counts[0] * _RUN_BYTES[4] + counts[1] * _RUN_BYTES[6]
    expander = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    expanded = expander.decompress(body, max_length=size + 1)
    if len(expanded) != size:
        raise ValueError("its table has another size than it says")
    return expanded


def _runs(data: bytes, counts: tuple[int, int]) -> tuple[Runs, Runs]:
    reader = _Planes(data)
    high = np.cumsum(reader.take(counts[0], 4), dtype=np.uint64)
    v4 = Runs(high, np.zeros(counts[0], np.uint64), reader.take_ids(counts[0]))
    high = np.cumsum(reader.take(counts[1], 8), dtype=np.uint64)
    return v4, Runs(high, reader.take(counts[1], 8), reader.take_ids(counts[1]))


class _Planes:
    """Undo ``_planes``, column after column."""

    def __init__(self, data: bytes) -> None:
        self._bytes: npt.NDArray[np.uint8] = np.frombuffer(data, np.uint8)
        self._at = 0

    def take(self, count: int, width: int) -> Numbers:
        planes = self._bytes[self._at : self._at + count * width].reshape(width, count)
        self._at += count * width
        rows = np.zeros((count, 8), np.uint8)
        rows[:, 8 - width :] = planes.T
        return rows.view(">u8").reshape(count).astype(np.uint64)

    def take_ids(self, count: int) -> Ids:
        return self.take(count, 2).astype(np.uint16)


def _answers(rows: Sequence[Any]) -> tuple[Answer, ...]:
    answers = tuple(map(_answer, rows))
    if not answers or answers[0] != NOTHING:
        raise ValueError("its first answer says something")
    for answer in answers:
        known = all(canonical(place) == place for place in answer.places)
        if not known or (answer.network is not None and answer.network not in NETWORKS):
            raise ValueError(f"`{answer}` is not an answer that this program knows")
    return answers


def _answer(row: Sequence[Any]) -> Answer:
    places, network, holder, *cell = row
    if not cell:
        return Answer(tuple(places), network, holder)
    latitude, longitude, radius_km = map(int, cell[0])
    if abs(latitude) > 90 or abs(longitude) > 180 or radius_km not in RADII_KM or len(cell) > 1:
        raise ValueError(f"`{cell}` is no cell")
    return Answer(tuple(places), network, holder, (latitude, longitude, radius_km))


def _description(header: Mapping[str, Any]) -> Description:
    built_at = datetime.fromisoformat(header["built_at"]) if header["built_at"] else None
    if built_at and built_at.tzinfo is None:
        raise ValueError("its date has no time zone")
    return Description(
        name=header["name"],
        schema=header["schema"],
        role=header["role"],
        built_at=built_at,
        complete=bool(header["complete"]),
        versions=tuple(header["versions"]),
        licence=header["licence"],
        credit=header["credit"],
        notes=tuple(header["notes"]),
    )
