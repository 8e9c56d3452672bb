"""How what sources said becomes facts."""

import json
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from bailiwick.accounts import schema
from bailiwick.accounts.derive import Deriver, merged, profile
from bailiwick.accounts.engine import writing
from bailiwick.facts import UNKNOWN

START = datetime(2026, 7, 1, tzinfo=UTC)
LATER = START + timedelta(days=30)


@pytest.fixture
def view(place: Any, database: Any, by: Any) -> Any:
    """The facts of one account with a key, at a moment."""
    database.add_account("Group", id="group", kind="organisation", **by)
    database.add_account("Acme", id="acme", parent="group", **by)
    key = database.add_key("acme", **by)

    def look(at: datetime = START) -> Any:
        store = place.store()
        store.close()
        return store.by_key(key.raw, at)

    return look


def test_what_nobody_said_is_unknown_and_labels_are_known_and_empty(view: Any) -> None:
    found = view()

    assert found.values.get("billing", UNKNOWN) is UNKNOWN
    assert found.values["labels"] == frozenset()
    assert found.values["status"] == {"active"}
    assert found.valid_until is None
    assert found.principals == {"acme", "group", found.key_id}


def test_the_better_tier_wins(view: Any, billed: Any) -> None:
    billed("acme", ["CA"], source="form", tier="T3")
    billed("acme", ["US"], source="issuer", tier="T2")

    found = view()

    assert found.values["billing"] == {"US"}
    assert [entry.source for entry in found.evidence] == ["issuer"]


def test_two_sources_of_one_tier_that_differ_are_two_candidates(view: Any, billed: Any) -> None:
    billed("acme", ["CA"], source="form")
    billed("acme", ["US"], source="import")

    assert view().values["billing"] == {"CA", "US"}


def test_the_newest_statement_of_a_source_counts_whatever_order_they_come_in(
    view: Any, billed: Any
) -> None:
    billed("acme", ["US"], source="stripe", observed_at=START - timedelta(days=1))
    billed("acme", ["CA"], source="stripe", observed_at=START - timedelta(days=9))

    assert view().values["billing"] == {"US"}


def test_one_statement_can_have_two_values(view: Any, database: Any, by: Any) -> None:
    database.set_evidence("acme", "card", ["US", "CA"], **by)

    assert view().values["card"] == {"US", "CA"}


def test_a_source_can_say_that_it_knows_no_longer(view: Any, billed: Any) -> None:
    billed("acme", ["US"])
    billed("acme", [])

    assert "billing" not in view().values


def test_evidence_counts_until_the_moment_it_expires(view: Any, billed: Any) -> None:
    billed("acme", ["US"], expires_at=LATER)

    before, after = view(LATER - timedelta(milliseconds=1)), view(LATER)

    assert before.values["billing"] == {"US"}
    assert before.valid_until == LATER
    assert "billing" not in after.values
    assert after.valid_until is None


def test_when_the_better_evidence_expires_the_next_tier_counts(view: Any, billed: Any) -> None:
    billed("acme", ["CA"], source="form", tier="T3")
    billed("acme", ["US"], source="registry", tier="T1", expires_at=LATER)

    assert view().values["billing"] == {"US"}
    assert view(LATER).values["billing"] == {"CA"}


def test_what_is_not_used_does_not_shorten_how_long_the_facts_hold(view: Any, billed: Any) -> None:
    billed("acme", ["CA"], source="form", tier="T3", expires_at=LATER)
    billed("acme", ["US"], source="registry", tier="T1")

    assert view().valid_until is None


def test_an_expired_newer_statement_does_not_bring_the_older_one_back(
    view: Any, billed: Any, clock: Any
) -> None:
    billed("acme", ["US"])
    clock.move(days=1)
    billed("acme", ["CA"], expires_at=LATER)

    assert "billing" not in view(LATER).values


def test_labels_expire_too(view: Any, database: Any, by: Any) -> None:
    database.set_label("acme", "us-person-verified", expires_at=LATER, **by)

    assert view().values["labels"] == {"us-person-verified"}
    assert view().valid_until == LATER
    assert view(LATER).values["labels"] == frozenset()


def test_an_organisations_evidence_counts_beside_its_accounts_whatever_the_tiers(
    view: Any, billed: Any
) -> None:
    billed("acme", ["US"], tier="T1")
    billed("group", ["CA"], tier="T3")

    assert view().values["billing"] == {"US", "CA"}


def test_an_account_of_which_nothing_is_known_has_its_organisations_evidence(
    view: Any, billed: Any
) -> None:
    billed("group", ["CA"])

    assert view().values["billing"] == {"CA"}


def test_an_organisations_labels_are_its_accounts_labels(view: Any, database: Any, by: Any) -> None:
    database.set_label("group", "research", **by)
    database.set_label("acme", "tier-2", **by)

    assert view().values["labels"] == {"research", "tier-2"}


@pytest.mark.parametrize(
    ("own", "parents", "counts"),
    [
        ("active", "suspended", "suspended"),
        ("suspended", "in_review", "suspended"),
        ("restricted", "terminated", "terminated"),
        ("in_review", "active", "in_review"),
    ],
)
def test_the_strictest_status_of_the_chain_counts(
    view: Any, database: Any, by: Any, own: str, parents: str, counts: str
) -> None:
    for account, status in (("acme", own), ("group", parents)):
        if status != "active":
            with writing(database.engine) as connection:
                table = schema.accounts
                connection.execute(update(table).where(table.c.id == account).values(status=status))

    found = view()

    assert found.status == counts
    assert found.values["status"] == {counts}


def test_an_ownership_outcome_is_a_fact(view: Any, database: Any, by: Any) -> None:
    database.set_evidence("acme", "ownership.ofac-50", ["no"], **by)
    database.set_evidence("group", "ownership.ofac-50", ["unknown_share"], **by)

    assert view().values["ownership.ofac-50"] == {"no", "unknown_share"}


ENTRY = st.tuples(
    st.sampled_from(["billing", "card"]),
    st.sampled_from(["XA", "XB"]),
    st.sampled_from(["form", "stripe", "import"]),
    st.integers(1, 4),
    st.none() | st.integers(1, 9),
)
LABEL = st.tuples(st.sampled_from(["gold", "research"]), st.none() | st.integers(1, 9))


@given(st.lists(ENTRY, max_size=6), st.lists(LABEL, max_size=3), st.integers(2, 4))
def test_a_layout_says_at_every_moment_what_the_rules_say(
    entries: list[Any], labels: list[Any], now: int
) -> None:
    """A layout has shared parts; the rules applied at one moment are the oracle."""
    said = [(tuple(what), end) for *what, end in entries]
    said += [(("labels", name), end) for name, end in labels]
    text = ",".join(json.dumps([*what, end]) for what, end in said)
    deriver = Deriver()

    layout, moments = [deriver.lay_out((text,) if text else (), now) for _ in range(2)][-1]

    assert len(moments) == len(layout) - 1
    for at in range(now, 11):
        plain = profile(what for what, end in said if end is None or at < end)
        found = layout[bisect_right(moments, at)]
        assert merged([found], "active") == merged([plain], "active")


@given(st.lists(ENTRY, max_size=6), st.integers(1, 9), st.integers(1, 9))
def test_time_alone_adds_no_place_of_a_better_tier(entries: list[Any], one: int, two: int) -> None:
    said = [(what, end) for *what, end in entries]
    early, late = (
        profile(what for what, end in said if end is None or at < end) for at in sorted((one, two))
    )

    best = {entry.kind: entry.tier for entry in early.evidence}

    assert all(best[entry.kind] <= entry.tier for entry in late.evidence)
