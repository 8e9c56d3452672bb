"""Which model could answer which class of requests: decided once, looked up for every loss.

A class can be answered by a model that the policy permits for it and that fits: context, output,
features, least scores, highest price. What a loss hits is taken away from that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.alternatives import Needs, fit, same_kind
from bailiwick.catalog import Catalog
from bailiwick.continuity.costs import Prices
from bailiwick.continuity.losses import Loss
from bailiwick.continuity.traffic import Traffic
from bailiwick.decision import DecisionTable
from bailiwick.facts import Fact, Facts

Mask = npt.NDArray[np.bool_]
Route = Callable[[str], Mapping[str, Fact] | None]
"""Facts of where a model runs, by its id; ``None``: nobody serves it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an alternative must be, and which of several is preferred."""

    minimum: Mapping[str, Decimal] = field(default_factory=dict)
    """Benchmark to the least score that will do."""
    max_price: Decimal | None = None
    """USD for one million input tokens."""
    quality: str | None = None
    """The benchmark that quality is measured by; ``None``: none."""
    prefer: str = "quality"
    """``quality``, or ``price``."""


@dataclass(frozen=True, slots=True)
class _Matrix:
    """What the policy permits; shape (facts, models)."""

    permitted: Mask


class Portfolio:
    """The models that come into question, the best first, against the traffic."""

    def __init__(
        self,
        catalog: Catalog,
        traffic: Traffic,
        wishes: Wishes,
        prices: Prices,
        candidates: Sequence[str],
        route: Route | None = None,
    ) -> None:
        self.catalog, self.traffic, self.wishes, self.prices = catalog, traffic, wishes, prices
        used = {name for name in traffic.names if name is not None}
        self.models = self._ordered({*candidates, *used})
        self.in_use = np.array([one in used for one in self.models])
        self.number = {one: at for at, one in enumerate(self.models)}
        self._route = route
        own = [self.number.get(name or "", -1) for name in traffic.names]
        self.own = np.array(own, np.int64)[traffic.models] if own else np.zeros(0, np.int64)
        """The model of each class, shape (classes,); -1: not in the catalogue."""
        self.alike = self._alike()
        """Models that give the same kind of answer as its own; shape (classes, models)."""
        self.fits, self.may_fit = self._fitting()
        """Shape (classes, models)."""

    def permitted(self, table: DecisionTable, at: datetime) -> Mask:
        """Decide every class for every model, shape (classes, models)."""
        rows = [
            [self._decide(table, at, model, facts) for model in self.models]
            for facts in self.traffic.values
        ]
        matrix = np.array(rows, np.bool_).reshape(-1, len(self.models))
        whole: Mask = matrix[self.traffic.facts]
        return whole

    def hit(self, loss: Loss) -> Mask:
        """Tell which classes a loss hits, and for which models, shape (classes, models)."""
        reached = np.array([loss.reaches(facts) for facts in self.traffic.values], np.bool_)
        models = np.array([one in loss.models for one in self.models], np.bool_)
        return reached[self.traffic.facts][:, None] & models[None, :]

    def own_of(self, matrix: Mask) -> Mask:
        """Look up each class's own model, shape (classes,)."""
        rows = np.arange(len(self.own))
        found: Mask = matrix[rows, np.maximum(self.own, 0)] & (self.own >= 0)
        return found

    def _decide(
        self, table: DecisionTable, at: datetime, model: str, facts: Mapping[str, Fact]
    ) -> bool:
        more = self._route(model) if self._route else {}
        return more is not None and table.decide(Facts(model, at, {**facts, **more})).permitted

    def _ordered(self, models: set[str]) -> list[str]:
        known = [one for one in models if one in self.catalog.models]
        if self.wishes.prefer == "price":
            return sorted(known, key=lambda one: (self.prices.of_token(one), -self.score(one), one))
        return sorted(known, key=lambda one: (-self.score(one), self.prices.of_token(one), one))

    def score(self, model: str) -> float:
        """Give the quality of a model; ``-inf`` where the catalogue does not say."""
        found = self.catalog.models[model].scores.get(self.wishes.quality or "")
        return float(found.value) if found else float("-inf")

    def needs(self, number: int, wishes: Wishes | None = None) -> Needs:
        """Say what the requests of a class need."""
        traffic, wishes = self.traffic, wishes or self.wishes
        features = traffic.values[traffic.facts[number]].get("features")
        return Needs(
            int(traffic.context[number]),
            int(traffic.output[number]),
            features if isinstance(features, frozenset) else frozenset(),
            wishes.minimum,
            wishes.max_price,
        )

    def _fitting(self) -> tuple[Mask, Mask]:
        """Compare each distinct need with each model once."""
        traffic = self.traffic
        known: dict[tuple[Any, ...], int] = {}
        rows: list[list[bool | None]] = []
        index = []
        for at in range(len(traffic.models)):
            needs = self.needs(at)
            key = (needs.context_tokens, needs.output_tokens, needs.features)
            if key not in known:
                known[key] = len(rows)
                rows.append([fit(self.catalog.models[one], needs).fits for one in self.models])
            index.append(known[key])
        shape = (-1, len(self.models))
        sure = np.array([[one is True for one in row] for row in rows], np.bool_).reshape(shape)
        maybe = np.array([[one is None for one in row] for row in rows], np.bool_).reshape(shape)
        return sure[index] & self.alike, maybe[index] & self.alike

    def _alike(self) -> Mask:
        known = self.catalog.models
        rows = [[same_kind(known[b], known[a]) for b in self.models] for a in self.models]
        matrix = np.array([*rows, [True] * len(self.models)], np.bool_)
        found: Mask = matrix[self.own]
        return found
