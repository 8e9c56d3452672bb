"""Replay on Ray Data: the same work on the same chunks, by actors on a cluster or on this machine.

Files must be where every worker can read them. Without ``RAY_ADDRESS`` a local Ray is started, on
loopback only, and stopped again. Ray is told to send no usage statistics.
"""

import copyreg
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import numpy as np

from bailiwick.errors import BailiwickError
from bailiwick.replay.judge import Judge
from bailiwick.replay.logs import Chunk
from bailiwick.replay.run import Finished, Job, merged, work

OBJECT_STORE_BYTES = 256 << 20
CHUNKS_AT_ONCE = 4


def replay_on_ray(job: Job, chunks: Sequence[Chunk], workers: int | None = None) -> Finished:
    """Replay on Ray with some workers (default: two)."""
    count = workers or 2
    with running(count) as ray:
        copyreg.pickle(MappingProxyType, _proxy)
        data = ray.data.from_items([{"chunk": pickle.dumps(chunk)} for chunk in chunks])
        found = data.map_batches(
            _Worker,
            fn_constructor_args=(ray.put(job),),
            batch_size=CHUNKS_AT_ONCE,
            compute=ray.data.ActorPoolStrategy(size=count),
        )
        totals = merged(pickle.loads(row["totals"]) for row in found.take_all())  # noqa: S301
    return Finished(totals, False, len(chunks), len(chunks))


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
        num_cpus=workers,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        log_to_driver=False,
        logging_level="error",
        _node_ip_address="127.0.0.1",
    )


def _proxy(proxy: "MappingProxyType[Any, Any]") -> tuple[Any, tuple[Any]]:
    """Write a read-only mapping for another process."""
    return MappingProxyType, (dict(proxy),)


class _Worker:
    """One actor: it keeps its judge from batch to batch."""

    def __init__(self, job: Any) -> None:
        import ray

        self._job: Job = ray.get(job)
        self._judge = Judge(self._job.setting)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        chunks = [pickle.loads(chunk) for chunk in batch["chunk"]]  # noqa: S301
        totals = work(self._job, chunks, self._judge)
        return {"totals": np.array([pickle.dumps(totals)], object)}
