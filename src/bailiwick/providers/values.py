"""What a provider said of the places it serves, on the day its page was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from bailiwick.places import country_of, territories_of

STALE_AFTER = timedelta(days=90)
"""Providers change their lists a few times a year; an older capture is worth a look."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """A subdivision that the page takes out of a country that it lists."""

    place: str
    """ISO 3166-2."""
    name: str
    """As the page writes it."""


@dataclass(frozen=True, slots=True)
class Later:
    """Places seen on a later copy of the page that could not be read to its end."""

    places: frozenset[str]
    source: str
    as_of: date | None
    readable_up_to: str | None


@dataclass(frozen=True, slots=True)
class OwnershipTerm:
    """A term about who owns the customer."""

    name: str
    """The name of the ownership test in the rule set, ``ownership.NAME``."""
    threshold: str
    wording: str
    source: str
    as_of: date


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence term about who deploys models, as a deny."""

    ids: tuple[str, ...]
    registered: str
    """A place or group: where the deployer may not have its seat."""
    wording: str


@dataclass(frozen=True, slots=True)
class Pack:
    """One provider's published policy, as captured."""

    name: str
    title: str
    source: str
    as_of: date
    """The day on which the page said so, or the earliest day it can have been read."""
    complete: bool
    """Whether the list is whole for that day. ``False``: not to be enforced unchecked."""
    changed_since: bool | None
    """Whether the page is known to have changed after ``as_of``; ``None``: nobody knows."""
    models: Mapping[str, tuple[str, ...]]
    """Which models the page is about: keys of a model group of a policy."""
    served: frozenset[str] | None
    """Places listed. ``None``: no list was found, which is neither everywhere nor nowhere."""
    territories: str | None = None
    """``inherit`` or ``listed-only``: whether a country's territories come with it."""
    territories_note: str | None = None
    excluded: tuple[Excluded, ...] = ()
    excluded_wording: str | None = None
    unnamed_exceptions: Mapping[str, str] | None = None
    """Country to the words with which the page makes exceptions that it does not name."""
    later: tuple[Later, ...] = ()
    ownership: OwnershipTerm | None = None
    licence: Licence | None = None
    other_sources: tuple[str, ...] = ()
    captured_via: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def authority(self) -> str:
        """Whose rules these are."""
        return f"provider/{self.name}"

    def serves(self, place: str) -> bool | None:
        """Tell whether ``place`` is served; ``None`` where the page gives no list.

        A country of which some subdivisions are excluded is served.
        """
        if self.served is None:
            return None
        if any(place == one.place for one in self.excluded):
            return False
        country = country_of(place)
        return place in self.served or country in self.everywhere

    @property
    def everywhere(self) -> frozenset[str]:
        """Every place served, with territories where they come along."""
        listed = self.served or frozenset()
        if self.territories != "inherit":
            return listed
        return listed.union(*(territories_of(one) for one in listed))

    def later_places(self) -> frozenset[str]:
        """Places of later, partial copies that this list does not have."""
        seen: frozenset[str] = frozenset().union(*(one.places for one in self.later))
        return seen - (self.served or frozenset())

    def cautions(self, today: date) -> list[str]:
        """List what whoever relies on this pack should know first."""
        found = []
        if not self.complete:
            found.append("the list is not complete: check the page before enforcing it")
        if self.changed_since:
            found.append("the page is known to have changed since")
        if today - self.as_of > STALE_AFTER:
            found.append(f"the capture is {(today - self.as_of).days} days old")
        if more := self.later_places():
            found.append(f"a later, partial copy also lists {', '.join(sorted(more))}")
        for country, wording in (self.unnamed_exceptions or {}).items():
            found.append(f"{country}: the page makes exceptions and does not name them: {wording}")
        return found
