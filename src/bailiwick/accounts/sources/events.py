"""What an event of a source says, whatever the source: the value between reading and writing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard


class BadEvent(Exception):
    """The event cannot be read; ``str()`` of it says why, without anything personal."""


def is_plain(value: object, longest: int) -> TypeGuard[str]:
    """Whether it is a text that every database can hold: short, no control characters."""
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


@dataclass(frozen=True, slots=True)
class Said:
    """One statement, before it is known about which account."""

    kind: str
    values: tuple[str, ...]
    tier: str

    def plain(self) -> list[Any]:
        """Give it as JSON."""
        return [self.kind, list(self.values), self.tier]

    @classmethod
    def of(cls, plain: list[Any]) -> "Said":
        """Read what ``plain`` gave."""
        return cls(plain[0], tuple(plain[1]), plain[2])


@dataclass(frozen=True, slots=True)
class Event:
    """One event, and what it says of one object of its source.

    Of an object the event counts that was created last (of several in one second the one with the
    greatest id), whenever it arrives. It says all there is to say: a kind of evidence that it does
    not name any more is withdrawn.
    """

    sender: str
    """Which source sent it: ``stripe``, or the name of a sender in the settings."""
    id: str
    type: str
    created_at: datetime
    object: str | None = None
    """Id of the object; ``None``: nothing follows from the event."""
    owner: str | None = None
    """Id, at the source, of the customer whose object it is."""
    account: str | None = None
    """Id of the account, where the source knows it."""
    said: tuple[Said, ...] = ()
    links: tuple[str, ...] = ()
    """What may link accounts, such as ``card:FINGERPRINT``; kept as keyed digests."""
    note: Mapping[str, str] | None = None
    """For the history of the account: something that a reviewer should see."""

    @property
    def source(self) -> str:
        """Name the evidence's source: each object of Stripe speaks for itself."""
        return f"{self.sender}:{self.object}" if self.sender == "stripe" else self.sender

    @property
    def rank(self) -> tuple[int, str]:
        """Order the events of one object."""
        return int(self.created_at.timestamp() * 1000), self.id
