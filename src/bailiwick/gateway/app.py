"""What the requests of one worker share, and its one timer."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from bailiwick.gateway.flights import WITHDRAWN, Flights, clock
from bailiwick.gateway.metrics import Metrics
from bailiwick.gateway.options import GatewayOptions
from bailiwick.gateway.ports import Services
from bailiwick.gateway.quotas import Quotas
from bailiwick.gateway.upstream import Client, HttpClient, Targets
from bailiwick.pipeline import Judged

if TYPE_CHECKING:
    from bailiwick.gateway.connection import Connection

_log = logging.getLogger("bailiwick.gateway")

TICK_S: Final = 0.2
"""How often the connections are looked at."""
WITHDRAW_S: Final = 1.0
"""How often it is asked whether permits were withdrawn."""
LOOKS: Final = 3
"""How often after a change: a permit may have been decided before it and be durable after."""
REPORT_S: Final = 1.0
"""How often a worker writes down how it is."""


class Gateway:
    """The gateway of one worker."""

    def __init__(
        self,
        options: GatewayOptions,
        services: Services,
        report: Callable[[Services], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.options = options
        self.services = services
        self.loop = loop
        self.connections: set[Connection] = set()
        self.flights = Flights()
        self.in_hand = 0
        """Requests, from their head to the end of their answer."""
        self.stopping = False
        self.date = formatdate(usegmt=True)
        """As answers give it; and the same in bytes."""
        self.date_bytes = self.date.encode()
        self.targets = Targets(options.upstreams)
        self.quotas = services.quotas or Quotas(options.quota_storage)
        self.metrics = Metrics()
        self.client: Client = HttpClient(options)
        self._report = report
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Begin, before the first request."""
        await self.services.start()
        self._tick()
        self._keep(self.loop.create_task(self._reporting()))
        self._keep(self.loop.create_task(self._withdrawing()))

    async def stop(self) -> None:
        """Let the requests in hand end, then end."""
        self.stopping = True
        for connection in tuple(self.connections):
            connection.close_if_idle()
        await self._until_done(self.options.timeouts.stop_s)
        for connection in tuple(self.connections):
            connection.expire()
        await self._until_done(1.0)
        await self._close()

    async def _until_done(self, seconds: float) -> None:
        end = clock() + seconds
        while self.in_hand and clock() < end:
            await asyncio.sleep(TICK_S / 4)

    async def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.metrics.flush(0, self.client.opened)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.client.close()
        await self.services.stop()

    def _tick(self) -> None:
        """Look at every connection: one timer, so that a short request pays for none of its own."""
        self._timer = self.loop.call_later(TICK_S, self._tick)
        self.date = formatdate(usegmt=True)
        self.date_bytes = self.date.encode()
        now = clock()
        for connection in [one for one in self.connections if one.deadline <= now]:
            try:
                connection.expire()
            except Exception:  # noqa: BLE001 - logged; the others must be looked at too
                _log.exception("a connection failed by our own fault")

    async def _reporting(self) -> None:
        while True:
            try:
                self.metrics.flush(self.in_hand, self.client.opened)
                self._report(self.services)
            except Exception:  # noqa: BLE001 - logged; the next report may succeed
                _log.exception("the worker cannot report how it is")
            await asyncio.sleep(REPORT_S)

    async def _withdrawing(self) -> None:
        """Cut answers under way whose permit is withdrawn: by an order, or with their account."""
        judge = self.services.judge
        seen, looks = judge.version(), 0
        while True:
            await asyncio.sleep(WITHDRAW_S)
            try:
                version = judge.version()
                looks = LOOKS if version != seen else looks - 1
                if looks > 0:
                    self._withdraw()
                seen = version
            except Exception:  # noqa: BLE001 - logged; the next look may succeed
                _log.exception("answers under way could not be looked at")

    def _withdraw(self) -> None:
        at = datetime.now(UTC)
        for flight in self.flights:
            judged = flight.judged
            if judged is not None and self.services.judge.ended(flight.asked, judged, at):
                flight.interrupt(WITHDRAWN)

    def spend(self, judged: Judged, tokens: int) -> None:
        """Count tokens against quotas without anybody waiting for it."""
        self._keep(self.loop.create_task(self._spend(judged, tokens)))

    async def _spend(self, judged: Judged, tokens: int) -> None:
        try:
            await self.quotas.spend(judged, tokens)
        except Exception as error:  # noqa: BLE001 - the answer is given; the next one is refused
            _log.warning("used tokens could not be counted: %s", error)

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
