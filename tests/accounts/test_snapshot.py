"""The tables that a snapshot is made of, against plain dicts; and what is loaded before a fork."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import people
from bailiwick.accounts import AccountStore, AccountsUnavailable, load_snapshot
from bailiwick.accounts import snapshot as snapshots
from bailiwick.accounts.account_table import NOBODY, AccountFilling, Standing
from bailiwick.accounts.derive import Deriver
from bailiwick.accounts.key_table import DEAD, KeyFilling, KeyTable

NOW = datetime(2026, 7, 1, tzinfo=UTC)
# few beginnings, so that many stand together, and halves that begin as others end
HALVES = st.builds(
    lambda start, rest: bytes(start) + bytes(rest),
    st.tuples(st.sampled_from([0, 255]), st.sampled_from([0, 1, 255])),
    st.lists(st.sampled_from([0, 255]), min_size=14, max_size=14),
)
EXPIRY = st.none() | st.integers(1, 9)


@given(
    st.dictionaries(HALVES, EXPIRY, max_size=60),
    st.dictionaries(HALVES, EXPIRY, max_size=9),
    st.sets(HALVES, max_size=9),
    st.integers(1, 16),
)
def test_a_key_table_finds_what_a_dict_finds(
    first: dict[bytes, int | None],
    later: dict[bytes, int | None],
    dead: set[bytes],
    together: int,
) -> None:
    filling, numbers = KeyFilling(together), {half: n for n, half in enumerate({**first, **later})}
    filling.extend(first, map(numbers.__getitem__, first), first.values())
    table = filling.table()

    for half, ends in later.items():
        table.add(half, numbers[half], ends)
    for half in dead:
        table.end(half)

    wanted = {
        half: (numbers[half], ends) for half, ends in {**first, **later}.items() if half not in dead
    }
    assert {half: (number, ends) for half, number, ends in table} == wanted
    assert table.live == len(wanted)
    for half in {*first, *later, *dead, bytes(16), b"\xff" * 16}:
        assert _found(table, half) == (wanted[half][0] if half in wanted else None)


def _found(table: KeyTable, half: bytes) -> int | None:
    place = table.find(half)
    number = DEAD if place < 0 else table.numbers[place]
    return None if number == DEAD else number


IDS = st.text("abC-_9", min_size=1, max_size=3)
WHAT = st.tuples(st.sampled_from(["active", "suspended"]), st.lists(st.integers(2, 9), max_size=3))


@given(st.dictionaries(IDS, WHAT, max_size=20), st.dictionaries(IDS, WHAT, max_size=9))
def test_an_account_table_says_what_a_dict_says(first: Any, later: Any) -> None:
    deriver, filling = Deriver(), AccountFilling()
    for identity in sorted(first):
        filling.add(identity, None, *_counts(deriver, *first[identity]))
    table = filling.table()

    for identity, what in later.items():
        table.set(identity, None, *_counts(deriver, *what))

    wanted = {**first, **later}
    assert [table.identity(number) for number in table.numbers()] == sorted(wanted)
    for identity, what in wanted.items():
        standing, moments = _counts(deriver, *what)
        state = table.states[table.number(identity)]
        assert table.standing(state) == standing
        assert list(table.moments(state)) == list(moments)
    assert table.number("nobody") == NOBODY


def _counts(deriver: Deriver, status: str, ends: list[int]) -> tuple[Standing, Any]:
    text = ",".join(f'["billing", "X{place}", "form", 3, {end}]' for place, end in enumerate(ends))
    layout, moments = deriver.lay_out((text,) if text else (), 1)
    return Standing(status, layout), moments


def test_accounts_that_come_out_of_order_are_refused() -> None:
    filling, deriver = AccountFilling(), Deriver()
    filling.add("b", None, *_counts(deriver, "active", []))

    with pytest.raises(ValueError, match="out of order"):
        filling.add("a", None, *_counts(deriver, "active", []))


@pytest.fixture
def family(database: Any, billed: Any, by: Any) -> dict[str, Any]:
    """Accounts of all kinds, under organisations whose ids come later than theirs."""
    database.add_account("Top", id="z-top", kind="organisation", **by)
    database.add_account("Group", id="z-group", kind="organisation", parent="z-top", **by)
    keys = {}
    for name, parent in (("a", "z-group"), ("b", None), ("c", "z-top")):
        database.add_account(name, id=name, parent=parent, **by)
        keys[name] = database.add_key(name, **by)
    billed("a", ["US"], expires_at=NOW + timedelta(days=1))
    billed("z-top", ["CA"], expires_at=NOW + timedelta(days=2))
    database.set_label("b", "gold", **by)
    return keys


def test_a_snapshot_loaded_before_is_brought_up_to_date_before_it_answers(
    place: Any, database: Any, family: Any, by: Any
) -> None:
    loaded = load_snapshot(place.url, place.secret, place.clock)
    database.revoke_key(family["a"].id, **by)
    people.suspend(database, "z-top")
    database.add_account("Later", id="later", parent="z-group", **by)
    added = database.add_key("later", **by)

    store = AccountStore.open(place.url, place.secret, clock=place.clock, snapshot=loaded)

    assert store.by_key(family["a"].raw, NOW) is None
    assert store.by_key(family["c"].raw, NOW).status == "suspended"  # type: ignore[union-attr]
    found = store.by_key(added.raw, NOW)
    assert found is not None
    assert found.principals == {"later", "z-group", "z-top", added.id}
    assert found.values["billing"] == {"CA"}
    store.close()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_snapshot_loaded_before_is_not_used_without_the_database(place: Any, family: Any) -> None:
    loaded = load_snapshot(place.url, place.secret, place.clock)
    place.file.rename(place.file.with_suffix(".hidden"))

    with pytest.raises(AccountsUnavailable):
        AccountStore.open(place.url, place.secret, snapshot=loaded)


def test_what_one_process_takes_in_stays_its_own(place: Any, database: Any, family: Any) -> None:
    loaded = load_snapshot(place.url, place.secret, place.clock)
    child = os.fork()
    if child == 0:
        store = AccountStore.open(place.url, place.secret, clock=place.clock, snapshot=loaded)
        os._exit(0 if store.by_key(family["b"].raw, NOW) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    database.revoke_key(family["b"].id, actor="tester", reason="a test")
    store = AccountStore.open(place.url, place.secret, clock=place.clock, snapshot=loaded)
    assert store.by_key(family["b"].raw, NOW) is None
    store.close()


@pytest.fixture
def untidy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(snapshots, "LEAST_ADDED", 0)
    return None


@pytest.mark.usefixtures("untidy")
def test_tables_that_are_made_anew_say_the_same(
    place: Any, database: Any, billed: Any, family: Any, by: Any
) -> None:
    store = place.store()
    for number in range(20):
        database.add_account("More", id=f"m{number}", parent="z-group", **by)
        family[f"m{number}"] = database.add_key(f"m{number}", expires_at=NOW + timedelta(3), **by)
        billed(f"m{number}", ["US"], expires_at=NOW + timedelta(days=1, hours=number))
    database.revoke_key(family["m3"].id, **by)

    assert store.poll()
    loaded = place.store()

    assert store.status().keys == loaded.status().keys == 22
    assert store.ids() == loaded.ids()
    assert store._snapshot.accounts.added == 0
    for key in family.values():
        for days in (0, 1.5, 2.5, 4):
            at = NOW + timedelta(days=days)
            assert _told(store.by_key(key.raw, at)) == _told(loaded.by_key(key.raw, at))


def test_a_change_that_changes_nothing_takes_no_memory(
    place: Any, database: Any, family: Any, by: Any
) -> None:
    store = place.store()
    before = store._snapshot.accounts.states.tolist()
    for _ in range(3):
        database.set_contact("a", "ops@example.org", **by)
        assert store.poll()

    assert store._snapshot.accounts.states.tolist() == before
    assert store._snapshot.accounts.left == 0


def _told(view: Any) -> Any:
    if view is None:
        return None
    return view.id, view.key_id, view.status, view.principals, dict(view.values), view.valid_until
