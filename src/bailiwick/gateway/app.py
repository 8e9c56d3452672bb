"""What the requests of one worker share."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from bailiwick.front import Front
from bailiwick.gateway.exchange import Exchange, Told
from bailiwick.gateway.flights import WITHDRAWN, Flights
from bailiwick.gateway.metrics import Metrics
from bailiwick.gateway.options import GatewayOptions
from bailiwick.gateway.ports import Services
from bailiwick.gateway.quotas import Quotas
from bailiwick.gateway.upstream import Client, HttpClient, Targets
from bailiwick.location import TrustedProxies
from bailiwick.pipeline import Judged

_log = logging.getLogger("bailiwick.gateway")

WITHDRAW_S: Final = 1.0
"""How often it is asked whether permits were withdrawn."""
LOOKS: Final = 3
"""How often after a change: a permit may have been decided before it and be durable after."""
REPORT_S: Final = 1.0
"""How often a worker writes down how it is."""


class Gateway(Front):
    """The gateway of one worker."""

    name = "gateway"

    def __init__(
        self,
        options: GatewayOptions,
        services: Services,
        report: Callable[[Mapping[str, Any]], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(options.limits, options.timeouts, loop)
        self.exchange = partial(Exchange, self)
        self.options = options
        self.services = services
        if options.balancers:
            self.balancers = TrustedProxies.read(options.balancers)
        self.flights = Flights()
        self.targets = Targets(options.upstreams)
        self.quotas = services.quotas or Quotas(options.quota_storage)
        self.metrics = Metrics()
        self.told: dict[Hashable, Told] = {}
        """Refusals, written; what is kept here keeps its place in memory, and so its number."""
        self.client: Client = HttpClient(options, self.turn)
        self._report = report
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin, before the first request."""
        await self.services.start()
        self.begin()
        self._keep(self.loop.create_task(self._reporting()))
        self._keep(self.loop.create_task(self._withdrawing()))

    async def stop(self) -> None:
        """Let the requests in hand end, then end."""
        await self.end(self.timeouts.stop_s)
        self.metrics.flush(0, self.client.opened, self.turned_away)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.client.close()
        await self.services.stop()

    def reload(self) -> None:
        """Have the services read their files again."""
        self.services.reload()

    async def _reporting(self) -> None:
        while True:
            try:
                self.metrics.flush(self.in_hand, self.client.opened, self.turned_away)
                self._report({**self.services.status(), "certificate": self.certificate_status()})
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
