"""Time functions in one process, in turns, so that a slow moment of the machine hits all alike."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.report import Spread


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the garbage collector out of it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def interleaved(
    subjects: Mapping[str, Callable[[], int]], rounds: int, seconds: float = 0.1
) -> dict[str, Spread]:
    """Give each subject's nanoseconds per call.

    A subject does a batch of calls and says how many. In every round each has its turn, for about
    ``seconds``.
    """
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    with quiet():
        for _ in range(rounds + 1):
            for name, batch in subjects.items():
                taken[name].append(_one_turn(batch, seconds))
    return {name: Spread.of(values[1:]) for name, values in taken.items()}


def _one_turn(batch: Callable[[], int], seconds: float) -> float:
    calls, began = 0, time.perf_counter_ns()
    ends = began + int(seconds * 1e9)
    while True:
        calls += batch()
        now = time.perf_counter_ns()
        if now >= ends:
            return (now - began) / calls


def each_call(function: Callable[..., Any], calls: Sequence[Sequence[Any]]) -> list[int]:
    """Give the nanoseconds of every single call, without those of looking at the clock."""
    clock, taken = time.perf_counter_ns, []
    look = clock_cost()
    with quiet():
        for arguments in calls:
            began = clock()
            function(*arguments)
            taken.append(clock() - began - look)
    return taken


def clock_cost() -> int:
    """Give the nanoseconds between two looks at the clock, with an empty call between."""
    clock = time.perf_counter_ns
    return int(statistics.median(-(clock() - clock()) for _ in range(10_001)))
