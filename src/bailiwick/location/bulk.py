"""Locate millions of addresses: what a ``Locator`` says, from one array for all of IPv4.

All sources are laid over one another once, in a twentieth of a second. Stretches of addresses for
which every source gives the same answer share one number, and the locator is asked about one
address of each. IPv6 and registries' data are looked up address by address, each distinct one once.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.errors import InvalidInput
from bailiwick.location.locator import Located, Locator
from bailiwick.location.runs import distinct
from bailiwick.location.special import unroutable_ranges
from bailiwick.location.table import Flat

_MOST_LOOSE = 1 << 20
"""Numbers of combinations up to which they need not be numbered anew."""
_MOST_KNOWN = 1 << 18
"""Addresses that are remembered one by one; beyond, it begins anew."""

Numbers = npt.NDArray[np.uint32]
Codes = npt.NDArray[np.integer[Any]]


class BulkLocator:
    """Numbers for addresses; ``located`` says what each number stands for. For many threads."""

    def __init__(self, locator: Locator, at: datetime, *, holder: bool = False) -> None:
        """Locate as of ``at``. ``holder``: who holds the block matters (much slower)."""
        self._locator, self._at, self._holder = locator, at, holder
        self.located: list[Located | None] = [None]
        """0 is no address, or text that is none."""
        self._numbers: dict[tuple[object, ...], int] = {}
        self._known: dict[bytes, int] = {}
        self._lock = Lock()
        self._laid_out = self._lay_out()

    def codes(self, addresses: Numbers) -> Codes:
        """Give the numbers of IPv4 addresses, shape (rows,)."""
        if self._holder:
            distinct, index = np.unique(addresses, return_inverse=True)
            packed = distinct.astype(">u4").tobytes()
            each = [self.code(packed[at : at + 4]) for at in range(0, len(packed), 4)]
            numbered: Codes = np.array(each, np.int32)[index]
            return numbered
        return self._laid_out.numbers_of(addresses)

    def code(self, packed: bytes) -> int:
        """Give the number of one address of 4 or 16 bytes; what no client can have is 0."""
        found = self._known.get(packed)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            try:
                found = self._number(self._locator.locate(packed, self._at))
            except InvalidInput:
                found = 0
            self._known[packed] = found
        return found

    def _number(self, located: Located) -> int:
        key = (located.places, located.network, located.holder if self._holder else None,
               located.non_routable, located.stale, located.subdivision_known)  # fmt: skip
        with self._lock:
            if key not in self._numbers:
                self.located.append(located)
                self._numbers[key] = len(self.located) - 1
            return self._numbers[key]

    def _lay_out(self) -> Flat:
        """Give a number to every /24, and to each address of those that something splits."""
        sources = [s for s in self._locator.sources if 4 in s.description.versions]
        flats, sizes = [s.table.flat() for s in sources], [len(s.table.answers) for s in sources]
        nowhere = unroutable_ranges(4)
        edges = [edge >> 8 for one in nowhere for edge in (one[0], one[1] + 1) if edge & 255]
        split = [np.array(edges, np.int64), *(flat.blocks for flat in flats)]
        blocks = distinct(np.sort(np.concatenate(split)))
        inside = np.zeros(1 << 24, np.uint8)
        unit_inside = np.zeros((len(blocks), 256), np.uint8)
        for first, last in nowhere:
            inside[(first + 255) >> 8 : (last + 1) >> 8] = 1
            _mark(unit_inside, blocks, first, last)
        sizes.append(2)

        def unit(at: int) -> int:
            return int(blocks[at >> 8]) << 8 | at & 255

        whole = self._coded([*(flat.flat for flat in flats), inside], sizes, lambda at: at << 8)
        rows = [*(flat.rows_of(blocks) for flat in flats), unit_inside]
        leaves = self._coded([each.reshape(-1) for each in rows], sizes, unit)
        dtype = np.min_scalar_type(len(self.located))  # its highest number is free for the mark
        mark = int(np.iinfo(dtype).max)
        flat, units = (np.repeat(codes.astype(dtype), length) for codes, length in (whole, leaves))
        flat[blocks] = mark
        return Flat(flat, blocks, units.reshape(-1, 256), mark)

    def _coded(
        self, columns: Sequence[Codes], sizes: Sequence[int], address: Callable[[int], int]
    ) -> tuple[Codes, Codes]:
        """Give numbers to what the columns say together, by stretches, and the lengths of these.

        The locator is asked once for each combination.
        """
        changes = np.ones(len(columns[0]), np.bool_)
        changes[1:] = False
        for column in columns:
            changes[1:] |= column[1:] != column[:-1]
        starts = np.flatnonzero(changes)
        which = np.zeros(len(starts), np.int64)
        for column, size in zip(columns, sizes, strict=True):
            which = which * (size + 1) + np.minimum(column[starts], size)  # the mark of a split too
            if which.max(initial=0) > _MOST_LOOSE:
                which = np.unique(which, return_inverse=True)[1]
        examples = np.full(which.max(initial=0) + 1, -1, np.int64)
        examples[which] = starts
        each = [
            self.code(address(at).to_bytes(4, "big")) if at >= 0 else 0 for at in examples.tolist()
        ]
        return np.array(each, np.int64)[which], np.diff(np.append(starts, len(changes)))

    def describe(self) -> list[dict[str, Any]]:
        """Say which sources answer, with their dates."""
        return [status.as_dict() for status in self._locator.status(self._at)]


def _mark(
    rows: npt.NDArray[np.uint8], blocks: npt.NDArray[np.int64], first: int, last: int
) -> None:
    """Set the addresses of a range in rows of 256, one for each block."""
    begin, end = np.searchsorted(blocks, [first >> 8, (last >> 8) + 1])
    for row, block in zip(rows[begin:end], blocks[begin:end].tolist(), strict=True):
        row[max(first - (block << 8), 0) : last + 1 - (block << 8)] = 1
