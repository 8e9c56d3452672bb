"""A cluster is one case about all its accounts; each is cleared, told and heard by itself."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import people
from accounts.test_mutes import decide, report, rows, status
from bailiwick.accounts import Desk, Folder, deliver_notices, schema, show_account, sweep
from bailiwick.errors import InvalidInput

NAMES = ("acme", "bolt", "zinc")
SECRET = ("Acme", "Bolt", "Zinc", "acme", "bolt", "zinc", "XA street")


@pytest.fixture
def desk(database: Any, by: Any) -> Desk:
    for name in NAMES:
        database.add_account(name.title(), id=name, **by)
    return people.desk(database)


@pytest.fixture
def case(desk: Desk) -> str:
    return str(report(desk, "shadow.cluster", *NAMES, kinds=("card",)))


def statuses(database: Any) -> list[str]:
    return [status(database, one) for one in NAMES]


def test_every_account_of_a_cluster_is_in_review_by_one_transaction(
    database: Any, desk: Desk, case: str
) -> None:
    assert statuses(database) == ["in_review"] * 3
    moved = rows(database, schema.transitions)
    assert len({one.at for one in moved}) == 1
    assert {one.case_id for one in moved} == {case}
    assert [one.id for one in desk.open_cases()] == [case]
    assert [one.id for one in desk.open_cases("zinc")] == [case]
    assert facts(desk, case)[0]["accounts"] == list(NAMES)


def facts(desk: Desk, case: str) -> list[Any]:
    return list(json.loads(desk.case(case).facts))


def test_one_account_that_is_unknown_leaves_all_as_they_were(database: Any, desk: Desk) -> None:
    with pytest.raises(InvalidInput):
        report(desk, "shadow.cluster", *NAMES, "nobody", kinds=("card",))

    assert statuses(database) == ["active"] * 3
    assert desk.open_cases() == []


def test_clearing_the_case_clears_them_all(database: Any, desk: Desk, case: str) -> None:
    decided = desk.decide(case, "cleared", by="ann", reason="a family")

    assert {one.account for one in decided.moved} == set(NAMES)
    assert statuses(database) == ["active"] * 3
    assert desk.open_cases() == []
    for name in NAMES:
        said = [one.what for one in show_account(database, name).history]
        assert said[-2:] == ["case.decided", "status.set"]


def test_each_is_cleared_by_itself_and_the_case_ends_with_the_last(
    database: Any, desk: Desk, case: str
) -> None:
    decide(desk, case, account="bolt")
    assert statuses(database) == ["in_review", "active", "in_review"]
    assert desk.case(case).state == "open"
    with pytest.raises(InvalidInput, match="decided already for `bolt`: cleared"):
        decide(desk, case, account="bolt")
    with pytest.raises(InvalidInput, match="not about an account `dune`"):
        decide(desk, case, account="dune")

    decide(desk, case, "confirmed", account="zinc")
    decide(desk, case)

    assert statuses(database) == ["active", "active", "in_review"]
    assert {one.account: one.disposition for one in desk.case_accounts(case)} == {
        "acme": "cleared", "bolt": "cleared", "zinc": "confirmed",
    }  # fmt: skip
    assert desk.case(case).state == "decided"


def test_a_status_follows_from_a_case_about_the_account(
    database: Any, desk: Desk, by: Any, case: str
) -> None:
    database.add_account("Dune", id="dune", **by)

    for name in (case, "case_of_nobody"):
        with pytest.raises(InvalidInput, match="case"):
            desk.request_status(
                "dune", "in_review", by="ann", code="shadow.cluster", reason="x", case=name
            )

    assert status(database, "dune") == "active"


def test_a_cluster_that_grows_stays_one_case(database: Any, desk: Desk, by: Any, case: str) -> None:
    database.add_account("Dune", id="dune", **by)

    assert report(desk, "shadow.cluster", *NAMES, "dune", kinds=("card",)) == case
    assert status(database, "dune") == "in_review"
    assert len(desk.case_accounts(case)) == 4
    assert len(facts(desk, case)) == 2


def test_what_comes_again_changes_nothing(database: Any, desk: Desk, case: str) -> None:
    before = rows(database, schema.history)

    assert report(desk, "shadow.cluster", *NAMES, kinds=("card",)) == case
    assert rows(database, schema.history) == before
    assert len(facts(desk, case)) == 1


def test_an_account_with_two_reviews_stays_in_review_until_both_are_decided(
    database: Any, desk: Desk
) -> None:
    own = report(desk, "shadow.travel", "bolt")
    shared = report(desk, "shadow.cluster", *NAMES, kinds=("card",))
    assert own != shared

    decide(desk, shared)
    assert statuses(database) == ["active", "in_review", "active"]
    decide(desk, own)

    assert statuses(database) == ["active"] * 3


def test_clearing_a_review_lifts_no_suspension(database: Any, desk: Desk, case: str) -> None:
    people.suspend(database, "bolt")
    later = report(desk, "shadow.travel", "bolt")

    decide(desk, case)
    decide(desk, later)

    assert statuses(database) == ["active", "suspended", "active"]


def test_accounts_that_are_gone_are_named_and_not_reviewed(database: Any, desk: Desk) -> None:
    people.close(database, "zinc")

    case = str(report(desk, "shadow.cluster", *NAMES, kinds=("card",)))

    assert statuses(database) == ["in_review", "in_review", "closed"]
    assert {one.account for one in desk.case_accounts(case)} == {"acme", "bolt"}
    assert facts(desk, case)[0]["accounts"] == list(NAMES)


def test_a_cluster_that_nobody_decides_ends_in_favour_of_each(
    database: Any, desk: Desk, clock: Any, case: str
) -> None:
    clock.move(days=15)

    assert sweep(desk).moved == {"active": 3}
    assert desk.case(case).disposition == "not_proven"


def test_no_notice_and_no_history_of_one_names_another(
    database: Any, desk: Desk, by: Any, case: str, tmp_path: Path
) -> None:
    database.set_evidence("acme", "billing", ["US"], raw="1 XA street", **by)
    for name in NAMES:
        asked = desk.request_status(
            name, "suspended", by="ann", code="shadow.cluster", reason="one owner", case=case
        )
        desk.approve(str(asked.proposal), by="bob")
    deliver_notices(database, Folder(tmp_path / "out"))

    sent = [json.loads(file.read_text()) for file in (tmp_path / "out").iterdir()]
    assert {one["account"] for one in sent} == set(NAMES)
    for one in sent:
        others = [word for word in SECRET if word.casefold() != one["account"]]
        assert "used together with others" in one["body"]
        assert not [word for word in others if word in json.dumps(one)]
        history = show_account(database, one["account"]).history
        assert not [word for word in others if word in str(history)]


def test_each_suspended_account_appeals_and_is_reinstated_by_itself(
    database: Any, desk: Desk, clock: Any, case: str
) -> None:
    tokens = {}
    for name in NAMES:
        people.suspend(database, name, code="shadow.cluster")
    for row in rows(database, schema.notices):
        tokens[row.account_id] = row.token
    seen = desk.submit_appeal(tokens["bolt"], "my own firm")
    assert (seen.account, seen.status) == ("bolt", "suspended")
    (appeal,) = desk.open_cases(queue="appeal")

    desk.decide(appeal.id, "granted", by="cid", reason="it is")

    assert statuses(database) == ["suspended", "active", "suspended"]
    assert desk.appeal(tokens["acme"]).state == "offered"
    clock.move(days=1)
    assert report(desk, "shadow.cluster", "bolt", "zinc", kinds=("card",)) is not None
    assert status(database, "bolt") == "active", "it was cleared of this"


def test_the_report_counts_every_account_that_was_reviewed(
    database: Any, desk: Desk, clock: Any, case: str
) -> None:
    from bailiwick.accounts import transparency_report

    decide(desk, case, account="bolt")
    decide(desk, case, "confirmed")

    counted = transparency_report(
        database.engine, desk.now() - timedelta(days=1), desk.now() + timedelta(days=1)
    )
    assert counted.reviews_opened == 3
    assert counted.reviews_decided == {"cleared": 1, "confirmed": 2}
