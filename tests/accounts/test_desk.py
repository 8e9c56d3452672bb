"""People and statuses: the table, four eyes, cases, notices and appeals, on both databases."""

import re
from typing import Any

import pytest
from sqlalchemy import select

import people
from bailiwick.accounts import Desk, NoSuchAppeal, schema, show_account, sweep
from bailiwick.accounts.engine import reading
from bailiwick.accounts.machine import ADVERSE, TABLE, rows_between
from bailiwick.accounts.values import ACCOUNT_STATUSES
from bailiwick.errors import InvalidInput

WHY = {"code": "terms.breach", "reason": "a test"}


@pytest.fixture
def acme(database: Any, by: Any) -> str:
    database.add_account("Acme", id="acme", **by)
    database.set_evidence("acme", "billing", ["CA"], **by)
    return "acme"


@pytest.fixture
def desk(database: Any) -> Desk:
    return people.desk(database)


def rows(database: Any, table: Any) -> list[Any]:
    with reading(database.engine) as connection:
        return list(connection.execute(select(table)))


def status(database: Any, account: str) -> str:
    return show_account(database, account).summary.status


def token(database: Any) -> str:
    return str(rows(database, schema.notices)[-1].token)


def test_the_table_has_the_thirteen_rows_and_no_other_pair() -> None:
    pairs = {(source, row.target) for row in TABLE for source in row.sources}

    assert [row.number for row in TABLE] == list(range(1, 14))
    assert pairs == {
        ("pending", "active"), ("pending", "in_review"), ("pending", "suspended"),
        ("active", "in_review"), ("active", "restricted"), ("in_review", "restricted"),
        ("restricted", "suspended"), ("active", "suspended"), ("in_review", "suspended"),
        ("restricted", "active"), ("in_review", "active"), ("suspended", "active"),
        ("suspended", "terminated"), ("terminated", "active"),
        ("pending", "closed"), ("active", "closed"), ("in_review", "closed"),
        ("restricted", "closed"), ("suspended", "closed"),
    }  # fmt: skip
    assert not any(rows_between("closed", one) for one in ACCOUNT_STATUSES)


def test_a_suspension_waits_for_a_second_person(database: Any, desk: Desk, acme: str) -> None:
    asked = desk.request_status(acme, "suspended", by="ann", **WHY)

    assert not asked.done
    assert status(database, acme) == "active"
    with pytest.raises(InvalidInput, match="cannot approve it too"):
        desk.approve(str(asked.proposal), by="Ann")
    with pytest.raises(InvalidInput, match="`ann` has proposed that already"):
        desk.request_status(acme, "suspended", by="bob", **WHY)
    assert desk.approve(str(asked.proposal), by="bob").number == 7
    assert status(database, acme) == "suspended"


def test_no_person_acts_as_automation(desk: Desk, acme: str) -> None:
    with pytest.raises(InvalidInput, match="no person can act as"):
        desk.request_status(acme, "in_review", by="automation", **WHY)


def test_an_adverse_change_has_reason_facts_notice_and_policy(
    database: Any, desk: Desk, acme: str
) -> None:
    people.suspend(database, acme)

    (moved,) = [row for row in rows(database, schema.transitions) if row.target in ADVERSE]
    (notice,) = rows(database, schema.notices)
    assert (moved.by, moved.second, moved.code) == ("ann", "bob", "terms.breach")
    assert moved.revision == desk.rules.revision
    assert '"value": "CA"' in moved.facts
    assert moved.notice_id == notice.id
    for part in ("Acme (acme) was suspended", "tested", "terms of service", "billing: CA",
                 "a person", "all models", "To object: https://gate.example/appeal/[[appeal-token]]",
                 "until 2026-12-30", "within 7 days", notice.id):  # fmt: skip
        assert part in notice.body
    assert notice.token not in notice.body


