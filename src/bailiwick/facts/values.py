"""What is known of one request: for each dimension its candidates, ``UNKNOWN`` or ``PENDING``.

Missing, empty and "no" are three things. A dimension that nobody gave is ``UNKNOWN``; one that a
later layer will know is ``PENDING``; an empty set of labels is known and empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from bailiwick.facts.dimensions import Kind, dimension


class Absent(Enum):
    """Why a fact has no value."""

    UNKNOWN = "unknown"
    """Nobody knows it."""
    PENDING = "pending"
    """This layer cannot know it yet; a later one will."""

    __hash__ = object.__hash__  # each is one object; the base class hashes the name in Python

    def __repr__(self) -> str:
        return self.name


UNKNOWN: Final = Absent.UNKNOWN
PENDING: Final = Absent.PENDING

Fact: TypeAlias = frozenset[str] | Literal[Absent.UNKNOWN, Absent.PENDING]
"""Candidates of a choice or place, the elements of a set, or why there are none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One request as the decision sees it.

    Values are canonical already: model ids of the catalogue, places of ``bailiwick.places``.
    """

    model: str | None
    """Canonical catalogue id; ``None``: the request names a model that no catalogue knows."""
    at: datetime
    """When the request is judged (aware UTC)."""
    values: Mapping[str, Fact] = field(default_factory=lambda: MappingProxyType({}))
    """Dimension name to fact. A dimension that is missing here is ``UNKNOWN``."""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("`at` needs a time zone")
        for name, fact in self.values.items():
            _check(name, fact)

    def get(self, name: str) -> Fact:
        """Look one dimension up."""
        return self.values.get(name, UNKNOWN)

    def with_value(self, name: str, fact: Fact) -> "Facts":
        """Copy with one dimension changed."""
        return replace(self, values=MappingProxyType({**self.values, name: fact}))


def _check(name: str, fact: Fact) -> None:
    known = dimension(name)
    if known is None:
        raise ValueError(f"no dimension is called `{name}`")
    if fact == frozenset() and known.kind is not Kind.SET:
        raise ValueError(f"`{name}`: no value at all is `UNKNOWN`, never an empty set")
