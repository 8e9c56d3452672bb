"""One transaction under way: its history rows, and its places in the sequence."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, case, func, insert, select, update

from bailiwick.accounts import schema

CHANNEL = "bailiwick_accounts"
"""Where PostgreSQL tells followers that something has changed."""
_HISTORY = insert(schema.history)


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction under way, by one person and for one reason."""

    connection: Connection
    at: int
    actor: str
    reason: str
    authenticated: str | None = None
    """What showed that the actor is who they say; ``None``: nothing has to be shown."""

    def record(self, account: str | None, what: str, detail: Mapping[str, object]) -> int:
        """Take the next place in the sequence and write the history row."""
        seq = self.take_place()
        self.write(
            _HISTORY,
            {
                "seq": seq,
                "at": self.at,
                "account_id": account,
                "what": what,
                "actor": self.actor,
                "reason": self.reason,
                "detail": self.told(detail),
            },
        )
        return seq

    def told(self, detail: Mapping[str, object]) -> str:
        """Write down what a history row says."""
        more = {"authenticated": self.authenticated} if self.authenticated else {}
        return json.dumps({**detail, **more}, sort_keys=True)

    def write(self, statement: Executable, values: Mapping[str, Any]) -> None:
        """Add or change rows."""
        self.connection.execute(statement, values)

    def latest(self) -> int:
        """Give the latest place in the sequence."""
        return int(self.connection.execute(select(schema.counter.c.sequence)).scalar_one())

    def take_place(self) -> int:
        """Take the next place in the sequence."""
        return take_places(self, 1)


@dataclass(frozen=True, slots=True)
class Batch(Change):
    """Changes of many accounts in one transaction, written together at its end.

    The database shows none of them before ``finish``, so no account comes twice.
    """

    before: int = 0
    """The latest place when it began. Writers take turns, so the next ones are ours."""
    _waiting: dict[Executable, list[Mapping[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, change: Change) -> "Batch":
        """Collect the changes of a transaction that has just begun."""
        return cls(
            change.connection, change.at, change.actor, change.reason, before=change.latest()
        )

    def write(self, statement: Executable, values: Mapping[str, Any]) -> None:
        """Add or change rows at the end, those of one statement together."""
        self._waiting.setdefault(statement, []).append(values)

    def latest(self) -> int:
        """Give the latest place that was taken."""
        return self.before + len(self._waiting.get(_HISTORY, ()))

    def take_place(self) -> int:
        """Take the next place; whoever takes it writes its history row."""
        return self.latest() + 1

    def finish(self) -> None:
        """Write everything."""
        if _HISTORY in self._waiting:
            take_places(self, len(self._waiting[_HISTORY]))
        for statement, rows in self._waiting.items():
            self.connection.execute(statement, rows)
        self._waiting.clear()


def take_places(change: Change, count: int) -> int:
    """Take places in the sequence, and tell those who follow a PostgreSQL database; give the
    first.
    """
    last = change.connection.execute(
        update(schema.counter)
        .values(sequence=schema.counter.c.sequence + count, latest_at=later(change.at))
        .returning(schema.counter.c.sequence)
    ).scalar_one()
    if change.connection.dialect.name == "postgresql":
        change.connection.execute(select(func.pg_notify(CHANNEL, str(last))))
    return int(last) - count + 1


def later(at: int) -> ColumnElement[int]:
    """Give the latest time of any change, this one included."""
    latest = schema.counter.c.latest_at
    return case((latest < at, at), else_=latest)
