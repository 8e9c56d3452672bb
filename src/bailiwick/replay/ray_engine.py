"""Replay on Ray Data: the same work on the same chunks, by actors on a cluster or on this machine.

Files must be where every worker can read them. Without ``RAY_ADDRESS`` a local Ray is started, on
loopback only, and stopped again. Ray is told to send no usage statistics.
"""

import os
import pickle
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any

import numpy as np

from bailiwick.errors import BailiwickError
from bailiwick.replay.judge import Judge
from bailiwick.replay.logs import Chunk
from bailiwick.replay.rows import batch
from bailiwick.replay.run import Finished, Job, work
from bailiwick.replay.tally import Totals
from bailiwick.replay.workers import Progress, interrupts

OBJECT_STORE_BYTES = 256 << 20
LOOPBACK = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"
"""Ray on Linux replaces 127.0.0.1 with an address that others can reach, but not this one."""


def replay_on_ray(
    job: Job, chunks: Sequence[Chunk], workers: int | None = None, progress: Progress | None = None
) -> Finished:
    """Replay on Ray with some workers (default: two). Ctrl-C ends it with what came back so far."""
    count = workers or 2
    totals, done = Totals(), 0
    stopping = Event()
    with running(count) as ray, interrupts(stopping.set):
        bell = ray.remote(num_cpus=0)(_Bell).remote()
        data = ray.data.from_items([{"chunk": pickle.dumps(chunk)} for chunk in chunks])
        found = data.map_batches(
            _Worker,
            fn_constructor_args=(ray.put(job), bell),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=count),
        )
        for row in found.iter_rows():  # to the end: Ray does not survive a stop in the middle
            if stopping.is_set():
                ray.get(bell.ring.remote())
            if not row["totals"]:
                continue
            part: Totals = pickle.loads(row["totals"])  # noqa: S301 - from our own workers
            totals.merge(part)
            done += 1
            if progress:
                progress(int(row["size"]), part.rows + part.skipped.total)
    return Finished(totals, done < len(chunks), len(chunks), done)


@contextmanager
def running(workers: int) -> Iterator[Any]:
    """Give Ray; one that is not running yet is started here, and stopped at the end."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise BailiwickError(
            "the Ray engine needs `ray`", "pip install 'bailiwick[ray]'"
        ) from error
    ours = not ray.is_initialized()
    if ours:
        _start(ray, workers)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def _start(ray: Any, workers: int) -> None:
    if "RAY_ADDRESS" in os.environ:
        ray.init(log_to_driver=False)
        return
    ray.init(
        num_cpus=workers + 1,  # reading is a task of its own
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        log_to_driver=False,
        logging_level="error",
        _node_ip_address=LOOPBACK,
    )


class DecideRows:
    """One actor that decides tables in our shape row by row, for ``map_batches`` of Ray Data.

    It gives columns ``before`` and ``after``: whether each policy denies.
    """

    def __init__(self, setting: Any) -> None:
        """Take a reference to a ``Setting``."""
        import ray

        self._judge = Judge(ray.get(setting))

    def __call__(self, table: Any) -> dict[str, Any]:
        """Decide one table."""
        whole = table.combine_chunks().unify_dictionaries()
        columns = {name: whole.column(name).combine_chunks() for name in whole.column_names}
        changes = self._judge.judge(batch(columns)).changes
        return {"before": changes // 2 == 1, "after": changes % 2 == 1}


class _Bell:
    """Tells the workers of an interrupt: from then on chunks come back unread."""

    def __init__(self) -> None:
        self._rung = False

    def ring(self) -> None:
        self._rung = True

    def has_rung(self) -> bool:
        return self._rung


class _Worker:
    """One actor: it keeps its judge from batch to batch."""

    def __init__(self, job: Any, bell: Any) -> None:
        import ray

        self._get = ray.get
        self._bell = bell
        self._job: Job = ray.get(job)
        self._judge = Judge(self._job.setting)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        if self._get(self._bell.has_rung.remote()):
            return {"totals": np.array([b""], object), "size": np.array([0])}
        chunks = [pickle.loads(chunk) for chunk in batch["chunk"]]  # noqa: S301
        totals = work(self._job, chunks, self._judge)
        size = sum(chunk.size for chunk in chunks)
        return {"totals": np.array([pickle.dumps(totals)], object), "size": np.array([size])}
