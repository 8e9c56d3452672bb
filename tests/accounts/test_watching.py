"""A gateway hears of a change at once, and again after the database was away."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from bailiwick.accounts import AccountStore
from bailiwick.accounts.watching import make_watch

LONG_S = 30.0
"""Far longer than any of this takes: who waits so long was not told."""


@contextmanager
def soon(what: Callable[[], Any]) -> Iterator[None]:
    """Do something in a moment, in another thread, and see to its end."""
    timer = threading.Timer(0.2, what)
    timer.start()
    yield
    timer.join()


@pytest.fixture
def watch(place: Any, database: Any) -> Any:
    database.add_account("Acme", id="acme", actor="tester", reason="a test")
    made = make_watch(database.engine, threading.Event())
    made.wait(LONG_S)  # the first wait begins to listen
    yield made
    made.close()


def test_a_wait_ends_when_another_connection_commits(watch: Any, database: Any, by: Any) -> None:
    began = time.monotonic()

    with soon(lambda: database.set_label("acme", "gold", **by)):
        watch.wait(LONG_S)

    assert 0.1 < time.monotonic() - began < LONG_S / 2


def test_a_wait_ends_by_itself_and_when_it_is_told_to(watch: Any) -> None:
    began = time.monotonic()
    watch.wait(0.05)
    with soon(watch.stop.set):
        watch.wait(LONG_S)

    assert 0.1 < time.monotonic() - began < LONG_S / 2


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_after_a_restart_of_the_server_it_listens_again(
    watch: Any, postgres: Any, database: Any, by: Any
) -> None:
    postgres.stop()
    watch.wait(0.05)
    watch.wait(0.05)
    postgres.start()
    watch.wait(LONG_S)  # connects, and says so: something may have changed
    began = time.monotonic()

    with soon(lambda: database.set_label("acme", "gold", **by)):
        watch.wait(LONG_S)

    assert 0.1 < time.monotonic() - began < LONG_S / 2


def test_a_revocation_is_heard_of_though_nobody_looks(
    place: Any, database: Any, by: Any, watch: Any
) -> None:
    key = database.add_key("acme", **by)
    heard = threading.Event()
    store = AccountStore.open(
        place.url, place.secret, poll=timedelta(hours=1), clock=place.clock, looked=heard.set
    )
    store.start()
    assert heard.wait(LONG_S)
    began = time.monotonic()
    time.sleep(0.5)  # until it waits

    database.revoke_key(key.id, **by)
    while store.by_key(key.raw, place.clock()) is not None and time.monotonic() - began < LONG_S:
        time.sleep(0.01)

    assert store.by_key(key.raw, place.clock()) is None
    store.close()


def test_after_a_look_that_waited_long_for_the_database_the_next_is_not_put_off(
    place: Any, database: Any
) -> None:
    looks: list[float] = []

    def slow() -> Any:
        looks.append(time.monotonic())
        time.sleep(1.0)
        return place.clock()

    store = AccountStore.open(place.url, place.secret, poll=timedelta(hours=1), clock=slow)
    looks.clear()
    store.start()
    while len(looks) < 2:  # the first wait only begins to listen
        time.sleep(0.01)

    store.close()
    assert looks[1] - looks[0] < 3.0
