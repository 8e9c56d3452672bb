"""Count a histogram in memory and write it down now and then: writing costs more."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Histogram  # whoever imports it fixes how metrics are kept


class Times:
    """One histogram."""

    def __init__(self, histogram: "Histogram", buckets: Sequence[float]) -> None:
        """``buckets``: those that the histogram was made with."""
        self._histogram = histogram
        self._buckets = buckets
        self._counts = [0] * (len(buckets) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._buckets, seconds)] += 1
        self._sum += seconds

    def flush(self) -> None:
        """Write what was counted into the histogram's own values; it has no call for many."""
        for place, count in enumerate(self._counts):
            if count:
                self._histogram._buckets[place].inc(count)
        self._histogram._sum.inc(self._sum)
        self._counts = [0] * len(self._counts)
        self._sum = 0.0
