"""What is known of every account at one moment, by id: for bulk work that has no keys."""

from collections.abc import Mapping
from datetime import datetime

from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.engine import reading
from bailiwick.accounts.loading import load
from bailiwick.accounts.values import milliseconds
from bailiwick.facts import Fact


def known_accounts(database: AccountDatabase, at: datetime) -> dict[str, Mapping[str, Fact]]:
    """Give the facts of every account and organisation, as they are at ``at``."""
    with reading(database.engine) as connection:
        snapshot = load(connection, "", milliseconds(at))
    return {view.id: {**view.values, "principal": view.principals} for view in snapshot.views(at)}
