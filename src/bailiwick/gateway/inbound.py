"""Read what a caller sends: headers first, then a body that may be neither too large nor too slow.

The server hides some things, and each is turned into a refusal here: it drops header values that
are not ASCII, and it ends a broken body as if it were complete.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Protocol

from granian._granian import RSGIProtocolClosed as ProtocolClosed

from bailiwick.gateway.flights import Flight, clock
from bailiwick.gateway.options import Limits, Timeouts
from bailiwick.gateway.respond import Refused

AT_ONCE: Final = 65536
"""A body up to this is read in one step."""
DRAIN_S: Final = 2.0
"""How long a refused body is still read, so that its sender comes to read the refusal."""
_SINGLE: Final = frozenset(
    {"host", "authorization", "x-api-key", "content-type", "content-length", "content-encoding",
     "transfer-encoding", "anthropic-version"}
)  # fmt: skip


class Headers(Protocol):
    """The server's view of a request's headers."""

    def items(self) -> list[tuple[str, str]]: ...  # noqa: D102 - the server documents these
    def __len__(self) -> int: ...


class Scope(Protocol):
    """What the server says of a request."""

    client: str
    server: str
    method: str
    path: str
    query_string: str
    authority: str | None
    headers: Headers


class Connection(Protocol):
    """What the server lets us do with a request."""

    def __call__(self) -> Any: ...  # noqa: D102
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def __anext__(self) -> bytes: ...
    def client_disconnect(self) -> Any: ...  # noqa: D102
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...  # noqa: D102
    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Any: ...  # noqa: D102


def check_head(scope: Scope, lines: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> None:
    """Refuse a request whose head can be read in two ways."""
    if len(headers) != len(scope.headers):
        raise Refused("header_invalid", "a header holds something other than ASCII")
    if len(lines) != len(headers):
        _check_repeats(lines)
    if "transfer-encoding" in headers and headers["transfer-encoding"].lower() != "chunked":
        raise Refused("transfer_encoding", "the only `transfer-encoding` is `chunked`")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused("content_encoding", "send the body without `content-encoding`")
    if scope.authority is not None:
        raise Refused("target_invalid", "name the path alone in the request line")


def _check_repeats(lines: Sequence[tuple[str, str]]) -> None:
    names = [name for name, _ in lines]
    for name in _SINGLE:
        if names.count(name) > 1:
            raise Refused("header_invalid", f"the header `{name}` is given twice")


class Body:
    """The body of one request."""

    __slots__ = ("_connection", "_flight", "_length", "_limits", "_state", "_timeouts")

    def __init__(
        self,
        connection: Connection,
        flight: Flight,
        headers: Mapping[str, str],
        limits: Limits,
        timeouts: Timeouts,
    ) -> None:
        self._connection = connection
        self._flight = flight
        self._limits = limits
        self._timeouts = timeouts
        length = headers.get("content-length")
        chunked = "transfer-encoding" in headers
        self._length = None if chunked else int(length) if length is not None else 0
        self._state = "unread" if chunked or self._length else "read"

    async def read(self) -> bytes:
        """Read all of it, or refuse it."""
        if self._state == "read":
            return b""
        if self._length is not None and self._length > self._limits.body_bytes:
            raise self._too_large()
        try:
            body = await (self._at_once() if self._is_small() else self._gather())
        except ProtocolClosed:
            raise Refused("body_broken", "the body ended before its end") from None
        self._flight.deadline = float("inf")
        self._state = "read"
        return body

    def _is_small(self) -> bool:
        return self._length is not None and self._length <= AT_ONCE

    async def _at_once(self) -> bytes:
        self._flight.allow(self._timeouts.body_s)
        self._state = "read"
        body: bytes = await self._connection()
        return body

    async def _gather(self) -> bytes:
        began, size, ends = clock(), 0, 0
        chunks: list[bytes] = []
        self._state = "reading"
        self._flight.allow(self._timeouts.body_s)
        async for chunk in self._connection:
            ends += not chunk
            size += len(chunk)
            if size > self._limits.body_bytes:
                raise self._too_large()
            chunks.append(chunk)
            self._flight.deadline = self._due(began, size)
        if ends != 1 or (self._length is not None and size != self._length):
            raise Refused("body_broken", "the body ended before its end")
        return b"".join(chunks)

    def _due(self, began: float, size: int) -> float:
        """Say when the next chunk must be there, for a body that stops or that trickles."""
        wait = self._timeouts.body_s
        return min(clock() + wait, began + wait + size / self._timeouts.body_bytes_per_s)

    def _too_large(self) -> Refused:
        message = f"the body may have at most {self._limits.body_bytes} bytes"
        return Refused("body_too_large", message)

    async def drain(self) -> None:
        """Read on for a while without keeping anything, after the answer was given."""
        if self._state == "read" or self._flight.why is not None:
            return
        end = clock() + DRAIN_S
        self._flight.deadline = end
        if self._state == "unread":
            aiter(self._connection)
        while clock() < end:
            try:
                await anext(self._connection)
            except (StopAsyncIteration, ProtocolClosed):
                return
