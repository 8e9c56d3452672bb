"""Walk a whole MaxMind DB file once and compile it to a table.

The search tree is walked with arrays, level by level, and must be a tree: a node that is reached
twice or never is damage. Each distinct record is decoded once, by maxminddb, and read by the
adapter of its schema; any that does not fit refuses the file. Nothing is looked up in it later.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from maxminddb.const import MODE_FD
from maxminddb.decoder import Decoder
from maxminddb.errors import InvalidDatabaseError
from maxminddb.reader import Metadata, Reader

from bailiwick.location.blocks import Answers
from bailiwick.location.runs import Ids, Numbers, Runs, distinct, joined, silenced
from bailiwick.location.schemas import Adapter, UnknownShape, choose
from bailiwick.location.storage import DamagedFile, Description
from bailiwick.location.table import WIDE_LIMIT, AddressTable


class _TooManyAnswers(Exception):
    """More different answers than a table can hold."""


Progress = Callable[[str, int, int], None]
"""Called with what is going on, how much is done and how much there is."""

_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR = 16
_SAMPLE = 200
_BAD_RECORD = (
    InvalidDatabaseError,
    TypeError,
    ValueError,
    KeyError,
    AttributeError,
    RecursionError,
)


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


def compile_mmdb(
    data: bytes, name: str, progress: Progress = _silent, min_confidence: int = 1
) -> tuple[AddressTable, Description]:
    """Compile the bytes of a MaxMind DB file; ``name`` is for messages."""
    metadata = _metadata(data, name)
    leaves = _Walk(data, metadata, name, progress).leaves()
    records = _Records(data, metadata, name)
    return _compile(leaves, records, metadata, name, progress, min_confidence)


def _metadata(data: bytes, name: str) -> Metadata:
    try:
        with Reader(io.BytesIO(data), MODE_FD) as reader:
            metadata = reader.metadata()
        sound = (
            metadata.binary_format_major_version == 2
            and metadata.ip_version in (4, 6)
            and metadata.node_count > 0
            and isinstance(metadata.database_type, str)
            and isinstance(metadata.description, dict)
            and 0 < metadata.build_epoch < 1 << 33
        )
    except _BAD_RECORD as error:
        raise DamagedFile(f"`{name}` is not a usable MaxMind DB file: {error}") from error
    if not sound:
        raise DamagedFile(f"`{name}` is damaged: its metadata make no sense")
    return metadata


@dataclass(slots=True)
class _Leaves:
    """Where records are: the first address and the length of each block, and a pointer."""

    high: list[Numbers] = field(default_factory=list)
    low: list[Numbers] = field(default_factory=list)
    length: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    pointer: list[npt.NDArray[np.int64]] = field(default_factory=list)

    def add(self, high: Numbers, low: Numbers, length: int, pointer: npt.NDArray[np.int64]) -> None:
        self.high.append(high)
        self.low.append(low)
        self.length.append(np.full(len(high), length, np.uint8))
        self.pointer.append(pointer)


class _Walk:
    """The search tree as two arrays of records, left and right."""

    def __init__(self, data: bytes, metadata: Metadata, name: str, progress: Progress) -> None:
        self._count = metadata.node_count
        self._bits = 32 if metadata.ip_version == 4 else 128
        self._children = _children(data, metadata)
        self._name, self._progress = name, progress
        self._seen = np.zeros(self._count, bool)
        self._ipv4 = self._ipv4_root()

    def leaves(self) -> _Leaves:
        """Visit every node once and collect what the tree points at."""
        found = _Leaves()
        nodes = np.zeros(1, np.int64)
        high = low = np.zeros(1, np.uint64)
        visited = 0
        for depth in range(1, self._bits + 1):
            visited += len(nodes)
            self._progress("walking the tree", visited, self._count)
            children, high, low = self._step(nodes, high, low, depth)
            leaf = children > self._count
            found.add(high[leaf], low[leaf], depth, children[leaf] - self._count)
            nodes, high, low = self._inner(children, high, low)
            if not len(nodes):
                break
        if len(nodes) or visited != self._count:
            raise self._damaged("parts of its search tree lead nowhere")
        return found

    def _step(
        self, nodes: npt.NDArray[np.int64], high: Numbers, low: Numbers, depth: int
    ) -> tuple[npt.NDArray[np.int64], Numbers, Numbers]:
        left, right = self._children
        bit = self._bits - depth
        if self._bits == 32 or bit >= 64:
            one, zero = np.uint64(1 << (bit % 64)), np.uint64(0)
        else:
            one, zero = np.uint64(0), np.uint64(1 << bit)
        return (
            np.concatenate([left[nodes], right[nodes]]),
            np.concatenate([high, high | one]),
            np.concatenate([low, low | zero]),
        )

    def _inner(
        self, children: npt.NDArray[np.int64], high: Numbers, low: Numbers
    ) -> tuple[npt.NDArray[np.int64], Numbers, Numbers]:
        # An IPv6 tree may show its IPv4 part again, under ::ffff:0:0/96, 2002::/16 and others.
        again = (children == self._ipv4) & ((high != 0) | (low != 0))
        keep = (children < self._count) & ~again
        nodes = children[keep]
        ordered = np.sort(nodes)
        twice = (ordered[1:] == ordered[:-1]).any() or (nodes == 0).any()
        if twice or self._seen[nodes].any():
            raise self._damaged("its search tree runs in a circle")
        self._seen[nodes] = True
        return nodes, high[keep], low[keep]

    def _ipv4_root(self) -> int:
        if self._bits == 32:
            return -1
        node = 0
        for _ in range(96):
            if node >= self._count:
                return -1
            node = int(self._children[0][node])
        return node if node < self._count else -1

    def _damaged(self, what: str) -> DamagedFile:
        return DamagedFile(f"`{self._name}` is damaged: {what}")


def _children(
    data: bytes, metadata: Metadata
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    size = metadata.search_tree_size
    rows = np.frombuffer(data, np.uint8, size).reshape(metadata.node_count, -1)
    half = rows.shape[1] // 2
    if metadata.record_size == 28:
        middle = rows[:, 3].astype(np.int64)
        return _number(rows[:, :3], middle >> 4), _number(rows[:, 4:], middle & 15)
    zero = np.zeros(len(rows), np.int64)
    return _number(rows[:, :half], zero), _number(rows[:, half:], zero)


def _number(columns: npt.NDArray[np.uint8], top: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    number = top
    for column in range(columns.shape[1]):
        number = number << 8 | columns[:, column]
    return number


class _Records:
    """The data section."""

    def __init__(self, data: bytes, metadata: Metadata, name: str) -> None:
        self._base = metadata.search_tree_size
        end = data.rfind(_MARKER)
        self._size = end - self._base
        self._decoder = Decoder(data[:end], self._base + _SEPARATOR)
        self._name = name
        if any(data[self._base : self._base + _SEPARATOR]):
            raise DamagedFile(f"`{name}` is damaged: no gap between its tree and its data")

    def read(self, pointer: int) -> Any:
        """Decode the record that the tree points at."""
        if not _SEPARATOR <= pointer < self._size:
            raise DamagedFile(f"`{self._name}` is damaged: a record lies outside its data")
        try:
            record, _ = self._decoder.decode(self._base + pointer)
        except _BAD_RECORD as error:
            raise DamagedFile(f"`{self._name}` is damaged: {error}") from error
        return record


def _compile(
    leaves: _Leaves,
    records: _Records,
    metadata: Metadata,
    name: str,
    progress: Progress,
    min_confidence: int,
) -> tuple[AddressTable, Description]:
    every = np.concatenate(leaves.pointer)
    pointers = distinct(np.sort(every))
    if not len(pointers):
        raise DamagedFile(f"`{name}` holds no data")
    sample = [records.read(int(p)) for p in pointers[:: max(1, len(pointers) // _SAMPLE)]]
    adapter = choose(metadata.database_type, sample, name, min_confidence)
    answers = Answers()
    try:
        of_pointer = _read_all(pointers, records, adapter, answers, name, progress)
        coarse: tuple[str, ...] = ()
    except _TooManyAnswers:  # places come first
        answers = Answers()
        of_pointer = _read_all(pointers, records, adapter, answers, name, progress, cells=False)
        coarse = ("coordinates are left out: there are too many different ones",)
    runs = _runs(leaves, of_pointer[np.searchsorted(pointers, every)], metadata.ip_version)
    if adapter.role == "located":
        runs = silenced(runs[0], 32), silenced(runs[1], 128)
    description = Description(
        name=name,
        schema=adapter.schema,
        role=adapter.role,
        built_at=datetime.fromtimestamp(metadata.build_epoch, UTC),
        complete=adapter.complete,
        versions=(4,) if metadata.ip_version == 4 else (4, 6),
        credit=_credit(metadata),
        notes=(*adapter.notes(), *coarse),
    )
    return AddressTable(*runs, answers.every()), description


def _credit(metadata: Metadata) -> str:
    return f"{metadata.database_type}: {metadata.description.get('en', '')}".rstrip(": ")


def _read_all(
    pointers: npt.NDArray[np.int64],
    records: _Records,
    adapter: Adapter,
    answers: Answers,
    name: str,
    progress: Progress,
    *,
    cells: bool = True,
) -> Ids:
    numbers = np.zeros(len(pointers), np.uint16)
    for at, pointer in enumerate(pointers.tolist()):
        try:
            answer = adapter.read(records.read(pointer))
        except UnknownShape as error:
            raise DamagedFile(f"`{name}` cannot be used as {adapter.schema}: {error}") from error
        number = answers.number(answer if cells else replace(answer, cell=None))
        if number > WIDE_LIMIT:
            if cells:
                raise _TooManyAnswers
            raise DamagedFile(f"`{name}` has too many different answers")
        numbers[at] = number
        if at % 4096 == 0:
            progress("reading records", at, len(pointers))
    progress("reading records", len(pointers), len(pointers))
    return numbers


def _runs(leaves: _Leaves, ids: Ids, version: int) -> tuple[Runs, Runs]:
    high, low = np.concatenate(leaves.high), np.concatenate(leaves.low)
    length = np.concatenate(leaves.length)
    if version == 4:
        return _filled(high, low, length, ids, 32), Runs.nothing()
    inside = (high == 0) & (low >> np.uint64(32) == 0) & (length >= 96)
    around = (high == 0) & (low == 0) & (length < 96)
    v6 = _filled(high[~inside], low[~inside], length[~inside], ids[~inside], 128)
    if around.any():  # one record for the whole of IPv4 and more
        return Runs(np.zeros(1, np.uint64), np.zeros(1, np.uint64), ids[around]), v6
    low4 = low[inside]
    return _filled(low4, np.zeros_like(low4), length[inside] - 96, ids[inside], 32), v6


def _filled(
    high: Numbers, low: Numbers, length: npt.NDArray[np.uint8], ids: Ids, bits: int
) -> Runs:
    """Order blocks that are apart, and say nothing between them."""
    if not len(ids):
        return Runs.nothing()
    order = np.lexsort((low, high))
    high, low, ids = high[order], low[order], ids[order]
    next_high, next_low = _after(high, low, length[order], bits)
    begins = np.append((high[1:] == next_high[:-1]) & (low[1:] == next_low[:-1]), False)
    if bits == 32:
        begins |= next_high >> np.uint64(32) != 0
    else:
        begins |= (next_high == 0) & (next_low == 0)
    gap = ~begins
    silent = np.zeros(1, np.uint64)
    silences = Runs(
        np.concatenate([silent, next_high[gap]]),
        np.concatenate([silent, next_low[gap]]),
        np.zeros(1 + int(gap.sum()), np.uint16),
    )
    return joined([silences, Runs(high, low, ids)]).ordered().merged()


def _after(
    high: Numbers, low: Numbers, length: npt.NDArray[np.uint8], bits: int
) -> tuple[Numbers, Numbers]:
    """Find the first address after each block; it is 0 after the last IPv6 address."""
    free = (bits - length.astype(np.int64)).astype(np.uint64)
    if bits == 32:
        return high + (np.uint64(1) << free), low
    wide = free >= 64
    step_low = np.where(wide, np.uint64(0), np.uint64(1) << np.where(wide, np.uint64(0), free))
    step_high = np.where(
        wide, np.uint64(1) << np.where(wide, free - np.uint64(64), np.uint64(0)), np.uint64(0)
    )
    next_low = low + step_low
    carried = (next_low < low).astype(np.uint64)
    return high + step_high + carried, next_low
