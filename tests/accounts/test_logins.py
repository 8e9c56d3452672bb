"""Attempts and logins are kept in the database: for all processes, and only as long as they count."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from bailiwick.accounts import Attempts, Login, Logins, schema
from bailiwick.accounts.engine import reading

MINUTES = timedelta(minutes=5)


def count(database: Any, table: Any) -> int:
    with reading(database.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def logins(database: Any) -> Logins:
    return Logins(database, timedelta(minutes=10), timedelta(hours=1))


def test_attempts_of_two_processes_are_counted_together(place: Any, database: Any) -> None:
    one, other = Attempts(database), Attempts(place.database())

    admitted = [each.admit("name", "ann", 3, MINUTES) for each in (one, other, one, other, one)]

    assert admitted == [True, True, True, False, False]
    assert other.admit("name", "bob", 3, MINUTES)
    assert other.admit("source", "ann", 3, MINUTES)


def test_attempts_count_from_the_first_on_until_their_time_is_over(
    database: Any, clock: Any
) -> None:
    attempts = Attempts(database)
    assert attempts.admit("name", "ann", 1, MINUTES)
    clock.move(minutes=4, seconds=59)
    assert not attempts.admit("name", "ann", 1, MINUTES)
    clock.move(seconds=1)

    assert attempts.admit("name", "ann", 1, MINUTES)
    assert count(database, schema.attempts) == 1


def test_attempts_can_be_forgotten_and_say_nothing_of_whose_they_were(database: Any) -> None:
    attempts = Attempts(database)
    attempts.admit("source", "192.0.2.7", 1, MINUTES)
    with reading(database.engine) as connection:
        kept = str(connection.execute(select(schema.attempts)).all())

    attempts.forget("source", "192.0.2.7")

    assert "192.0.2.7" not in kept
    assert attempts.admit("source", "192.0.2.7", 1, MINUTES)


def test_a_login_ends_when_unused_and_when_old(database: Any, clock: Any) -> None:
    found = logins(database)
    unused, used = found.begin("ann", "m"), found.begin("ann", "m")

    for _ in range(6):
        clock.move(seconds=599)
        assert found.find(used) == Login("ann", "m")
    assert found.find(unused) is None
    clock.move(seconds=599)
    assert found.find(used) is None
    assert found.find("what nobody has") is None


def test_a_login_holds_at_another_console_and_ends_at_both(place: Any, database: Any) -> None:
    here, there = logins(database), logins(place.database())
    token = here.begin("ann", here.mark("ann", "admin", "hash"))

    login = there.find(token)
    assert login is not None
    assert login.mark == there.mark("ann", "admin", "hash")
    assert login.mark != there.mark("ann", "viewer", "hash")
    there.end(token)

    assert here.find(token) is None


def test_ended_logins_are_cleared_away_and_only_so_many_are_kept(
    database: Any, clock: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("bailiwick.accounts.logins.MOST", 3)
    found = logins(database)
    first = found.begin("ann", "m")
    for _ in range(4):
        clock.move(seconds=1)
        last = found.begin("bob", "m")
    assert count(database, schema.logins) == 3
    assert found.find(first) is None
    clock.move(hours=2)

    found.begin("cid", "m")

    assert found.find(last) is None
    assert count(database, schema.logins) == 1
