"""What a worker counts (``docs/gateway.md`` lists it). No label holds anything personal.

With several processes prometheus-client keeps the values in files, so this module must be imported
only after ``PROMETHEUS_MULTIPROC_DIR`` is set.
"""

from collections import Counter as Tally
from collections.abc import Mapping
from typing import Final, Protocol, TypeAlias

from prometheus_client import Counter, Gauge, Histogram

from bailiwick.front import Times
from bailiwick.places import country_of

_BUCKETS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1, 2.5, 5, 10, 30, 60, 300, 600,
)  # fmt: skip

REQUESTS: Final = Counter(
    "bailiwick_requests",
    "Requests by what became of them.",
    ("endpoint", "effect", "reason", "model", "status"),
)
DENIED_PLACES: Final = Counter(
    "bailiwick_denied_places", "Denied requests by the country they came from.", ("place",)
)
JUDGING: Final = Histogram(
    "bailiwick_judging_seconds",
    "From asking for a decision to its record being durable.",
    ("effect",),
    buckets=_BUCKETS,
)
FIRST_BYTE: Final = Histogram(
    "bailiwick_upstream_first_byte_seconds",
    "From sending a request to the first byte of its answer.",
    ("upstream",),
    buckets=_BUCKETS,
)
OUTCOMES: Final = Counter(
    "bailiwick_outcomes", "Forwarded requests by how they ended.", ("upstream", "kind")
)
OPENED: Final = Counter(
    "bailiwick_upstream_connections_opened", "Connections opened to upstreams.", ("upstream",)
)
TURNED_AWAY: Final = Counter(
    "bailiwick_connections_turned_away", "Connections that came to no request.", ("reason",)
)
IN_HAND: Final = Gauge(
    "bailiwick_requests_in_hand", "Requests in hand.", multiprocess_mode="livesum"
)


Labels: TypeAlias = tuple[str, str, str, str, int]
"""Endpoint, effect, reason, model and status."""


class Told(Protocol):
    """A refusal that is given to many."""

    labels: Labels
    places: tuple[str, ...]
    """Where it is given."""
    times: int
    """How often, since it was last counted up."""


class Metrics:
    """Counts in memory and writes to prometheus-client now and then: writing costs more."""

    def __init__(self) -> None:
        self._requests: Tally[Labels] = Tally()
        self._outcomes: Tally[tuple[str, str]] = Tally()
        self.told: list[Told] = []
        """Refusals that were given since the last time, each once."""
        self._judging = {
            effect: Times(JUDGING.labels(effect), _BUCKETS) for effect in ("permit", "deny")
        }
        self.permitting = self._judging["permit"].observe
        """Times a permit, in seconds."""
        self.denying = self._judging["deny"].observe
        self._first_byte: dict[str, Times] = {}
        self._opened: dict[str, int] = {}

    def request(self, labels: Labels) -> None:
        """Count a request that was answered."""
        self._requests[labels] += 1

    def first_byte(self, upstream: str, seconds: float) -> None:
        """Time an upstream."""
        found = self._first_byte.get(upstream)
        if found is None:
            found = self._first_byte[upstream] = Times(FIRST_BYTE.labels(upstream), _BUCKETS)
        found.observe(seconds)

    def outcome(self, upstream: str, kind: str) -> None:
        """Count how a forwarded request ended."""
        self._outcomes[upstream, kind] += 1

    def flush(self, in_hand: int, opened: Mapping[str, int], turned_away: Tally[str]) -> None:
        """Write everything counted since the last time; ``opened`` counts from the beginning.

        ``turned_away`` is taken.
        """
        for reason, count in turned_away.items():
            TURNED_AWAY.labels(reason).inc(count)
        turned_away.clear()
        for upstream, count in opened.items():
            OPENED.labels(upstream).inc(count - self._opened.get(upstream, 0))
        self._opened = dict(opened)
        for told in self.told:
            times, told.times = told.times, 0
            self._requests[told.labels] += times
            place = country_of(told.places[0]) if len(told.places) == 1 else "unknown"
            DENIED_PLACES.labels(place).inc(times)
        for labels, count in self._requests.items():
            REQUESTS.labels(*labels[:4], str(labels[4])).inc(count)
        for pair, count in self._outcomes.items():
            OUTCOMES.labels(*pair).inc(count)
        for timed in (*self._judging.values(), *self._first_byte.values()):
            timed.flush()
        self._requests.clear()
        self._outcomes.clear()
        self.told.clear()
        IN_HAND.set(in_hand)
