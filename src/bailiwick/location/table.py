"""From an address to a small number, in well under a microsecond.

IPv4 is a 16-8-8 trie of shared pages: two index steps, three where a /24 is split. IPv6 is a sorted
array of the upper 64 bits, entered through its first 16; the few /64 that are split have a row of
their own. The number is an index into the table's answers; 0 is "nothing is known".
"""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from bailiwick.errors import InvalidInput
from bailiwick.location.answers import Answer
from bailiwick.location.runs import Ids, Numbers, Runs, distinct, ids_of, joined

NARROW_LIMIT = 254
"""Most answers whose numbers fit a byte, beside the mark of a split page."""
WIDE_LIMIT = 65534

_Row: TypeAlias = "bytes | array[int]"

_split_v4: Callable[[bytes], tuple[int, int, int]] = struct.Struct(">HBB").unpack
_upper_v6: Callable[[bytes], tuple[int]] = struct.Struct(">Q8x").unpack
_ONE = np.uint64(1)


class AddressTable:
    """An immutable table of one source. Built once; only read afterwards."""

    __slots__ = ("_batch", "_leaves", "_pages", "_places", "_size", "_split", "_v6", "answers")

    def __init__(self, v4: Runs, v6: Runs, answers: Sequence[Answer]) -> None:
        if len(answers) > WIDE_LIMIT:
            raise InvalidInput.of(
                f"a source has {len(answers)} different answers; {WIDE_LIMIT} fit"
            )
        self._size = len(v4) + len(v6)
        self.answers = tuple(answers)
        self._places = tuple(answer.places[0] if answer.places else None for answer in answers)
        narrow = len(answers) <= NARROW_LIMIT
        self._split = 255 if narrow else 65535
        self._pages, self._leaves = _pages(v4, self._split, _Packer(narrow))
        self._v6 = _UpperHalves(v6, self._split, _Packer(narrow))
        self._batch: Flat | None = None

    def id_of(self, packed: bytes) -> int:
        """Look up a packed address of 4 or 16 bytes, exactly as it is (nothing is unwrapped)."""
        if len(packed) == 16:
            return self._v6.id_of(packed)
        upper, third, fourth = _split_v4(packed)
        found = self._pages[upper][third]
        return self._leaves[upper << 8 | third][fourth] if found == self._split else found

    def answer(self, packed: bytes) -> Answer:
        """Look up what the source says about a packed address."""
        return self.answers[self.id_of(packed)]

    def place_of(self, address: str) -> str | None:
        """Look up an address in text: its first place, or ``None``.

        The address is taken literally. Use a ``Locator`` for anything a client sent.
        """
        try:
            if ":" in address:
                return self._places[self._v6.id_of(inet_pton(AF_INET6, address))]
            upper, third, fourth = _split_v4(inet_pton(AF_INET, address))
        except (OSError, ValueError):
            raise InvalidInput.of(f"`{address}` is not an IP address") from None
        found = self._pages[upper][third]
        if found == self._split:
            found = self._leaves[upper << 8 | third][fourth]
        return self._places[found]

    def ids_of_batch(self, addresses: npt.NDArray[np.uint32]) -> npt.NDArray[Any]:
        """Look up many IPv4 addresses: an array of indexes into ``answers``."""
        if self._batch is None:  # 16 MiB that only bulk work needs; two builders do no harm
            self._batch = self.flat()
        return self._batch.numbers_of(addresses)

    def flat(self) -> "Flat":
        """Lay IPv4 out for bulk work; it is not kept."""
        return Flat.of(self._pages, self._leaves, self._split)

    @property
    def places(self) -> tuple[str | None, ...]:
        """First place of each answer, for the numbers of ``ids_of_batch``."""
        return self._places

    def runs(self) -> tuple[Runs, Runs]:
        """Give the runs of IPv4 and IPv6 back. They are not kept: they would double the memory."""
        return _runs_v4(self.flat()), self._v6.runs()

    def __len__(self) -> int:
        return self._size


