"""One source of location data that is in use: its table, its age and where it came from."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bailiwick.location.answers import NOTHING, Answer
from bailiwick.location.storage import Description
from bailiwick.location.table import AddressTable


class Freshness(StrEnum):
    """What the age of a source means for its answers."""

    FRESH = "fresh"
    STALE = "stale"
    """Used, with a warning."""
    EXPIRED = "expired"
    """Not used: what it would say is unknown."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table that answers, under the name that records give it."""

    name: str
    kind: str
    """The kind in the settings: ``embedded``, ``mmdb``, ``tor_exits``, ..."""
    description: Description
    table: AddressTable
    digest: str
    """SHA-256 of the file."""
    path: str
    stale_at: datetime | None
    """From then on its answers carry a warning; ``None``: never."""
    expires_at: datetime | None
    """From then on it says nothing; ``None``: never."""
    origin: tuple[Any, ...] = ()
    """The settings and the state of the file it was loaded from, to see that nothing changed."""

    @property
    def role(self) -> str:
        """How its answers are used."""
        return self.description.role

    def freshness(self, at: datetime) -> Freshness:
        """Judge its age at a moment."""
        if self.expires_at and at >= self.expires_at:
            return Freshness.EXPIRED
        return Freshness.STALE if self.stale_at and at >= self.stale_at else Freshness.FRESH

    def answer(self, packed: bytes) -> Answer:
        """Look an address up; a source is silent about IP versions that it does not cover."""
        return self.table.answer(packed) if self.covers(packed) else NOTHING

    def covers(self, packed: bytes) -> bool:
        """Tell whether its silence about this address means anything."""
        return (4 if len(packed) == 4 else 6) in self.description.versions


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One row of ``bailiwick data status``."""

    name: str
    kind: str
    schema: str
    role: str
    built_at: datetime | None
    age: timedelta | None
    freshness: Freshness
    stale_at: datetime | None
    expires_at: datetime | None
    runs: int
    """Runs of addresses with one answer: the size of the source."""
    path: str
    digest: str
    licence: str
    credit: str
    notes: tuple[str, ...]
    """What was odd in the data."""
    problem: str | None = None
    """Why a newer file was refused; the good one of before is still in use."""

    def as_dict(self) -> dict[str, Any]:
        """Give the row as JSON values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "schema": self.schema,
            "role": self.role,
            "built_at": _text(self.built_at),
            "age_days": round(self.age.total_seconds() / 86400, 1) if self.age else None,
            "freshness": self.freshness.value,
            "stale_at": _text(self.stale_at),
            "expires_at": _text(self.expires_at),
            "runs": self.runs,
            "path": self.path,
            "sha256": self.digest,
            "licence": self.licence,
            "credit": self.credit,
            "notes": list(self.notes),
            "problem": self.problem,
        }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
