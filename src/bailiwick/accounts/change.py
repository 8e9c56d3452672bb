"""One transaction under way: its history rows, and its places in the sequence."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, case, func, insert, select, update

from bailiwick.accounts import schema

CHANNEL = "bailiwick_accounts"
"""Where PostgreSQL tells followers that something has changed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction under way, by one person and for one reason."""

    connection: Connection
    at: int
    actor: str
    reason: str

    def record(self, account: str | None, what: str, detail: Mapping[str, object]) -> int:
        """Take the next place in the sequence and write the history row."""
        seq = self.connection.execute(
            update(schema.counter)
            .values(sequence=schema.counter.c.sequence + 1, latest_at=later(self.at))
            .returning(schema.counter.c.sequence)
        ).scalar_one()
        self.connection.execute(
            insert(schema.history).values(
                seq=seq,
                at=self.at,
                account_id=account,
                what=what,
                actor=self.actor,
                reason=self.reason,
                detail=json.dumps(detail, sort_keys=True),
            )
        )
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(select(func.pg_notify(CHANNEL, str(seq))))
        return int(seq)


def later(at: int) -> ColumnElement[int]:
    """Give the latest time of any change, this one included."""
    latest = schema.counter.c.latest_at
    return case((latest < at, at), else_=latest)