class _Packer:
    """Rows of small numbers, as bytes or as 16-bit numbers; equal rows are one object."""

    __slots__ = ("_rows", "dtype")

    def __init__(self, narrow: bool) -> None:
        self.dtype = np.uint8 if narrow else np.uint16
        self._rows: dict[bytes, _Row] = {}

    def rows_of(self, numbers: npt.NDArray[Any], width: int = 256) -> list[_Row]:
        """Cut numbers into rows."""
        raw = numbers.astype(self.dtype, copy=False).tobytes()
        step = width * np.dtype(self.dtype).itemsize
        return [self._shared(raw[at : at + step]) for at in range(0, len(raw), step)]

    def _shared(self, raw: bytes) -> _Row:
        if raw not in self._rows:
            self._rows[raw] = raw if self.dtype is np.uint8 else array("H", raw)
        return self._rows[raw]


def _pages(v4: Runs, split: int, packer: _Packer) -> tuple[list[_Row], dict[int, _Row]]:
    starts, ids = v4.high.astype(np.int64), v4.ids.astype(packer.dtype)
    blocks = distinct(starts[starts & 255 != 0] >> 8)
    leaves = packer.rows_of(_spread(starts, ids, blocks))
    mixed = distinct(starts[starts & 0xFFFF != 0] >> 16)
    rows = _spread((starts + 255) >> 8, ids, mixed)
    rows[np.searchsorted(mixed, blocks >> 8) << 8 | blocks & 255] = split
    pages = _uniform(starts, ids, packer)
    for page, row in zip(mixed.tolist(), packer.rows_of(rows), strict=True):
        pages[page] = row
    return pages, dict(zip(blocks.tolist(), leaves, strict=True))


def _uniform(starts: npt.NDArray[np.int64], ids: npt.NDArray[Any], packer: _Packer) -> list[_Row]:
    """Make a page for every /16 as if nothing changed inside it."""
    used = distinct(np.sort(ids))
    rows = dict(zip(used.tolist(), packer.rows_of(np.repeat(used, 256)), strict=True))
    begins = np.arange(1 << 16, dtype=np.int64) << 16
    return [rows[held] for held in ids[np.searchsorted(starts, begins, "right") - 1].tolist()]


def _spread(
    starts: npt.NDArray[np.int64], ids: npt.NDArray[Any], blocks: npt.NDArray[np.int64]
) -> npt.NDArray[Any]:
    """Write out the number of each of the 256 units in every block, one block after another."""
    edges = np.concatenate([blocks << 8, (blocks << 8) + 256])
    points = distinct(np.sort(np.concatenate([edges, starts])))
    held = ids[np.searchsorted(starts, points, "right") - 1]
    row = np.searchsorted(blocks, points >> 8)
    inside = (row < len(blocks)) & (np.append(blocks, -1)[row] == points >> 8)
    widths = np.diff(np.append(points, points[-1:]))[inside]
    spread: npt.NDArray[Any] = np.repeat(held[inside], widths)
    return spread


class _UpperHalves:
    """IPv6 by its upper 64 bits."""

    __slots__ = ("_entry", "_ids", "_inside", "_split", "_starts")

    def __init__(self, v6: Runs, split: int, packer: _Packer) -> None:
        starts, ids, self._inside = _upper_halves(v6, split)
        self._starts = array("Q", starts.tobytes())
        (self._ids,) = packer.rows_of(ids, len(ids))
        self._split = split
        edges = np.searchsorted(starts >> np.uint64(48), np.arange((1 << 16) + 1, dtype=np.uint64))
        self._entry = array("I", edges.astype(np.uint32).tobytes())

    def id_of(self, packed: bytes) -> int:
        (upper,) = _upper_v6(packed)
        first = upper >> 48
        entry = self._entry
        at = bisect_right(self._starts, upper, entry[first], entry[first + 1]) - 1
        found = self._ids[at]
        if found != self._split:
            return found
        lows, ids = self._inside[upper]
        return ids[bisect_right(lows, int.from_bytes(packed[8:], "big")) - 1]

    def runs(self) -> Runs:
        starts = np.array(self._starts, np.uint64)
        ids = np.array(self._ids if isinstance(self._ids, array) else list(self._ids), np.uint16)
        whole = ids != self._split
        inside = [
            Runs(np.full(len(lows), upper, np.uint64), np.array(lows, np.uint64), ids_of(numbers))
            for upper, (lows, numbers) in self._inside.items()
        ]
        kept = Runs(starts[whole], np.zeros(int(whole.sum()), np.uint64), ids[whole])
        return joined([kept, *inside]).ordered().merged()


