"""The service in a gateway's worker: on its event loop, with its pipeline, on a port of its own.

Who may ask is checked as ever. Each worker of the gateway accepts from the same port.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from bailiwick.front import Certificates, Listener, listen_beside
from bailiwick.service.app import Service
from bailiwick.service.options import ServiceOptions
from bailiwick.service.ports import Parts

STOP_S: Final = 2.0
"""For questions in hand: the gateway stops first, and took its own time for that."""


class Mounted:
    """Answers beside a gateway."""

    def __init__(
        self, options: ServiceOptions, parts: Parts, certificates: Certificates | None
    ) -> None:
        """``certificates``: as the parent process read them."""
        self._options = options
        self._parts = parts
        self._certificates = certificates
        self._service: Service | None = None
        self._listener: Listener | None = None

    async def start(self) -> None:
        """Answer from now on."""
        options = self._options
        service = Service(options, self._parts, _nothing, asyncio.get_running_loop())
        listening = listen_beside(options.host, options.port)
        self._service, self._listener = service, Listener(listening, service, self._certificates)
        await service.start()
        self._listener.start()

    def status(self) -> Mapping[str, Any]:
        """Describe, in JSON values, what the gateway does not know of."""
        certificates = self._certificates
        return {"certificate": None if certificates is None else certificates.status()}

    def reload(self) -> None:
        """Read the certificate again, soon."""
        if self._listener is not None:
            self._listener.reload()

    async def stop(self) -> None:
        """Answer no more."""
        if self._listener is not None:
            self._listener.stop()
        if self._service is not None:
            await self._service.stop(STOP_S)


def _nothing(status: Mapping[str, Any]) -> None:
    """Say nothing: the gateway reports how the worker is."""
    del status
