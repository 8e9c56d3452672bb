"""How fast recorded traffic is replayed: Parquet and text logs, beside DuckDB and a plain loop."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import maxminddb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bailiwick.bootstrap import load_policy
from bailiwick.decision import DecisionTable, compile_table
from bailiwick.facts import Facts
from bailiwick.location import LocationSettings, MmdbWriter, load_embedded, load_locator
from bailiwick.replay import Job, LogOptions, Setting, list_prices, plan, replay_locally
from bailiwick.replay.ray_engine import replay_on_ray, running
from benchmarks.options import Options
from benchmarks.processes import peak_mb
from benchmarks.report import Goal, Section, Spread, Table, ratio

ROWS, FILES, LOOP_ROWS, LINES = 20_000_000, 8, 200_000, 3_000_000
ROW_GROUP = 1 << 19
NOW = datetime(2026, 7, 1, tzinfo=UTC)
PLACES = ("place, model, change", "(place, model, change)")
EVERY_TOTAL = (
    "place, model, change, account, day",
    "(place, model, change), (account, change), (day, model, change)",
)
"""Columns of a query, and its groups."""
ROOT = Path(__file__).parent.parent
NEW, OLD = ROOT / "examples/reported.yaml", ROOT / "examples/traffic/before.yaml"
MODELS = (
    "claude-3.5-opus", "gpt-4o", "gemini-ultra", "meta/llama-3.1-405b", "mistral/mistral-large-2",
)  # fmt: skip
OURS, ONE, DUCK, LOOP = "Bailiwick, 2 workers", "Bailiwick, 1 worker", "DuckDB, 2 threads", "loop"
COMMAND = "the command, 2 workers, with its start-up"
FEWER = "DuckDB, by place and model only"
TEXT = "Bailiwick, nginx text, 2 workers"


def run(options: Options) -> Section:
    """Measure."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
        folder = Path(name)
        parquet, text = _parquet(folder / "parquet"), _text(folder / "access.log")
        job = _job()
        with _reader() as reader, _duck(job) as duck:
            subjects: dict[str, Callable[[], int]] = {
                OURS: lambda: _replay(job, parquet, 2),
                ONE: lambda: _replay(job, parquet, 1),
                COMMAND: lambda: _command(parquet),
                DUCK: lambda: duck(parquet, EVERY_TOTAL),
                FEWER: lambda: duck(parquet, PLACES),
                LOOP: lambda: _loop(job, parquet, reader),
                TEXT: lambda: _replay(job, text, 2),
            }
            walls, cpus = _in_turns(subjects, options)
        ray = _ray(job, parquet, options)
        memory = peak_mb(_words(parquet))
    return Section(
        "Replay",
        (_table(walls, cpus), ray),
        _goals(walls, memory),
        (
            f"{ROWS:,} rows in {FILES} Parquet files (zstd): time, model, IPv4, account, tokens",
            "5,000 accounts; two policies, totals by place, model, account and day",
            "DuckDB: a /24 table joined, then a decision table; the same totals in one query",
            f"loop: maxminddb (C) and one decision a row, {LOOP_ROWS:,} rows, one core",
            f"the command needed {memory:,.0f} MB at most, all its processes together",
            "workers are processes: their CPU, their start and the layout of locations are counted",
        ),
    )


def _job() -> Job:
    new, old = load_policy(NEW), load_policy(OLD)
    setting = Setting(
        compile_table(new.policy, new.catalog), compile_table(old.policy, old.catalog),
        new.catalog, load_locator(LocationSettings(), NOW), NOW,
    )  # fmt: skip
    return Job(setting, list_prices(new.catalog))


def _ray(job: Job, parquet: Path, options: Options) -> Table:
    """Replay the same rows on a local Ray that runs already."""
    chunks = plan([parquet], LogOptions())
    lines = []
    with running(2):
        for workers in (1, 2):
            rates = []
            for _ in range(options.rounds):
                began = time.perf_counter()
                rows = replay_on_ray(job, chunks, workers).totals.rows
                rates.append(rows / (time.perf_counter() - began) / 1e6)
            lines.append((f"Ray, {workers} worker{'s' * (workers > 1)}", Spread.of(rates).show()))
    return Table("The same on a local Ray", ("who", "million rows/s"), tuple(lines))


