"""Requests in hand: when each must be done with its present step, and whether its caller is there.

One timer per worker looks at all of them, so that a request that is over in a millisecond pays for
no timer of its own. A step that takes too long, or whose caller has left, is cancelled.
"""

import asyncio
import time
from typing import Any, Final, Protocol

TICK_S: Final = 0.2
"""How often the requests in hand are looked at."""
NEVER: Final = float("inf")

TIMEOUT: Final = "timeout"
LEFT: Final = "left"

clock = time.monotonic


class _Connection(Protocol):
    def client_disconnect(self) -> Any: ...


class Flight:
    """One request in hand."""

    __slots__ = ("_connection", "_task", "_watcher", "deadline", "since", "why")

    def __init__(self, connection: _Connection, task: "asyncio.Task[Any] | None") -> None:
        self._connection = connection
        self._task = task
        self._watcher: Any = None
        self.since = clock()
        self.deadline = NEVER
        """When the present step must be over (``clock``)."""
        self.why: str | None = None
        """Why it was interrupted: ``timeout`` or ``left``."""

    def allow(self, seconds: float) -> None:
        """Give the next step so long, from now."""
        self.deadline = clock() + seconds

    def interrupt(self, why: str) -> None:
        """Cancel the present step, once."""
        if self.why is None and self._task is not None:
            self.why = why
            self._task.cancel()

    def settle(self) -> None:
        """Take note that the interruption was understood: the answer to it may be awaited."""
        self.deadline = NEVER
        if self._task is not None:
            self._task.uncancel()

    def watch(self) -> None:
        """Watch from now on whether the caller leaves."""
        if self._watcher is None:
            self._watcher = self._connection.client_disconnect()
            self._watcher.add_done_callback(self._gone)

    def _gone(self, watcher: Any) -> None:
        if not watcher.cancelled():
            self.interrupt(LEFT)

    def end(self) -> None:
        """Stop watching."""
        self.why = self.why or "ended"
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None  # it knows us as well, and nobody would untie the two


class Flights:
    """All requests that this worker has in hand."""

    def __init__(self) -> None:
        self._flights: set[Flight] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._flights)

    def begin(self, connection: _Connection) -> Flight:
        """Take a request in hand."""
        flight = Flight(connection, asyncio.current_task())
        self._flights.add(flight)
        return flight

    def end(self, flight: Flight) -> None:
        """Be done with a request."""
        self._flights.discard(flight)
        flight.end()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to look after the requests."""
        self._loop = loop
        self._timer = loop.call_later(TICK_S, self._tick)

    def stop(self) -> None:
        """Look after them no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        if self._loop is not None:
            self._timer = self._loop.call_later(TICK_S, self._tick)
        now = clock()
        for flight in list(self._flights):
            if now >= flight.deadline:
                flight.interrupt(TIMEOUT)
            elif now - flight.since >= TICK_S:
                flight.watch()