def _upper_halves(
    v6: Runs, split: int
) -> tuple[Numbers, Ids, dict[int, tuple[list[int], list[int]]]]:
    """Reduce the runs to their upper halves; the /64 that are split are kept apart."""
    whole = v6.low == 0
    marked = distinct(v6.high[~whole])
    inside = {}
    resumed = np.zeros(len(marked), np.uint16)
    for number, upper in enumerate(marked.tolist()):
        begin = int(np.searchsorted(v6.high, np.uint64(upper), "left"))
        end = int(np.searchsorted(v6.high, np.uint64(upper), "right"))
        if v6.low[begin]:  # what held before goes on at the start of this /64
            begin -= 1
        lows = v6.low[begin:end].tolist()
        inside[upper] = ([0, *lows[1:]], v6.ids[begin:end].tolist())
        resumed[number] = v6.ids[end - 1]
    starts = np.concatenate([v6.high[whole], marked + _ONE, marked])
    ids = np.concatenate([v6.ids[whole], resumed, np.full(len(marked), split, np.uint16)])
    return (*_last_of_each(starts, ids, len(v6.high[whole]), len(marked)), inside)


def _last_of_each(starts: Numbers, ids: Ids, whole: int, marked: int) -> tuple[Numbers, Ids]:
    """Keep one entry a start: a split wins over a whole run, and that over a resumed one."""
    rank = np.repeat(np.array([1, 0, 2]), [whole, marked, marked])
    order = np.lexsort((rank, starts))
    starts, ids = starts[order], ids[order]
    last = np.append(starts[1:] != starts[:-1], True)
    return starts[last], ids[last]


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """IPv4 for bulk work: one number per /24, and 256 more for each that is split."""

    flat: npt.NDArray[Any]
    """Shape (2**24,)."""
    blocks: npt.NDArray[np.int64]
    """The /24 that are split, in order."""
    leaves: npt.NDArray[Any]
    """Shape (blocks, 256)."""
    split: int
    """What ``flat`` holds for them."""

    @classmethod
    def of(cls, pages: Sequence[_Row], leaves: Mapping[int, _Row], split: int) -> "Flat":
        """Join the pages of a trie."""
        dtype = np.uint8 if split == 255 else np.uint16
        rows = np.frombuffer(b"".join(leaves.values()), dtype).reshape(-1, 256)
        blocks = np.fromiter(leaves, np.int64, len(leaves))
        return cls(np.frombuffer(b"".join(pages), dtype), blocks, rows, split)

    def numbers_of(self, addresses: npt.NDArray[np.uint32]) -> npt.NDArray[Any]:
        """Look up addresses, shape (rows,)."""
        found: npt.NDArray[Any] = self.flat.take(addresses >> np.uint32(8))
        finer = np.flatnonzero(found == self.split)
        if len(finer):
            chosen = addresses[finer]
            row = np.searchsorted(self.blocks, (chosen >> np.uint32(8)).astype(np.int64))
            found[finer] = self.leaves[row, chosen & np.uint32(255)]
        return found

    def rows_of(self, blocks: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Look up every address of some /24, in order, all that are split among them.

        Shape (blocks, 256).
        """
        rows = np.repeat(self.flat[blocks], 256).reshape(-1, 256)
        rows[np.searchsorted(blocks, self.blocks)] = self.leaves
        return rows


def _runs_v4(batch: Flat) -> Runs:
    whole = np.append(0, np.flatnonzero(batch.flat[1:] != batch.flat[:-1]) + 1)
    whole = whole[batch.flat[whole] != batch.split]
    split = (batch.blocks[:, None] << 8) + np.arange(256)
    starts = np.concatenate([whole << 8, split.reshape(-1)])
    ids = np.concatenate([batch.flat[whole], batch.leaves.reshape(-1)]).astype(np.uint16)
    order = np.argsort(starts)
    high = starts[order].astype(np.uint64)
    return Runs(high, np.zeros_like(high), ids[order]).merged()
