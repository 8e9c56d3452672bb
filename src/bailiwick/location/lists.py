"""Read published lists of addresses: Tor exits, VPN and cloud ranges, relays, geofeeds.

A list knows only what is on it: silence is "unknown", never "clean". One bad line refuses the whole
list, because a truncated download or an error page must not pass for a short list. An empty list is
refused for the same reason.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from bailiwick.errors import InvalidInput, Position, Problem
from bailiwick.location.addresses import Network, read_network
from bailiwick.location.answers import Answer
from bailiwick.location.blocks import Answers, runs_of
from bailiwick.location.disputed import places_of
from bailiwick.location.runs import silenced
from bailiwick.location.storage import DamagedFile, Description
from bailiwick.location.table import AddressTable
from bailiwick.places import canonical

Row = tuple[Network, Answer]
_ENOUGH_PROBLEMS = 20


@dataclass(slots=True)
class _Read:
    """One list while it is read."""

    name: str
    network: str | None
    """Class of everything on the list; ``None``: the list is about places only."""
    problems: list[Problem] = field(default_factory=list)
    odd: Counter[str] = field(default_factory=Counter)
    built_at: datetime | None = None

    def block(self, text: object, line: int = 0) -> Network | None:
        """Read a block, or note what is wrong with it."""
        network = read_network(text) if isinstance(text, str) else None
        if network is None:
            self.bad(f"`{text}` is not an address or a block of addresses", line)
        return network

    def bad(self, message: str, line: int = 0) -> None:
        self.problems.append(Problem(message[:200], position=Position(self.name, line)))
        if len(self.problems) >= _ENOUGH_PROBLEMS:
            raise InvalidInput(self.problems)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Give every line that says something, without comments."""
    for number, line in enumerate(text.splitlines(), 1):
        if kept := re.split("[#;]", line, maxsplit=1)[0].strip():
            yield number, kept


def _cidr_list(text: str, read: _Read) -> Iterator[Row]:
    answer = Answer(network=read.network)
    for number, line in _lines(text):
        if block := read.block(line, number):
            yield block, answer


def _tor_exits(text: str, read: _Read) -> Iterator[Row]:
    """``torbulkexitlist`` has addresses; ``exit-addresses`` has records of several lines."""
    if "ExitAddress " not in text:
        yield from _cidr_list(text, read)
        return
    answer, seen = Answer(network=read.network), []
    for number, line in _lines(text):
        word, *rest = line.split()
        if word in ("ExitNode", "Published", "LastStatus"):
            continue
        if word != "ExitAddress" or len(rest) != 3:
            read.bad(f"`{line}` is not a line of a Tor exit list", number)
        elif block := read.block(rest[0], number):
            seen.append(_date(f"{rest[1]}T{rest[2]}+00:00"))
            yield block, answer
    read.built_at = max(filter(None, seen), default=None)


def _geofeed(text: str, read: _Read) -> Iterator[Row]:
    """RFC 8805: ``prefix,country,subdivision,city,postal code``. Cities are not looked at."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        row = [cell.strip() for cell in next(csv.reader([line]))]
        if len(row) < 2:
            read.bad(f"`{line}` is not a line of a geofeed", number)
        elif block := read.block(row[0], number):
            places = _feed_places(row, number, read)
            yield block, Answer(places, read.network)


def _feed_places(row: list[str], number: int, read: _Read) -> tuple[str, ...]:
    code = row[1].upper()
    if not code:
        return ()
    if not re.fullmatch("[A-Z]{2}", code):
        read.bad(f"`{row[1]}` is not a country code", number)
    country = canonical(code)
    if country is None:
        read.odd[code] += 1
        return ()
    return places_of(country, row[2].upper() if len(row) > 2 else None, None)


def _server_ranges(text: str, read: _Read) -> Iterator[Row]:
    """Read a hosting company's geofeed: where its servers are says nothing of who calls."""
    return ((block, replace(answer, places=())) for block, answer in _geofeed(text, read))


def _aws(text: str, read: _Read) -> Iterator[Row]:
    document = _object(text, read)
    read.built_at = _date(str(document.get("createDate", "")), "%Y-%m-%d-%H-%M-%S")
    for key, field_name in (("prefixes", "ip_prefix"), ("ipv6_prefixes", "ipv6_prefix")):
        for entry in _entries(document, key, read):
            if block := read.block(entry.get(field_name)):
                yield block, _cloud(read, str(entry.get("region", "")).startswith("cn-"))


