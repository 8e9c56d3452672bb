"""Made-up traffic as classes, for the small catalogue."""

from collections.abc import Mapping, Sequence

import numpy as np

from alternatives.small import catalog, table
from bailiwick.alternatives import resident
from bailiwick.catalog import Catalog
from bailiwick.continuity import Rows, Traffic, TrafficBuilder
from bailiwick.facts import Fact

KEEP = table().asked | {"address", "billing", "registered", "features", "ownership.test"}
Line = tuple[str | None, Mapping[str, Fact], str | None, int, int, int]
"""Model, facts, account, requests, tokens in and out of one request (-1: not said)."""


def here(place: str, *features: str, **more: frozenset[str]) -> dict[str, Fact]:
    return {**resident(place), "features": frozenset(features), **more}


def rows(lines: Sequence[Line]) -> Rows:
    numbers = np.arange(len(lines))
    return Rows(
        numbers, [line[0] for line in lines], numbers, [line[1] for line in lines],
        numbers, [line[2] for line in lines],
        np.array([line[3] for line in lines], np.int64),
        *(np.array([line[at] * line[3] for line in lines], np.int64) for at in (4, 5)),
    )  # fmt: skip


def traffic(lines: Sequence[Line], known: Catalog | None = None) -> Traffic:
    builder = TrafficBuilder(known or catalog(), KEEP)
    builder.add(rows(lines))
    return builder.traffic()
