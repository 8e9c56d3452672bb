"""The gateway's snapshot: lookup, following, and what happens without the database."""

import multiprocessing
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

import people
from bailiwick.accounts import AccountDatabase, AccountStore, AccountsUnavailable, schema
from bailiwick.accounts.engine import make_engine
from bailiwick.accounts.keys import KeySecret, key_id
from bailiwick.errors import BailiwickError

NOW = datetime(2026, 7, 1, tzinfo=UTC)
SOON = timedelta(milliseconds=20)


class Ticks:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def key(database: Any, by: Any) -> Any:
    database.add_account("Acme", id="acme", **by)
    return database.add_key("acme", **by)


@pytest.fixture
def store(place: Any, key: Any) -> Iterator[AccountStore]:
    store = place.store()
    yield store
    store.close()


def test_a_key_finds_its_account(store: AccountStore, key: Any) -> None:
    found = store.by_key(key.raw, NOW)

    assert found is not None
    assert (found.id, found.key_id) == ("acme", key.id)


def test_an_account_is_looked_up_the_same_each_time_without_new_work(
    store: AccountStore, key: Any
) -> None:
    assert store.by_key(key.raw, NOW) is store.by_key(key.raw, NOW)


@pytest.mark.parametrize(
    "presented",
    ["", "bw_", "key_abc", "bw_" + "a" * 33, "x" * 100_000, "bw_\u00e9", "bw_\ud800", "\x00"],
)
def test_what_is_no_key_finds_nothing(store: AccountStore, presented: str) -> None:
    assert store.by_key(presented, NOW) is None


def test_unknown_revoked_and_expired_keys_look_alike(
    place: Any, database: Any, key: Any, by: Any
) -> None:
    expiring = database.add_key("acme", expires_at=NOW + timedelta(days=1), **by)
    database.revoke_key(key.id, **by)
    store = place.store()

    assert store.by_key(key.raw, NOW) is None
    assert store.by_key(key.raw[:-1] + "_", NOW) is None
    assert store.by_key(expiring.raw, NOW) is not None
    assert store.by_key(expiring.raw, NOW + timedelta(days=1)) is None


def test_a_key_added_later_is_found_after_a_poll(
    store: AccountStore, database: Any, by: Any
) -> None:
    added = database.add_key("acme", **by)

    assert store.by_key(added.raw, NOW) is None
    assert store.poll()
    assert store.by_key(added.raw, NOW) is not None


def test_a_revocation_by_another_process_reaches_a_running_gateway_within_a_second(
    place: Any, store: AccountStore, key: Any
) -> None:
    store.start()
    revoking = multiprocessing.get_context("spawn").Process(
        target=_revoke, args=(place.url, place.secret, key.id)
    )
    revoking.start()
    revoking.join()
    began = time.monotonic()

    while store.by_key(key.raw, NOW) is not None and time.monotonic() - began < 5:
        time.sleep(0.01)

    assert store.by_key(key.raw, NOW) is None
    assert time.monotonic() - began < 1


def test_a_suspension_of_the_organisation_reaches_its_accounts(
    place: Any, database: Any, by: Any
) -> None:
    database.add_account("Group", id="group", kind="organisation", **by)
    database.add_account("Sub", id="sub", parent="group", **by)
    key = database.add_key("sub", **by)
    store = place.store()
    before = store.by_key(key.raw, NOW)
    people.suspend(database, "group")

    store.poll()

    assert before is not None
    assert before.status == "active"
    assert store.by_key(key.raw, NOW).status == "suspended"  # type: ignore[union-attr]


def test_accounts_of_which_the_same_is_known_share_it(
    place: Any, database: Any, billed: Any, by: Any
) -> None:
    keys = []
    for name in ("a", "b"):
        database.add_account(name, id=name, **by)
        billed(name, ["US"])
        keys.append(database.add_key(name, **by))
    store = place.store()

    one, two = (store.by_key(key.raw, NOW) for key in keys)

    assert one is not None
    assert two is not None
    assert one.values is two.values


