"""The month of made-up traffic: batches and processes decide as one request after another."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from examples.traffic.traffic import make

from bailiwick.bootstrap import load_policy
from bailiwick.bootstrap.traffic import collect
from bailiwick.continuity import Traffic
from bailiwick.decision import compile_table
from bailiwick.facts import Fact, Facts
from bailiwick.location import LocationSettings, load_locator
from bailiwick.pipeline import location_facts
from bailiwick.replay import (
    Job,
    Judge,
    LogOptions,
    Setting,
    Skipped,
    list_prices,
    plan,
    read_accounts,
    read_chunk,
    replay_locally,
)

NOW = datetime(2026, 7, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
ROWS = 4000
ASSUMED = {"processing": frozenset({"US"})}
ALWAYS = {"action": frozenset({"infer"}), "status": frozenset({"active"})}


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("month"), ROWS)


@pytest.fixture(scope="module")
def setting(month: Path) -> Setting:
    new = load_policy(ROOT / "examples/reported.yaml")
    old = load_policy(ROOT / "examples/traffic/before.yaml")
    accounts = read_accounts(month / "accounts.csv")
    (month / "accounts.csv").unlink()
    return Setting(
        compile_table(new.policy, new.catalog), compile_table(old.policy, old.catalog),
        new.catalog, load_locator(LocationSettings(), NOW), NOW,
        accounts=accounts, assumed=ASSUMED,
    )  # fmt: skip


def test_every_row_is_decided_as_the_table_decides_it_alone(month: Path, setting: Setting) -> None:
    judge, rows = Judge(setting), 0
    for chunk in plan([month], LogOptions()):
        for read in read_chunk(chunk, Skipped()):
            judged = judge.judge(read.batch)
            for row, number in zip(
                read.batch.to_pylist(), judged.combinations.tolist(), strict=True
            ):
                facts = Facts(setting.catalog.resolve(row["model"]), NOW, known(setting, row))
                alone = tuple(table.decide(facts) for table in judge.decider.tables)
                assert judge.combinations[number].decisions == alone
                rows += 1

    assert rows == ROWS
    changes = set(judge.met.changes.tolist())
    assert len(changes) == 3  # this change lets nobody in


def known(setting: Setting, row: Mapping[str, object]) -> dict[str, Fact]:
    located = setting.locator.locate(bytes(row["address"]), NOW)
    used = frozenset(filter(None, str(row["fact.features"]).split("|")))
    return {
        **ALWAYS, **ASSUMED, **setting.accounts[str(row["account"])], **location_facts(located),
        "features": used,
    }  # fmt: skip


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_changes_nothing(month: Path, setting: Setting, workers: int) -> None:
    chunks = plan([month], LogOptions())
    job = Job(setting, list_prices(setting.catalog))
    alone = replay_locally(job, chunks[:1], workers=1).totals

    for chunk in chunks[1:]:
        alone.merge(replay_locally(job, [chunk], workers=1).totals)
    together = replay_locally(job, chunks, workers=workers).totals

    assert together.rows == alone.rows == ROWS
    for name in ("by_pair", "by_account", "by_day"):
        one, other = getattr(together, name), getattr(alone, name)
        assert {key: sums.round(6).tolist() for key, sums in one.items()} == {
            key: sums.round(6).tolist() for key, sums in other.items()
        }
    assert together.used == alone.used
    assert (together.first_us, together.last_us) == (alone.first_us, alone.last_us)


@pytest.mark.parametrize("workers", [1, 3])
def test_classes_of_traffic_do_not_depend_on_who_read_what(
    month: Path, setting: Setting, workers: int
) -> None:
    chunks = plan([month], LogOptions())
    halves = [collect(setting, part, workers=1) for part in (chunks[:2], chunks[2:])]

    whole = collect(setting, chunks, workers=workers)

    assert whole.rows == sum(half.rows for half in halves) == ROWS
    assert not whole.partial
    assert int(whole.traffic.requests.sum()) == whole.traffic.sized == ROWS
    parts = [classes(half.traffic) for half in halves]
    for key, (context, output, *sums) in classes(whole.traffic).items():
        mine = [part[key] for part in parts if key in part]
        assert [context, output] == [max(one[at] for one in mine) for at in (0, 1)]
        assert sums == [sum(one[at] for one in mine) for at in (2, 3, 4)]
    accounts = {account for part in parts for account in part}
    assert accounts == set(classes(whole.traffic))


def classes(traffic: Traffic) -> dict[object, list[int]]:
    edges = (128_000, 131_072, 200_000)
    found: dict[object, list[int]] = {}
    for at in range(len(traffic.models)):
        context = int(traffic.context[at])
        key = (
            traffic.names[traffic.models[at]],
            frozenset(traffic.values[traffic.facts[at]].items()),
            sum(context > edge for edge in edges),
        )
        figures = (traffic.requests, traffic.tokens_in, traffic.tokens_out)
        one = [context, int(traffic.output[at]), *(int(figure[at]) for figure in figures)]
        before = found.setdefault(key, [0] * 5)
        found[key] = [
            *map(max, before[:2], one[:2]),
            *(a + b for a, b in zip(before[2:], one[2:], strict=True)),
        ]
    return found
