"""Choose what one scope may use where a cloud cannot tie models to places.

Google's and Azure's rules look at the model, or at the place, never at both. So a scope gets a set
of places and, of the things to use, those that the policy permits in every one of them: never more
than the policy permits. What is lost that way is reported, and moving it to a scope of its own
brings it back.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from bailiwick.errors import BailiwickError

T = TypeVar("T", bound=Hashable)
MOST_SETS = 4096


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """What one scope may use."""

    items: frozenset[T]
    """What may be used in every one of the places."""
    places: frozenset[str]
    """Cloud locations; none where nothing may be used."""

    def permits(self, item: T, place: str) -> bool:
        """Whether the scope may use ``item`` in ``place``."""
        return item in self.items and place in self.places


def choose(rows: Mapping[T, frozenset[str]], model_of: Callable[[T], str]) -> Choice[T]:
    """Choose the places that keep the most models, then the most items, then the most places.

    ``rows`` gives each item the places in which it is permitted.
    """
    best: Choice[T] = Choice(frozenset(), frozenset())
    rank: tuple[int, int, int, list[str]] = (0, 0, 0, [])
    for places in _intersections(frozenset(row for row in rows.values() if row)):
        items = frozenset(item for item, row in rows.items() if places <= row)
        models = {model_of(item) for item in items}
        found = (len(models), len(items), len(places), sorted(places, reverse=True))
        if found > rank:
            best, rank = Choice(items, places), found
    return best


def _intersections(rows: frozenset[frozenset[str]]) -> frozenset[frozenset[str]]:
    """Close the rows under intersection, without the empty set."""
    found: set[frozenset[str]] = set(rows)
    waiting = list(rows)
    while waiting:
        one = waiting.pop()
        for row in rows:
            both = one & row
            if both and both not in found:
                found.add(both)
                waiting.append(both)
        if len(found) > MOST_SETS:
            raise BailiwickError(
                f"the rules leave more than {MOST_SETS} sets of places to choose from",
                "let rules name the same groups of places",
            )
    return frozenset(found)
