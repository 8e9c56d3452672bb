"""The queue between the callers and the thread that writes, and how a batch forms.

A lone caller's record is taken at once. What arrives while the disk is busy becomes the next
batch. If several callers keep waiting at the same time, a batch gathers until it has as many as
usual, or for a moment, so that they share one sync; what nobody waits for may linger longer.

No lock is taken per record: each step on shared state is one atomic operation of CPython, and
the thread looks at the queue once more after it has said that it will sleep.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from bailiwick.errors import BailiwickError

ENOUGH: Final = 64
"""A batch of so many waits for no more; it still takes along what is queued already."""
BATCH: Final = 512
BATCH_BYTES: Final = 1 << 20

_IDLE, _LINGERING, _GATHERING, _BUSY = range(4)


class AuditUnavailable(BailiwickError):
    """A record cannot be made durable now."""


Waiter = asyncio.Future[AuditUnavailable | None]


class Item:
    """One record on its way to the disk."""

    __slots__ = ("head", "raw", "since", "waiter")

    def __init__(self, head: bytes, raw: bytes, waiter: Waiter | None) -> None:
        self.head = head
        self.raw = raw
        self.waiter = waiter
        self.since = time.monotonic()


class Intake:
    """Many put records in; one thread takes batches out."""

    def __init__(self, gather_seconds: float, linger_seconds: float) -> None:
        self.closing = False
        self._gather = gather_seconds
        self._linger = linger_seconds
        self.queue: deque[Item] = deque()
        self._bell = threading.Lock()
        self._bell.acquire()
        self._mode = _BUSY
        self._room = ENOUGH
        self._company = 0.0
        """How many callers wait at the same time, as a moving average."""

    def __len__(self) -> int:
        return len(self.queue)

    def waiting(self) -> list[Item]:
        """Copy what is in the queue."""
        return list(self.queue.copy())

    def put(self, item: Item) -> None:
        """Add a record, and wake the thread if it should not sleep on."""
        self.queue.append(item)
        mode = self._mode
        if mode == _BUSY:
            return
        if (
            mode == _IDLE
            or (mode == _LINGERING and item.waiter is not None)
            or len(self.queue) >= self._room
        ):
            self.ring()

    def ring(self) -> None:
        """Wake the thread."""
        self._mode = _BUSY
        try:
            self._bell.release()
        except RuntimeError:  # it has been rung already
            return

    def close(self) -> None:
        """Let the thread take what is left without waiting for more."""
        self.closing = True
        self.ring()

    # ---- on the thread

    def take(self, idle_seconds: float) -> list[Item]:
        """Wait for the next batch; empty if nothing came in time."""
        batch: list[Item] = []
        self.drain(batch)
        if not batch and not self.closing:
            self._sleep(_IDLE, idle_seconds)
            self.drain(batch)
        while batch and len(batch) < BATCH and not self.closing:
            mode, room, deadline = self._patience(batch)
            seconds = deadline - time.monotonic()
            if room <= 0 or seconds <= 0:
                break
            self._room = room
            self._sleep(mode, seconds)
            self.drain(batch)
        return batch

    def take_all(self) -> list[Item]:
        """Take everything that is there."""
        taken: list[Item] = []
        while self.queue:
            taken.append(self.queue.popleft())
        return taken

    def drain(self, batch: list[Item]) -> None:
        """Take what is there, up to a full batch."""
        queue, size = self.queue, sum(len(item.head) for item in batch)
        while queue and len(batch) < BATCH and size < BATCH_BYTES:
            item = queue.popleft()
            size += len(item.head)
            batch.append(item)

    def rest(self, seconds: float) -> None:
        """Sleep through new records; only closing ends it early."""
        if not self.closing:
            self._bell.acquire(timeout=seconds)

    def learn(self, batch: Sequence[Item]) -> None:
        """Note how many wait at once: those of a batch that is done, before they are told, and
        those who came meanwhile. A lone caller is always 1.
        """
        waiting = _waiting(batch)
        if waiting < ENOUGH:
            waiting = min(waiting + _waiting(self.queue.copy()), ENOUGH)
        self._company += (waiting - self._company) / 8

    def _patience(self, batch: Sequence[Item]) -> tuple[int, int, float]:
        """Tell what may cut a batch's growth short, by how many it may grow, and until when."""
        lingering = batch[0].since + self._linger
        waiting = [item.since for item in batch if item.waiter is not None]
        if not waiting:
            return _LINGERING, BATCH - len(batch), lingering
        missing = min(ENOUGH - len(batch), round(self._company) - len(waiting))
        return _GATHERING, missing, min(lingering, waiting[0] + self._gather)

    def _sleep(self, mode: int, seconds: float) -> None:
        """Sleep until rung; what was put in before the mode was set did not ring."""
        self._mode = mode
        if not self.queue and not self.closing:
            self._bell.acquire(timeout=seconds)
        self._mode = _BUSY


def _waiting(items: Iterable[Item]) -> int:
    """Count those of whom somebody waits for their record."""
    return len([item for item in items if item.waiter is not None])


def settle(batch: Sequence[Item], problem: AuditUnavailable | None) -> None:
    """Tell those who wait; each event loop is woken once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Waiter]] = {}
    for item in batch:
        if item.waiter is not None:
            by_loop.setdefault(item.waiter.get_loop(), []).append(item.waiter)
    for loop, waiters in by_loop.items():
        try:
            loop.call_soon_threadsafe(resolve, waiters, problem)
        except RuntimeError:  # that loop is closed; nobody waits there any more
            continue


def resolve(waiters: Sequence[Waiter], problem: AuditUnavailable | None) -> None:
    """Give waiters of the running loop their answer."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(problem)
