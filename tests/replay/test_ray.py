"""On a real local Ray every row is decided as here, with one worker and with two."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bailiwick.location import pack
from bailiwick.replay import Finished, Job, Judge, LogOptions, list_prices, plan, replay_locally
from bailiwick.replay.rows import arrow, batch
from replay.replay_help import DE, MISTRAL, OPUS, RU, US, setting

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed"),
    pytest.mark.timeout(560),
    # Ray's own warnings are about its next versions and about sockets of its own processes
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROWS = 6000
INTERRUPTED = Path(__file__).parent / "ray_interrupted.py"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    random = Random(9)
    pa = arrow()
    for number in range(3):
        rows = batch(
            {
                "model": [random.choice([OPUS, MISTRAL, "unheard-of"]) for _ in range(ROWS)],
                "address": [
                    pack(random.choice([US, DE, RU, "2001:4860:4860::8888"])) for _ in range(ROWS)
                ],
                "account": [f"acc_{random.randrange(40)}" for _ in range(ROWS)],
                "tokens_in": [random.randrange(1000) for _ in range(ROWS)],
            }
        )
        table = pa.Table.from_batches([rows])
        pa.parquet.write_table(table, folder / f"{number}.parquet", row_group_size=1000)
    return folder


def counted(finished: Finished) -> dict[str, object]:
    totals = finished.totals
    return {
        "rows": totals.rows,
        "pairs": {key: sums.round(6).tolist() for key, sums in totals.by_pair.items()},
        "accounts": {key: sums.round(6).tolist() for key, sums in totals.by_account.items()},
        "used": totals.used,
    }


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    from bailiwick.replay.ray_engine import running

    with running(2) as found:
        yield found


def test_the_result_is_the_same_here_and_with_one_or_two_workers_there(
    logs: Path, ray: Any
) -> None:
    from bailiwick.replay.ray_engine import replay_on_ray

    job = Job(setting(), list_prices(setting().catalog))
    chunks = plan([logs], LogOptions())
    here = counted(replay_locally(job, chunks, workers=2))

    there = [counted(replay_on_ray(job, chunks, workers)) for workers in (1, 2)]
    rows = [decided(ray, logs, workers) for workers in (1, 2)]

    assert here["rows"] == 3 * ROWS
    assert there == [here, here]
    alone = decisions_here(logs)
    assert len(alone) == 3 * ROWS
    assert rows == [alone, alone]


def test_an_interrupt_keeps_what_came_back_so_far(logs: Path) -> None:
    """In a process of its own, as Ray and an interrupt are best kept from the other tests."""
    command = [sys.executable, str(INTERRUPTED), str(logs)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)

    assert done.stdout, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"partial": True, "fewer": True, "told": True, "adds_up": True}
    assert done.returncode == 0


def decided(ray: Any, logs: Path, workers: int) -> list[tuple[bool, bool]]:
    from bailiwick.replay.ray_engine import DecideRows

    ray.data.DataContext.get_current().execution_options.preserve_order = True
    data = ray.data.read_parquet(str(logs)).map_batches(
        DecideRows,
        fn_constructor_args=(ray.put(setting()),),
        batch_format="pyarrow",
        batch_size=700,
        compute=ray.data.ActorPoolStrategy(size=workers),
    )
    return [(bool(row["before"]), bool(row["after"])) for row in data.take_all()]


def decisions_here(logs: Path) -> list[tuple[bool, bool]]:
    judge = Judge(setting())
    found = []
    for path in sorted(logs.glob("*.parquet")):
        table = arrow().parquet.read_table(path)
        columns = {name: table.column(name).combine_chunks() for name in table.column_names}
        changes = judge.judge(batch(columns)).changes.tolist()
        found += [(change // 2 == 1, change % 2 == 1) for change in changes]
    return found
