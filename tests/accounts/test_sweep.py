"""What automation does with evidence, and where it stops itself."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

import people
from bailiwick.accounts import Desk, confirm, impact, schema, show_account, sweep
from bailiwick.accounts.engine import reading
from bailiwick.accounts.moves import move_by_steps
from bailiwick.accounts.standing import read_standing, read_standings
from bailiwick.errors import InvalidInput


@pytest.fixture
def desk(database: Any) -> Desk:
    return people.desk(database)


def add(database: Any, account: str, by: Any, status: str = "active", **evidence: str) -> None:
    database.add_account(account, id=account, status=status, **by)
    for kind, value in evidence.items():
        database.set_evidence(account, kind, value.split("+"), **by)


def status(database: Any, account: str) -> str:
    return show_account(database, account).summary.status


def rows(database: Any, table: Any) -> list[Any]:
    with reading(database.engine) as connection:
        return list(connection.execute(select(table)))


def send(database: Any) -> None:
    with database.automating("sent") as change:
        table = schema.notices
        change.connection.execute(
            table.update().where(table.c.sent_at.is_(None)).values(sent_at=change.at)
        )


def test_a_foreign_billing_address_is_restricted_told_and_suspended_after_its_cure_time(
    database: Any, desk: Desk, clock: Any, by: Any
) -> None:
    add(database, "a", by, billing="CA")

    assert sweep(desk).moved == {"restricted": 1}
    clock.move(hours=100)
    assert sweep(desk).moved == {}, "the notice has not left"
    send(database)
    clock.move(hours=71)
    assert sweep(desk).moved == {}
    clock.move(hours=1)
    assert sweep(desk).moved == {"suspended": 1}

    told = rows(database, schema.notices)
    assert [one.kind for one in told] == ["restricted", "suspended"]
    assert "the billing address is in CA" in told[0].body
    assert "Otherwise the account will be suspended" in told[0].body
    assert sweep(desk).moved == {}, "automation goes no further"


def test_better_evidence_lifts_a_restriction_and_weaker_or_expired_does_not(
    database: Any, desk: Desk, clock: Any, by: Any
) -> None:
    for name in ("cleared", "weaker", "silent"):
        add(database, name, by)
        database.set_evidence(name, "billing", ["CA"], tier="T2", source="bank", **by)
    sweep(desk)

    database.set_evidence("cleared", "billing", ["US"], tier="T2", source="bank", **by)
    database.set_evidence("weaker", "billing", ["US"], tier="T3", source="bank", **by)
    database.set_evidence("silent", "billing", [], source="bank", **by)
    sweep(desk)

    assert status(database, "cleared") == "active"
    assert status(database, "weaker") == "restricted"
    assert status(database, "silent") == "restricted"


def test_a_pending_account_becomes_active_reviewed_or_suspended_by_its_evidence(
    database: Any, desk: Desk, by: Any
) -> None:
    add(database, "complete", by, "pending", billing="US", registered="US")
    add(database, "half", by, "pending", billing="US")
    add(database, "torn", by, "pending", billing="US+CA", registered="US")
    add(database, "foreign", by, "pending", billing="CA")

    sweep(desk)

    found = [status(database, one) for one in ("complete", "half", "torn", "foreign")]
    assert found == ["active", "pending", "in_review", "suspended"]


def test_a_card_or_phone_alone_only_opens_a_review(database: Any, desk: Desk, by: Any) -> None:
    add(database, "a", by, billing="US", card="CA")

    sweep(desk)

    (case,) = desk.open_cases("a")
    assert status(database, "a") == "in_review"
    assert (case.queue, case.code) == ("review", "geo.card_country")


def test_two_independent_kinds_that_agree_restrict(database: Any, by: Any) -> None:
    text = people.POLICY.replace(
        "billing: home, registered: home, card: [home, unknown]", "card: home"
    )
    add(database, "both", by)
    add(database, "torn", by)
    for name, document in (("both", "CA"), ("torn", "US")):
        database.set_evidence(name, "card", ["CA"], tier="T2", **by)
        database.set_evidence(name, "document", [document], tier="T1", **by)

    sweep(people.desk(database, text))

    assert status(database, "both") == "restricted"
    assert status(database, "torn") == "in_review"


def test_an_exact_list_match_suspends_at_once_and_a_similar_name_does_not(
    database: Any, by: Any
) -> None:
    text = people.POLICY.replace("then: restrict, cure: 72h, next: suspend", "then: suspend")
    for name, kind in (("exact", "list"), ("similar", "name"), ("unsure", "list")):
        add(database, name, by)
        tier = "T3" if name == "unsure" else "T1"
        database.set_evidence(name, kind, ["sdn:4711"], tier=tier, **by)

    sweep(people.desk(database, text))

    found = [status(database, one) for one in ("exact", "similar", "unsure")]
    assert found == ["suspended", "in_review", "in_review"]


def test_what_is_unknown_raises_nothing(database: Any, desk: Desk, by: Any) -> None:
    add(database, "a", by)
    add(database, "b", by, billing="US")

    assert sweep(desk).moved == {}


def test_required_evidence_that_expired_opens_a_review(
    database: Any, desk: Desk, clock: Any, by: Any
) -> None:
    add(database, "a", by)
    end = clock.now + timedelta(days=30)
    database.set_evidence("a", "billing", ["US"], expires_at=end, **by)
    assert sweep(desk).moved == {}

    clock.move(days=31)
    sweep(desk)

    assert [one.code for one in desk.open_cases("a")] == ["evidence.expired"]


def test_automation_never_overrules_a_person(
    database: Any, desk: Desk, clock: Any, by: Any
) -> None:
    add(database, "a", by, billing="CA")
    sweep(desk)
    (case,) = desk.open_cases("a")
    desk.decide(case.id, "cleared", by="ann", reason="a branch office")
    assert sweep(desk).moved == {}

    database.set_evidence("a", "billing", ["CA"], actor="ann", reason="the same again")
    assert sweep(desk).moved == {}
    database.set_evidence("a", "billing", ["MX"], actor="ann", reason="something new")
    assert sweep(desk).moved == {"restricted": 1}


def test_on_probation_automation_only_asks_for_a_review(
    database: Any, desk: Desk, clock: Any, by: Any
) -> None:
    add(database, "a", by)
    people.suspend(database, "a")
    desk.request_status("a", "active", by="cid", code="error.correction", reason="wrong account")
    database.set_evidence("a", "billing", ["CA"], **by)

    assert sweep(desk).moved == {"in_review": 1}


def test_an_undecided_review_ends_in_favour_of_the_account(
    database: Any, desk: Desk, clock: Any, by: Any
) -> None:
    add(database, "a", by, card="CA")
    sweep(desk)
    clock.move(days=13)
    assert sweep(desk).moved == {}
    clock.move(days=1)

    assert sweep(desk).moved == {"active": 1}

    assert rows(database, schema.cases)[0].disposition == "not_proven"
    assert sweep(desk).moved == {}, "the same evidence is not held against it again"


def test_a_person_can_put_the_end_of_a_review_off_once(
    database: Any, desk: Desk, clock: Any, by: Any
) -> None:
    add(database, "a", by, card="CA")
    sweep(desk)
    (case,) = desk.open_cases("a")
    desk.extend(case.id, by="ann", reason="waiting")
    clock.move(days=20)
    assert sweep(desk).moved == {}
    clock.move(days=8)
    assert sweep(desk).moved == {"active": 1}


def test_a_case_that_is_late_becomes_the_most_urgent(
    database: Any, desk: Desk, clock: Any, by: Any
) -> None:
    add(database, "a", by, card="CA")
    sweep(desk)
    clock.move(days=3)

    assert sweep(desk).late == 1

    assert desk.open_cases()[0].priority == 1
    assert sweep(desk).late == 0


def many(text: str = "confirm_over: {accounts: 2}, suspend_at_most: {accounts: 2}") -> str:
    return people.POLICY.replace("...", f"review: {{{text}}}\n...")


def test_many_changes_wait_until_a_person_has_seen_them(database: Any, by: Any) -> None:
    desk = people.desk(database, many())
    for number in range(4):
        add(database, f"a{number}", by, billing="CA")

    planned = impact(desk)
    assert (planned.adverse, planned.allowed, planned.needs_confirmation) == (4, 2, True)
    assert sweep(desk).held == 4
    assert sweep(desk).moved == {}
    with pytest.raises(InvalidInput, match="no person can act"):
        confirm(desk, by="automation", reason="trust me")
    confirm(desk, by="ann", reason="checked two of them")
    assert sweep(desk).moved == {"restricted": 4}

    for number in range(4, 8):
        add(database, f"a{number}", by, billing="CA")
    assert sweep(desk).held == 4, "what was agreed to is used up"
    events = [one.what for one in rows(database, schema.history)]
    assert events.count("sweep.stopped") == 2
    assert events.count("policy.confirmed") == 1


def test_a_dry_run_changes_nothing(database: Any, desk: Desk, by: Any) -> None:
    add(database, "a", by, billing="CA")
    before = rows(database, schema.history)

    found = impact(desk)

    assert [(one.account, one.target, one.code) for one in found.steps] == [
        ("a", "restricted", "geo.billing_country")
    ]
    assert rows(database, schema.history) == before


def test_automation_suspends_only_so_many_in_an_hour(database: Any, clock: Any, by: Any) -> None:
    desk = people.desk(database, many("suspend_at_most: {accounts: 2}"))
    for number in range(5):
        add(database, f"a{number}", by, "pending", billing="CA")

    first = sweep(desk)
    second = sweep(desk)
    clock.move(hours=1, seconds=1)
    third = sweep(desk)

    assert (first.moved, first.capped) == ({"suspended": 2}, 3)
    assert (second.moved, second.capped) == ({}, 3)
    assert third.moved == {"suspended": 2}


def test_what_a_person_did_after_the_plan_stands(database: Any, desk: Desk, by: Any) -> None:
    for name in "abc":
        add(database, name, by, billing="CA")
    planned = impact(desk).steps
    people.close(database, "b")
    database.set_evidence("c", "billing", ["US"], **by)

    with database.batching("a test") as batch:
        done, capped = move_by_steps(batch, planned, desk.rules, 5)

    assert [step.account for step in done] == ["a"]
    assert capped == 0
    assert [status(database, name) for name in "abc"] == ["restricted", "closed", "active"]


def test_the_report_counts_what_happened(database: Any, desk: Desk, clock: Any, by: Any) -> None:
    from bailiwick.accounts import transparency_report

    add(database, "a", by, billing="CA")
    add(database, "b", by)
    sweep(desk)
    people.suspend(database, "b")
    token = rows(database, schema.notices)[-1].token
    desk.submit_appeal(token, "no")
    clock.move(hours=5)
    (case,) = desk.open_cases("b", "appeal")
    desk.decide(case.id, "granted", by="cid", reason="yes")

    found = transparency_report(
        database.engine, clock.now - timedelta(days=1), clock.now + timedelta(days=1)
    )

    assert (found.restricted, found.suspended, found.terminated, found.reinstated) == (1, 1, 0, 1)
    assert found.by_automation == 1
    assert found.by_reason == {"geo.billing_country": 1, "terms.breach": 1}
    assert (found.appeals_submitted, found.appeals_granted, found.appeals_refused) == (1, 1, 0)
    assert found.appeal_hours_median == 5.0


def test_planning_asks_the_database_as_often_for_many_accounts_as_for_one(
    database: Any, desk: Desk, by: Any
) -> None:
    database.add_account("Group", id="group", kind="organisation", **by)
    add(database, "a", by, billing="CA")
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    assert impact(desk).adverse == 1
    for_one = len(asked)
    for number in range(40):
        add(database, f"b{number}", by, billing="CA")
    asked.clear()

    assert impact(desk).adverse == 41
    assert len(asked) == for_one


def test_accounts_read_together_stand_where_each_stands_alone(
    database: Any, desk: Desk, clock: Any, by: Any
) -> None:
    database.add_account("Top", id="top", kind="organisation", **by)
    database.add_account("Group", id="group", kind="organisation", parent="top", **by)
    database.set_evidence("top", "card", ["CA"], **by)
    for name, parent in (("a", "group"), ("b", "top"), ("c", None), ("d", None)):
        database.add_account(name, id=name, parent=parent, **by)
    database.set_evidence("a", "billing", ["CA"], **by)
    database.set_evidence("c", "phone", ["CA"], **by)
    people.suspend(database, "d")
    sweep(desk)
    send(database)
    desk.open_review("b", "review.requested", [], by="ann", reason="a test")
    found = rows(database, schema.accounts)

    with reading(database.engine) as connection:
        together = read_standings(connection, found, clock.now)
        alone = [read_standing(connection, row, clock.now) for row in found]

    assert together == alone
    standings = {one.id: one for one in together}
    assert [item.kind for item in standings["a"].inherited] == ["card"]
    assert standings["a"].status == "restricted"
    assert standings["a"].notice_sent_at is not None
    assert standings["b"].lapses_at is not None
    assert standings["d"].suspended_by == {"ann", "bob"}


def test_a_place_that_the_customer_declared_outside_is_on_record_as_against_its_own_interest(
    database: Any, desk: Desk, by: Any
) -> None:
    add(database, "declared", by, billing="CA")
    database.add_account("confirmed", id="confirmed", **by)
    database.set_evidence("confirmed", "billing", ["CA"], tier="T2", source="stripe", **by)

    sweep(desk)

    facts = {row.account_id: json.loads(row.facts)[0] for row in rows(database, schema.transitions)}
    assert facts["declared"]["against_interest"] is True
    assert "against_interest" not in facts["confirmed"]
