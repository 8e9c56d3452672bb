"""How long the disk takes to make a few hundred bytes durable, where the records are kept."""

import os
import statistics
import time
from pathlib import Path

RECORD = b"x" * 700
TIMES = 25


def fsync_ms(directory: Path) -> float:
    """Give the median of some appends to a file, each with its fsync."""
    path = directory / "fsync-probe"
    taken = []
    handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        for _ in range(TIMES):
            began = time.perf_counter()
            os.write(handle, RECORD)
            os.fsync(handle)
            taken.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(handle)
        path.unlink()
    return statistics.median(taken)
