"""Kill -9 before any statement or commit of an operation: it is all there or not at all.

The history says which, and the same operation done again comes to the same end.
"""

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

import people
from bailiwick.accounts import (
    AccountDatabase,
    Desk,
    Directives,
    Logins,
    confirm,
    schema,
    show_account,
    sweep,
)
from bailiwick.accounts.engine import reading
from bailiwick.accounts.machine import ADVERSE
from bailiwick.accounts.sources import import_evidence

Operation = Callable[[AccountDatabase], object]
FEW = "{confirm_over: {accounts: 2}}"
CAPPED = "{suspend_at_most: {accounts: 3}}"


def rows(database: AccountDatabase, table: Any) -> list[Any]:
    with reading(database.engine) as connection:
        return list(connection.execute(select(table)))


def is_killed(place: Any, operation: Operation, point: int) -> bool:
    """Do an operation in a process that dies at a point; whether it came so far."""
    child = os.fork()
    if child == 0:
        try:
            database = AccountDatabase.open(place.url, place.secret, clock=place.clock)
            _die_at(database, point)
            operation(database)
        except BaseException:  # noqa: BLE001 - nothing may return into the test
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, -signal.SIGKILL}
    return status != 0


def _die_at(database: AccountDatabase, point: int) -> None:
    left = iter(range(point))

    def step(*said: Any) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, "before_cursor_execute", step)
    event.listen(database.engine, "commit", step)


def points(place: Any, operation: Operation) -> Iterator[int]:
    """Die at every point, until the operation comes to its end."""
    point = 0
    while is_killed(place, operation, point):
        yield point
        point += 1
    assert point > 3, "it was killed at hardly any point"


def check_whole(database: AccountDatabase) -> None:
    """Compare everything with the history."""
    history = {row.seq: row for row in rows(database, schema.history)}
    counter = rows(database, schema.counter)[0].sequence
    assert sorted(history) == list(range(1, counter + 1))

    def told(what: str) -> list[int]:
        return [seq for seq, row in history.items() if row.what == what]

    transitions = {row.seq: row for row in rows(database, schema.transitions)}
    notices = {row.id: row for row in rows(database, schema.notices)}
    cases, appeals = rows(database, schema.cases), rows(database, schema.appeals)
    assert sorted(transitions) == sorted(told("status.set"))
    last = {row.account_id: row.target for _, row in sorted(transitions.items())}
    for account in rows(database, schema.accounts):
        assert account.status == last.get(account.id, "active")
    for row in transitions.values():
        if row.target in ADVERSE:
            assert row.notice_id in notices
            assert row.seq in {appeal.transition_seq for appeal in appeals}
            assert row.case_id in {case.id for case in cases}
    assert len(told("case.opened")) == len(cases)
    assert len(told("case.decided")) == sum(case.state == "decided" for case in cases)
    submitted = [appeal for appeal in appeals if appeal.submitted_at is not None]
    assert len(told("appeal.submitted")) == len(submitted)
    assert {appeal.case_id for appeal in submitted} <= {case.id for case in cases}
    seqs = {row.added_seq for row in rows(database, schema.evidence)}
    assert seqs == set(told("evidence.set"))


def test_killed_in_a_sweep(place: Any, database: Any, by: Any) -> None:
    desk = people.desk(database)
    for name, billing in (("a", "CA"), ("b", "CA"), ("c", "US")):
        database.add_account(name, id=name, **by)
        database.set_evidence(name, "billing", [billing], **by)

    for _ in points(place, lambda mine: sweep(people.desk(mine))):
        check_whole(database)

    sweep(desk)
    check_whole(database)
    statuses = [show_account(database, name).summary.status for name in "abc"]
    assert statuses == ["restricted", "restricted", "active"]
    assert len(rows(database, schema.transitions)) == 2


def test_killed_in_a_sweep_of_several_batches(place: Any, database: Any, by: Any) -> None:
    desk = people.desk(database, people.POLICY.replace("...", f"review: {FEW}\n..."))
    names = [f"a{number}" for number in range(5)]
    for name in names:
        database.add_account(name, id=name, **by)
        database.set_evidence(name, "billing", ["CA"], **by)
    confirm(desk, by="ann", reason="seen")
    seen = set()

    for _ in points(place, lambda mine: sweep(Desk(mine, desk.rules.policy), batch=2)):
        check_whole(database)
        done = len(rows(database, schema.transitions))
        (agreed,) = rows(database, schema.confirmations)
        assert agreed.affected == len(names) - done, "what was agreed to is used as it is done"
        seen.add(done)

    check_whole(database)
    assert seen == {0, 2, 4, 5}
    assert {show_account(database, name).summary.status for name in names} == {"restricted"}


