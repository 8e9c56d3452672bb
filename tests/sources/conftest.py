"""An account database in a directory, with one account, for the tests of sources."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bailiwick.accounts import AccountDatabase, show_account

NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountDatabase]:
    url = f"sqlite:///{tmp_path / 'accounts.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    made = AccountDatabase.open(url, tmp_path / "secret", create=True, clock=lambda: NOW)
    made.add_account("Acme", id="acme", actor="tester", reason="a test")
    yield made
    made.close()


def current(database: AccountDatabase, account: str = "acme") -> set[tuple[str, str, str, str]]:
    """Give what is known of an account: kind, value, tier and source."""
    return {
        (one.kind, one.value, one.tier, one.source)
        for one in show_account(database, account).evidence
        if one.value is not None and not one.superseded
    }
