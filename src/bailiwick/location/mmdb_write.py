"""Write MaxMind DB files: the search tree, the records, the metadata (format 2.0).

Records that are equal are stored once, and so is any part of a record that was stored before.
The more specific block wins. Other programs read what this writes, so numbers take the width that
MaxMind's own files give them: wrap those in ``Uint16`` or ``Uint64``.
"""

import struct
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias, Union

from bailiwick.errors import InvalidInput
from bailiwick.location.addresses import Network, read_network
from bailiwick.location.runs import Runs
from bailiwick.location.table import AddressTable

Record: TypeAlias = Union[  # noqa: UP007 - a string in it names the type itself
    str, bool, int, float, bytes, Mapping[str, "Record"], Sequence["Record"]
]

_MARKER: Final = b"\xab\xcd\xefMaxMind.com"
_RECORD_SIZES: Final = (24, 28, 32)
_EMPTY: Final = -1
_IPV4_AGAIN: Final = (
    Network(6, 0xFFFF << 32, (0x10000 << 32) - 1),  # ::ffff:0:0/96
    Network(6, 0x2002 << 112, (0x2003 << 112) - 1),
)
"""Where an IPv6 tree shows its IPv4 part again, as MaxMind's files do."""


class Uint16(int):
    """A number stored in 16 bits."""

    __slots__ = ()


class Uint64(int):
    """A number stored in 64 bits."""

    __slots__ = ()


class MmdbWriter:
    """Collects blocks and their records, then writes them in one go."""

    def __init__(
        self,
        database_type: str,
        built_at: datetime,
        description: str = "",
        *,
        ip_version: int = 6,
        record_size: int | None = None,
        alias_ipv4: bool = True,
    ) -> None:
        """Begin a file. ``record_size`` is the smallest of 24, 28 and 32 that fits, or as given."""
        self._metadata = _metadata(database_type, built_at, description, ip_version)
        self._version, self._record_size = ip_version, record_size
        self._alias = alias_ipv4 and ip_version == 6
        self._data = _Data()
        self._blocks: dict[tuple[int, int], int] = {}

    def insert(self, network: str, record: Record) -> None:
        """Put a record at a block, in CIDR notation. IPv4 goes under ::/96 of an IPv6 file."""
        block = read_network(network)
        if block is None or (block.version == 6 and self._version == 4):
            raise InvalidInput.of(f"`{network}` is not a block of IPv{self._version} addresses")
        self._blocks[block.first, -block.last] = self._data.store(record)

    def insert_table(self, table: AddressTable, records: Sequence[Record | None]) -> None:
        """Put a record at every run of a table; ``records`` goes by the table's answers."""
        self.insert_runs(*table.runs(), records)

    def insert_runs(self, v4: Runs, v6: Runs, records: Sequence[Record | None]) -> None:
        """Put a record at every run; ``records`` goes by the ids of the runs."""
        offsets = [_EMPTY if record is None else self._data.store(record) for record in records]
        self._insert_runs(v4, 32, offsets)
        if self._version == 6:
            self._insert_runs(v6, 128, offsets)

    def _insert_runs(self, runs: Runs, bits: int, offsets: Sequence[int]) -> None:
        starts = _numbers(runs, bits)
        ends = [*starts[1:], 1 << bits]
        for start, end, answer in zip(starts, ends, runs.ids.tolist(), strict=True):
            if offsets[answer] != _EMPTY:
                self._blocks[start, 1 - end] = offsets[answer]

    def to_bytes(self) -> bytes:
        """Build the file."""
        bits = 32 if self._version == 4 else 128
        tree = _Tree(*_flatten(self._blocks, bits), bits)
        if self._alias:
            for network in _IPV4_AGAIN:
                tree.alias(network)
        size = self._record_size or _smallest(len(tree.left) + 16 + len(self._data.stored))
        metadata = {
            **self._metadata,
            "node_count": len(tree.left),
            "record_size": Uint16(size),
        }
        described = _Data()
        described.store(metadata)
        return b"".join(
            [tree.to_bytes(size), bytes(16), self._data.stored, _MARKER, described.stored]
        )


