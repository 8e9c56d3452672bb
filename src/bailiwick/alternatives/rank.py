"""Pareto fronts over quality, context and price: what no other candidate beats in everything.

A figure that is not known counts as worse than any that is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bailiwick.catalog import Model

WORST = float("-inf")


@dataclass(frozen=True, slots=True)
class Objective:
    """One thing that should be high."""

    name: str
    value: Callable[[Model], float]
    """Higher is better; ``WORST`` where the catalogue does not say."""


def objectives(benchmarks: Iterable[str]) -> tuple[Objective, ...]:
    """Give the objectives: each benchmark, the context, and the price (low is good)."""
    quality = tuple(Objective(name, _score(name)) for name in sorted(benchmarks))
    return (*quality, Objective("context", _context), Objective("price", _cheapness))


def fronts(models: Sequence[Model], wanted: Sequence[Objective]) -> dict[str, int]:
    """Give each model the number of its front, by id: 1 is beaten by nobody."""
    points = {one.id: tuple(each.value(one) for each in wanted) for one in models}
    found: dict[str, int] = {}
    number = 0
    while len(found) < len(points):
        number += 1
        left = {id_: point for id_, point in points.items() if id_ not in found}
        best = [
            id_
            for id_, point in left.items()
            if not any(_dominates(other, point) for other in left.values())
        ]
        found |= dict.fromkeys(best, number)
    return found


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _score(benchmark: str) -> Callable[[Model], float]:
    def value(model: Model) -> float:
        score = model.scores.get(benchmark)
        return float(score.value) if score else WORST

    return value


def _context(model: Model) -> float:
    return float(model.context_tokens.value) if model.context_tokens else WORST


def _cheapness(model: Model) -> float:
    price = model.prices.get("input")
    return -float(price.value) if price else WORST
