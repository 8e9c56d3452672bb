"""How many records a second become durable, at what cost, beside SQLite; and how fast they verify.

Everything is written to one disk in turns, so that a slow moment of it hits all alike.
"""

import asyncio
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from bailiwick.audit import AuditLog, Settings, verify
from bailiwick.audit.records import record_head
from benchmarks.options import Options
from benchmarks.report import Goal, Section, Spread, Table, ratio

VERIFIED = 200_000
"""Records of the log that is verified."""

EVENT: dict[str, Any] = {
    "kind": "decision",
    "id": "dec_01J0000000000000000000000",
    "revision": "r" * 64,
    "model": "example/frontier-1",
    "model_asked": "frontier",
    "controlled": True,
    "action": "infer",
    "features": ["streaming", "tools"],
    "dialect": "openai",
    "path": "/v1/chat/completions",
    "address": {"network": "192.0.2.0/24", "pseudonym": "2026-07.0a1b2c3d:" + "0" * 32},
    "address_from": "x-forwarded-for",
    "account": "acc_0000000000000000",
    "key": "key_0000000000000000",
    "effect": "permit",
    "determining": ["frontier-in-xa"],
    "reasons": [{"code": "rule.permitted", "rule": "frontier-in-xa", "authority": "operator"}],
    "obligations": {},
    "contested": False,
    "layer": "account",
    "evidence": {
        name: ["XA"] for name in ("address", "billing", "card", "registered", "processing")
    },
    "latency_us": 41,
}


@dataclass(slots=True)
class Taken:
    """What the rounds of one subject took."""

    per_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)
    """How long single callers waited."""


Subject = Callable[[Path, float, list[float]], int]
"""Writes to a new directory for some seconds; returns how many records became durable."""


def now() -> datetime:
    return datetime.now(UTC)


def callers(count: int, fsync: bool = True, outcomes: bool = False) -> Subject:
    """So many callers at once, each waiting for its record before the next."""

    async def client(log: AuditLog, until: float, waits: list[float]) -> int:
        done = 0
        while (began := time.perf_counter()) < until:
            await log.append(EVENT)
            waits.append((time.perf_counter() - began) * 1000)
            if outcomes:
                log.append_nowait({"kind": "outcome", "id": EVENT["id"], "status": 200})
            done += 1 + outcomes
        return done

    async def load(log: AuditLog, seconds: float, waits: list[float]) -> int:
        until = time.perf_counter() + seconds
        return sum(await asyncio.gather(*(client(log, until, waits) for _ in range(count))))

    def subject(directory: Path, seconds: float, waits: list[float]) -> int:
        settings = Settings(unsafe_no_fsync=not fsync)
        log = AuditLog.open(directory, node="bench", clock=now, settings=settings)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            done = runner.run(load(log, seconds, waits))
        log.close()
        return done

    return subject


def sqlite(group: int) -> Subject:
    """Rows of the same text, ``group`` in a transaction, durable as SQLite makes them."""

    def subject(directory: Path, seconds: float, waits: list[float]) -> int:
        directory.mkdir()
        database = sqlite3.connect(directory / "records.db", isolation_level=None)
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = full")
        database.execute("create table record (seq integer primary key, text blob)")
        done, until = 0, time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            database.execute("begin")
            for _ in range(group):
                text = record_head(now(), EVENT)
                database.execute("insert into record (text) values (?)", (text,))
            database.execute("commit")
            waits.append((time.perf_counter() - began) * 1000)
            done += group
        database.close()
        return done

    return subject