CHANGE = st.one_of(
    st.tuples(st.just("key"), st.sampled_from(["a", "b"]), st.none()),
    st.tuples(st.just("revoke"), st.integers(0, 5), st.none()),
    st.tuples(st.just("evidence"), st.sampled_from(["a", "b", "org"]), st.sampled_from(["XA", ""])),
    st.tuples(st.just("label"), st.sampled_from(["a", "org"]), st.sampled_from(["gold", "old"])),
    st.tuples(st.just("unlabel"), st.sampled_from(["a", "org"]), st.sampled_from(["gold", "old"])),
    st.tuples(st.just("status"), st.sampled_from(["a", "b", "org"]), st.none()),
    st.tuples(st.just("poll"), st.none(), st.none()),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(CHANGE, max_size=15))
def test_a_snapshot_that_followed_equals_one_that_was_loaded_now(
    tmp_path_factory: pytest.TempPathFactory, changes: list[Any]
) -> None:
    directory = tmp_path_factory.mktemp("follow")
    url, secret = f"sqlite:///{directory}/a.db", directory / "secret"
    database = AccountDatabase.open(url, secret, create=True, clock=lambda: NOW)
    by = {"actor": "tester", "reason": "a test"}
    database.add_account("Org", id="org", kind="organisation", **by)
    database.add_account("A", id="a", parent="org", **by)
    database.add_account("B", id="b", **by)
    keys = [database.add_key(name, **by) for name in "aab"]
    followed = AccountStore.open(url, secret)

    for change in changes:
        _carry_out(database, followed, keys, change, by)
    followed.poll()
    loaded = AccountStore.open(url, secret)

    for key in keys:
        assert _told(followed.by_key(key.raw, NOW)) == _told(loaded.by_key(key.raw, NOW))
    assert followed.status().sequence == loaded.status().sequence
    assert followed.status().keys == loaded.status().keys


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_without_the_database_the_last_snapshot_serves_until_it_is_too_old(
    place: Any, key: Any
) -> None:
    ticks = Ticks()
    store = AccountStore(
        make_engine(place.url),
        KeySecret.load(place.secret),
        max_stale=timedelta(minutes=15),
        monotonic=ticks,
    )
    hidden = _hide(place.file)
    ticks.now += 15 * 60

    assert not store.poll()
    assert store.fresh
    assert "unable to open" in str(store.status().error)
    ticks.now += 1
    assert not store.fresh
    assert store.by_key(key.raw, NOW) is not None

    hidden.rename(place.file)
    assert store.poll()
    assert store.fresh
    assert store.status().error is None


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_revoked_key_stays_revoked_while_the_database_is_down(
    place: Any, store: AccountStore, database: Any, key: Any, by: Any
) -> None:
    database.revoke_key(key.id, **by)
    store.poll()
    _hide(place.file)

    assert not store.poll()
    assert store.by_key(key.raw, NOW) is None


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_evidence_expires_while_the_database_is_down(
    place: Any, database: Any, key: Any, billed: Any
) -> None:
    billed("acme", ["US"], expires_at=NOW + timedelta(days=1))
    store = place.store()
    _hide(place.file)

    assert "billing" in store.by_key(key.raw, NOW).values
    assert "billing" not in store.by_key(key.raw, NOW + timedelta(days=1)).values


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_fresh_start_without_the_database_is_refused(place: Any, key: Any) -> None:
    _hide(place.file)

    with pytest.raises(AccountsUnavailable):
        place.store()


