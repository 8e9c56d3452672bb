"""Send a judged request to the upstream that serves its model, and read the answer as it comes.

Upstreams come from the options alone. There are no redirects, no proxies, no cookies and no
decompression, and of the caller's headers only those on a short list are passed on. Letting go of a
request closes its connection at once, whether or not the upstream has begun to answer: a model that
nobody listens to should not go on talking.
"""

import asyncio
import logging
import ssl
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

from bailiwick.front import Refused, Turn, clock
from bailiwick.gateway.options import GatewayOptions, Upstream
from bailiwick.gateway.wire import Malformed, Response

PASSED_ON: Final = (
    "anthropic-version",
    "anthropic-beta",
    "openai-beta",
    "accept",
    "idempotency-key",
)
"""The caller's headers that an upstream sees. No key, no address, no cookie, nothing hop-by-hop."""

_PASSED_BACK: Final = frozenset(
    {"content-type", "content-encoding", "request-id", "x-request-id", "retry-after",
     "retry-after-ms", "x-should-retry", "cache-control", "openai-processing-ms", "openai-version"}
)  # fmt: skip
_PASSED_BACK_PREFIXES: Final = ("anthropic-ratelimit-", "x-ratelimit-")
_IDLE_S: Final = 30.0
"""A connection that was idle for longer may have been forgotten by something on the way."""
_STALE_S: Final = 1.0
"""A kept connection that ends so soon, without a byte, was closed while nobody used it."""
_SMALL: Final = 65536
_HELD: Final = 262144
"""Most bytes of an answer that are held for a caller who reads slowly, about."""


_log = logging.getLogger("bailiwick.gateway")


class UpstreamBroke(Exception):
    """The upstream ended an answer before its end, or it makes no sense."""


class Answer(Protocol):
    """What an upstream says."""

    @property
    def status(self) -> int:
        """The status code."""

    def headers(self) -> list[tuple[str, str]]:
        """List the headers that a caller may see."""

    def lines(self) -> str:
        """Write them as lines of a head."""

    def header(self, name: str) -> str:
        """Look one header up; an empty text if it is not there."""

    async def chunk(self) -> bytes | None:
        """Read on; ``None`` at the end. Raises ``UpstreamBroke``."""

    async def whole(self, most: int) -> bytes:
        """Read everything. Raises ``UpstreamBroke``, or ``Refused`` if it is too much."""

    def close(self) -> None:
        """Let go of the answer; closes the connection if there is more to it."""


class Client(Protocol):
    """Sends requests to upstreams."""

    async def send(self, target: "Target", head: bytes, body: bytes) -> Answer:
        """Send a request and wait for the head of the answer. Raises ``Refused``."""

    @property
    def opened(self) -> Mapping[str, int]:
        """How many connections were opened, by upstream."""

    def close(self) -> None:
        """Close all connections that are not in use."""


class Target:
    """One endpoint of one upstream for one model, made once."""

    __slots__ = ("_heads", "_opening", "_taken", "name", "upstream")

    def __init__(self, upstream: Upstream, name: str, path: str) -> None:
        url = urlsplit(upstream.base_url)
        self.upstream = upstream
        self.name = name
        """The upstream's own name for the judged model."""
        fixed = _fixed_headers(upstream)
        self._opening = f"POST {url.path}{path} HTTP/1.1\r\nhost: {url.netloc}\r\n" + _lines(fixed)
        self._taken = frozenset(header for header, _ in fixed)
        self._heads: dict[tuple[tuple[str, str], ...], tuple[str, frozenset[str]]] = {}

    def head(
        self, caller: Mapping[str, str], obliged: tuple[tuple[str, str], ...], length: int
    ) -> bytes:
        """Write the head of a request: what is ours, and nothing of the caller's instead of it."""
        opening, taken = self._ours(obliged) if obliged else (self._opening, self._taken)
        passed_on = [name for name in filter(caller.__contains__, PASSED_ON) if name not in taken]
        theirs = "".join([f"{name}: {caller[name]}\r\n" for name in passed_on]) if passed_on else ""
        return f"{opening}{theirs}content-length: {length}\r\n\r\n".encode("latin-1")

    def _ours(self, obliged: tuple[tuple[str, str], ...]) -> tuple[str, frozenset[str]]:
        found = self._heads.get(obliged)
        if found is None:
            named = tuple((name.lower(), value) for name, value in obliged)
            taken = self._taken | {name for name, _ in named}
            found = self._heads[obliged] = (self._opening + _lines(named), taken)
        return found


