"""What a reviewer has cleared is not raised again of the same account, by whatever path it comes."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

import people
from bailiwick.accounts import Desk, schema, show_account, sweep
from bailiwick.accounts.engine import reading
from bailiwick.signals import Signal

DAYS_90 = timedelta(days=90)


@pytest.fixture
def desk(database: Any, by: Any) -> Desk:
    for name in ("acme", "bolt", "zinc"):
        database.add_account(name.title(), id=name, **by)
    return people.desk(database)


def report(
    desk: Desk, code: str, *accounts: str, kinds: tuple[str, ...] = (), days: float = 0,
    mute: timedelta = DAYS_90, **facts: Any,
) -> str | None:  # fmt: skip
    """Report what a detector saw so many days from now."""
    seen = desk.now() + timedelta(days=days)
    facts |= {"by": list(kinds)} if kinds else {}
    one = Signal(code, "review", accounts or ("acme",), seen, facts)
    return desk.report_sign(
        one.accounts, code, {"kind": code, **facts}, signs=one.signs, seen_at=seen, mute=mute,
        reason="records",
    )  # fmt: skip


def decide(desk: Desk, case: str | None, disposition: str = "cleared", **more: Any) -> None:
    assert case is not None
    desk.decide(case, disposition, by="ann", reason="explained", **more)


def status(database: Any, account: str = "acme") -> str:
    return show_account(database, account).summary.status


def test_the_same_sign_is_muted_for_its_time_whatever_its_numbers_and_its_key(
    desk: Desk, clock: Any
) -> None:
    decide(desk, report(desk, "shadow.countries", countries=["XA", "XB"], days=2))

    assert report(desk, "shadow.countries", countries=["XC", "XD"], days=3) is None
    clock.move(days=89)
    assert report(desk, "shadow.countries") is None
    clock.move(days=2)
    assert report(desk, "shadow.countries") is not None


def test_another_sign_and_another_account_are_not_muted(desk: Desk) -> None:
    decide(desk, report(desk, "shadow.countries"))

    assert report(desk, "shadow.travel") is not None
    assert report(desk, "shadow.countries", "bolt") is not None


def test_old_records_that_are_read_again_raise_nothing_that_was_judged(
    desk: Desk, clock: Any
) -> None:
    for code, disposition in (("shadow.countries", "cleared"), ("shadow.travel", "confirmed")):
        decide(desk, report(desk, code), disposition)
    clock.move(days=120)

    assert report(desk, "shadow.countries", days=-121) is None, "seen before it was cleared"
    assert report(desk, "shadow.countries", days=-31) is None, "seen while it was muted"
    assert report(desk, "shadow.travel", days=-121) is None, "seen before it was confirmed"
    assert report(desk, "shadow.travel", days=-119) is not None, "confirmed mutes nothing later"


def test_a_sign_of_the_future_is_no_way_around_a_mute(desk: Desk) -> None:
    decide(desk, report(desk, "shadow.countries"))

    assert report(desk, "shadow.countries", days=400) is None


def test_every_sign_of_a_case_is_muted_and_shown(desk: Desk) -> None:
    first = report(desk, "shadow.countries", countries=4)
    second = report(desk, "shadow.travel", km=9000)
    again = report(desk, "shadow.travel", km=9000)
    assert first == second == again
    assert [fact["kind"] for fact in facts(desk, first)] == ["shadow.countries", "shadow.travel"]

    decide(desk, first)

    assert report(desk, "shadow.countries") is None
    assert report(desk, "shadow.travel") is None


def facts(desk: Desk, case: str | None) -> list[Any]:
    import json

    return list(json.loads(desk.case(str(case)).facts))


def test_a_sign_that_joins_a_review_of_evidence_is_muted_with_it(
    database: Any, desk: Desk, by: Any
) -> None:
    database.set_evidence("acme", "card", ["CA"], tier="T2", **by)
    sweep(desk)
    (case,) = desk.open_cases("acme")
    assert report(desk, "shadow.travel") == case.id

    decide(desk, case.id)

    assert report(desk, "shadow.travel") is None
    assert desk.findings("acme") == ()


@pytest.mark.parametrize("path", ["status", "lapse", "restriction", "appeal"])
def test_a_sign_is_muted_by_whatever_path_the_account_is_cleared(
    database: Any, desk: Desk, clock: Any, by: Any, path: str
) -> None:
    report(desk, "shadow.travel")
    if path == "status":
        desk.request_status("acme", "active", by="ann", code="review.cleared", reason="fine")
    elif path == "lapse":
        clock.move(days=15)
        sweep(desk)
    else:
        people.suspend(database, "acme", code="shadow.travel")
        if path == "restriction":
            (case,) = desk.open_cases("acme", "restriction")
            decide(desk, case.id)
        else:
            token = rows(database, schema.notices)[-1].token
            desk.submit_appeal(token, "my colleagues travel")
            (case,) = desk.open_cases("acme", "appeal")
            desk.decide(case.id, "granted", by="cid", reason="they do")

    assert status(database) == "active"
    assert report(desk, "shadow.travel") is None


def rows(database: Any, table: Any) -> list[Any]:
    with reading(database.engine) as connection:
        return list(connection.execute(select(table)))


def test_evidence_that_lifts_a_restriction_by_itself_clears_no_sign(
    database: Any, desk: Desk, clock: Any, by: Any
) -> None:
    report(desk, "shadow.travel")
    database.set_evidence("acme", "billing", ["CA"], source="form", **by)
    sweep(desk)
    assert status(database) == "restricted"
    database.set_evidence("acme", "billing", ["US"], source="form", **by)
    sweep(desk)
    assert status(database) == "active"
    clock.move(days=1)

    assert report(desk, "shadow.travel") is not None


def test_how_long_is_kept_with_the_sign(desk: Desk, clock: Any) -> None:
    decide(desk, report(desk, "shadow.countries", mute=timedelta(days=7)))
    decide(desk, report(desk, "shadow.travel", mute=timedelta(days=365)))
    clock.move(days=100)

    assert report(desk, "shadow.countries") is not None
    assert report(desk, "shadow.travel") is None


def test_a_cluster_is_muted_for_all_its_accounts_whichever_comes_first(desk: Desk) -> None:
    decide(desk, report(desk, "shadow.cluster", "bolt", "zinc", kinds=("card", "payer")))

    assert report(desk, "shadow.cluster", "zinc", "bolt", kinds=("card",)) is None
    assert report(desk, "shadow.cluster", "bolt", "zinc", kinds=("card", "payer")) is None
    assert report(desk, "shadow.cluster", "bolt", "zinc", kinds=("card", "egress")) is not None


def test_only_the_newcomer_of_a_cleared_cluster_is_reviewed(database: Any, desk: Desk) -> None:
    decide(desk, report(desk, "shadow.cluster", "bolt", "zinc", kinds=("card",)))

    case = report(desk, "shadow.cluster", "acme", "bolt", "zinc", kinds=("card",))

    assert [one.account for one in desk.case_accounts(str(case))] == ["acme"]
    assert [status(database, one) for one in ("acme", "bolt", "zinc")] == [
        "in_review", "active", "active",
    ]  # fmt: skip
