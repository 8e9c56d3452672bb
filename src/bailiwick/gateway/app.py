"""The gateway as the server calls it, one per worker process."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from bailiwick.gateway.cut import Cutter
from bailiwick.gateway.exchange import Exchange
from bailiwick.gateway.flights import Flights
from bailiwick.gateway.inbound import Connection, Scope
from bailiwick.gateway.metrics import Metrics
from bailiwick.gateway.options import GatewayOptions
from bailiwick.gateway.ports import Services
from bailiwick.gateway.quotas import Quotas
from bailiwick.gateway.upstream import Client, HttpClient, Targets
from bailiwick.pipeline import Judged

_log = logging.getLogger("bailiwick.gateway")

REPORT_S: Final = 1.0
"""How often a worker writes down how it is."""


class Gateway:
    """What the requests of one worker share."""

    def __init__(
        self, options: GatewayOptions, services: Services, report: Callable[[Services], None]
    ) -> None:
        self.options = options
        self.services = services
        self.flights = Flights()
        self.targets = Targets(options.upstreams)
        self.quotas = Quotas(options.quota_storage)
        self.metrics = Metrics()
        self.cutter = Cutter()
        self.client: Client = HttpClient(options)
        self._report = report
        self._tasks: set[asyncio.Task[None]] = set()

    async def __rsgi__(self, scope: Scope, connection: Connection) -> None:
        """Answer one request."""
        await Exchange(self, scope, connection).run()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, before the first request."""
        loop.run_until_complete(self.services.start())
        self.flights.start(loop)
        self._keep(loop.create_task(self._reporting()))

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """End, after the last request."""
        self.flights.stop()
        loop.run_until_complete(self._close())

    async def _close(self) -> None:
        self.metrics.flush(0, self.client.opened)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.client.close()
        await self.services.stop()

    async def _reporting(self) -> None:
        while True:
            try:
                self.metrics.flush(len(self.flights), self.client.opened)
                self._report(self.services)
            except Exception:  # noqa: BLE001 - logged; the next report may succeed
                _log.exception("the worker cannot report how it is")
            await asyncio.sleep(REPORT_S)

    def spend(self, judged: Judged, tokens: int) -> None:
        """Count tokens against quotas without anybody waiting for it."""
        self._keep(asyncio.get_running_loop().create_task(self._spend(judged, tokens)))

    async def _spend(self, judged: Judged, tokens: int) -> None:
        try:
            await self.quotas.spend(judged, tokens)
        except Exception as error:  # noqa: BLE001 - the answer is given; the next one is refused
            _log.warning("used tokens could not be counted: %s", error)

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
