"""Batches are decided as each row would be alone: located, assembled and decided one by one."""

from random import Random
from typing import Any

import numpy as np
import pytest

from agreement.generate import FACTS, MODELS, fact, small_catalog, world
from agreement.generate import NOW as SMALL_NOW
from bailiwick.decision import compile_table
from bailiwick.facts import PENDING, UNKNOWN, Facts
from bailiwick.location import pack
from bailiwick.pipeline import location_facts
from bailiwick.replay import Judge, Setting, batch
from bailiwick.replay.rows import write_fact
from replay.replay_help import DE, MISTRAL, NEW, NOW, OLD, OPUS, RU, US, locator, setting, table

ROWS = 300
UNSAID = 0.1


@pytest.mark.parametrize("seed", range(10))
def test_recorded_facts_are_decided_as_one_by_one_by_both_policies(seed: int) -> None:
    random = Random(seed)
    catalog = small_catalog()
    tables = [
        compile_table(made.policy, catalog, made.orders, made.approvals)
        for made in (world(random, catalog), world(random, catalog))
    ]
    judge = Judge(Setting(tables[1], tables[0], catalog, locator(), SMALL_NOW))

    for _ in range(3):
        rows = [random_row(random) for _ in range(ROWS)]
        judged = judge.judge(batch(columns_of(rows)))
        for at, (model, facts) in enumerate(rows):
            combination = judge.combinations[judged.combinations[at]]
            alone = Facts(catalog.resolve(model), SMALL_NOW, {**DEFAULTS, **facts})
            assert combination.decisions == tuple(each.decide(alone) for each in tables)


DEFAULTS = {"action": frozenset({"infer"}), "status": frozenset({"active"})}


def random_row(random: Random) -> tuple[str, dict[str, Any]]:
    facts = {}
    for name in FACTS:
        found = fact(random, name)
        if random.random() > UNSAID and found is not PENDING:
            facts[name] = found
    return random.choice([*MODELS, "no/such"]), facts


def columns_of(rows: list[tuple[str, dict[str, Any]]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"model": [model for model, _ in rows]}
    for name in FACTS:
        columns[f"fact.{name}"] = [
            None
            if (one := facts.get(name)) is None
            else "unknown"
            if one is UNKNOWN
            else write_fact(one)
            for _, facts in rows
        ]
    return columns


def test_addresses_are_located_as_one_by_one() -> None:
    random = np.random.default_rng(5)
    texts = [US, DE, RU, "10.0.0.1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "203.0.113.9"]
    addresses = [
        pack(texts[random.integers(len(texts))]) if random.random() < 0.3 else random.bytes(4)
        for _ in range(3000)
    ]
    models = [(OPUS, MISTRAL, "unheard-of")[random.integers(3)] for _ in addresses]
    judge = Judge(setting())

    judged = judge.judge(batch({"model": models, "address": addresses}))

    catalog = judge.setting.catalog
    for at, (model, address) in enumerate(zip(models, addresses, strict=True)):
        assert address is not None
        place = location_facts(locator().locate(address, NOW))
        alone = Facts(catalog.resolve(model), NOW, {**DEFAULTS, **place})
        wanted = tuple(table(text).decide(alone) for text in (OLD, NEW))
        assert judge.combinations[judged.combinations[at]].decisions == wanted


def test_a_recorded_location_counts_and_an_address_is_looked_up_only_without_one() -> None:
    judge = Judge(setting())
    rows = batch(
        {
            "model": [OPUS] * 4,
            "address": [pack(DE), pack(US), pack(US), None],
            "fact.address": ["US", "unknown", None, None],
        }
    )

    judged = judge.judge(rows)

    places = [judge.places.texts[code] for code in judged.places]
    assert places == ["US", None, "US", None]
    assert judged.changes.tolist() == [0, 1, 0, 1]


def test_the_evidence_of_accounts_counts_where_the_row_has_none() -> None:
    accounts = {"a": {"billing": frozenset({"DE"})}, "b": {"billing": frozenset({"US"})}}
    judge = Judge(setting(accounts=accounts))
    rows = batch({"model": [OPUS] * 4, "address": [pack(US)] * 4, "account": ["a", "b", "c", None]})

    assert judge.judge(rows).changes.tolist() == [1, 0, 0, 0]


def test_without_a_baseline_what_was_recorded_counts() -> None:
    judge = Judge(setting(old=None))
    rows = batch(
        {
            "model": [OPUS] * 4,
            "address": [pack(US), pack(US), pack(DE), pack(DE)],
            "recorded": ["permit", "deny", "deny", None],
        }
    )

    assert judge.judge(rows).changes.tolist() == [0, 2, 3, 1]


def test_each_row_can_be_judged_at_its_own_time() -> None:
    rows = batch(
        {
            "model": [MISTRAL] * 2,
            "address": [pack(RU)] * 2,
            "at": [NOW, NOW.replace(month=10)],
        }
    )

    assert Judge(setting()).judge(rows).changes.tolist() == [0, 0]
    assert Judge(setting(at_recorded=True)).judge(rows).changes.tolist() == [0, 1]
