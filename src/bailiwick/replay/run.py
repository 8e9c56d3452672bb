"""Replay: read chunks, judge them, add them up; in processes here, or by another engine elsewhere.

Every worker has a judge and a tally of its own, and they meet once, at the end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bailiwick.replay.judge import Judge, Setting, SharedLocator
from bailiwick.replay.logs import Chunk, read_chunk
from bailiwick.replay.prices import Price
from bailiwick.replay.tally import Tally, Totals
from bailiwick.replay.workers import Progress, spread


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
    """Replay in processes of this machine. Ctrl-C ends it with what was counted so far."""
    locator = SharedLocator(job.setting)
    locator.get(Judge(job.setting).asked)  # laid out once, before the workers part
    found = spread(lambda: _Hand(job, locator), chunks, workers, progress)
    return Finished(merged(found.found), found.done < len(chunks), len(chunks), found.done)


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


class _Hand:
    """One worker."""

    def __init__(self, job: Job, locator: SharedLocator) -> None:
        self._tally = Tally(Judge(job.setting, locator), job.prices)

    def chunk(self, chunk: Chunk) -> Iterator[tuple[int, int]]:
        """Judge and count a chunk."""
        left = chunk.size
        for read in read_chunk(chunk, self._tally.skipped):
            self._tally.add(read)
            size = min(read.size, left)
            left -= size
            yield size, read.batch.num_rows
        yield left, 0

    def found(self) -> Totals:
        """Give what was counted."""
        return self._tally.totals()
