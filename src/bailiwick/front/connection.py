"""One connection of a caller: bytes come in, requests go to exchanges, answers go back in order.

What needs no waiting is answered in the turn that brought its last byte (``turn``). While a request
is in hand the next one is held, not read. A caller who does not read is not written to without end,
and one who is slow is cut when ``deadline`` is over: the front looks at all connections
(``expire``).
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, cast

from bailiwick.front.bodies import Chunked, Counted
from bailiwick.front.front import Front
from bailiwick.front.heads import Head, check_bytes
from bailiwick.front.ports import Exchange
from bailiwick.front.unsent import unsent
from bailiwick.front.values import NEVER, Refused, Reply, clock, too_large

DRAIN_S: Final = 2.0
"""How long a refused body is still read, so that its sender comes to read the refusal."""
HELD: Final = 65536
"""Most bytes that are held of what follows a request in hand."""
_END: Final = b"\r\n\r\n"
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_OPENING: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus
}
_OPENING_BYTES: Final = {status: opening.encode() for status, opening in _OPENING.items()}
_BODILESS: Final = frozenset({204, 304})


def _ignore(data: bytes) -> None:
    del data


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, front: Front, peer: str | None = None) -> None:
        """``peer``: the address of the other side, where somebody said it before."""
        self._front = front
        self._turn = front.turn
        self._limits = front.limits
        self._timeouts = front.timeouts
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.receive: Callable[[bytes], None] = self._read_heads
        """Goes on with what came."""
        self._rest = b""
        """The beginning of a head, or what follows the request in hand."""
        self._seen = 0
        """How much of the beginning of a head was looked through already."""
        self._exchange: Exchange | None = None
        self._body: Counted | Chunked | None = None
        self._body_began = 0.0
        self._keeps = True
        self._bare = False
        """Whether the answer has no body, as it is one to ``HEAD``."""
        self._chunks = True
        self._blocked = False
        self._writable: asyncio.Future[None] | None = None
        self._unsent: float = NEVER
        self.request_id: str | None = None
        """What the caller calls the request in hand, if that was cut out of its head."""
        self.peer = peer or ""
        """Address of the other side."""
        self.deadline = clock() + self._timeouts.header_s
        """When the present step must be over (``clock``)."""

    # -- what the transport says ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        if not self.peer and (peer := transport.get_extra_info("peername")):
            self.peer = peer[0]
        self._front.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        self._turn.take(self, data)

    def fail(self) -> None:
        """Break the connection off, after a failure of our own."""
        self._transport.abort()

    def eof_received(self) -> None:
        """Take a caller who will send no more for one who has left: the connection is closed."""
        self._turn.work()
        if self._exchange is not None and self._body is not None:
            self._refuse(Refused("body_broken", "the body ended before its end"))
        elif self._exchange is not None:
            self._exchange.left()

    def connection_lost(self, error: Exception | None) -> None:
        """Let go of everything."""
        del error
        self._turn.work()
        self._front.connections.discard(self)
        self.receive = _ignore  # no method of ours: nobody would have to find the circle
        if self._exchange is not None:
            self._exchange.left()

    def pause_writing(self) -> None:
        """Take note that the other side does not read."""
        self._blocked = True

    def resume_writing(self) -> None:
        """Go on, as it reads again."""
        self._blocked = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if self.receive == self._read_heads and not self._transport.is_closing():
            self._transport.resume_reading()
            self._read_heads(b"")

    # -- reading -------------------------------------------------------------------------------

    def _read_heads(self, data: bytes) -> None:
        """Read requests, and answer those that can be, as long as there is something to read."""
        seen, self._seen = self._seen, 0
        if self._rest:
            data, self._rest = self._rest + data, b""
        while data:
            if self._blocked:
                self._rest = data
                self._transport.pause_reading()
                return
            end = data.find(_END, max(seen - 3, 0))
            if end < 0 or end > self._limits.header_bytes:
                self._wait_for_head(data, seen)
                return
            data, seen = self._begin(data[:end], data[end + 4 :]), 0

    def _wait_for_head(self, data: bytes, seen: int) -> None:
        try:
            if len(data) > self._limits.header_bytes:
                raise Refused("head_too_large", "the head of the request is too large")
            check_bytes(data[seen - 1 :] if seen and data[seen - 1] == 13 else data[seen:])
        except Refused as refused:
            self._begin_exchange()
            self._refuse(refused)
        else:
            self._rest, self._seen = data, len(data)

    def _begin_exchange(self) -> None:
        self._front.in_hand += 1
        self._exchange = self._front.exchange(self)

    def _begin(self, raw: bytes, rest: bytes) -> bytes:
        """Begin with a request; returns what is to be read next, if it is answered already."""
        self._front.in_hand += 1
        self._exchange = exchange = self._front.exchange(self)
        try:
            head, length, self.request_id = self._front.heads.read(raw)
        except Refused as error:
            self._refuse(error)
            return b""
        self._keeps, self._chunks = head.keeps, head.chunks
        self._bare = head.method == "HEAD"
        refused = exchange.open(head, length)
        if length is None or len(rest) < length:
            return self._begin_body(head, length, rest, refused)
        if refused is None:
            exchange.take(rest[:length])
        else:
            exchange.refuse(refused)
        return self._hold(rest[length:])

    def _hold(self, rest: bytes) -> bytes:
        """Hold what follows the request in hand; returns it if there is none in hand."""
        if self._exchange is None:
            return rest if rest and self.receive == self._read_heads else b""
        self._rest = rest
        self.receive = self._wait
        return b""

    def _wait(self, data: bytes) -> None:
        """Hold what comes while a request is in hand. Nobody needs to send much ahead."""
        self._rest += data
        if len(self._rest) > HELD:
            self._rest = b""
            self._keeps = False
            self.receive = self._discard

    def _begin_body(
        self, head: Head, length: int | None, rest: bytes, refused: Refused | None
    ) -> bytes:
        if refused is not None:
            self._refuse(refused)
            return b""
        self._body = Chunked() if length is None else Counted(length)
        self._body_began = clock()
        self.deadline = self._body_began + self._timeouts.body_s
        self.receive = self._read_body
        if head.expects and not rest:
            self._write(_CONTINUE)
        return self._feed_body(rest) if rest else b""

    def _read_body(self, data: bytes) -> None:
        if rest := self._feed_body(data):
            self._read_heads(rest)

    def _feed_body(self, data: bytes) -> bytes:
        """Read on; returns what is to be read next, if the request is answered already."""
        body, exchange = self._body, self._exchange
        assert body is not None and exchange is not None  # noqa: S101, PT018 - begun before
        try:
            rest = body.feed(data)
            if len(body.received) > self._limits.body_bytes:
                raise too_large(self._limits.body_bytes)
        except Refused as refused:
            self._refuse(refused)
            return b""
        if body.complete:
            self._body = None
            exchange.take(body.received)
            return self._hold(rest)
        self.deadline = self._due(len(body.received))
        return b""

    def _due(self, size: int) -> float:
        """Say when the next piece must be there, for a body that stops or that trickles."""
        wait = self._timeouts.body_s
        paced = self._body_began + wait + size / self._timeouts.body_bytes_per_s
        return min(clock() + wait, paced)

    def _refuse(self, refused: Refused) -> None:
        """Refuse a request of which more may come: nothing that follows it is a request."""
        self._body = None
        self._keeps = False
        self._rest = b""
        if self._exchange is not None:
            self.receive = self._discard
            self._exchange.refuse(refused)

    def _discard(self, data: bytes) -> None:
        """Read on without keeping anything."""

    # -- ending --------------------------------------------------------------------------------

    def finished(self) -> None:
        """Be done with the request in hand, and go on with what follows it."""
        self._exchange = None
        self._front.in_hand -= 1
        if self._transport.is_closing():
            return
        if not self._keeps or self._front.stopping:
            self._end()
            return
        self.deadline = clock() + self._timeouts.header_s
        self._unsent = NEVER
        self.receive = self._read_heads
        if self._rest:
            self._read_heads(b"")

    def _end(self) -> None:
        """Close, when the answer is sent; a sender who is not done yet comes to read it first."""
        self.deadline = clock() + DRAIN_S
        self._turn.flush()
        if self.receive == self._discard and self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self.receive = self._discard
            self._transport.close()

    def expire(self) -> None:
        """Do what must be done when ``deadline`` is over."""
        if self._exchange is not None and self._body is not None:
            self._refuse(Refused("body_timeout", "the body did not come in time"))
        elif self._exchange is not None:
            self.deadline = NEVER
            self._exchange.time_out()
        elif self._is_being_read():
            return
        elif self.receive == self._read_heads and self._rest:
            self._begin_exchange()
            self._refuse(Refused("head_timeout", "the head of the request did not come in time"))
        else:
            self._transport.abort()

    def _is_being_read(self) -> bool:
        """Whether an answer is still on its way to somebody who reads it, if slowly."""
        left = unsent(self._transport)
        if not 0 < left < self._unsent:
            return False
        self._unsent = left
        self.deadline = clock() + self._timeouts.idle_s
        return True

    def close_if_idle(self) -> None:
        """Close a connection that has no request in hand."""
        if self._exchange is None and not self._rest:
            self._turn.flush()
            self._transport.close()

    # -- writing -------------------------------------------------------------------------------

    def answer(self, reply: Reply) -> None:
        """Write a whole answer."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in reply.headers])
        self.answer_lines(reply.status, lines, reply.body)

    def answer_lines(self, status: int, lines: str, body: bytes) -> None:
        """Write a whole answer whose header lines are written out."""
        head = self._head(status, lines)
        if status not in _BODILESS:
            head = f"{head}content-length: {len(body)}\r\n"
        raw = f"{head}\r\n".encode("latin-1")
        if body and not self._bare:
            if len(body) <= HELD:
                self._turn.write(self._transport, raw + body)
            else:
                self._turn.flush()
                self._transport.writelines((raw, body))
        else:
            self._turn.write(self._transport, raw)

    def answer_text(self, status: int, text: bytes) -> None:
        """Write a whole answer that is encoded already, but for the beginning of its head."""
        front, opening = self._front, _OPENING_BYTES[status]
        plain = self._keeps and self._chunks and not front.stopping
        stays = b"" if plain else self._whether_it_stays()
        raw = b"%b%bdate: %b\r\n%b" % (opening, stays, front.date_bytes, text)
        self._turn.write(self._transport, raw)

    def begin_stream(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Write the head of an answer that comes piece by piece.

        A caller of HTTP/1.0 knows no chunks: the end of the connection ends the answer.
        """
        if self._chunks:
            headers = [*headers, ("transfer-encoding", "chunked")]
        else:
            self._keeps = False
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
        self._write(f"{self._head(status, lines)}\r\n".encode("latin-1"))

    async def send(self, piece: bytes) -> None:
        """Write a piece, and wait if the other side does not read."""
        self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunks else piece)
        if self._blocked:
            self._writable = self._front.loop.create_future()
            try:
                await self._writable
            finally:
                self._writable = None

    def _write(self, data: bytes) -> None:
        """Write at once, after what is to go out before it."""
        self._turn.flush()
        self._transport.write(data)

    def end_stream(self) -> None:
        """Write the proper end."""
        if self._chunks:
            self._transport.write(b"0\r\n\r\n")

    def break_off(self) -> None:
        """End the connection so that nobody can take what was sent for all of it."""
        self.receive = self._discard
        self.deadline = clock() + DRAIN_S
        if self._chunks:
            self._transport.close()
        else:  # only a reset tells it from the proper end
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def _head(self, status: int, lines: str) -> str:
        opening = _OPENING.get(status) or f"HTTP/1.1 {status} Other\r\n"
        stays = self._whether_it_stays().decode()
        return f"{opening}{lines}{stays}date: {self._front.date}\r\n"

    def _whether_it_stays(self) -> bytes:
        """Give the header line that says what becomes of the connection, if one is due."""
        if not self._keeps or self._front.stopping:
            return b"connection: close\r\n"
        return b"" if self._chunks else b"connection: keep-alive\r\n"
