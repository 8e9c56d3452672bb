"""Membership in a set of places, where country and subdivision meet.

The most specific thing said about a place decides. If more would have to be known to say
(a country is in, one of its subdivisions is out, and only the country is known), the set's author
has said what follows: ``if_subdivision_unknown``.
"""

from dataclasses import dataclass, field

from bailiwick.places.codes import around, canonical, is_subdivision


@dataclass(frozen=True, slots=True)
class PlaceSet:
    """Places that are in, places that are out of those, and the answer where that is too coarse."""

    include: frozenset[str]
    exclude: frozenset[str] = frozenset()
    """Wins over ``include`` for the same place, loses to a more specific one in ``include``."""
    if_subdivision_unknown: bool | None = None
    """Needed, and only used, if a subdivision is named."""
    _subdivisions: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = self.include | self.exclude
        strange = sorted(place for place in named if canonical(place) != place)
        if strange:
            raise ValueError(f"not canonical places: {', '.join(strange)}")
        object.__setattr__(self, "_subdivisions", frozenset(filter(is_subdivision, named)))
        if self._subdivisions and self.if_subdivision_unknown is None:
            raise ValueError("a set that names a subdivision must say `if_subdivision_unknown`")

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole countries, so that being around a place decides."""
        return not self._subdivisions and not self.exclude

    def contains(self, place: str) -> bool:
        """Decide whether a canonical ``place`` is in the set."""
        answer = self._says(place)
        if any(self._says(inner) != answer for inner in self._named_inside(place)):
            return bool(self.if_subdivision_unknown)
        return answer

    def _says(self, place: str) -> bool:
        """Follow the most specific of ``place`` and what is around it that is named."""
        for outer in around(place):
            if outer in self.exclude:
                return False
            if outer in self.include:
                return True
        return False

    def _named_inside(self, place: str) -> list[str]:
        return [inner for inner in self._subdivisions if inner != place and place in around(inner)]
