"""How fast a month of traffic is read into classes for the continuity report, beside a replay."""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from examples.traffic.traffic import make

from bailiwick.bootstrap import load_policy
from bailiwick.bootstrap.traffic import Collected, collect
from bailiwick.continuity import Portfolio, Prices, Wishes, assess, losses_of
from bailiwick.decision import compile_table
from bailiwick.location import LocationSettings, load_locator
from bailiwick.replay import (
    Job,
    LogOptions,
    Setting,
    list_prices,
    plan,
    read_accounts,
    replay_locally,
)
from benchmarks.options import Options
from benchmarks.report import Goal, Section, Spread, Table, ratio

ROWS = 4_000_000
NOW = datetime(2026, 6, 30, tzinfo=UTC)
ROOT = Path(__file__).parent.parent
TWO, ONE, REPLAY = "classes, 2 workers", "classes, 1 worker", "replay, 2 workers"
ASSESS = "the assessment of all losses"


def run(options: Options) -> Section:
    """Measure."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
        logs = make(Path(name), ROWS)
        setting = _setting(logs / "accounts.csv")
        (logs / "accounts.csv").unlink()
        chunks = plan([logs], LogOptions())
        made = collect(setting, chunks, workers=2)
        job = Job(replace(setting, old=setting.new), list_prices(setting.catalog))
        subjects: dict[str, Callable[[], object]] = {
            TWO: lambda: collect(setting, chunks, workers=2),
            ONE: lambda: collect(setting, chunks, workers=1),
            REPLAY: lambda: replay_locally(job, chunks, workers=2),
            ASSESS: lambda: _assess(setting, made),
        }
        found = {one: _turns(once, options.rounds) for one, once in subjects.items()}
    rows = [
        (
            one,
            f"{wall.median:.2f}",
            cpu.show(2),
            _rate(one, wall),
            ratio(cpu.median, found[REPLAY][1].median),
        )
        for one, (wall, cpu) in found.items()
    ]
    columns = ("what", "s", "s of CPU", "million rows/s", "CPU beside the replay's")
    return Section(
        "Continuity",
        (Table(f"A month of {ROWS:,} requests, as `make demo-traffic` makes it", columns, rows),),
        (
            Goal(
                "classes, 2 workers", ">=", 4.0, ROWS / found[TWO][0].median / 1e6, "million rows/s"
            ),
            Goal("the assessment", "<=", 2.0, found[ASSESS][0].median, "s"),
        ),
        (f"{len(made.traffic.models):,} classes of {len(made.traffic.accounts):,} accounts",),
    )


def _rate(name: str, wall: Spread) -> str:
    return "" if name == ASSESS else f"{ROWS / wall.median / 1e6:.2f}"


def _turns(once: Callable[[], object], rounds: int) -> tuple[Spread, Spread]:
    """Give seconds by the clock and of CPU, of this process and its workers."""
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), sum(os.times()[:4])
        once()
        walls.append(time.perf_counter() - wall)
        cpus.append(sum(os.times()[:4]) - cpu)
    return Spread.of(walls), Spread.of(cpus)


def _setting(accounts: Path) -> Setting:
    loaded = load_policy(ROOT / "examples/traffic/before.yaml")
    table = compile_table(loaded.policy, loaded.catalog)
    locator = load_locator(LocationSettings(), NOW)
    return Setting(
        table, None, loaded.catalog, locator, NOW,
        accounts=read_accounts(accounts), assumed={"processing": frozenset({"US"})},
    )  # fmt: skip


def _assess(setting: Setting, made: Collected) -> object:
    catalog, policy, traffic = setting.catalog, setting.new.policy, made.traffic
    prices = Prices.of(catalog.models, {})
    candidates = [one for one in catalog.models if setting.new.governing(one)]
    portfolio = Portfolio(catalog, traffic, Wishes(quality="mmlu_pro"), prices, candidates)
    used = [name for name in traffic.names if name is not None]
    places = {
        place
        for facts in traffic.values
        if isinstance(fact := facts.get("address"), frozenset)
        for place in fact
    }
    losses = losses_of(catalog, used, places, {}, policy.controlled)
    return assess(portfolio, setting.new, NOW, losses)
