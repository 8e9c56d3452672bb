"""What the catalogue knows of a model, and where each figure comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from bailiwick.errors import Position

T = TypeVar("T")


class Status(StrEnum):
    """How far a figure can be trusted."""

    REPORTED = "reported"
    """Taken over from the source that is named."""
    VERIFIED = "verified"
    """Compared by whoever wrote the entry with what the provider itself publishes or delivers."""


class Openness(StrEnum):
    """What a recipient gets."""

    RESTRICTED = "restricted"
    """Use over somebody's API only."""
    OPEN_WEIGHT = "open-weight"
    """The weights, under a licence that limits who may use them or for what."""
    OPEN = "open"
    """The weights, under a licence that does not (such as Apache-2.0 or MIT)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a statement comes from."""

    source: str
    as_of: date
    """The day on which the source said so. A month alone counts as its first day."""
    status: Status


@dataclass(frozen=True, slots=True)
class Sourced(Generic[T]):
    """A figure and where it comes from."""

    value: T
    source: str
    as_of: date
    status: Status


@dataclass(frozen=True, slots=True)
class Modalities:
    """What goes in and what comes out; sorted names."""

    input: tuple[str, ...]
    output: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Features:
    """What a model can do besides text; sorted names. What is in neither list is not known."""

    has: tuple[str, ...]
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """One model under its one id."""

    id: str
    """``provider/model``: what policies and records say."""
    provider: str
    provider_country: str
    """Where the provider has its seat: ISO 3166-1 alpha-2. Not where the model is served."""
    family: str
    openness: Openness
    origin: Source
    """Where family, openness and aliases come from."""
    aliases: Mapping[str, tuple[str, ...]]
    """Channel to the other names the model has there; sorted."""
    context_tokens: Sourced[int] | None
    """Longest input and output together, as the provider counts them."""
    output_tokens: Sourced[int] | None
    """Longest answer."""
    modalities: Sourced[Modalities] | None
    prices: Mapping[str, Sourced[Decimal]]
    """``input`` and ``output``: USD for one million tokens, list price."""
    scores: Mapping[str, Sourced[Decimal]]
    """Benchmark to score, in the benchmark's own unit (percent for most)."""
    features: Sourced[Features] | None = None
    """Features of requests, as a policy names them, that it has or lacks."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a later file made different."""

    subject: str
    """A model id, or ``provider NAME``."""
    field: str
    before: str
    after: str
    position: Position

    def __str__(self) -> str:
        return f"{self.position}: {self.subject}: {self.field}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every known model, by id and by any of its names."""

    models: Mapping[str, Model]
    changes: tuple[Change, ...]
    """What later files changed in earlier ones, in order."""
    digest: str
    """SHA-256 (hex) over the content; the same for any order of keys, comments and files' names."""
    _names: Mapping[str, str] = field(repr=False)

    @property
    def names(self) -> Mapping[str, str]:
        """Every name that a request may use, ids too, with the id that it means."""
        return self._names

    def resolve(self, name: str) -> str | None:
        """Find the id of the model called ``name``, compared exactly; ``None`` if there is none."""
        return self._names.get(name)
