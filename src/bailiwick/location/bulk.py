"""Locate millions of addresses: what a ``Locator`` says, from one array for all of IPv4.

All sources are laid over one another once. Stretches of addresses for which every source gives the
same answer share one number, and the locator is asked about one address of each. IPv6 and
registries' data are looked up address by address, each distinct one once.
"""

from datetime import datetime
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.errors import InvalidInput
from bailiwick.location.locator import Located, Locator
from bailiwick.location.special import unroutable_ranges

_SPLIT = 65535
_MOST_KNOWN = 1 << 18
"""Addresses that are remembered one by one; beyond, it begins anew."""

Numbers = npt.NDArray[np.uint32]
Codes = npt.NDArray[np.int32]


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
        self._starts, self._codes = self._stretches()
        self._flat = self._by_24()

    def codes(self, addresses: Numbers) -> Codes:
        """Give the numbers of IPv4 addresses, shape (rows,)."""
        if self._holder:
            distinct, index = np.unique(addresses, return_inverse=True)
            packed = distinct.astype(">u4").tobytes()
            each = [self.code(packed[at : at + 4]) for at in range(0, len(packed), 4)]
            numbered: Codes = np.array(each, np.int32)[index]
            return numbered
        found: Codes = self._flat[addresses >> np.uint32(8)].astype(np.int32)
        finer = np.flatnonzero(found == _SPLIT)
        if len(finer):
            found[finer] = self._codes[np.searchsorted(self._starts, addresses[finer], "right") - 1]
        return found

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

    def _stretches(self) -> tuple[Numbers, Codes]:
        """Lay every source's runs over one another."""
        sources = [s for s in self._locator.sources if 4 in s.description.versions]
        runs = [source.table.runs()[0] for source in sources]
        edges = [edge for first, last in unroutable_ranges(4) for edge in (first, last + 1)]
        every = [run.high for run in runs] + [np.array([0, *edges], np.uint64)]
        starts = np.unique(np.concatenate(every))
        starts = starts[starts < 1 << 32]
        answers = [run.ids[np.searchsorted(run.high, starts, "right") - 1] for run in runs]
        outside = np.searchsorted(np.array(edges, np.uint64), starts, "right").astype(np.uint16)
        which = np.where(outside % 2, outside, 0).astype(np.int64)
        for ids in answers:
            which = np.unique(which << 16 | ids, return_inverse=True)[1]
        first = np.unique(which, return_index=True)[1]
        codes = [self.code(int(starts[at]).to_bytes(4, "big")) for at in first]
        return starts.astype(np.uint32), np.array(codes, np.int32)[which]

    def _by_24(self) -> npt.NDArray[np.uint16]:
        first = (self._starts.astype(np.int64) + 255) >> 8
        flat = np.repeat(self._codes, np.diff(np.append(first, 1 << 24))).astype(np.uint16)
        inside = self._starts[(self._starts & np.uint32(255)) != 0] >> np.uint32(8)
        flat[inside] = _SPLIT
        return flat

    def describe(self) -> list[dict[str, Any]]:
        """Say which sources answer, with their dates."""
        return [status.as_dict() for status in self._locator.status(self._at)]
