"""What is said of each model: where its residents can use it, under what, by whose rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from bailiwick.decision import Access


@dataclass(frozen=True, slots=True)
class RuleNote:
    """A rule that a level rests on."""

    id: str
    effect: str
    authority: str
    """Whose rule it is."""
    words: str
    basis: str | None
    from_at: datetime | None
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class LevelGroup:
    """Places whose residents get one answer for the same reasons."""

    access: Access
    places: tuple[str, ...]
    conditions: tuple[str, ...]
    """What the permits ask, in words; the place of residence is among it."""
    obligations: tuple[str, ...]
    """What use is held to, in words."""
    reasons: tuple[str, ...]
    """Why not, in words; empty for what is available."""
    rules: tuple[RuleNote, ...]


@dataclass(frozen=True, slots=True)
class Coming:
    """A dated change that the policy holds already."""

    at: datetime
    before: Access
    after: Access
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """One model that some rule permits."""

    model: str
    provider: str
    family: str
    openness: str
    authorities: tuple[str, ...]
    """Who must permit it."""
    groups: tuple[LevelGroup, ...]
    """Best level first; every place is in exactly one."""
    coming: tuple[Coming, ...]

    @property
    def levels(self) -> Mapping[str, Access]:
        """Give the level of each place."""
        return {place: one.access for one in self.groups for place in one.places}

    def places(self, access: Access) -> tuple[str, ...]:
        """List the places that have a level, sorted."""
        return tuple(sorted(place for place, level in self.levels.items() if level is access))


@dataclass(frozen=True, slots=True)
class Availability:
    """Everything that one policy makes available at one time."""

    name: str
    about: str | None
    source: str | None
    as_of: date | None
    revision: str
    at: datetime
    offers: tuple[Offer, ...]
    not_offered: int
    """Models of the catalogue that no rule permits."""
    places: Mapping[str, str]
    """Code to name, of every place that an offer tells apart."""
    appeal: str | None
    """Where a person can object."""
    exemption: str | None
    """Where a person can ask for an exemption."""
