"""What is known about one request, and what there is to know."""

from bailiwick.facts.dimensions import (
    ACTIONS,
    DIMENSIONS,
    FEATURES,
    NETWORKS,
    OWNERSHIP_OUTCOMES,
    OWNERSHIP_PREFIX,
    STATUSES,
    Dimension,
    Kind,
    Layer,
    dimension,
    ownership_dimension,
)
from bailiwick.facts.reading import read_fact, read_facts, read_time
from bailiwick.facts.values import PENDING, UNKNOWN, Absent, Fact, Facts

__all__ = [
    "ACTIONS", "DIMENSIONS", "FEATURES", "NETWORKS", "OWNERSHIP_OUTCOMES", "OWNERSHIP_PREFIX",
    "STATUSES", "Dimension", "Kind", "Layer", "dimension", "ownership_dimension",
    "read_fact", "read_facts", "read_time",
    "PENDING", "UNKNOWN", "Absent", "Fact", "Facts",
]  # fmt: skip
