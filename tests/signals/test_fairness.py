"""People are left alone, pools are found, and nothing of it suspends anybody."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import people
from bailiwick.accounts import AccountDatabase, list_accounts, sweep
from bailiwick.accounts.sources import import_evidence
from bailiwick.signals import PERSONAS, Rates, simulate
from bailiwick.signals.uses import ADVISORY, REVIEW

ACCOUNTS, DAYS = 100, 30
BY = {"actor": "tester", "reason": "a test"}
EVIDENCE: dict[str, dict[str, tuple[str, str]]] = {
    "expat": {"billing": ("US", "T2"), "registered": ("US", "T3"), "nationality": ("DE", "T1"), "phone": ("DE", "T3")},
    "traveller": {"billing": ("US", "T2"), "registered": ("US", "T3"), "card": ("US", "T2")},
    "corporate-vpn": {"billing": ("US", "T2"), "registered": ("US", "T1")},
    "cgnat-phone": {"billing": ("US", "T3"), "card": ("US", "T2")},
    "two-region-service": {"billing": ("US", "T2"), "registered": ("US", "T1")},
    "night-worker": {"billing": ("US", "T3")},
    "foreign-card-student": {"billing": ("US", "T3"), "card": ("IN", "T2")},
}  # fmt: skip


@pytest.fixture(scope="module")
def rates() -> dict[str, Rates]:
    return {one.persona: one for one in simulate(ACCOUNTS, DAYS, seed=7)}


@pytest.mark.parametrize("name", [one.name for one in PERSONAS if one.fair])
def test_ordinary_people_are_hardly_ever_reviewed(name: str, rates: dict[str, Rates]) -> None:
    assert rates[name].accounts == ACCOUNTS
    assert rates[name].share <= 0.01


@pytest.mark.parametrize("name", [one.name for one in PERSONAS if not one.fair])
def test_pools_are_found(name: str, rates: dict[str, Rates]) -> None:
    assert rates[name].share >= 0.9


def test_each_pool_is_found_by_the_sign_that_it_is_there_for(rates: dict[str, Rates]) -> None:
    found = {name: set(one.codes) for name, one in rates.items() if not one.fair}

    assert found == {
        "resale-pool": {"shadow.countries"},
        "cloud-relay": {"shadow.cluster"},
        "proxy-farm": {"shadow.concurrency"},
        "handed-on": {"shadow.travel"},
        "one-card-farm": {"shadow.cluster"},
    }


def test_there_is_no_level_that_suspends() -> None:
    assert {REVIEW, ADVISORY} == {"review", "advisory"}


def test_automation_suspends_none_of_these_people_and_reviews_only_a_foreign_card(
    tmp_path: Path,
) -> None:
    """The same people by their evidence: swept over 90 days under a policy that may suspend."""
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    now = [begin]
    database = AccountDatabase.open(
        f"sqlite:///{tmp_path / 'a.db'}", tmp_path / "s", create=True, clock=lambda: now[0]
    )
    rows: list[str] = ["account,kind,value,tier,source"]
    assert set(EVIDENCE) == {one.name for one in PERSONAS if one.fair}
    for persona, evidence in EVIDENCE.items():
        for number in range(20):
            name = f"{persona}-{number}"
            database.add_account(name, id=name, **BY)
            rows += [f"{name},{k},{place},{tier},source" for k, (place, tier) in evidence.items()]
    import_evidence(database, "\n".join(rows), "people.csv", **BY)
    desk = people.desk(database)

    moved: dict[str, int] = {}
    for day in range(0, 90, 5):
        now[0] = begin + timedelta(days=day)
        for target, count in sweep(desk).moved.items():
            moved[target] = moved.get(target, 0) + count

    statuses: dict[str, set[Any]] = {}
    for one in list_accounts(database):
        statuses.setdefault(one.id.rpartition("-")[0], set()).add(one.status)
    assert set(moved) <= {"in_review", "active"}
    student = statuses.pop("foreign-card-student")
    assert student <= {"in_review", "active"}
    assert all(seen == {"active"} for seen in statuses.values())
    reviewed = {case.account_id.rpartition("-")[0] for case in desk.open_cases()}
    assert reviewed <= {"foreign-card-student"}
    assert moved["in_review"] == 20
    database.close()
