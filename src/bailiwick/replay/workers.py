"""Share chunks out among forked workers, which share the pages of all that was read before.

Ctrl-C stops every worker after the batch that it is at, and what was counted so far is kept.
"""

import copyreg
import gc
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import MappingProxyType
from typing import Any, Protocol

from bailiwick.errors import BailiwickError
from bailiwick.replay.logs import Chunk

Progress = Callable[[int, int], None]
"""Called with bytes and rows that were read since it was last called."""


class Worker(Protocol):
    """What one process does."""

    def chunk(self, chunk: Chunk) -> Iterator[tuple[int, int]]:
        """Work on a chunk; after every batch give the bytes and rows of it."""

    def found(self) -> Any:
        """Give what was found in all chunks. Picklable."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What the workers found."""

    found: Sequence[Any]
    done: int
    """Chunks that were read to their end."""


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the processes have in common."""

    chunks: Sequence[Chunk]
    following: Any
    """Number of the next chunk."""
    stopping: Any
    """Whether somebody asked for an early end."""

    def stop(self) -> None:
        """Ask every worker to end after the batch that it is at."""
        self.stopping.value = 1

    def left(self) -> Iterator[Chunk]:
        """Take chunks, so that no two workers have the same one."""
        while not self.stopping.value:
            with self.following.get_lock():
                number = self.following.value
                self.following.value += 1
            if number >= len(self.chunks):
                return
            yield self.chunks[number]


@dataclass(frozen=True, slots=True)
class _Finished:
    found: Any
    done: int


def spread(
    make: Callable[[], Worker],
    chunks: Sequence[Chunk],
    workers: int | None = None,
    progress: Progress | None = None,
) -> Spread:
    """Work on every chunk. ``make`` is called in each worker; what it refers to is shared."""
    count = min(workers or os.cpu_count() or 1, len(chunks))
    here = multiprocessing.get_context("fork")
    shared = _Shared(chunks, here.Value("q", 0), here.RawValue("b", 0))
    pipes: list[Connection] = []
    started: list[Any] = []
    try:
        with interrupts(shared.stop):
            with _held_back():
                for _ in range(count):
                    pipe, process = _fork(here, make, shared, pipes)
                    pipes.append(pipe)
                    started.append(process)
            finished = list(_collect(pipes, progress))
    finally:
        for process in started:
            process.terminate()
            process.join()
    return Spread([one.found for one in finished], sum(one.done for one in finished))


def _fork(
    here: Any, make: Callable[[], Worker], shared: _Shared, others: Sequence[Connection]
) -> tuple[Connection, Any]:
    """Start a worker. Only it has the end it writes to, and only we the ends that are read."""
    theirs, ours = here.Pipe(duplex=False)
    process = here.Process(target=_work, args=(make, shared, ours, [*others, theirs]), daemon=True)
    process.start()
    ours.close()
    return theirs, process


@contextmanager
def _held_back() -> Iterator[None]:
    """Fork with interrupts held back, so that none arrives before a worker can ignore it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    gc.collect()
    gc.freeze()  # or the collector writes into every page that is shared
    try:
        with warnings.catch_warnings():  # forking is safe: workers use nothing that threads hold
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        gc.unfreeze()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def interrupts(stop: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C call ``stop``, for an early end; a second one has its usual effect."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def first(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        stop()

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _collect(pipes: Sequence[Connection], progress: Progress | None) -> Iterator[_Finished]:
    """Pass progress on until every worker has told what it found."""
    waiting = list(pipes)
    while waiting:
        for pipe in wait(waiting):
            assert isinstance(pipe, Connection)  # noqa: S101 - it is one of ours
            try:
                said = pipe.recv()
            except EOFError:
                raise BailiwickError(
                    "a worker ended before it was done",
                    "was there too little memory? try fewer `--workers`",
                ) from None
            if isinstance(said, BaseException):
                raise said
            if isinstance(said, _Finished):
                waiting.remove(pipe)
                yield said
            elif progress:
                progress(*said)


def _work(
    make: Callable[[], Worker], shared: _Shared, tell: Connection, others: Sequence[Connection]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for pipe in others:
        pipe.close()
    try:
        tell.send(_all(make(), shared, tell))
    except BrokenPipeError:  # nobody waits any more
        return
    except Exception as error:  # noqa: BLE001 - it is raised again by whoever waits for us
        tell.send(error)


def _all(worker: Worker, shared: _Shared, tell: Connection) -> _Finished:
    done = 0
    for chunk in shared.left():
        for read in worker.chunk(chunk):
            tell.send(read)
            if shared.stopping.value:
                break
        else:
            done += 1
    return _Finished(worker.found(), done)


def _proxy(proxy: "MappingProxyType[Any, Any]") -> tuple[Any, tuple[Any]]:
    """Write a read-only mapping for another process."""
    return MappingProxyType, (dict(proxy),)


copyreg.pickle(MappingProxyType, _proxy)
