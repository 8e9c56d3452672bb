"""Keep what a histogram is to count, and write it down now and then: writing costs more."""

from bisect import bisect_right
from collections.abc import Sequence
from math import fsum, inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Histogram  # whoever imports it fixes how metrics are kept


class Times:
    """One histogram."""

    def __init__(self, histogram: "Histogram", buckets: Sequence[float]) -> None:
        """``buckets``: those that the histogram was made with."""
        self._histogram = histogram
        self._buckets = buckets
        self._seen: list[float] = []
        self.observe = self._seen.append
        """Takes one, in seconds."""

    def flush(self) -> None:
        """Write what was seen into the histogram's own values; it has no call for many."""
        seen = sorted(self._seen)
        self._seen.clear()
        below = 0
        for place, bucket in enumerate((*self._buckets, inf)):
            count = bisect_right(seen, bucket) - below
            if count:
                self._histogram._buckets[place].inc(count)
                below += count
        self._histogram._sum.inc(fsum(seen))