def _replay(job: Job, path: Path, workers: int) -> int:
    return replay_locally(job, plan([path], LogOptions()), workers=workers).totals.rows


def _words(folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "bailiwick", "replay", str(folder), "--policy", str(NEW),
        "--baseline", str(OLD), "--at", "2026-07-01", "--json", "--workers", "2",
    ]  # fmt: skip


def _command(folder: Path) -> int:
    subprocess.run(_words(folder), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return ROWS


def _parquet(folder: Path) -> Path:
    folder.mkdir()
    random = np.random.default_rng(7)
    accounts = pa.array([f"acc_{number}" for number in range(5000)])
    rows = ROWS // FILES
    for number in range(FILES):
        at = np.sort(random.integers(0, 30 * 86_400_000_000, rows)) + 1_780_272_000_000_000
        address = random.integers(0, 1 << 32, rows, np.uint32).astype(">u4").tobytes()
        account = (random.pareto(1.1, rows) * 20).astype(np.int64) % 5000
        table = pa.table(
            {
                "at": pa.array(at).cast(pa.timestamp("us", tz="UTC")),
                "model": _texts(random.integers(0, len(MODELS), rows), pa.array(MODELS)),
                "address": pa.Array.from_buffers(pa.binary(4), rows, [None, pa.py_buffer(address)]),
                "account": _texts(account, accounts),
                "tokens_in": random.integers(10, 8000, rows),
                "tokens_out": random.integers(10, 2000, rows),
            }
        )
        pq.write_table(
            table, folder / f"{number}.parquet", compression="zstd", row_group_size=ROW_GROUP
        )
    return folder


def _texts(codes: Any, texts: Any) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), texts)


def _text(path: Path) -> Path:
    random = np.random.default_rng(8)
    parts = random.integers(1, 255, (LINES, 4)).tolist()
    with path.open("w", encoding="ascii") as file:
        for number, (a, b, c, d) in enumerate(parts):
            second, minute, day = number % 60, number // 60 % 60, 1 + number * 28 // LINES
            file.write(
                f"{a}.{b}.{c}.{d} - - [{day:02d}/Jun/2026:13:{minute:02d}:{second:02d} +0000] "
                f'"POST /v1/messages HTTP/1.1" 200 {number % 9000} "-" "python-httpx/0.28" '
                f'"{MODELS[number % 5]}" "acc_{number % 5000}"\n'
            )
    return path


def _in_turns(
    subjects: Mapping[str, Callable[[], int]], options: Options
) -> tuple[dict[str, Spread], dict[str, Spread]]:
    """Give nanoseconds a row, by the clock and of CPU. In every round each has its turn."""
    walls: dict[str, list[float]] = {name: [] for name in subjects}
    cpus: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(options.rounds):
        for name, once in subjects.items():
            wall, cpu = time.perf_counter(), sum(os.times()[:4])
            rows = once()
            walls[name].append((time.perf_counter() - wall) * 1e9 / rows)
            cpus[name].append((sum(os.times()[:4]) - cpu) * 1e9 / rows)
    return (
        {name: Spread.of(values) for name, values in walls.items()},
        {name: Spread.of(values) for name, values in cpus.items()},
    )


# ---- peers ---------------------------------------------------------------------------------------


@contextmanager
def _reader() -> Iterator[Any]:
    table, _ = load_embedded()
    writer = MmdbWriter("One-Field", NOW)
    writer.insert_table(table, [{"country_code": p} if p else None for p in table.places])
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "one.mmdb"
        path.write_bytes(writer.to_bytes())
        with maxminddb.open_database(path, maxminddb.MODE_MMAP_EXT) as reader:
            yield reader


def _loop(job: Job, folder: Path, reader: Any) -> int:
    """Decide row by row, as a script would: look the country up, then the decision of each pair."""
    first = next(pq.ParquetFile(folder / "0.parquet").iter_batches(LOOP_ROWS))
    rows = first.select(["model", "address", "tokens_in", "tokens_out"]).to_pylist()
    decided = _pairs(job)
    totals: dict[tuple[str | None, str, int], list[int]] = {}
    for row in rows:
        packed = row["address"]
        found = reader.get(f"{packed[0]}.{packed[1]}.{packed[2]}.{packed[3]}")
        place = found["country_code"] if found else None
        sums = totals.setdefault((place, row["model"], decided[place, row["model"]]), [0, 0, 0])
        sums[0] += 1
        sums[1] += row["tokens_in"]
        sums[2] += row["tokens_out"]
    return len(rows)


