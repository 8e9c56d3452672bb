"""An ASGI middleware: your FastAPI or Starlette application, behind the gateway's own decision.

    app.add_middleware(BailiwickMiddleware, config="bailiwick.yaml")

It reads requests as strictly as the gateway does, finds the account by its key, decides, and puts
the decision on record before the application sees the request. What it does not understand it
refuses: other paths, other scope types, websockets.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from bailiwick.bootstrap import InProcess
from bailiwick.gateway import (
    DECISION_HEADER,
    Limits,
    Quotas,
    Reading,
    Refused,
    Reply,
    denial,
    dialect_of,
    key_presented,
    read_request,
    refusal,
    unauthenticated,
)
from bailiwick.pipeline import (
    Asked,
    Judged,
    Outcome,
    Pipeline,
    Unauthenticated,
    Unavailable,
    decision_id,
)

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

CLOSE_POLICY = 1008
"""Why a websocket is closed: it violates a policy (RFC 6455)."""

log = logging.getLogger("bailiwick.asgi")


class BailiwickMiddleware:
    """Lets the application see permitted requests only."""

    def __init__(
        self,
        app: Application,
        config: str | Path,
        *,
        open_paths: Iterable[str] = (),
        websockets: bool = False,
    ) -> None:
        """Open what ``config`` (the gateway's settings file) names.

        ``open_paths`` are exact paths that go to the application without a decision, such as
        ``/healthz``. ``websockets``: let them through, undecided, on open paths only.

        Raises ``BailiwickError`` if the policy, the data or the accounts cannot be used.
        """
        self._app = app
        self._open = frozenset(open_paths)
        self._websockets = websockets
        self._inside = InProcess.open(Path(config))
        self._limits: Limits = self._inside.limits
        self._quotas = Quotas(self._inside.quota_storage)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope; one of a type that nobody listed is refused."""
        match scope["type"]:
            case "lifespan":
                await self._lifespan(scope, receive, send)
            case "http":
                await self._http(scope, receive, send)
            case "websocket" if self._websockets and scope.get("path") in self._open:
                await self._app(scope, receive, send)
            case "websocket":
                await receive()
                await send({"type": "websocket.close", "code": CLOSE_POLICY})
            case other:
                raise RuntimeError(f"the ASGI scope type `{other}` is refused: nobody judges it")

    def close(self) -> None:
        """Write what is queued and let go of everything. A lifespan does it by itself."""
        self._inside.close()

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await asyncio.to_thread(self.close)
            await send(message)

        await self._app(scope, receive, sending)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(self._inside, self._limits, self._quotas, scope)
        reply = await exchange.judge(receive)
        if reply is None:
            await self._app(scope, exchange.replay(receive), exchange.sending(send))
            exchange.done()
        else:
            await _answer(reply, send)


class _Exchange:
    """One request in hand."""

    def __init__(self, inside: InProcess, limits: Limits, quotas: Quotas, scope: Scope) -> None:
        self._inside, self._limits, self._quotas = inside, limits, quotas
        self._scope = scope
        self._lines = _lines(scope["headers"])
        self._headers = dict(self._lines)
        self._raw = b""
        self._status = 500
        self._judged: Judged | None = None

    async def judge(self, receive: Receive) -> Reply | None:
        """Judge; ``None``: it may go on."""
        path = self._scope["path"]
        try:
            self._check_head()
            self._raw = await _body(receive, self._limits.body_bytes)
            judged, reading = await self._judge(self._inside.pipeline())
            self._judged = judged
            if not judged.decision.permitted:
                return denial(judged, self._inside.style(), reading.dialect)
            await self._hold(judged, reading)
        except Refused as refused:
            return self._refuse(refused)
        except Unauthenticated as error:
            return self._refuse(unauthenticated(error))
        except Unavailable as error:
            return self._refuse(Refused(error.reason, "no decision can be taken at present"))
        log.debug("%s is permitted: %s", path, judged.id)
        return None

    def replay(self, receive: Receive) -> Receive:
        """Give the application the body that was judged, and then what comes."""
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": self._raw, "more_body": False}

        return again

    def sending(self, send: Send) -> Send:
        """Add the decision's id to the application's answer."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and self._judged is not None:
                self._status = message["status"]
                named = (DECISION_HEADER.encode(), self._judged.id.encode())
                message = {**message, "headers": [*message.get("headers", ()), named]}
            await send(message)

        return sending

    def done(self) -> None:
        """Record what became of it."""
        if self._judged is not None:
            kind = "upstream_error" if self._status >= 500 else "completed"
            self._outcome(self._judged, self._status, kind)

    def _check_head(self) -> None:
        if len(self._lines) != len(self._headers):
            names = [name for name, _ in self._lines]
            for name in ("x-api-key", "authorization", "content-type", "content-length"):
                if names.count(name) > 1:
                    raise Refused("header_invalid", f"the header `{name}` is given twice")
        if self._headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused("content_encoding", "send the body without `content-encoding`")

    async def _judge(self, pipeline: Pipeline) -> tuple[Judged, Reading]:
        scope = self._scope
        query = scope.get("query_string", b"").decode("latin-1")
        reading = read_request(
            scope["method"], scope["path"], query, self._headers, self._raw, self._limits
        )
        if reading.endpoint is None:
            raise Refused("path_unknown", "there is nothing at this path")
        peer = scope.get("client")
        asked = Asked(
            peer[0] if peer else "",
            self._lines,
            key_presented(self._headers),
            reading.model,
            reading.action,
            reading.features,
            reading.dialect,
            scope["path"],
        )
        return await pipeline.judge(asked, datetime.now(UTC)), reading

    async def _hold(self, judged: Judged, reading: Reading) -> None:
        held = judged.decision.obligations
        if held.is_empty:
            return
        if any(one.tokens is not None for one in held.quotas):
            raise Refused("obligation_unsupported", "the policy counts tokens, and nobody does")
        reading.check(held)
        await self._quotas.admit(judged)
        kept = [(name.lower().encode(), value.encode()) for name, value in held.headers]
        names = {name for name, _ in kept}
        others = [line for line in self._scope["headers"] if line[0].lower() not in names]
        self._scope["headers"] = [*others, *kept]

    def _refuse(self, refused: Refused) -> Reply:
        path = self._scope["path"]
        if self._judged is None:
            id_ = decision_id(datetime.now(UTC)).replace("dec_", "ref_", 1)
            event = {"kind": "refusal", "id": id_, "code": refused.code, "path": path[:200]}
            self._inside.record({**event, "bytes_in": len(self._raw)})
        else:
            id_ = self._judged.id
        reply = refusal(refused, id_, dialect_of(path, self._headers))
        if self._judged is not None:
            self._outcome(self._judged, reply.status, "refused")
        return reply

    def _outcome(self, judged: Judged, status: int, kind: str) -> None:
        outcome = Outcome(status, kind, len(self._raw), 0, None, 0.0, None)
        self._inside.pipeline().outcome(judged, outcome)


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> Sequence[tuple[str, str]]:
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]


async def _body(receive: Receive, most: int) -> bytes:
    """Read the body; of one that is too large a little more, so that its sender hears why."""
    chunks, size, more = [], 0, True
    while more and size <= 2 * most:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused("body_broken", "the body ended before its end")
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
        if size <= most:
            chunks.append(message.get("body", b""))
    if size > most:
        raise Refused("body_too_large", f"the body may have at most {most} bytes")
    return b"".join(chunks)


async def _answer(reply: Reply, send: Send) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
