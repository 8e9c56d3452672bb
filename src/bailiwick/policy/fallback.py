"""In which order models come into question in place of another: as listed, or by a figure.

A figure that the catalogue does not have is never enough, and puts a model last.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bailiwick.catalog import Catalog, Model
from bailiwick.policy.shape import FallbackShape

MOST = 16
"""Candidates that are kept; a request that tries more helps nobody."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which models, and the best first."""

    named: Sequence[str] | None
    by: str | None
    benchmark: str | None
    minimum: Mapping[str, Decimal]
    max_price: Decimal | None

    @classmethod
    def of(cls, shape: FallbackShape, named: Sequence[str] | None) -> "Order":
        """Take what a policy says."""
        return cls(named, shape.by, shape.benchmark, shape.min or {}, shape.max_price)

    def sorted(self, catalog: Catalog, governed: Collection[str]) -> list[str]:
        """List the models that some rule permits and that are good enough, the best first."""
        every = sorted(catalog.models) if self.named is None else self.named
        good = [id_ for id_ in every if id_ in governed and self._will_do(catalog.models[id_])]
        if self.by is not None:
            good.sort(key=lambda id_: self._rank(catalog.models[id_]))
        return good[:MOST]

    def _will_do(self, model: Model) -> bool:
        price = model.prices.get("input")
        if self.max_price is not None and (price is None or price.value > self.max_price):
            return False
        scores = ((model.scores.get(name), least) for name, least in self.minimum.items())
        return all(score is not None and score.value >= least for score, least in scores)

    def _rank(self, model: Model) -> tuple[bool, Decimal]:
        found = {
            "quality": model.scores.get(self.benchmark or ""),
            "context": model.context_tokens,
            "price": model.prices.get("input"),
        }[self.by or "price"]
        if found is None:
            return True, Decimal(0)
        return False, Decimal(found.value) * (1 if self.by == "price" else -1)
