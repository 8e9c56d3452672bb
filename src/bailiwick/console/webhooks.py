"""Receive webhooks: verify, read, write down, and only then say that it was received.

Nothing of a body goes into a log or an answer. A sender that gets no 2xx comes again: 503 says so
where we are at fault, and 4xx where the request is.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bailiwick.accounts.sources import (
    TOLERANCE,
    BadEvent,
    BadSignature,
    Event,
    Inbox,
    InboxFull,
    NotJson,
    read_cloud_event,
    read_json,
    read_stripe_event,
    verify_standard,
    verify_stripe,
)

MAX_BYTES = 256 * 1024
TIMEOUT_S = 20.0
SIGNED = ("id", "timestamp", "signature")

log = logging.getLogger("bailiwick.webhooks")


@dataclass(frozen=True, slots=True)
class Sender:
    """One system that sends CloudEvents, signed as Standard Webhooks."""

    secrets: tuple[str, ...]
    """``whsec_`` and base64; all of them are good, so that one can be changed for another."""
    best_tier: str = "T3"
    """The best tier that its evidence can have."""


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Who may send."""

    stripe: tuple[str, ...] = ()
    """Signing secrets of Stripe's endpoint; empty: there is no such endpoint."""
    senders: Mapping[str, Sender] = field(default_factory=dict)
    max_bytes: int = MAX_BYTES


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


def make_webhooks_app(
    inbox: Inbox, options: WebhookOptions, clock: Callable[[], datetime] = utc_now
) -> FastAPI:
    """Make the app: ``POST /webhooks/stripe`` and ``POST /webhooks/events/{sender}``."""
    app = FastAPI(title="Bailiwick webhooks", openapi_url=None, docs_url=None, redoc_url=None)

    @app.post("/webhooks/stripe")
    async def stripe(request: Request) -> JSONResponse:
        """Take one event of Stripe."""
        if not options.stripe:
            raise _Refused(404, "not_found", "there is no such endpoint")
        body = await _body(request, options.max_bytes)
        verify_stripe(body, _header(request, "stripe-signature"), options.stripe, clock())
        return await _take(inbox, read_stripe_event(read_json(body)))

    @app.post("/webhooks/events/{name}")
    async def events(name: str, request: Request) -> JSONResponse:
        """Take one CloudEvent of a sender that the settings name."""
        sender = options.senders.get(name)
        if sender is None:
            raise _Refused(404, "not_found", "there is no such endpoint")
        body = await _body(request, options.max_bytes)
        identity, at, signature = (_header(request, f"webhook-{part}") for part in SIGNED)
        verify_standard(body, identity, at, signature, sender.secrets, clock())
        event = read_cloud_event(read_json(body), name, sender.best_tier)
        if event.created_at > clock() + TOLERANCE:  # nothing later would count until then
            raise BadEvent("`time` lies in the future")
        return await _take(inbox, event)

    _answer_errors(app)
    return app


async def _body(request: Request, most: int) -> bytes:
    """Read the body, and not one byte more than allowed."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise _Refused(415, "content_encoding", "the body must not be compressed")
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > most:
            raise _Refused(413, "body_too_large", f"the body may have at most {most} bytes")
    return bytes(found)


def _header(request: Request, name: str) -> str:
    values = request.headers.getlist(name)
    if len(values) != 1 or len(values[0]) > 4096:
        raise BadSignature(f"the header `{name}` is missing, double or too long")
    return values[0]


async def _take(inbox: Inbox, event: Event) -> JSONResponse:
    """Wait until the event is durable."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[str] = loop.create_future()

    def settle(outcome: str | Exception) -> None:
        if waiting.done():
            return
        if isinstance(outcome, str):
            waiting.set_result(outcome)
        else:
            waiting.set_exception(outcome)

    def done(outcome: str | Exception) -> None:
        loop.call_soon_threadsafe(settle, outcome)

    inbox.submit(event, done)
    try:
        outcome = await asyncio.wait_for(waiting, TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - whatever it was, the sender must come again
        log.error("a webhook was not written down: %s", type(error).__name__)
        raise _Refused(503, "unavailable", "not written down; send it again") from None
    return JSONResponse({"received": True, "outcome": outcome})


def _answer_errors(app: FastAPI) -> None:
    """Answer every error in one shape."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        status, code, message = _explained(error)
        log.warning("a webhook to %s was refused: %s", _route(request), code)
        headers = {"Retry-After": "5"} if status == 503 else None
        content = {"error": {"code": code, "message": message}}
        return JSONResponse(content, status, headers)

    for kind in (_Refused, BadSignature, BadEvent, NotJson, InboxFull, HTTPException):
        app.add_exception_handler(kind, answer)


def _explained(error: Exception) -> tuple[int, str, str]:
    match error:
        case _Refused():
            return error.status, error.code, str(error)
        case BadSignature():
            return 401, "bad_signature", str(error)
        case BadEvent() | NotJson():
            return 400, "bad_event", str(error)
        case InboxFull():
            return 503, "busy", "too many events wait; send it again"
        case HTTPException():
            return error.status_code, "http", str(error.detail)
        case _:
            return 500, "internal", "something is wrong here"


def _route(request: Request) -> str:
    """Name the endpoint, never what the caller wrote."""
    route = request.scope.get("route")
    return str(getattr(route, "path", "nowhere"))
