"""Events of Stripe become evidence: which, of what tier, and in whatever order they come."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from bailiwick.accounts import (
    AccountDatabase,
    common_links,
    declared_networks,
    show_account,
    topmost_organisations,
)
from bailiwick.accounts.sources import BadEvent, link_owner, read_stripe_event, take_in
from bailiwick.errors import InvalidInput
from sources.conftest import current
from sources.stripes import T0, card, customer, event

BY = {"actor": "tester", "reason": "a test"}
NEW_YORK = {"country": "US", "state": "NY", "postal_code": "10001", "city": "New York", "line1": "1 Main St"}  # fmt: skip


def take(database: AccountDatabase, *events: Mapping[str, Any]) -> Sequence[str]:
    return [take_in(database, [read_stripe_event(one)])[0] for one in events]


def said(kind: str, found: Mapping[str, Any], **more: Any) -> set[tuple[str, tuple[str, ...], str]]:
    return {(one.kind, one.values, one.tier) for one in read_stripe_event(event(kind, found, **more)).said}  # fmt: skip


def test_a_customer_declares_where_it_is_billed_and_its_phone() -> None:
    found = said("customer.created", customer(address=NEW_YORK, phone="+14155550123"))

    assert found == {("billing", ("US-NY",), "T3"), ("address_check", ("valid",), "T4"), ("phone", ("US",), "T3")}  # fmt: skip


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (card(), {("card", ("US",), "T2"), ("funding", ("credit",), "T2")}),
        (card(funding="prepaid"), {("card", ("US",), "T3"), ("funding", ("prepaid",), "T2")}),
        (card(billing={"country": "DE"}), {("card", ("US",), "T2"), ("funding", ("credit",), "T2"), ("billing", ("DE",), "T3")}),
        (card(billing={"country": "DE"}, postcode="pass"), {("card", ("US",), "T2"), ("funding", ("credit",), "T2"), ("billing", ("DE",), "T2")}),
        (card(billing={"country": "DE"}, postcode="fail"), {("card", ("US",), "T2"), ("funding", ("credit",), "T2"), ("billing", ("DE",), "T3")}),
        ({"id": "pm_2", "type": "sepa_debit", "customer": "cus_1"}, set()),
    ],
)  # fmt: skip
def test_a_card_tells_its_issuer_and_confirms_an_address_or_not(
    made: Mapping[str, Any], expected: object
) -> None:
    assert said("payment_method.attached", made) == expected


def test_what_accounts_have_in_common_is_kept_as_digests_and_found_again(
    database: AccountDatabase,
) -> None:
    database.add_account("Group", id="group", kind="organisation", **BY)
    for name, parent in (("bolt", "group"), ("crux", None)):
        database.add_account(name, id=name, parent=parent, **BY)
    spelled = {**NEW_YORK, "line1": "1  MAIN st."}
    take(
        database,
        event("customer.created", customer("cus_1", "acme", email="Pay@one.example"), number=1),
        event("customer.created", customer("cus_2", "bolt", email="pay@ONE.example", address=NEW_YORK), number=2),
        event("customer.created", customer("cus_3", "crux", address=spelled), number=3),
        event("payment_method.attached", card("pm_1", "cus_1", fingerprint="same"), number=4),
        event("payment_method.attached", card("pm_3", "cus_3", fingerprint="same"), number=5),
        event("payment_method.attached", card("pm_2", "cus_2", fingerprint="other"), number=6),
    )  # fmt: skip

    found = common_links(database)

    assert {kind: [set(one) for one in links.values()] for kind, links in found.items() if links} == {
        "payer": [{"acme", "bolt"}], "address": [{"bolt", "crux"}], "card": [{"acme", "crux"}],
    }  # fmt: skip
    assert "same" not in str(found)
    assert topmost_organisations(database) == {"bolt": "group"}


def test_networks_that_an_account_or_its_organisation_declared(
    database: AccountDatabase,
) -> None:
    database.add_account("Group", id="group", kind="organisation", **BY)
    database.add_account("Bolt", id="bolt", parent="group", **BY)
    database.set_evidence("group", "own_network", ["8.8.8.0/24"], **BY)
    database.set_evidence("bolt", "own_network", ["2001:4860::/32", "8.8.4.0/28"], **BY)

    assert declared_networks(database) == {
        "group": ("8.8.8.0/24",),
        "bolt": ("2001:4860::/32", "8.8.4.0/28", "8.8.8.0/24"),
    }
    for wrong in ("8.0.0.0/8", "192.168.0.0/16", "8.8.8.1/24", "here"):
        with pytest.raises(InvalidInput):
            database.set_evidence("bolt", "own_network", [wrong], **BY)


@pytest.mark.parametrize(
    ("source", "expected"),
    [("billing_address", set()), ("ip_address", set()), ("payment_method", set()), ("shipping_destination", {("tax", ("FR",), "T3")})],
)  # fmt: skip
def test_a_tax_place_that_was_inferred_is_not_counted_twice(source: str, expected: object) -> None:
    tax = {"location": {"country": "FR", "source": source}}

    assert said("customer.updated", customer(tax=tax)) == expected


@pytest.mark.parametrize(
    ("kind", "found", "expected"),
    [
        ("customer.tax_id.created", {"id": "txi_1", "customer": "cus_1", "country": "GB", "verification": {"status": "pending"}}, {("tax", ("GB",), "T3")}),
        ("customer.tax_id.updated", {"id": "txi_1", "customer": "cus_1", "country": "GB", "verification": {"status": "verified"}}, {("tax", ("GB",), "T1")}),
        ("customer.tax_id.deleted", {"id": "txi_1", "customer": "cus_1", "country": "GB"}, set()),
        ("identity.verification_session.verified", {"id": "vs_1", "status": "verified", "last_verification_report": {"document": {"issuing_country": "FR"}}}, {("document", ("FR",), "T1")}),
        ("identity.verification_session.verified", {"id": "vs_1", "status": "verified", "last_verification_report": "vr_1"}, set()),
        ("identity.verification_session.requires_input", {"id": "vs_1", "status": "requires_input", "last_verification_report": {"document": {"issuing_country": "FR"}}}, set()),
    ],
)  # fmt: skip
def test_tax_ids_and_checked_documents_have_their_tiers(
    kind: str, found: Mapping[str, Any], expected: object
) -> None:
    assert said(kind, found) == expected


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"id": "e", "type": "t"}, {"id": "e", "type": "t", "created": True}, {"id": "e", "type": "t", "created": "1"}, {"id": 1, "type": "t", "created": 1}, {"id": "e", "type": "customer.updated", "created": 1}, {"id": "e", "type": "customer.updated", "created": 1, "data": {"object": {"id": 7}}}, {"id": "e", "type": "customer.updated", "created": 1 << 40}],
)  # fmt: skip
def test_what_is_no_event_is_refused(body: object) -> None:
    with pytest.raises(BadEvent):
        read_stripe_event(body)


def test_two_cards_are_two_candidates_and_a_detached_one_is_none(database: AccountDatabase) -> None:
    take(
        database,
        event("customer.created", customer(), 1),
        event("payment_method.attached", card("pm_1"), 2),
        event("payment_method.attached", card("pm_2", country="CA"), 3),
    )
    both = current(database)
    take(database, event("payment_method.detached", card("pm_2", owner=None), 4, T0 - 10, {"customer": "cus_1"}))  # fmt: skip

    assert {one for one in both if one[0] == "card"} == {("card", "US", "T2", "stripe:pm_1"), ("card", "CA", "T2", "stripe:pm_2")}  # fmt: skip
    assert {one for one in current(database) if one[0] == "card"} == {("card", "US", "T2", "stripe:pm_1")}  # fmt: skip


def test_an_event_counts_once_and_an_older_one_not_at_all(database: AccountDatabase) -> None:
    new = event("customer.updated", customer(address={"country": "DE"}), 2, T0 - 10)
    old = event("customer.created", customer(address={"country": "FR"}), 1, T0 - 20)

    outcomes = take(database, new, new, old)

    assert outcomes == ["applied", "duplicate", "older"]
    assert current(database) == {("billing", "DE", "T3", "stripe:cus_1")}


def test_what_comes_before_its_account_is_known_waits_for_it(database: AccountDatabase) -> None:
    before = take(database, event("payment_method.attached", card(), 1))
    nothing = current(database)
    take(database, event("customer.updated", customer(), 2))

    assert (before, nothing) == (["waiting"], set())
    assert ("card", "US", "T2", "stripe:pm_1") in current(database)


def test_a_person_can_say_whose_customer_it_is(database: AccountDatabase) -> None:
    take(database, event("payment_method.attached", card(), 1))

    link_owner(database, "stripe", "cus_1", "acme", actor="tester", reason="contract 7")
    take(database, event("customer.updated", customer(account="other"), 2))

    assert ("card", "US", "T2", "stripe:pm_1") in current(database)


def test_an_account_that_does_not_exist_is_waited_for(database: AccountDatabase) -> None:
    outcome = take(database, event("customer.created", customer(account="nobody", address={"country": "DE"}), 1))  # fmt: skip

    assert outcome == ["waiting"]


def test_a_review_is_a_note_in_the_history_and_no_evidence(database: AccountDatabase) -> None:
    opened = {"id": "prv_1", "opened_reason": "rule", "reason": "rule", "charge": {"id": "ch_1", "customer": "cus_1"}}  # fmt: skip
    take(database, event("customer.created", customer(), 1), event("review.opened", opened, 2))

    notes = [one for one in show_account(database, "acme").history if one.what == "source.note"]
    assert [one.detail["opened_reason"] for one in notes] == ["rule"]
    assert current(database) == set()


def test_an_event_that_nobody_knows_is_kept_and_no_error(database: AccountDatabase) -> None:
    assert take(database, event("invoice.paid", {"id": "in_1"}, 1)) == ["ignored"]
    assert take(database, event("invoice.paid", {"id": "in_1"}, 1)) == ["duplicate"]


def test_nothing_that_names_a_person_is_kept(database: AccountDatabase, tmp_path: Any) -> None:
    secret = {"country": "US", "line1": "77 Hidden Lane", "postal_code": "10001", "state": "NY"}
    found = customer(address=secret, phone="+14155550123", email="pat@example.org", name="Pat Hidden")  # fmt: skip
    take(database, event("customer.created", found, 1), event("payment_method.attached", card(billing=secret, fingerprint="FPRINT"), 2))  # fmt: skip

    with database.engine.connect() as connection:
        from sqlalchemy import MetaData, select

        tables = MetaData()
        tables.reflect(connection)
        kept = "".join(str(connection.execute(select(one)).all()) for one in tables.tables.values())
    assert "cus_1" in kept
    for part in ("Hidden", "10001", "5550123", "pat@", "FPRINT"):
        assert part not in kept


def history_of_a_shop(random: Random, customers: int, count: int) -> list[dict[str, Any]]:
    """Make up a history: customers who move, cards that come, change and go, checks that pass."""
    events: list[dict[str, Any]] = []
    places = ["US", "CA", "DE", "FR", "JP"]
    for number in range(count):
        who, at = random.randrange(customers), T0 - 10_000 + random.randrange(5000)
        owner, place = f"cus_{who}", random.choice(places)
        made: tuple[str, dict[str, Any]] = random.choice(
            [
                ("customer.updated", customer(owner, f"a{who}", address={"country": place})),
                ("customer.updated", customer(owner, f"a{who}", phone=random.choice(["+14155550123", "+4930123456"]))),
                ("customer.deleted", customer(owner, f"a{who}")),
                ("payment_method.attached", card(f"pm_{who}_{random.randrange(3)}", owner, place)),
                ("payment_method.updated", card(f"pm_{who}_{random.randrange(3)}", owner, place, "pass", billing={"country": place})),
                ("payment_method.detached", card(f"pm_{who}_{random.randrange(3)}", None, place)),
                ("customer.tax_id.updated", {"id": f"txi_{who}", "customer": owner, "country": place, "verification": {"status": random.choice(["pending", "verified"])}}),
                ("identity.verification_session.verified", {"id": f"vs_{who}", "related_customer": owner, "status": "verified", "last_verification_report": {"document": {"issuing_country": place}}}),
                ("invoice.paid", {"id": f"in_{number}"}),
            ]
        )  # fmt: skip
        before = {"customer": owner} if made[0].endswith("detached") else None
        events.append(event(made[0], made[1], number, at, before))
    return events


def test_a_thousand_events_in_any_order_end_in_the_same_state(database: AccountDatabase) -> None:
    random = Random(7)
    events = history_of_a_shop(random, 20, 1000)
    in_order = sorted(events, key=lambda one: (one["created"], one["id"]))
    shuffled = [*events, *random.sample(events, 100)]
    random.shuffle(shuffled)

    for prefix, given in (("", in_order), ("b", shuffled)):
        for number in range(20):
            database.add_account("x", id=f"{prefix}a{number}", actor="tester", reason="a test")
        for start in range(0, len(given), 37):
            take_in(database, [read_stripe_event(renamed(one, prefix)) for one in given[start : start + 37]])  # fmt: skip

    for number in range(20):
        first, second = current(database, f"a{number}"), current(database, f"ba{number}")
        assert {(k, v, t, s.replace(":b", ":")) for k, v, t, s in second} == first
    assert sum(len(current(database, f"a{number}")) for number in range(20)) > 40


def renamed(one: Mapping[str, Any], prefix: str) -> Any:
    """Give the same event about other objects, customers and accounts."""
    import json

    text = json.dumps(one)
    for mark in ("cus_", "pm_", "txi_", "vs_", "evt_", "in_"):
        text = text.replace(f'"{mark}', f'"{prefix}{mark}')
    return json.loads(text.replace('"bailiwick_account": "', f'"bailiwick_account": "{prefix}'))


def test_the_time_of_an_event_is_when_its_evidence_was_observed(database: AccountDatabase) -> None:
    take(database, event("customer.created", customer(address={"country": "DE"}), 1, T0 - 77))

    found = show_account(database, "acme").evidence[0]
    assert found.observed_at == datetime.fromtimestamp(T0 - 77, UTC)