def test_the_same_status_an_unknown_code_and_a_row_that_is_not_there_are_refused(
    desk: Desk, acme: str
) -> None:
    for to, code, message in (
        ("active", "terms.breach", "is active already"),
        ("suspended", "no.code", "unknown reason code"),
        ("terminated", "terms.breach", "nothing leads from active to terminated"),
        ("restricted", "terms.breach", "no person may do that"),
        ("pending", "terms.breach", "nothing leads from active to pending"),
    ):
        with pytest.raises(InvalidInput, match=message):
            desk.request_status(acme, to, by="ann", code=code, reason="a test")


def test_a_termination_needs_two_people_thirty_days_and_no_open_appeal(
    database: Any, desk: Desk, acme: str, clock: Any
) -> None:
    people.suspend(database, acme)
    asked = desk.request_status(acme, "terminated", by="ann", **WHY)
    with pytest.raises(InvalidInput, match="notice of the suspension was not sent"):
        desk.approve(str(asked.proposal), by="bob")
    send(database, clock)
    clock.move(days=31)
    desk.submit_appeal(token(database), "I object")
    asked = desk.request_status(acme, "terminated", by="ann", **WHY)
    with pytest.raises(InvalidInput, match="an appeal is open"):
        desk.approve(str(asked.proposal), by="bob")

    (case,) = desk.open_cases(acme, "appeal")
    desk.decide(case.id, "refused", by="cid", reason="nothing new")

    assert desk.approve(str(asked.proposal), by="bob").target == "terminated"


def send(database: Any, clock: Any) -> None:
    """Say that every notice has left, keeping its token as a reader of it would."""
    with database.automating("sent") as change:
        table = schema.notices
        change.connection.execute(
            table.update().where(table.c.sent_at.is_(None)).values(sent_at=change.at)
        )


def test_an_appeal_works_while_suspended_and_is_decided_by_somebody_else(
    database: Any, desk: Desk, acme: str
) -> None:
    people.suspend(database, acme)
    told = token(database)

    seen = desk.submit_appeal(told, "I moved to Boston", {"billing": ["US"]})

    assert (seen.state, seen.status) == ("submitted", "suspended")
    (case,) = desk.open_cases(acme, "appeal")
    for suspender in ("ann", "BOB"):
        with pytest.raises(InvalidInput, match="decided this before"):
            desk.decide(case.id, "granted", by=suspender, reason="oh well")
    decided = desk.decide(case.id, "granted", by="cid", reason="the lease proves it")
    assert [one.number for one in decided.moved] == [10]
    assert status(database, acme) == "active"
    assert desk.appeal(told).answer == "the lease proves it"
    assert desk.open_cases(acme) == []


@pytest.mark.parametrize("kind", ["own_network", "list", "document", "ownership.o", "nothing"])
def test_an_appeal_declares_places_and_nothing_else_on_any_path(
    database: Any, desk: Desk, acme: str, kind: str
) -> None:
    people.suspend(database, acme)
    before = show_account(database, acme).evidence

    with pytest.raises(InvalidInput, match=f"an appeal cannot declare `{kind}`"):
        desk.submit_appeal(token(database), "let me be", {kind: ["8.8.8.0/24"]})

    assert show_account(database, acme).evidence == before
    assert desk.open_cases(acme, "appeal") == []


def test_a_refused_appeal_has_one_further_look_by_a_third_person(
    database: Any, desk: Desk, acme: str
) -> None:
    people.suspend(database, acme)
    told = token(database)
    desk.submit_appeal(told, "first")
    (case,) = desk.open_cases(acme, "appeal")
    desk.decide(case.id, "refused", by="cid", reason="no")

    desk.submit_appeal(told, "second")
    (case,) = desk.open_cases(acme, "appeal")
    with pytest.raises(InvalidInput, match="decided this before"):
        desk.decide(case.id, "refused", by="cid", reason="no")
    desk.decide(case.id, "refused", by="dan", reason="still no")

    assert not desk.appeal(told).may_submit
    with pytest.raises(InvalidInput, match="is refused already"):
        desk.submit_appeal(told, "third")