def _metadata(
    database_type: str, built_at: datetime, description: str, ip_version: int
) -> dict[str, Record]:
    return {
        "binary_format_major_version": Uint16(2),
        "binary_format_minor_version": Uint16(0),
        "build_epoch": Uint64(int(built_at.timestamp())),
        "database_type": database_type,
        "description": {"en": description or database_type},
        "ip_version": Uint16(ip_version),
        "languages": ["en"],
    }


def _numbers(runs: Runs, bits: int) -> list[int]:
    if bits == 32:
        return [int(start) for start in runs.high.tolist()]
    pairs = zip(runs.high.tolist(), runs.low.tolist(), strict=True)
    return [high << 64 | low for high, low in pairs]


def _flatten(blocks: Mapping[tuple[int, int], int], bits: int) -> tuple[list[int], list[int]]:
    """Turn nested blocks into starts and the record that holds from each."""
    starts, held = [0], [_EMPTY]
    around: list[tuple[int, int]] = [((1 << bits) - 1, _EMPTY)]

    def say(start: int, offset: int) -> None:
        if starts[-1] == start:
            held[-1] = offset
        else:
            starts.append(start)
            held.append(offset)

    for first, minus_last in sorted(blocks):
        while around[-1][0] < first:
            last, _ = around.pop()
            say(last + 1, around[-1][1])
        around.append((-minus_last, blocks[first, minus_last]))
        say(first, around[-1][1])
    while around[-1][0] < (1 << bits) - 1:
        last, _ = around.pop()
        say(last + 1, around[-1][1])
    return starts, held


class _Tree:
    """The search tree. A record is a node's number, or below 0: empty, or a place in the data."""

    def __init__(self, starts: list[int], held: list[int], bits: int) -> None:
        self.left: list[int] = []
        self.right: list[int] = []
        self._starts, self._held, self._bits = starts, held, bits
        self._node(0, bits, 0, len(starts))

    def _node(self, base: int, free: int, begin: int, end: int) -> int:
        """Build the node of 2**free addresses from ``base``, in which runs begin..end hold."""
        number = len(self.left)
        self.left.append(_EMPTY)
        self.right.append(_EMPTY)
        half = base + (1 << free - 1)
        middle = bisect_left(self._starts, half, begin + 1, end)
        self.left[number] = self._child(base, free - 1, begin, middle)
        if middle == end or self._starts[middle] != half:
            middle -= 1
        self.right[number] = self._child(half, free - 1, middle, end)
        return number

    def _child(self, base: int, free: int, begin: int, end: int) -> int:
        if end - begin > 1:
            return self._node(base, free, begin, end)
        held = self._held[begin]
        return _EMPTY if held == _EMPTY else -2 - held

    def alias(self, network: Network) -> None:
        """Show the IPv4 part again at ``network``, if nothing else is there."""
        target = self._follow(0, 96)
        if target < 0:
            return
        length = 128 - (network.last - network.first).bit_length()
        node = self._follow(network.first >> (128 - length + 1), length - 1, grow=True)
        children = self.right if network.first >> (128 - length) & 1 else self.left
        if node >= 0 and children[node] == _EMPTY:
            children[node] = target

    def _follow(self, path: int, length: int, *, grow: bool = False) -> int:
        node = 0
        for at in range(length - 1, -1, -1):
            children = self.right if path >> at & 1 else self.left
            if children[node] == _EMPTY and grow:
                children[node] = len(self.left)
                self.left.append(_EMPTY)
                self.right.append(_EMPTY)
            node = children[node]
            if node < 0:
                return node
        return node

    def to_bytes(self, size: int) -> bytes:
        """Lay the nodes out with records of ``size`` bits."""
        count = len(self.left)
        write = {24: _node_24, 28: _node_28, 32: struct.Struct(">II").pack}[size]
        left = (_record(child, count, size) for child in self.left)
        right = (_record(child, count, size) for child in self.right)
        return b"".join(map(write, left, right))


