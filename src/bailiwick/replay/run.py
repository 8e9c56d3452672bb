"""Replay: read chunks, judge them, add them up; in threads here, or by another engine elsewhere.

Reading, looking up and counting are done by Arrow and NumPy, which let other threads run, so the
local engine is threads. Each has its own judge and tally, and they meet once, at the end.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from bailiwick.replay.judge import Judge, Setting, SharedLocator
from bailiwick.replay.logs import Chunk, read_chunk
from bailiwick.replay.prices import Price
from bailiwick.replay.tally import Tally, Totals

Progress = Callable[[int, int], None]
"""Called with bytes and rows that were read since it was last called; from any thread."""


@dataclass(frozen=True)
class Job:
    """What every worker needs to know. Picklable."""

    setting: Setting
    prices: Mapping[str, Price]


@dataclass(frozen=True, slots=True)
class Finished:
    """What a replay counted."""

    totals: Totals
    partial: bool
    """It was stopped before all was read."""
    chunks: int
    done: int


def replay_locally(
    job: Job, chunks: Sequence[Chunk], progress: Progress | None = None, workers: int | None = None
) -> Finished:
    """Replay in threads. ``KeyboardInterrupt`` ends it with what was counted so far."""
    queue: SimpleQueue[Chunk] = SimpleQueue()
    for chunk in chunks:
        queue.put(chunk)
    count = min(workers or os.cpu_count() or 1, len(chunks))
    locator = SharedLocator(job.setting)
    hands = [_Hand(job, locator, queue, progress or _silent) for _ in range(count)]
    partial = False
    for hand in hands:
        hand.start()
    try:
        for hand in hands:
            while hand.is_alive():
                hand.join(0.2)
    except KeyboardInterrupt:
        partial = True
        for hand in hands:
            hand.stopping.set()
        for hand in hands:
            hand.join()
    for hand in hands:
        if hand.error is not None:
            raise hand.error
    done = sum(hand.done for hand in hands)
    return Finished(merged(hand.tally.totals() for hand in hands), partial, len(chunks), done)


def _silent(size: int, rows: int) -> None:
    """Show no progress."""


def merged(every: Iterable[Totals]) -> Totals:
    """Add the totals of several workers."""
    whole = Totals()
    for totals in every:
        whole.merge(totals)
    return whole


def work(job: Job, chunks: Iterable[Chunk], judge: Judge | None = None) -> Totals:
    """Do some chunks in this process; what an engine runs far away. A judge may be used again."""
    tally = Tally(judge or Judge(job.setting), job.prices)
    for chunk in chunks:
        for read in read_chunk(chunk, tally.skipped):
            tally.add(read)
    return tally.totals()


class _Hand(threading.Thread):
    """One worker."""

    def __init__(
        self, job: Job, locator: SharedLocator, queue: "SimpleQueue[Chunk]", progress: Progress
    ) -> None:
        super().__init__(daemon=True)
        self.tally = Tally(Judge(job.setting, locator), job.prices)
        self.stopping = threading.Event()
        self.error: Exception | None = None
        self.done = 0
        self._queue, self._progress = queue, progress

    def run(self) -> None:
        """Take chunks until none is left."""
        try:
            while not self.stopping.is_set():
                self._chunk(self._queue.get_nowait())
                self.done += 1
        except Empty:
            return
        except Exception as error:  # noqa: BLE001 - it is raised again by whoever waits for us
            self.error = error

    def _chunk(self, chunk: Chunk) -> None:
        left = chunk.size
        for read in read_chunk(chunk, self.tally.skipped):
            self.tally.add(read)
            size = min(read.size, left)
            left -= size
            self._progress(size, read.batch.num_rows)
            if self.stopping.is_set():
                return
        self._progress(left, 0)
