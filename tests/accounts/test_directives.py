"""Orders and exemptions: from now, by two people where it takes two, and never revived."""

from datetime import UTC, datetime, timedelta

import pytest

from bailiwick.accounts import AccountDatabase, Directives, InForce
from bailiwick.accounts.sources import import_evidence
from bailiwick.errors import InvalidInput

WHY = {"by": "ann", "reason": "a test"}
WEEK = timedelta(days=7)


@pytest.fixture
def directives(database: AccountDatabase) -> Directives:
    return Directives(database)


def off(directives: Directives, clock, *models: str, **more: object) -> str:
    return directives.switch_off(
        models or ("pa/frontier",), review_by=clock.now + WEEK, **{**WHY, **more}
    )  # type: ignore[arg-type]


def exemption(directives: Directives, clock, days: int = 30) -> str:
    return directives.add_exemption("lifts", until=clock.now + timedelta(days=days), **WHY)


def test_an_order_is_in_force_until_somebody_lifts_it(directives, place, clock) -> None:
    order = off(directives, clock, "pa/*", except_labels=["vip"], places=["XA"])
    clock.move(days=400)
    store = place.store()
    (found,) = store.in_force.orders
    directives.switch_on(order, by="ben", reason="over")
    store.poll()

    assert (found.models, found.places, found.except_labels) == (("pa/*",), ("XA",), {"vip"})
    assert store.in_force == InForce()


def test_an_order_ends_by_itself_only_if_it_was_told_to(directives, place, clock) -> None:
    off(directives, clock, until=clock.now + timedelta(hours=1))
    store = place.store()
    before = store.in_force.orders
    clock.move(hours=2)
    store.poll()

    assert len(before) == 1
    assert store.in_force.orders == ()


def test_an_exemption_takes_two_people(directives, place, clock) -> None:
    identity = exemption(directives, clock)
    store = place.store()
    proposed = store.in_force.approvals
    with pytest.raises(InvalidInput, match="cannot approve it"):
        directives.approve_exemption(identity, by="Ann")
    directives.approve_exemption(identity, by="ben")
    store.poll()

    assert proposed == frozenset()
    assert store.in_force.approvals == {"lifts"}


def test_an_exemption_counts_between_its_dates_only(directives, place, clock) -> None:
    start = clock.now + timedelta(days=1)
    identity = directives.add_exemption("lifts", from_=start, until=start + WEEK, **WHY)
    directives.approve_exemption(identity, by="ben")
    store = place.store()
    seen = []
    for days in (0, 1, 6, 1):
        clock.move(days=days)
        store.poll()
        seen.append(bool(store.in_force.approvals))

    assert seen == [False, True, True, False]


def test_a_clock_set_back_revives_no_exemption(directives, place, clock) -> None:
    identity = exemption(directives, clock, days=1)
    directives.approve_exemption(identity, by="ben")
    store = place.store()
    clock.move(days=2)
    store.poll()
    clock.move(days=-2)
    store.poll()

    assert store.in_force.approvals == frozenset()


def test_what_is_over_stays_over_after_a_restart_with_a_clock_set_back(
    directives, place, clock
) -> None:
    identity = exemption(directives, clock, days=1)
    directives.approve_exemption(identity, by="ben")
    clock.move(days=2)
    ended = directives.end_what_is_over()
    again = directives.end_what_is_over()
    clock.move(days=-2)

    assert (ended, again) == (1, 0)
    assert place.store().in_force.approvals == frozenset()
    assert directives.exemptions(ended=True)[0].state == "ended"


def test_an_import_says_how_late_it_is_as_every_change_does(
    directives, database, place, clock, by
) -> None:
    database.add_account("Acme", id="acme", **by)
    identity = exemption(directives, clock, days=1)
    directives.approve_exemption(identity, by="ben")
    clock.move(days=2)
    import_evidence(database, "account,kind,value\nacme,billing,US\n", "e.csv", **by)
    clock.move(days=-2)

    assert place.store().in_force.approvals == frozenset()


def test_a_clock_that_ran_ahead_can_be_reset_on_record(directives, place, clock) -> None:
    now = clock.now
    clock.move(days=3650)
    off(directives, clock)  # written by a machine whose clock is wrong
    clock.now = now
    identity = exemption(directives, clock)
    with pytest.raises(InvalidInput, match="over already"):
        directives.approve_exemption(identity, by="ben")
    directives.reset_clock(by="ann", reason="the clock of one machine ran ahead")
    directives.approve_exemption(identity, by="ben")

    assert place.store().in_force.approvals == {"lifts"}


def test_approvals_rest_on_fresh_data_and_orders_do_not(directives, place, clock) -> None:
    off(directives, clock)
    directives.approve_exemption(exemption(directives, clock), by="ben")
    store = place.store(max_stale=timedelta(0))

    assert len(store.in_force.orders) == 1
    assert store.in_force.approvals == frozenset()


def test_uses_are_counted_for_the_approval_that_counts(directives, clock) -> None:
    directives.approve_exemption(exemption(directives, clock), by="ben")
    directives.count_uses({"lifts": 3, "other": 1})
    directives.count_uses({"lifts": 2})

    assert directives.exemptions()[0].uses == 5


@pytest.mark.parametrize(("more", "message"), [
    ({"models": ()}, "names no model"),
    ({"places": ["UK-1"]}, "unknown place `UK-1`"),
    ({"except_accounts": ["nobody"]}, "no account and no key has the id `nobody`"),
    ({"review_by": datetime(2020, 1, 1, tzinfo=UTC)}, "not after"),
])  # fmt: skip
def test_an_order_that_cannot_be_meant_is_refused(
    directives, clock, more: dict[str, object], message: str
) -> None:
    given = {"models": ("pa/one",), "review_by": clock.now + WEEK, **WHY, **more}

    with pytest.raises(InvalidInput, match=message):
        directives.switch_off(**given)
    assert directives.orders() == ()


def test_an_exemption_of_more_than_a_year_is_refused(directives, clock) -> None:
    with pytest.raises(InvalidInput, match="longer than a year"):
        exemption(directives, clock, days=400)


def test_what_has_ended_cannot_be_ended_again(directives, clock) -> None:
    order = off(directives, clock)
    directives.switch_on(order, **WHY)

    with pytest.raises(InvalidInput, match="has ended already"):
        directives.switch_on(order, **WHY)
    with pytest.raises(InvalidInput, match="no order has the id"):
        directives.switch_on("order_x", **WHY)