def _gcp(text: str, read: _Read) -> Iterator[Row]:
    document = _object(text, read)
    read.built_at = _date(str(document.get("creationTime", "")) + "+00:00")
    for entry in _entries(document, "prefixes", read):
        if block := read.block(entry.get("ipv4Prefix") or entry.get("ipv6Prefix")):
            yield block, _cloud(read, in_china=False)


def _azure(text: str, read: _Read) -> Iterator[Row]:
    document = _object(text, read)
    in_china = "china" in str(document.get("cloud", "")).lower()
    for entry in _entries(document, "values", read):
        properties = entry.get("properties")
        prefixes = properties.get("addressPrefixes") if isinstance(properties, dict) else None
        for prefix in prefixes if isinstance(prefixes, list) else [None]:
            if block := read.block(prefix):
                yield block, _cloud(read, in_china)


def _cloudflare(text: str, read: _Read) -> Iterator[Row]:
    if not text.lstrip().startswith("{"):
        yield from _cidr_list(text, read)
        return
    result = _object(text, read).get("result")
    for key in ("ipv4_cidrs", "ipv6_cidrs"):
        for prefix in result.get(key, []) if isinstance(result, dict) else [None]:
            if block := read.block(prefix):
                yield block, Answer(network=read.network)


def _cloud(read: _Read, in_china: bool) -> Answer:
    """Say hosting. A cloud region locates the server; only those under Chinese law are a place."""
    return Answer(("CN",) if in_china else (), read.network)


def _object(text: str, read: _Read) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput.of(f"not JSON: {error}", position=Position(read.name)) from error
    if not isinstance(document, dict):
        raise InvalidInput.of("not a JSON object", position=Position(read.name))
    return document


def _entries(document: Mapping[str, Any], key: str, read: _Read) -> Iterator[Mapping[str, Any]]:
    entries = document.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidInput.of(f"`{key}` is not a list of objects", position=Position(read.name))
    yield from entries


def _date(text: str, pattern: str | None = None) -> datetime | None:
    try:
        if pattern:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class ListKind:
    """One format of list."""

    read: Callable[[str, _Read], Iterable[Row]]
    role: str
    network: str | None
    """Class of its addresses, if the operator does not name another."""
    max_age_days: int
    """After this it says nothing any more, if the operator does not set ``max_age``."""


LIST_KINDS: dict[str, ListKind] = {
    "tor_exits": ListKind(_tor_exits, "network", "tor", 2),
    "cidr_list": ListKind(_cidr_list, "network", "vpn", 14),
    "private_relay": ListKind(_geofeed, "relay", "relay", 14),
    "geofeed": ListKind(_geofeed, "geofeed", None, 30),
    "aws": ListKind(_aws, "network", "hosting", 30),
    "gcp": ListKind(_gcp, "network", "hosting", 30),
    "azure": ListKind(_azure, "network", "hosting", 30),
    "cloudflare": ListKind(_cloudflare, "network", "hosting", 30),
    "digitalocean": ListKind(_server_ranges, "network", "hosting", 30),
}
"""Every list that can be read, by the name that settings and ``data import`` use."""


def compile_list(
    kind: str, data: bytes, name: str, built_at: datetime, network: str | None = None
) -> tuple[AddressTable, Description]:
    """Compile a list to a table. ``built_at`` dates it if the list itself has no date."""
    chosen = LIST_KINDS[kind]
    if network and chosen.network is None:  # a feed of servers, not of clients
        chosen = replace(chosen, read=_server_ranges, role="network")
    read = _Read(name, network or chosen.network)
    rows = _rows(chosen, data, read)
    answers = Answers()
    try:
        v4, v6 = runs_of(rows, answers)
    except InvalidInput as error:
        raise DamagedFile(f"`{name}` cannot be used: {error.message}") from error
    if chosen.role != "network":
        v4, v6 = silenced(v4, 32), silenced(v6, 128)
    description = Description(
        name=name,
        schema=kind,
        role=chosen.role,
        built_at=read.built_at or built_at,
        notes=tuple(f"`{code}` is no place ({n} lines)" for code, n in sorted(read.odd.items())),
    )
    return AddressTable(v4, v6, answers.every()), description


def _rows(chosen: ListKind, data: bytes, read: _Read) -> list[Row]:
    try:
        rows = list(chosen.read(data.decode("utf-8-sig"), read))
        if read.problems:
            raise InvalidInput(read.problems)
    except (InvalidInput, UnicodeDecodeError, csv.Error) as error:
        raise DamagedFile(f"`{read.name}` cannot be used: {error}") from error
    if not rows:
        raise DamagedFile(
            f"`{read.name}` lists no address", "an empty list is never taken as clean"
        )
    return rows