def _fixed_headers(upstream: Upstream) -> tuple[tuple[str, str], ...]:
    headers = [("content-type", "application/json"), ("user-agent", "bailiwick")]
    if upstream.key is not None:
        name = upstream.key_header.lower()
        bearer = name == "authorization"
        headers.append((name, f"Bearer {upstream.key}" if bearer else upstream.key))
    return (*headers, *((name.lower(), value) for name, value in upstream.headers))


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    lines = [f"{name}: {value}" for name, value in headers]
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise Refused("obligation_unsupported", "a header for the upstream cannot be written")
    return "".join(f"{line}\r\n" for line in lines)


def serving(upstreams: Iterable[Upstream], dialect: str, model: str) -> Upstream | None:
    """Find the upstream that requests for a catalogue id go to: the first that serves it."""
    return next(
        (one for one in upstreams if dialect in one.dialects and one.name_of(model) is not None),
        None,
    )


class Targets:
    """Finds where a request for a model goes; remembers what it found."""

    def __init__(self, upstreams: tuple[Upstream, ...]) -> None:
        self._upstreams = upstreams
        self._found: dict[tuple[str, str, str], Target | None] = {}

    def find(self, dialect: str, path: str, model: str) -> Target | None:
        """Find where to send a request. Only judged ids come here, so there are not many."""
        key = (dialect, path, model)
        if key not in self._found:
            upstream = serving(self._upstreams, dialect, model)
            name = upstream.name_of(model) if upstream is not None else None
            self._found[key] = Target(upstream, name, path) if upstream and name else None
        return self._found[key]

    def serves(self, dialect: str, model: str) -> bool:
        """Whether any upstream serves a model in a dialect."""
        return serving(self._upstreams, dialect, model) is not None


@lru_cache(maxsize=1024)
def _is_passed_back(header: tuple[str, str]) -> bool:
    name, value = header
    known = name in _PASSED_BACK or name.startswith(_PASSED_BACK_PREFIXES)
    return known and value.isascii() and value.isprintable()


@lru_cache(maxsize=1024)
def _line_passed_back(header: tuple[str, str]) -> str:
    return f"{header[0]}: {header[1]}\r\n" if _is_passed_back(header) else ""


class HttpClient:
    """``Client`` over HTTP/1.1 connections that are kept and used again."""

    def __init__(self, options: GatewayOptions, turn: Turn) -> None:
        self._pools = {
            upstream.name: _Pool(upstream, options.timeouts.connect_s, turn)
            for upstream in options.upstreams
        }

    async def send(self, target: Target, head: bytes, body: bytes) -> Answer:
        """Send a request and wait for the head of the answer."""
        pool = self._pools[target.upstream.name]
        while True:
            connection = pool.take()
            used_before = connection is not None
            if connection is None:
                connection = await pool.open()
            sent = clock()
            reading = connection.send(head, body)
            try:
                await reading.head()
            except UpstreamBroke:
                if used_before and not reading.response.heard and clock() - sent < _STALE_S:
                    continue
                message = "the upstream failed before it answered"
                raise Refused("upstream_failed", message) from None
            except BaseException:
                reading.close()
                raise
            return reading

    @property
    def opened(self) -> Mapping[str, int]:
        """How many connections were opened, by upstream."""
        return {name: pool.opened for name, pool in self._pools.items()}

    def close(self) -> None:
        """Close all connections that are not in use."""
        for pool in self._pools.values():
            pool.close()