def synced(directory: Path, seconds: float, waits: list[float]) -> int:
    """Nothing but writing a record's text and syncing it."""
    directory.mkdir()
    text = record_head(now(), EVENT)
    descriptor = os.open(directory / "file", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    done, until = 0, time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        os.write(descriptor, text)
        os.fdatasync(descriptor)
        waits.append((time.perf_counter() - began) * 1000)
        done += 1
    os.close(descriptor)
    return done


LONE, MANY, BOTH = "audit log, 1 caller", "audit log, 64 callers", "audit log, 64 callers, outcomes"
LONE_UNSAFE = "audit log, 1 caller, no fsync"
ONE, GROUPED = "SQLite WAL FULL, one by one", "SQLite WAL FULL, 64 in a transaction"
DISK = "write and fdatasync"

SUBJECTS: dict[str, Subject] = {
    DISK: synced,
    LONE: callers(1),
    LONE_UNSAFE: callers(1, fsync=False),
    MANY: callers(64),
    BOTH: callers(64, outcomes=True),
    ONE: sqlite(1),
    GROUPED: sqlite(64),
}


def run(options: Options) -> Section:
    with disk() as place:
        taken = {name: Taken() for name in SUBJECTS}
        for number in range(options.rounds + 1):
            for name, subject in SUBJECTS.items():
                one_turn(subject, place / "turn", min(options.seconds, 1.0), taken[name])
                if number == 0:
                    taken[name] = Taken()  # the first round only warms up
        checked = verified_per_second(place / "verified")
    return section(taken, checked)


@contextmanager
def disk() -> Iterator[Path]:
    """Give a place on the disk of the working tree: a temporary folder may be in memory."""
    Path("build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build") as place:
        yield Path(place)


def one_turn(subject: Subject, directory: Path, seconds: float, taken: Taken) -> None:
    cpu, began = time.process_time(), time.perf_counter()
    done = subject(directory, seconds, taken.waits_ms)
    took = time.perf_counter() - began
    taken.per_second.append(done / took)
    taken.cpu_us.append((time.process_time() - cpu) / done * 1e6)
    shutil.rmtree(directory)


def verified_per_second(directory: Path) -> float:
    settings = Settings(unsafe_no_fsync=True, queue=VERIFIED + 1)
    log = AuditLog.open(directory, node="bench", clock=now, settings=settings)
    for _ in range(VERIFIED):
        log.append_nowait(EVENT)
    log.close(patience=60)
    began = time.perf_counter()
    report = verify(directory, log.public_key)
    took = time.perf_counter() - began
    if not report.ok or report.records < VERIFIED:
        raise RuntimeError(f"the log that was measured is not whole: {report}")
    return report.records / took


def section(taken: dict[str, Taken], checked: float) -> Section:
    fsync = percentile(taken[DISK].waits_ms, 50)
    return Section(
        "Audit log",
        (
            Table(
                f"Durable records a second; fsync p50 {fsync:.2f} ms",
                ("", "records/s", "of SQLite", "of grouped", "CPU us/record", "p50 ms", "p99 ms"),
                [row(name, one, taken) for name, one in taken.items()],
                ("p50 and p99: how long one caller waited, or one transaction took",),
            ),
            Table(
                "Verification: hashes, chain, signatures",
                ("", "records/s", "1 M records, s"),
                [("verify", f"{checked:,.0f}", f"{1e6 / checked:.1f}")],
            ),
        ),
        (
            Goal(f"CPU per record, {BOTH}", "<=", 15.0, median(taken[BOTH].cpu_us), "us"),
            Goal("verify 1 M records", "<=", 60.0, 1e6 / checked, "s"),
        ),
        (
            "The text is the same everywhere; the audit log also hashes, chains and signs it.",
            "CPU is that of the whole process, the callers' event loop included.",
        ),
    )


def row(name: str, one: Taken, taken: dict[str, Taken]) -> tuple[str, ...]:
    speed = median(one.per_second)
    return (
        name,
        Spread.of(one.per_second).show(0),
        ratio(speed, median(taken[ONE].per_second)),
        ratio(speed, median(taken[GROUPED].per_second)),
        Spread.of(one.cpu_us).show(1),
        f"{percentile(one.waits_ms, 50):.2f}",
        f"{percentile(one.waits_ms, 99):.2f}",
    )


def median(values: list[float]) -> float:
    return statistics.median(values)


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


if __name__ == "__main__":
    from rich.console import Console

    from benchmarks.report import show

    show(run(Options(rounds=3)), Console())
