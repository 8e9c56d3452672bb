"""One turn of the event loop: take in what came, then work it through, then let the answers out.

To go from the kernel to Python and back for each request costs more than either of them: both find
their caches cold, and every single answer wakes the one who waits for it. What came first is still
answered first, and never later than ``MOST`` answers after it was due.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

MOST: Final = 32
"""Answers that are let out together, so that the first of them does not wait for long."""

_log = logging.getLogger("bailiwick.front")


class Receiver(Protocol):
    """Somebody whom bytes come for."""

    @property
    def receive(self) -> Callable[[bytes], None]:
        """Goes on with what came."""

    def fail(self) -> None:
        """Be done, after a failure of our own."""


class Turn:
    """What came in this turn, and what is to go out."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._came: list[tuple[Receiver, bytes]] = []
        self._out: list[tuple[asyncio.Transport, bytes]] = []

    def take(self, receiver: Receiver, data: bytes) -> None:
        """Take in what came for somebody."""
        if not self._came:
            self.loop.call_soon(self.work)
        self._came.append((receiver, data))

    def work(self) -> None:
        """Work through what came until now."""
        came, self._came = self._came, []
        for receiver, data in came:
            try:
                receiver.receive(data)
            except Exception:  # noqa: BLE001 - logged; the others have nothing to do with it
                _log.exception("a connection failed by our own fault")
                receiver.fail()
        self.flush()

    def write(self, transport: asyncio.Transport, data: bytes) -> None:
        """Let something out, soon: whatever else is written to it must wait for ``flush``."""
        if not self._out:
            self.loop.call_soon(self.flush)
        self._out.append((transport, data))
        if len(self._out) >= MOST:
            self.flush()

    def flush(self) -> None:
        """Let everything out now."""
        if self._out:
            out, self._out = self._out, []
            for transport, data in out:
                transport.write(data)
