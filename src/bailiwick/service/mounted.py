"""The service in a gateway's worker: on its event loop, with its pipeline, on a port of its own.

Who may ask is checked as ever. Each worker of the gateway accepts from the same port.
"""

import asyncio
from typing import Final

from bailiwick.front import Listener, listen_beside
from bailiwick.service.app import Service
from bailiwick.service.options import ServiceOptions
from bailiwick.service.ports import Parts
from bailiwick.service.serve import tls_of

STOP_S: Final = 2.0
"""For questions in hand: the gateway stops first, and took its own time for that."""


class Mounted:
    """Answers beside a gateway."""

    def __init__(self, options: ServiceOptions, parts: Parts) -> None:
        self._options = options
        self._parts = parts
        self._service: Service | None = None
        self._listener: Listener | None = None

    async def start(self) -> None:
        """Answer from now on."""
        options = self._options
        listening = listen_beside(options.host, options.port)
        service = Service(options, self._parts, _nothing, asyncio.get_running_loop())
        await service.start()
        self._service, self._listener = service, Listener(listening, service, tls_of(options))
        self._listener.start()

    async def stop(self) -> None:
        """Answer no more."""
        if self._listener is not None:
            self._listener.stop()
        if self._service is not None:
            await self._service.stop(STOP_S)


def _nothing(parts: Parts) -> None:
    """Say nothing: the gateway reports how the worker is."""
    del parts
