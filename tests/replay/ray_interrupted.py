"""Replay on Ray, press Ctrl-C when the first chunk is back, and print what is left."""

import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bailiwick.replay import Job, LogOptions, list_prices, plan
from bailiwick.replay.ray_engine import replay_on_ray
from replay.replay_help import adds_up, setting

CHUNKS = 48
told: list[int] = []


def progress(_: int, rows: int) -> None:
    """Count what came back, and interrupt at the first."""
    told.append(rows)
    if len(told) > 1:
        return
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    job = Job(setting(), list_prices(setting().catalog))
    chunks = plan([Path(sys.argv[1])] * CHUNKS, LogOptions())
    finished = replay_on_ray(job, chunks, 2, progress)
    print(json.dumps({
        "partial": finished.partial,
        "fewer": 0 < finished.done < len(chunks),
        "told": finished.done == len(told),
        "adds_up": finished.totals.rows == sum(told) > 0 and adds_up(finished, sum(told)),
    }), flush=True)  # fmt: skip