def _record(child: int, count: int, size: int) -> int:
    number = child if child >= 0 else count if child == _EMPTY else count + 16 + (-2 - child)
    if number >> size:
        raise InvalidInput.of(f"a MaxMind DB file of this size needs records above {size} bits")
    return number


def _node_24(left: int, right: int) -> bytes:
    return (left << 24 | right).to_bytes(6, "big")


def _node_28(left: int, right: int) -> bytes:
    middle = left >> 24 << 4 | right >> 24
    return ((left & 0xFFFFFF) << 32 | middle << 24 | right & 0xFFFFFF).to_bytes(7, "big")


def _smallest(largest: int) -> int:
    return next((size for size in _RECORD_SIZES if largest < 1 << size), 32)


class _Data:
    """The data section: values one after another, each stored once."""

    def __init__(self) -> None:
        self.stored = bytearray()
        self._at: dict[Any, int] = {}
        self._records: dict[Any, int] = {}

    def store(self, record: Record) -> int:
        """Store a record, if it is not there yet; answer where it begins."""
        key = _key(record)
        if key not in self._records:
            self._records[key] = len(self.stored)
            self._write(record, key, whole=True)
        return self._records[key]

    def _write(self, value: Record, key: Any, *, whole: bool = False) -> None:
        """Write a value, or a pointer to where it was written before."""
        if not whole and key in self._at:
            self.stored += _pointer(self._at[key])
            return
        if isinstance(value, Mapping) or (isinstance(value, str) and len(value) > 2):
            self._at.setdefault(key, len(self.stored))
        if isinstance(value, Mapping):
            self.stored += _control(7, len(value))
            for name, part in value.items():
                self._write(name, _key(name))
                self._write(part, _key(part))
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            self.stored += _control(11, len(value))
            for part in value:
                self._write(part, _key(part))
        else:
            self.stored += _scalar(value)


def _key(value: Record) -> Any:
    if isinstance(value, Mapping):
        return "map", tuple((name, _key(part)) for name, part in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "array", tuple(_key(part) for part in value)
    return type(value).__name__, value


def _scalar(value: Record) -> bytes:
    match value:
        case str():
            raw = value.encode()
            return _control(2, len(raw)) + raw
        case bool():
            return _control(14, int(value))
        case bytes():
            return _control(4, len(value)) + value
        case float():
            return _control(3, 8) + struct.pack(">d", value)
        case int():
            return _integer(value)
    raise InvalidInput.of(f"a MaxMind DB file cannot hold `{value!r}`")


def _integer(value: int) -> bytes:
    if value < 0:
        return _control(8, 4) + struct.pack(">i", value)
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    if isinstance(value, Uint16):
        return _control(5, len(raw)) + raw
    if isinstance(value, Uint64) or len(raw) > 4:
        return _control(9 if len(raw) <= 8 else 10, len(raw)) + raw
    return _control(6, len(raw)) + raw


def _control(kind: int, size: int) -> bytes:
    extra = b""
    if size >= 65821:
        size, extra = 31, (size - 65821).to_bytes(3, "big")
    elif size >= 285:
        size, extra = 30, (size - 285).to_bytes(2, "big")
    elif size >= 29:
        size, extra = 29, bytes([size - 29])
    first = bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])
    return first + extra


def _pointer(at: int) -> bytes:
    if at < 2048:
        return (1 << 13 | at).to_bytes(2, "big")
    if at < 526336:
        return (1 << 21 | 1 << 19 | at - 2048).to_bytes(3, "big")
    if at < 134744064:
        return (1 << 29 | 2 << 27 | at - 526336).to_bytes(4, "big")
    return bytes([1 << 5 | 3 << 3]) + at.to_bytes(4, "big")


def country_mmdb(table: AddressTable, built_at: datetime, description: str) -> bytes:
    """Write a table of places as a file of the shape that GeoIP2 Country readers expect."""
    writer = MmdbWriter("GeoIP2-Country", built_at, description)
    writer.insert_table(table, [_country(answer.places) for answer in table.answers])
    return writer.to_bytes()


def _country(places: Iterable[str]) -> Record | None:
    place = next(iter(places), None)
    return {"country": {"iso_code": place[:2]}} if place else None
