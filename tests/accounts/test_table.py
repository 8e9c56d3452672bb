"""The guards of the table, each on both sides of its line, without a database."""

from dataclasses import replace
from typing import Any

import pytest

from bailiwick.accounts.flags import Flag, Grade
from bailiwick.accounts.machine import (
    ADVERSE,
    TABLE,
    Situation,
    choose,
    people_needed,
    rows_between,
)
from bailiwick.accounts.steps import ORDER
from bailiwick.accounts.values import ACCOUNT_STATUSES

FLAG = Flag("f", "rule", "geo.card_country", "card", Grade.REVIEW, "restrict", 3600, True, ())
SEVERE = replace(FLAG, grade=Grade.SUSPEND)
EXACT = replace(SEVERE, exact=True, then="suspend")
ADVICE = replace(FLAG, grade=Grade.ADVISE)
NOBODY, ANN = Situation(), Situation(people=("ann",))
BOTH = Situation(people=("ann", "bob"))


def number(source: str, target: str, situation: Situation) -> int | None:
    row, objection = choose(source, target, situation)
    assert (row is None) is (objection is not None)
    return row.number if row else None


@pytest.mark.parametrize(
    ("source", "target", "wanted", "enough", "not_enough"),
    [
        ("pending", "active", 1, {"complete": True}, [{}, {"flags": (FLAG,)}]),
        ("pending", "in_review", 2, {"flags": (FLAG,)}, [{}, {"flags": (ADVICE,)}, {"detected": True}]),
        ("pending", "suspended", 3, {"flags": (SEVERE,)}, [{}, {"flags": (FLAG, ADVICE)}]),
        ("active", "in_review", 4, {"flags": (FLAG,)}, [{}, {"flags": (ADVICE,)}]),
        ("active", "in_review", 4, {"detected": True}, [{}]),
        ("active", "restricted", 5, {"flags": (SEVERE,)}, [{}, {"flags": (FLAG,)}, {"flags": (SEVERE,), "on_probation": True}]),
        ("in_review", "restricted", 5, {"flags": (SEVERE,)}, [{}, {"flags": (replace(SEVERE, then="review"),)}]),
        ("restricted", "suspended", 6, {"cure_over": True}, [{}, {"flags": (SEVERE,)}]),
        ("active", "suspended", 7, {"flags": (EXACT,)}, [{}, {"flags": (SEVERE,)}, {"flags": (replace(EXACT, then="restrict"),)}, {"flags": (replace(EXACT, exact=False),)}]),
        ("restricted", "active", 8, {"superseded": True}, [{}, {"complete": True}, {"lapsed": True}]),
        ("in_review", "active", 9, {"lapsed": True}, [{}, {"superseded": True}, {"complete": True}]),
    ],
)  # fmt: skip
def test_automation_needs_what_the_row_says_and_nothing_else_will_do(
    source: str, target: str, wanted: int, enough: Any, not_enough: list[Any]
) -> None:
    assert number(source, target, replace(NOBODY, **enough)) == wanted
    for less in not_enough:
        assert number(source, target, replace(NOBODY, **less)) is None


EVERYTHING = Situation(
    flags=(EXACT,), detected=True, complete=True, cure_over=True, superseded=True, lapsed=True,
    noticed_long_ago=True, code="error.correction",
)  # fmt: skip


def test_automation_never_reinstates_terminates_or_closes_whatever_is_known() -> None:
    reached = {
        (source, target)
        for source in ACCOUNT_STATUSES
        for target in ACCOUNT_STATUSES
        if number(source, target, EVERYTHING) is not None
    }

    assert {target for _, target in reached} == set(ORDER)
    assert not {source for source, _ in reached} & {"suspended", "terminated", "closed"}


def test_one_person_is_one_under_any_spelling_and_two_are_needed_where_it_counts() -> None:
    for source in ("active", "in_review", "restricted"):
        assert number(source, "suspended", ANN) is None
        assert number(source, "suspended", Situation(people=("ann", "ANN"))) is None
        assert number(source, "suspended", BOTH) == 7
    ready = replace(BOTH, noticed_long_ago=True)
    assert number("suspended", "terminated", replace(ready, people=("ann",))) is None
    assert number("suspended", "terminated", ready) == 11
    corrected = replace(BOTH, code="error.correction")
    assert number("terminated", "active", replace(corrected, people=("ann", "Ann"))) is None
    assert number("terminated", "active", corrected) == 12
    assert number("terminated", "active", replace(BOTH, code="appeal.granted")) is None


def test_a_termination_waits_for_its_notice_and_for_an_appeal() -> None:
    ready = replace(BOTH, noticed_long_ago=True)

    assert number("suspended", "terminated", BOTH) is None
    assert number("suspended", "terminated", replace(ready, appeal_open=True)) is None
    assert (
        choose("suspended", "terminated", replace(ready, appeal_open=True))[1]
        == "an appeal is open"
    )


def test_on_appeal_none_of_those_who_suspended_reinstates() -> None:
    suspended = replace(ANN, suspended_by=frozenset({"Ann", "bob"}))

    assert number("suspended", "active", suspended) == 10, "outside an appeal it corrects itself"
    assert number("suspended", "active", replace(suspended, on_appeal=True)) is None
    other = replace(suspended, people=("cid",), on_appeal=True)
    assert number("suspended", "active", other) == 10
    assert number("suspended", "active", replace(other, people=("cid", "BOB"))) is None


def test_no_person_restricts_or_activates_and_one_person_closes() -> None:
    for source, target in (
        ("active", "restricted"),
        ("pending", "active"),
        ("pending", "in_review"),
    ):
        row, objection = choose(source, target, replace(EVERYTHING, people=("ann", "bob")))
        assert row is None
        assert objection == "no person may do that; it follows from evidence"
    for source in ("pending", "active", "in_review", "restricted", "suspended"):
        assert number(source, "closed", ANN) == 13
    assert number("terminated", "closed", ANN) is None


def test_how_many_people_a_change_takes() -> None:
    needed = {
        (row.number): max(people_needed(source, row.target) for source in row.sources)
        for row in TABLE
    }

    assert needed == {
        1: 0,
        2: 0,
        3: 0,
        4: 1,
        5: 0,
        6: 2,
        7: 2,
        8: 1,
        9: 1,
        10: 1,
        11: 2,
        12: 2,
        13: 1,
    }
    assert people_needed("closed", "active") == 0


def test_what_is_in_the_way_is_told_to_whoever_asks() -> None:
    assert choose("closed", "active", ANN) == (None, "nothing leads from closed to active")
    assert choose("active", "suspended", ANN)[1] == "that takes two people"
    assert choose("restricted", "suspended", ANN)[1] == "that takes two people"
    assert choose("suspended", "active", NOBODY)[1] == "automation may not do that"
    assert "no exact match" in str(choose("active", "suspended", NOBODY)[1])


def test_what_is_adverse_is_three_statuses() -> None:
    assert {"restricted", "suspended", "terminated"} == ADVERSE
    assert [row.number for row in rows_between("restricted", "suspended")] == [6, 7]