def _pairs(job: Job) -> dict[tuple[str | None, str], int]:
    """Decide every place and model by both policies."""
    table, _ = load_embedded()
    setting = job.setting
    assert setting.old is not None
    return {
        (place, model): _denied(setting.new, place, setting.catalog.resolve(model))
        + 2 * _denied(setting.old, place, setting.catalog.resolve(model))
        for place in {*table.places}
        for model in MODELS
    }


def _denied(table: DecisionTable, place: str | None, model: str | None) -> int:
    values = {"status": frozenset({"active"}), "action": frozenset({"infer"})}
    if place:
        values["address"] = frozenset({place})
    return int(not table.decide(Facts(model, NOW, values)).permitted)


def _price(job: Job, model: str) -> dict[str, float]:
    """Give USD for one token; 0 where no price is known."""
    found = job.prices.get(job.setting.catalog.resolve(model) or model)
    return {
        "price_in": found.input / 1e6 if found else 0.0,
        "price_out": found.output / 1e6 if found else 0.0,
    }


@contextmanager
def _duck(job: Job) -> Iterator[Callable[[Path, tuple[str, str]], int]]:
    """Join a table of /24s (those that are split by their first answer) and a decision table."""
    import duckdb

    table, _ = load_embedded()
    blocks = np.arange(1 << 24, dtype=np.uint32)
    ids = table.ids_of_batch(blocks << np.uint32(8))
    places = np.array([place or "" for place in table.places])
    connection = duckdb.connect(config={"threads": 2})
    blocks_table = pa.table({"block": blocks, "place": _texts(ids, pa.array(places))})
    rows = [
        {"place": p or "", "model": m, "change": c, **_price(job, m)}
        for (p, m), c in _pairs(job).items()
    ]
    decisions = pa.Table.from_pylist(rows)
    connection.register("blocks_arrow", blocks_table)
    connection.register("decisions_arrow", decisions)
    connection.execute("create table blocks as select block, place from blocks_arrow")
    connection.execute("create table decided as select * from decisions_arrow")

    def once(folder: Path, wanted: tuple[str, str]) -> int:
        query = f"""
            select {wanted[0]}, count(*), sum(tokens_in), sum(tokens_out), sum(cost)
            from (select model, account, tokens_in, tokens_out,
                  epoch_us("at") // 86400000000 as day,
                  ('0x' || substr(hex(address), 1, 6))::uinteger as block
                  from '{folder}/*.parquet') join blocks using (block)
            join decided using (place, model),
            lateral (select tokens_in * price_in + tokens_out * price_out as cost)
            group by grouping sets ({wanted[1]})"""
        found = connection.execute(query).fetchall()
        return sum(row[-4] for row in found if row[0] is not None)

    yield once
    connection.close()


# ---- report --------------------------------------------------------------------------------------


def _table(walls: Mapping[str, Spread], cpus: Mapping[str, Spread]) -> Table:
    rows = [
        (
            name,
            f"{1e3 / wall.median:.2f}",
            f"{cpus[name].show(0)}",
            ratio(walls[DUCK].median, wall.median),
            ratio(walls[LOOP].median, wall.median),
        )
        for name, wall in walls.items()
    ]
    columns = ("who", "million rows/s", "ns of CPU a row", "beside DuckDB", "beside the loop")
    return Table("Rows judged by two policies and counted", columns, rows)


def _goals(walls: Mapping[str, Spread], memory: float) -> tuple[Goal, ...]:
    ours, text = walls[OURS].median, walls[TEXT].median
    return (
        Goal("Parquet, 2 workers", ">=", 10.0, 1e3 / ours, "million rows/s"),
        Goal(
            "the command, with its start-up",
            ">=",
            5.0,
            1e3 / walls[COMMAND].median,
            "million rows/s",
        ),
        Goal("beside DuckDB", ">=", 2.5, walls[DUCK].median / ours, "x"),
        Goal("beside a loop with maxminddb", ">=", 20.0, walls[LOOP].median / ours, "x"),
        Goal("memory of the command", "<=", 1024.0, memory, "MB"),
        Goal("nginx text, 2 workers", ">=", 0.5, 1e3 / text, "million lines/s"),
    )