class _Pool:
    """The connections to one upstream. The one that was used last is used first."""

    def __init__(self, upstream: Upstream, connect_s: float, turn: Turn) -> None:
        self.turn = turn
        url = urlsplit(upstream.base_url)
        secure = url.scheme == "https"
        self._name = upstream.name
        self._failure = ""
        self._host = url.hostname or ""
        self._port = url.port or (443 if secure else 80)
        self._tls = tls_context(upstream.authorities) if secure else None
        self._connect_s = connect_s
        self._idle: list[tuple[_Connection, float]] = []
        self.opened = 0

    def take(self) -> "_Connection | None":
        """Take a connection that is open and idle."""
        while self._idle:
            connection, since = self._idle.pop()
            if clock() - since > _IDLE_S:  # the others are older still
                connection.close()
                self.close()
            elif not connection.closed:
                return connection
        return None

    async def open(self) -> "_Connection":
        """Open another one."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self), self._host, self._port, ssl=self._tls
                )
        except TimeoutError:
            self._note("no connection in time")
            raise Refused("upstream_timeout", "the upstream did not answer in time") from None
        except ssl.SSLError as error:
            self._note(str(error))
            message = "no safe connection to the upstream: its certificate or its TLS is no good"
            raise Refused("upstream_untrusted", message) from None
        except OSError as error:
            self._note(str(error) or "it was closed while it began")
            raise Refused("upstream_unreachable", "the upstream cannot be reached") from None
        self._note("")
        self.opened += 1
        return connection

    def _note(self, failure: str) -> None:
        """Tell the operator, once, why there is no connection."""
        if failure and failure != self._failure:
            _log.warning("no connection to upstream `%s`: %s", self._name, failure)
        self._failure = failure

    def keep(self, connection: "_Connection") -> None:
        """Keep a connection for the next request."""
        self._idle.append((connection, clock()))

    def close(self) -> None:
        """Close every idle connection."""
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()


def tls_context(authorities: str | None) -> ssl.SSLContext:
    """Prepare to make sure who an upstream is; without ``authorities``, the system's vouch for it.

    Raises ``ssl.SSLError`` or ``ValueError`` if no certificate is among them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authorities is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cadata=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Connection(asyncio.Protocol):
    """One connection; used by one request at a time."""

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._reading: _Reading | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, head: bytes, body: bytes) -> "_Reading":
        """Send a request; the answer is read from what is returned."""
        assert self._transport is not None  # noqa: S101 - connected before anything is sent
        self._reading = _Reading(self, self._pool.turn.loop)
        if len(body) <= _SMALL:
            self._pool.turn.write(self._transport, head + body)
        else:
            self._transport.writelines((head, body))
        return self._reading

    def data_received(self, data: bytes) -> None:
        self._pool.turn.take(self, data)

    def receive(self, data: bytes) -> None:
        if self._reading is None:
            self.close()
        else:
            self._reading.feed(data)

    def fail(self) -> None:
        self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._pool.turn.work()
        self.closed = True
        if self._reading is not None:
            self._reading.lost(error)

    def pause(self) -> None:
        """Let the upstream wait."""
        if self._transport is not None and not self.closed:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Let it go on."""
        if self._transport is not None and not self.closed:
            self._transport.resume_reading()

    def finish(self, reusable: bool) -> None:
        """Be done with an answer."""
        self._reading = None
        assert self._transport is not None  # noqa: S101 - connected
        if reusable and not self.closed and not self._transport.get_write_buffer_size():
            self._pool.keep(self)
        else:
            self.close()

    def close(self) -> None:
        """Break the connection off."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()


class _Reading:
    """An answer that is being read. It outlives its place on the connection."""

    __slots__ = ("_broken", "_connection", "_held", "_loop", "_waiter", "response")

    def __init__(self, connection: _Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.response = Response()
        self._connection: _Connection | None = connection
        self._waiter: asyncio.Future[None] | None = None
        self._broken = False
        self._held = 0

    # -- what the connection says --------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._held += len(data)
        try:
            self.response.feed(data)
        except Malformed:
            self._broken = True
            self.close()
        else:
            if self.response.complete:
                self._leave()
            elif self._held > _HELD and self._connection is not None:
                self._connection.pause()
        self._wake()

    def lost(self, error: Exception | None) -> None:
        """Take note that nothing more will come."""
        self._connection = None
        try:
            if error is not None:
                raise Malformed
            self.response.end()
        except Malformed:
            self._broken = True
        self._wake()

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._held > _HELD:
                connection.resume()
            connection.finish(self.response.reusable)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self) -> None:
        if self._broken:
            raise UpstreamBroke
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # -- what the gateway asks -----------------------------------------------------------------

    async def head(self) -> None:
        """Wait for the head."""
        while not self.response.status:
            await self._more()

    @property
    def status(self) -> int:
        return self.response.status

    def header(self, name: str) -> str:
        for given, value in self.response.headers:
            if given == name:
                return value
        return ""

    def headers(self) -> list[tuple[str, str]]:
        return [*filter(_is_passed_back, self.response.headers)]

    def lines(self) -> str:
        return "".join(map(_line_passed_back, self.response.headers))

    async def chunk(self) -> bytes | None:
        while not self.response.pieces:
            if self.response.complete:
                return None
            await self._more()
        if self._held > _HELD and self._connection is not None:
            self._connection.resume()
        self._held = 0
        return self.response.take()

    async def whole(self, most: int) -> bytes:
        if self.response.complete and self._held <= min(most, _HELD):  # as short answers are
            return self.response.take()
        pieces: list[bytes] = []
        size = 0
        while (piece := await self.chunk()) is not None:
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise Refused("upstream_too_large", f"the answer is more than {most} bytes")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