def test_a_fresh_start_without_the_secret_is_refused(place: Any, key: Any) -> None:
    place.secret.unlink()

    with pytest.raises(BailiwickError, match="key secret"):
        place.store()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_database_that_was_replaced_is_read_anew(
    place: Any, store: AccountStore, key: Any, by: Any
) -> None:
    for path in place.file.parent.glob("accounts.db*"):
        path.unlink()
    other = place.database()
    other.add_account("Other", id="other", **by)
    new = other.add_key("other", **by)

    assert store.poll()

    assert store.by_key(key.raw, NOW) is None
    assert store.by_key(new.raw, NOW) is not None


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_damaged_database_does_not_end_the_follower(
    place: Any, store: AccountStore, key: Any
) -> None:
    for path in place.file.parent.glob("accounts.db-*"):
        path.unlink()
    content = place.file.read_bytes()
    place.file.write_bytes(b"\xff" * len(content))

    assert not store.poll()
    assert store.by_key(key.raw, NOW) is not None
    place.file.write_bytes(content)
    assert store.poll()


def test_the_follower_thread_ends_when_it_is_told(place: Any, key: Any) -> None:
    store = place.store(poll=SOON)
    store.start()
    store.close()

    assert not store._thread.is_alive()  # type: ignore[union-attr]
    assert store.by_key(key.raw, NOW) is not None


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_keys_and_accounts_fit_in_memory(place: Any, database: Any) -> None:
    """Each key with an account of its own: 100,000 must stay far below 150 MB."""
    count = 5_000
    _fill(place, count)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    store = place.store()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert store.status().keys == count
    assert used / count < 450


def _fill(place: Any, count: int) -> None:
    secret = KeySecret.load(place.secret)
    digests = [secret.digest(f"bw_{n}") for n in range(count)]
    plain = {"parent_id": None, "kind": "account", "status": "active", "created_at": 0}
    item = {"kind": "billing", "value": "US", "source": "stripe", "tier": 2, "observed_at": 0}
    more = {"against_interest": False, "added_seq": 0}
    with make_engine(place.url).begin() as connection:
        connection.execute(
            insert(schema.accounts),
            [{"id": f"acct_{n:016}", "name": f"Company {n}", **plain} for n in range(count)],
        )
        connection.execute(
            insert(schema.keys),
            [
                {"id": key_id(digest), "account_id": f"acct_{n:016}", "digest": digest}
                | {"shown": "bw_", "created_at": 0}
                for n, digest in enumerate(digests)
            ],
        )
        connection.execute(
            insert(schema.evidence),
            [{"account_id": f"acct_{n:016}", **item, **more} for n in range(count)],
        )


def _hide(file: Path) -> Path:
    return file.rename(file.with_suffix(".hidden"))


def _revoke(url: str, secret: Path, key: str) -> None:
    AccountDatabase.open(url, secret).revoke_key(key, actor="tester", reason="leaked")


def _told(view: Any) -> Any:
    if view is None:
        return None
    return (
        view.id,
        view.status,
        view.principals,
        dict(view.values),
        view.valid_until,
        view.evidence,
    )


def _carry_out(database: Any, store: Any, keys: list[Any], change: Any, by: Any) -> None:
    verb, target, value = change
    try:
        match verb:
            case "key":
                keys.append(database.add_key(target, **by))
            case "revoke":
                database.revoke_key(keys[target % len(keys)].id, **by)
            case "evidence":
                database.set_evidence(target, "billing", [value] if value else [], **by)
            case "label":
                database.set_label(target, value, **by)
            case "unlabel":
                database.remove_label(target, value, **by)
            case "status":
                people.close(database, target)
            case "poll":
                assert store.poll()
    except BailiwickError:
        pass  # revoked twice, a label that was not there: refused, and nothing changed


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_after_a_restart_of_the_server_a_gateway_catches_up_and_forgets_no_suspension(
    place: Any, postgres: Any, database: Any, key: Any, store: AccountStore, by: Any
) -> None:
    people.suspend(database, "acme")
    assert store.poll()
    postgres.stop()
    try:
        assert not store.poll()
        during = store.by_key(key.raw, NOW)
    finally:
        postgres.start()
    database.revoke_key(key.id, **by)

    assert store.poll()
    assert during is not None
    assert during.status == "suspended"
    assert store.by_key(key.raw, NOW) is None