def test_killed_in_a_sweep_that_its_cap_stops(place: Any, database: Any, by: Any) -> None:
    desk = people.desk(database, people.POLICY.replace("...", f"review: {CAPPED}\n..."))
    for number in range(5):
        database.add_account(f"a{number}", id=f"a{number}", status="pending", **by)
        database.set_evidence(f"a{number}", "billing", ["CA"], **by)

    for _ in points(place, lambda mine: sweep(Desk(mine, desk.rules.policy), batch=2)):
        assert len(rows(database, schema.transitions)) in {0, 2, 3}

    statuses = [one.status for one in rows(database, schema.accounts)]
    assert sorted(statuses) == ["pending", "pending", "suspended", "suspended", "suspended"]
    told = [row.detail for row in rows(database, schema.history) if row.what == "sweep.stopped"]
    assert len(told) == 1
    assert '"capped": 2' in told[0]


def test_killed_in_an_import(place: Any, database: Any, by: Any) -> None:
    for name in "abc":
        database.add_account(name, id=name, **by)
    lines = ["account,kind,value,source", *(f"{name},billing,US,feed" for name in "abc")]
    text = "\n".join(lines)

    for _ in points(place, lambda mine: import_evidence(mine, text, "feed.csv", **by)):
        check_whole(database)
        assert rows(database, schema.evidence) == []

    check_whole(database)
    assert len(rows(database, schema.evidence)) == 3


def revoke(mine: AccountDatabase) -> None:
    (key,) = rows(mine, schema.keys)
    mine.revoke_key(key.id, actor="ann", reason="a test")


def propose(mine: AccountDatabase) -> None:
    people.desk(mine).request_status(
        "acme", "suspended", by="bob", code="terms.breach", reason="a test"
    )


def approve(mine: AccountDatabase) -> None:
    (proposal,) = people.desk(mine).proposals()
    people.desk(mine).approve(proposal.id, by="bob")


def switch_off(mine: AccountDatabase) -> None:
    review_by = mine.now() + timedelta(days=1)
    Directives(mine).switch_off(["*"], by="ann", reason="a test", review_by=review_by)


def exempt(mine: AccountDatabase) -> None:
    (waiting,) = Directives(mine).exemptions()
    Directives(mine).approve_exemption(waiting.id, by="bob")


def log_in(mine: AccountDatabase) -> None:
    Logins(mine, timedelta(hours=1), timedelta(hours=1)).begin("ann", "m")


@pytest.mark.parametrize("operation", [revoke, propose, approve, switch_off, exempt, log_in])
def test_killed_in_what_a_person_does(
    place: Any, database: Any, by: Any, operation: Operation
) -> None:
    database.add_account("Acme", id="acme", **by)
    database.add_key("acme", **by)
    if operation is approve:
        people.desk(database).request_status(
            "acme", "suspended", by="ann", code="terms.breach", reason="a test"
        )
    until = database.now() + timedelta(days=1)
    Directives(database).add_exemption("pilot", by="ann", reason="a test", until=until)
    before = everything(database)

    for _ in points(place, operation):
        assert everything(database) == before

    check_whole(database)
    assert everything(database) != before


def everything(database: AccountDatabase) -> dict[str, list[Any]]:
    return {table.name: rows(database, table) for table in schema.metadata.sorted_tables}


@pytest.fixture
def token(database: Any, by: Any) -> str:
    """What the notice of a restriction has for whoever objects."""
    database.add_account("Acme", id="acme", **by)
    database.set_evidence("acme", "billing", ["CA"], **by)
    sweep(people.desk(database))
    return str(rows(database, schema.notices)[-1].token)


def test_killed_in_an_appeal(place: Any, database: Any, token: str) -> None:
    def submit(mine: AccountDatabase) -> None:
        people.desk(mine).submit_appeal(token, "we moved", {"billing": ["US"], "tax": ["US"]})

    for _ in points(place, submit):
        check_whole(database)
        if rows(database, schema.appeals)[0].state == "submitted":
            break  # it had only to be shown
        assert len(rows(database, schema.evidence)) == 1

    check_whole(database)
    assert rows(database, schema.appeals)[0].state == "submitted"
    assert len(rows(database, schema.evidence)) == 3


def test_killed_in_a_decision(place: Any, database: Any, token: str) -> None:
    desk: Desk = people.desk(database)
    desk.submit_appeal(token, "we moved")
    case = desk.open_cases("acme", "appeal")[0].id

    def decide(mine: AccountDatabase) -> None:
        people.desk(mine).decide(case, "granted", by="bob", reason="they have moved")

    for _ in points(place, decide):
        check_whole(database)
        assert rows(database, schema.appeals)[0].state == "submitted"
        assert show_account(database, "acme").summary.status == "restricted"

    check_whole(database)
    assert rows(database, schema.appeals)[0].state == "granted"
    assert show_account(database, "acme").summary.status == "active"
