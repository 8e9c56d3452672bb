"""What the front needs of whoever answers: what it may take, how long, and what takes a request."""

from typing import Protocol

from bailiwick.front.heads import Head
from bailiwick.front.values import Refused


class Limits(Protocol):
    """How much a request, and all connections together, may take."""

    @property
    def body_bytes(self) -> int:
        """Largest request body."""

    @property
    def header_bytes(self) -> int:
        """Request line and headers together."""

    @property
    def connections(self) -> int:
        """Connections kept open; more wait to be accepted."""


class Timeouts(Protocol):
    """How long each step may take, in seconds."""

    @property
    def header_s(self) -> float:
        """To the end of the next request's headers."""

    @property
    def body_s(self) -> float:
        """Between two pieces of a request body."""

    @property
    def body_bytes_per_s(self) -> int:
        """A body has ``body_s`` and one second more for each so many bytes that have come."""

    @property
    def idle_s(self) -> float:
        """Between two pieces of an answer that are read."""

    @property
    def stop_s(self) -> float:
        """For requests in hand, when told to stop."""


class Exchange(Protocol):
    """One request in hand. It ends with ``Connection.finished``."""

    def open(self, head: Head, length: int | None) -> Refused | None:
        """Take the head, and the length of the body (``None``: it comes in chunks); returns why the
        request is refused, if it shows already.
        """

    def take(self, raw: bytes | bytearray) -> None:
        """Take the body, which is all there: answer now, or in a task."""

    def refuse(self, refused: Refused) -> None:
        """Answer with a refusal, and be done."""

    def left(self) -> None:
        """Take note that the caller has left."""

    def time_out(self) -> None:
        """Take note that the present step takes too long."""