def test_whoever_suspended_later_decides_no_appeal_about_what_came_before(
    database: Any, desk: Desk, acme: str
) -> None:
    sweep(desk)
    assert status(database, acme) == "restricted"
    told = token(database)
    people.suspend(database, acme)
    desk.submit_appeal(told, "the restriction was wrong already")
    (case,) = desk.open_cases(acme, "appeal")

    for disposition in ("refused", "granted"):
        with pytest.raises(InvalidInput, match="decided this before"):
            desk.decide(case.id, disposition, by="ann", reason="no")
    desk.decide(case.id, "granted", by="cid", reason="it was")

    assert status(database, acme) == "active"


def test_a_token_that_is_not_good_tells_nothing(
    database: Any, desk: Desk, acme: str, clock: Any
) -> None:
    people.suspend(database, acme)
    told = token(database)
    for bad in ("", "x", told[:-1], "\ud800"):
        with pytest.raises(NoSuchAppeal):
            desk.appeal(bad)
    clock.move(days=183)
    with pytest.raises(NoSuchAppeal):
        desk.appeal(told)


def test_a_token_is_stored_as_its_hash(database: Any, acme: str) -> None:
    people.suspend(database, acme)
    told = token(database)

    assert re.fullmatch(r"[\w-]{43}", told)
    assert all(told.encode() != row.token_hash for row in rows(database, schema.appeals))


def test_reinstating_mutes_what_stood_and_begins_a_probation(
    database: Any, desk: Desk, acme: str
) -> None:
    assert [flag.code for flag in desk.findings(acme)] == ["geo.billing_country"]
    people.suspend(database, acme)

    desk.request_status(acme, "active", by="ann", code="review.cleared", reason="our mistake")

    assert desk.findings(acme) == ()
    (row,) = rows(database, schema.accounts)
    assert row.probation_until is not None


def test_a_review_keeps_access_and_is_decided_once(database: Any, desk: Desk, acme: str) -> None:
    case = desk.open_review(acme, "shadow.cluster", [], by="ann", reason="looks odd")
    assert status(database, acme) == "in_review"
    desk.take(case, by="bob")
    desk.extend(case, by="bob", reason="waiting for papers")
    with pytest.raises(InvalidInput, match="extended already"):
        desk.extend(case, by="bob", reason="again")

    assert desk.decide(case, "false_positive", by="bob", reason="fine").moved

    assert status(database, acme) == "active"
    with pytest.raises(InvalidInput, match="decided already"):
        desk.decide(case, "confirmed", by="bob", reason="no")


def test_an_organisation_that_is_blocked_is_named_when_its_account_is_reinstated(
    database: Any, desk: Desk, by: Any
) -> None:
    database.add_account("Group", id="group", kind="organisation", **by)
    database.add_account("Sub", id="sub", parent="group", **by)
    people.suspend(database, "group")
    people.suspend(database, "sub")

    moved = desk.request_status("sub", "active", by="cid", code="review.cleared", reason="fine")

    assert moved.blocked_by == "group"


def test_a_proposal_for_a_status_that_has_changed_is_refused(
    database: Any, desk: Desk, acme: str
) -> None:
    asked = desk.request_status(acme, "suspended", by="ann", **WHY)
    desk.open_review(acme, "shadow.travel", [], by="bob", reason="odd")

    with pytest.raises(InvalidInput, match="is refused"):
        desk.approve(str(asked.proposal), by="bob")


def test_what_is_personal_can_be_erased_and_everything_else_stays(
    database: Any, desk: Desk, acme: str, by: Any
) -> None:
    database.set_evidence(acme, "document", ["CA"], raw="passport of Jane Doe", **by)
    database.set_contact(acme, "jane@example.org", **by)
    before = show_account(database, acme).evidence

    assert database.erase_personal(acme, **by) == 2

    assert show_account(database, acme).evidence == before
    kept = rows(database, schema.personal)
    assert {(row.value, row.salt) for row in kept} == {(None, None)}
    assert before[-1].commitment in {row.commitment for row in kept}
