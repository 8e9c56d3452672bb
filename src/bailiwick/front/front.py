"""What the connections of one worker share, and its one timer."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from bailiwick.front.certificates import Certificates
from bailiwick.front.heads import Heads
from bailiwick.front.ports import Exchange, Limits, Timeouts
from bailiwick.front.turn import Turn
from bailiwick.front.values import clock
from bailiwick.location import TrustedProxies

if TYPE_CHECKING:
    from bailiwick.front.connection import Connection

_log = logging.getLogger("bailiwick.front")

TICK_S: Final = 0.2
"""How often the connections are looked at."""


class Front:
    """Whoever answers in one worker is one of these."""

    exchange: "Callable[[Connection], Exchange]"
    """Begins with a request."""
    name: str
    """As metrics call its listener."""
    certificates: Certificates | None = None
    """What it is served with; ``None``: it is served without TLS."""
    balancers: TrustedProxies | None = None
    """Who says, by the PROXY protocol, whose each connection is; ``None``: nobody may."""

    def __init__(self, limits: Limits, timeouts: Timeouts, loop: asyncio.AbstractEventLoop) -> None:
        self.limits = limits
        self.timeouts = timeouts
        self.loop = loop
        self.turn = Turn(loop)
        self.heads = Heads()
        self.connections: set[Connection] = set()
        self.in_hand = 0
        """Requests, from their head to the end of their answer."""
        self.turned_away: Counter[str] = Counter()
        """Connections that came to no request, by reason."""
        self.stopping = False
        self.date = formatdate(usegmt=True)
        """As answers give it; and the same in bytes."""
        self.date_bytes = self.date.encode()
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Begin, before the first request."""
        self.begin()

    async def stop(self) -> None:
        """Let the requests in hand end, then end."""
        await self.end(self.timeouts.stop_s)

    def reload(self) -> None:
        """Read again, soon, whatever is read from files."""
        raise NotImplementedError

    def certificate_status(self) -> dict[str, Any] | None:
        """Describe the certificate in use, in JSON values."""
        return None if self.certificates is None else self.certificates.status()

    def begin(self) -> None:
        """Look after connections from now on."""
        self._tick()

    async def end(self, seconds: float) -> None:
        """Let the requests in hand end for so long, then close what is left."""
        self.stopping = True
        for connection in tuple(self.connections):
            connection.close_if_idle()
        await self._until_done(seconds)
        for connection in tuple(self.connections):
            connection.expire()
        await self._until_done(1.0)
        if self._timer is not None:
            self._timer.cancel()

    async def _until_done(self, seconds: float) -> None:
        end = clock() + seconds
        while self.in_hand and clock() < end:
            await asyncio.sleep(TICK_S / 4)

    def _tick(self) -> None:
        """Look at every connection: one timer, so that a short request pays for none of its own."""
        self._timer = self.loop.call_later(TICK_S, self._tick)
        self.date = formatdate(usegmt=True)
        self.date_bytes = self.date.encode()
        self.turn.work()  # what came in time is not late
        now = clock()
        self.heads.kept.forget(now)
        for connection in [one for one in self.connections if one.deadline <= now]:
            try:
                connection.expire()
            except Exception:  # noqa: BLE001 - logged; the others must be looked at too
                _log.exception("a connection failed by our own fault")
