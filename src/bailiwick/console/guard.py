"""What every request passes before an app sees it: origin, size, headers, and no leaking errors."""

import logging
import traceback
from collections.abc import Mapping
from typing import Final

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bailiwick.console.errors import refusal

log = logging.getLogger("bailiwick.console")

MOST_BYTES: Final = 64 * 1024
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """Wraps an app. Without cookies there is nothing that a foreign page could ride on; still, an
    ``Origin`` that is not in ``origins`` is refused (``None``: none is looked at).
    """

    def __init__(
        self,
        app: ASGIApp,
        origins: frozenset[str] | None = None,
        most: int = MOST_BYTES,
        larger: Mapping[str, int] | None = None,
    ) -> None:
        """``larger``: paths whose bodies may have more bytes than ``most``."""
        self._app, self._origins, self._most = app, origins, most
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._is_foreign(scope):
            answer = refusal(403, "origin", "requests of this page are not taken")
            await answer(scope, receive, _with_headers(send))
            return
        try:
            most = self._larger.get(scope["path"], self._most)
            await self._app(scope, limited(receive, most), _with_headers(send))
        except Exception as error:  # noqa: BLE001 - it is answered; what it says may be personal
            where = traceback.extract_tb(error.__traceback__)[-1]
            log.error("%s at %s:%s", type(error).__name__, where.filename, where.lineno)

    def _is_foreign(self, scope: Scope) -> bool:
        if self._origins is None:
            return False
        found = {value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"}
        return not found <= self._origins


def limited(receive: Receive, most: int) -> Receive:
    """Give what is received, and not one byte more than ``most``."""
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413, f"the body may have at most {most} bytes")
        return message

    return receiving


def _with_headers(send: Send) -> Send:
    extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await send(message)

    return sending
