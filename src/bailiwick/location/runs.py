"""Where answers change: ordered starts, each of which holds until the next.

The form in which sources are compiled, compared and stored; ``table`` turns it into one that is
looked up. All work on it is done on whole arrays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.location.special import unroutable_ranges

Numbers = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.uint16]

_LOW = (1 << 64) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Where answers change: each start holds until the next. The first start is address 0.

    IPv4 addresses are in ``high`` and ``low`` is 0; IPv6 addresses are split into two halves.
    """

    high: Numbers
    low: Numbers
    ids: Ids

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def nothing(cls) -> "Runs":
        """Make the runs of a source without data: one run that says nothing."""
        return cls(np.zeros(1, np.uint64), np.zeros(1, np.uint64), np.zeros(1, np.uint16))

    @classmethod
    def of(cls, starts: Sequence[int], ids: Sequence[int], bits: int) -> "Runs":
        """Make runs from plain numbers."""
        if bits == 32:
            return cls(np.array(starts, np.uint64), np.zeros(len(starts), np.uint64), ids_of(ids))
        high = np.array([start >> 64 for start in starts], np.uint64)
        low = np.array([start & _LOW for start in starts], np.uint64)
        return cls(high, low, ids_of(ids))

    def merged(self) -> "Runs":
        """Join neighbours that say the same."""
        keep = np.ones(len(self), bool)
        keep[1:] = self.ids[1:] != self.ids[:-1]
        return Runs(self.high[keep], self.low[keep], self.ids[keep])

    def renumbered(self, ids: Sequence[int]) -> "Runs":
        """Give each run the id that ``ids`` has at its own."""
        return Runs(self.high, self.low, ids_of(ids)[self.ids])

    def ordered(self) -> "Runs":
        """Sort by start; of two at one start the later one is kept."""
        order = np.lexsort((np.arange(len(self)), self.low, self.high))
        high, low, ids = self.high[order], self.low[order], self.ids[order]
        last = np.append((high[1:] != high[:-1]) | (low[1:] != low[:-1]), np.ones(1, bool))
        return Runs(high[last], low[last], ids[last])

    def position(self, number: int, bits: int) -> int:
        """Count the starts before ``number``."""
        if number >> bits:
            return len(self)
        high, low = (number, 0) if bits == 32 else (number >> 64, number & _LOW)
        first = int(np.searchsorted(self.high, np.uint64(high), "left"))
        last = int(np.searchsorted(self.high, np.uint64(high), "right"))
        return first + int(np.searchsorted(self.low[first:last], np.uint64(low), "left"))

    def problem(self, bits: int, answers: int) -> str | None:
        """Walk every run and say what is wrong with them, if anything."""
        if not len(self) or self.high[0] or self.low[0]:
            return "does not begin at the first address"
        after, same = self.high[1:] > self.high[:-1], self.high[1:] == self.high[:-1]
        if not np.all(after | (same & (self.low[1:] > self.low[:-1]))):
            return "is not in order"
        if bits == 32 and (self.low.any() or int(self.high[-1]) >> 32):
            return "leaves the IPv4 address space"
        if int(self.ids.max()) >= answers:
            return "names an answer that it does not have"
        return None


def ids_of(ids: Sequence[int]) -> Ids:
    """Make an array of answer numbers."""
    return np.array(ids, np.uint16)


def silenced(runs: Runs, bits: int) -> Runs:
    """Say nothing about addresses that cannot be anywhere, whatever the source said."""
    pieces: list[Runs] = []
    at = 0
    for first, last in unroutable_ranges(4 if bits == 32 else 6):
        begin, end = runs.position(first, bits), runs.position(last + 1, bits)
        pieces += [_slice(runs, at, begin), Runs.of([first], [0], bits)]
        resumed = end < len(runs) and runs.position(last + 2, bits) > end
        if not resumed and last + 1 < 1 << bits:
            pieces.append(Runs.of([last + 1], [int(runs.ids[end - 1])], bits))
        at = end
    pieces.append(_slice(runs, at, len(runs)))
    return joined(pieces).merged()


def _slice(runs: Runs, begin: int, end: int) -> Runs:
    return Runs(runs.high[begin:end], runs.low[begin:end], runs.ids[begin:end])


def joined(pieces: Iterable[Runs]) -> Runs:
    """Put runs after each other, as they are."""
    every = list(pieces)
    return Runs(
        np.concatenate([piece.high for piece in every]),
        np.concatenate([piece.low for piece in every]),
        np.concatenate([piece.ids for piece in every]),
    )


def distinct(ordered: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Drop repetitions from an ordered array (``np.unique`` hashes, which is far slower here)."""
    first = np.append(np.ones(1, bool), ordered[1:] != ordered[:-1])
    kept: npt.NDArray[Any] = ordered[first[: len(ordered)]]
    return kept
