"""What the questions of one worker share."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from bailiwick.front import Front
from bailiwick.service.askers import Askers
from bailiwick.service.check import Checker
from bailiwick.service.exchange import Exchange
from bailiwick.service.metrics import Metrics
from bailiwick.service.options import ServiceOptions
from bailiwick.service.ports import Parts

log = logging.getLogger("bailiwick.service")

REPORT_S: Final = 1.0


class Service(Front):
    """The decision service of one worker."""

    name = "service"

    def __init__(
        self,
        options: ServiceOptions,
        parts: Parts,
        report: Callable[[Mapping[str, Any]], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(options.limits, options.timeouts, loop)
        self.exchange = partial(Exchange, self)
        self.options = options
        self.parts = parts
        self.askers = Askers(options.askers)
        self.checker = Checker(parts, options)
        self.metrics = Metrics()
        self._report = report
        self._reporting: asyncio.Task[None] | None = None
        self._grpc: Any = None

    async def start(self) -> None:
        """Begin, before the first question."""
        if self.options.grpc_port is not None:
            from bailiwick.service.grpc_server import start

            self._grpc = await start(self)
        self.begin()
        self._reporting = self.loop.create_task(self._keep_reporting())

    async def stop(self, seconds: float | None = None) -> None:
        """Let the questions in hand end, then end, and let go of the parts.

        ``seconds``: how long they may take; default: as the settings say.
        """
        patience = self.timeouts.stop_s if seconds is None else seconds
        ending = [self.end(patience)]
        if self._grpc is not None:
            ending.append(self._grpc.stop(patience))
        await asyncio.gather(*ending)
        if self._reporting is not None:
            self._reporting.cancel()
            await asyncio.gather(self._reporting, return_exceptions=True)
        self.metrics.flush()
        await self.parts.stop()

    def reload(self) -> None:
        """Have the parts read their files again."""
        self.parts.reload()

    async def _keep_reporting(self) -> None:
        while True:
            try:
                self.metrics.flush()
                self._report({**self.parts.status(), "certificate": self.certificate_status()})
            except Exception:
                log.exception("the worker cannot report how it is")
            await asyncio.sleep(REPORT_S)
