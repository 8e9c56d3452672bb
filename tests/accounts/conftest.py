"""A real database in a real directory, and a clock that a test can set.

What uses ``place`` is promised by every kind of database, unless the test names one.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from bailiwick.accounts import AccountDatabase, AccountStore

BY = {"actor": "tester", "reason": "a test"}


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 7, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Place:
    """Where one installation keeps its accounts."""

    def __init__(self, directory: Path, clock: Clock, url: str | None = None) -> None:
        self.clock = clock
        self.directory = directory
        self.file = directory / "accounts.db"
        self.secret = directory / "secret"
        self.url = url or f"sqlite:///{self.file}"
        self._opened: list[AccountDatabase | AccountStore] = []

    def database(self, *, create: bool = True) -> AccountDatabase:
        made = AccountDatabase.open(self.url, self.secret, create=create, clock=self.clock)
        self._opened.append(made)
        return made

    def store(self, **options: timedelta) -> AccountStore:
        made = AccountStore.open(self.url, self.secret, clock=self.clock, **options)
        self._opened.append(made)
        return made

    def close(self) -> None:
        for one in self._opened:
            one.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Place]:
    on_server = request.param == "postgresql"
    url = request.getfixturevalue("postgres").new_database() if on_server else None
    made = Place(tmp_path, clock, url)
    yield made
    made.close()


@pytest.fixture
def database(place: Place) -> AccountDatabase:
    return place.database()


@pytest.fixture
def by() -> dict[str, str]:
    return dict(BY)


@pytest.fixture
def billed(database: AccountDatabase) -> partial[None]:
    """State a billing place: ``billed("acme", ["US"])``."""
    return partial(_billed, database)


def _billed(database: AccountDatabase, account: str, places: list[str], **more: object) -> None:
    database.set_evidence(account, "billing", places, **BY, **more)  # type: ignore[arg-type]
