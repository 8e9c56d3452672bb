"""Every case of the shared corpus, by the reference evaluator and by the table."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from bailiwick.decision import DecisionTable, compile_table
from bailiwick.decision.reference import decide
from bailiwick.policy import Order
from cases.corpus import (
    FOLDER,
    NOW,
    Case,
    corpus_catalog,
    corpus_policy,
    differences,
    load_cases,
    load_elsewhere,
    load_sentences,
)


@cache
def table_of(policy: str, orders: tuple[Order, ...], approved: frozenset[str]) -> DecisionTable:
    case = next(one for one in load_cases() if one.policy == policy)
    return compile_table(case.read_policy(), corpus_catalog(), orders, approved)


def marked(case: Case) -> object:
    marks = [pytest.mark.xfail(reason=case.fails, strict=True)] if case.fails else []
    return pytest.param(case, marks=marks, id=f"{case.where} {case.note}")


CASES = [marked(case) for case in load_cases()]


@pytest.mark.parametrize("case", CASES)
def test_the_table_decides_the_case(case: Case) -> None:
    table = table_of(case.policy, case.orders, case.approved)

    decision = table.decide(case.read_facts())

    assert differences(case, decision) == []
    assert decision.revision == table.revision


@pytest.mark.parametrize("case", CASES)
def test_the_reference_decides_the_case(case: Case) -> None:
    rules = table_of(case.policy, case.orders, case.approved).rules
    policy = replace(case.read_policy(), rules=rules)

    decision = decide(policy, case.read_facts(), case.approved)

    assert differences(case, decision) == []


def test_every_sentence_has_a_case() -> None:
    shown = {name for case in load_cases() for name in case.shows}

    assert shown == set(load_sentences())


@pytest.mark.parametrize("named", load_elsewhere().values())
def test_a_sentence_that_no_case_can_show_has_a_test(named: str) -> None:
    file, name = named.split("::")

    assert f"def {name}(" in (FOLDER.parent.parent / file).read_text("utf-8")


def test_the_revision_covers_all_that_can_change_a_decision() -> None:
    catalog, policy = corpus_catalog(), corpus_policy("effects")
    order = Order("o1", frozenset({"pa/small"}), "made up", "duty officer", NOW, NOW + timedelta(7))
    revisions = [
        compile_table(policy, catalog).revision,
        compile_table(corpus_policy("sample"), catalog).revision,
        compile_table(policy, replace(catalog, digest="another")).revision,
        compile_table(policy, catalog, [order]).revision,
        compile_table(policy, catalog, [replace(order, until_at=NOW)]).revision,
        compile_table(policy, catalog, [], ["field-work"]).revision,
    ]

    assert len(set(revisions)) == len(revisions)
    assert compile_table(policy, catalog).revision == revisions[0]


REVISION = """
import sys
sys.path.insert(0, sys.argv[1])
from cases.corpus import NOW, corpus_catalog, corpus_policy
from bailiwick.decision import compile_table
from bailiwick.policy import Order
models = frozenset({"pa/frontier-1", "pa/frontier-2", "pa/small", "pb/open", "pc/vision"})
orders = [Order("o1", models, "made up", "duty officer", NOW, NOW)] if sys.argv[2:] else []
print(compile_table(corpus_policy("sample"), corpus_catalog(), orders).revision)
"""


def revision_elsewhere(seed: int, *more: str) -> str:
    """Compile the sample in another process, whose sets come in another order."""
    command = [sys.executable, "-c", REVISION, str(FOLDER.parent), *more]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.run(command, env=environment, check=True, capture_output=True).stdout.decode()


def test_the_revision_is_the_same_in_every_process() -> None:
    assert len({revision_elsewhere(seed) for seed in (1, 2)}) == 1


def test_the_revision_is_the_same_in_every_process_under_an_order() -> None:
    assert len({revision_elsewhere(seed, "with an order") for seed in (1, 2, 3)}) == 1


def test_every_case_has_a_note_of_its_own() -> None:
    notes = Counter(case.note for case in load_cases())

    assert [note for note, count in notes.items() if count > 1] == []


def test_there_are_enough_cases_of_each_effect() -> None:
    effects = Counter(str(case.want["effect"]) for case in load_cases())

    assert sum(effects.values()) >= 150
    assert effects["permit"] >= 60
    assert effects["deny"] >= 60
    assert effects["undetermined"] >= 5
