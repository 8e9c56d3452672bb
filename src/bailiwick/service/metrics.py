"""What a worker of the service counts (``docs/service.md`` lists it).

As with the gateway's, import this only after ``PROMETHEUS_MULTIPROC_DIR`` is set.
"""

from collections import Counter as Tally
from typing import Final

from prometheus_client import Counter, Histogram

from bailiwick.front import Times

_BUCKETS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
)  # fmt: skip
QUESTIONS: Final = Counter(
    "bailiwick_service_questions",
    "Questions by where they came in and what was answered.",
    ("endpoint", "asker", "effect", "reason"),
)
SECONDS: Final = Histogram(
    "bailiwick_service_seconds", "From a whole question to its answer.", ("endpoint",),
    buckets=_BUCKETS,
)  # fmt: skip


class Metrics:
    """Counts in memory and writes to prometheus-client now and then: writing costs more."""

    def __init__(self) -> None:
        self._questions: Tally[tuple[str, str, str, str]] = Tally()
        self._seconds: dict[str, Times] = {}

    def count(self, endpoint: str, asker: str, effect: str, reason: str, seconds: float) -> None:
        """Count a question."""
        self._questions[endpoint, asker, effect, reason] += 1
        times = self._seconds.get(endpoint)
        if times is None:
            times = self._seconds[endpoint] = Times(SECONDS.labels(endpoint), _BUCKETS)
        times.observe(seconds)

    def flush(self) -> None:
        """Write down what was counted since the last time."""
        for labels, count in self._questions.items():
            QUESTIONS.labels(*labels).inc(count)
        for times in self._seconds.values():
            times.flush()
        self._questions.clear()
