"""The service in a gateway's worker: on its event loop, with its pipeline, on a port of its own.

Who may ask is checked as ever. Each worker of the gateway accepts from the same port.
"""

import asyncio
from typing import Any

from granian.server.embed import Server

from bailiwick.service.app import Service
from bailiwick.service.options import ServiceOptions
from bailiwick.service.ports import Parts
from bailiwick.service.serve import listener_options


class Mounted:
    """Answers beside a gateway."""

    def __init__(self, options: ServiceOptions, parts: Parts) -> None:
        self._service = Service(options, parts, _nothing)
        self._server = Server(self._answer, log_enabled=False, **listener_options(options))
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Answer from now on."""
        await self._service.start()
        self._task = asyncio.get_running_loop().create_task(self._server.serve())

    async def stop(self) -> None:
        """Answer no more."""
        self._server.stop()  # type: ignore[no-untyped-call]  # granian's own
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self._service.close()

    async def _answer(self, scope: Any, connection: Any) -> None:
        await self._service.__rsgi__(scope, connection)


def _nothing(parts: Parts) -> None:
    """Say nothing: the gateway reports how the worker is."""
    del parts
