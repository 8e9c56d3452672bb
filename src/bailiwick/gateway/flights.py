"""Permitted requests on their way, so that each of them can be interrupted."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from bailiwick.pipeline import Asked, Judged

TIMEOUT: Final = "timeout"
LEFT: Final = "left"
WITHDRAWN: Final = "withdrawn"


class Flight:
    """One request, from its permit to the end of its answer."""

    __slots__ = ("_task", "asked", "judged", "why")

    def __init__(self, task: "asyncio.Task[Any]", asked: Asked) -> None:
        self._task = task
        self.asked = asked
        self.judged: Judged | None = None
        """The permit, with model and account; ``None`` until its record is durable."""
        self.why: str | None = None
        """Why it was interrupted: ``timeout``, ``left`` or ``withdrawn``."""

    def interrupt(self, why: str) -> None:
        """Cancel the present step, once."""
        if self.why is None:
            self.why = why
            self._task.cancel()

    def settle(self) -> None:
        """Take note that the interruption was understood: the answer to it may be awaited."""
        self._task.uncancel()


class Flights:
    """All of them in this worker."""

    def __init__(self) -> None:
        self._flights: set[Flight] = set()

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[Flight]:
        return iter(tuple(self._flights))

    def begin(self, task: "asyncio.Task[Any]", asked: Asked) -> Flight:
        """Take note of a request."""
        flight = Flight(task, asked)
        self._flights.add(flight)
        return flight

    def end(self, flight: Flight) -> None:
        """Be done with it."""
        self._flights.discard(flight)
