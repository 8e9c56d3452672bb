"""How workers tell the parent process how they are: a small file each, written every second."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

STALE_S: Final = 5.0
"""A worker that has not written for so long does not work."""


def write_status(directory: Path, status: Mapping[str, Any]) -> None:
    """Leave a worker's status, whole or not at all."""
    path = directory / f"worker-{os.getpid()}.json"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"pid": os.getpid(), "written": time.time(), "status": status}))
    draft.replace(path)


def read_statuses(directory: Path) -> list[dict[str, Any]]:
    """Read what each living worker says; a worker that is gone is cleared away."""
    found = []
    for path in sorted(directory.glob("worker-*.json")):
        pid = int(path.stem.removeprefix("worker-"))
        if _is_alive(pid):
            found.append(json.loads(path.read_text()))
        else:
            path.unlink(missing_ok=True)
            for values in directory.glob(f"gauge_live*_{pid}.db"):
                values.unlink(missing_ok=True)
    return found


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def readiness(directory: Path, workers: int) -> tuple[bool, dict[str, Any]]:
    """Sum up whether every worker can serve, and what each says of itself."""
    statuses = read_statuses(directory)
    now = time.time()
    rows = [
        {"pid": one["pid"], "fresh": now - one["written"] < STALE_S, **one["status"]}
        for one in statuses
    ]
    able = sum(1 for row in rows if row["fresh"] and row.get("ready"))
    ready = able >= workers
    return ready, {"ready": ready, "workers": {"wanted": workers, "able": able, "each": rows}}
