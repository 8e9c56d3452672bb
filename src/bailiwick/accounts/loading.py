"""Read a snapshot from the database, whole at first and what has changed from then on."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, cast, func, literal, select

from bailiwick.accounts import schema
from bailiwick.accounts.account_table import AccountFilling, AccountTable, Standing
from bailiwick.accounts.derive import LABELS, SEPARATOR, Deriver
from bailiwick.accounts.key_table import KeyFilling, KeyTable
from bailiwick.accounts.keys import lookup
from bailiwick.accounts.snapshot import Changes, Record, Snapshot
from bailiwick.accounts.values import FACT_PLACES
from bailiwick.facts import OWNERSHIP_PREFIX

FETCHED_ROWS = 2000
"""Rows read from the database at a time."""


def load(connection: Connection, instance: str, now: int) -> Snapshot:
    """Read everything that counts."""
    sequence, deriver, accounts = read_count(connection).sequence, Deriver(), AccountFilling()
    everybody = _accounts().order_by(_in_order(connection, schema.accounts.c.id))
    for identity, record in _records(_stream(connection, everybody), deriver, now):
        accounts.add(identity, *record)
    table = accounts.table()
    return Snapshot(instance, sequence, table, _keys(connection, table), deriver)


def changes_since(connection: Connection, sequence: int, deriver: Deriver, now: int) -> Changes:
    """Read the accounts that the history names after ``sequence``, as they are now."""
    table = schema.history
    rows = connection.execute(
        select(table.c.seq, table.c.account_id).where(table.c.seq > sequence)
    ).all()
    accounts = sorted({account for _, account in rows if account is not None})
    records: dict[str, Record] = {}
    keys: list[Row[Any]] = []
    for start in range(0, len(accounts), FETCHED_ROWS):
        some = accounts[start : start + FETCHED_ROWS]
        query = _accounts().where(schema.accounts.c.id.in_(some))
        records.update(_records(connection.execute(query), deriver, now))
        keys.extend(
            connection.execute(select(schema.keys).where(schema.keys.c.account_id.in_(some)))
        )
    return Changes(
        sequence=max((seq for seq, _ in rows), default=sequence),
        records=records,
        live=[(lookup(k.digest), k.account_id, k.expires_at) for k in keys if k.revoked_at is None],
        dead=[lookup(key.digest) for key in keys if key.revoked_at is not None],
    )


class Count(NamedTuple):
    """How far a database is."""

    sequence: int
    latest_at: int
    """The latest time of any change (milliseconds)."""


def read_count(connection: Connection) -> Count:
    """Read how far the database is."""
    table = schema.counter
    return Count(*connection.execute(select(table.c.sequence, table.c.latest_at)).one())


def _keys(connection: Connection, accounts: AccountTable) -> KeyTable:
    """Read the keys beside the ids of all accounts, both in order: each number is then known."""
    table = schema.keys
    counts = table.c.revoked_at.is_(None)
    count = connection.execute(select(func.count()).select_from(table)).scalar_one()
    filling, numbered = (
        KeyFilling(count),
        ((one, accounts.identity(one)) for one in accounts.numbers()),
    )
    query = select(table.c.digest, table.c.account_id, table.c.expires_at).where(counts)
    number, identity = -1, ""
    for digest, account, expires_at in _stream(
        connection, query.order_by(_in_order(connection, table.c.account_id))
    ):
        while identity != account:
            number, identity = next(numbered)
        filling.add(lookup(digest), number, expires_at)
    return filling.table()


def _records(rows: Iterable[Any], deriver: Deriver, now: int) -> Iterator[tuple[str, Record]]:
    standings: dict[tuple[str, int], Standing] = {}
    for identity, parent, status, evidence, labels in rows:
        layout, moments = deriver.lay_out(tuple(text for text in (evidence, labels) if text), now)
        standing = standings.get((status, id(layout)))
        if standing is None:
            standing = standings[status, id(layout)] = Standing(status, layout)
        yield identity, Record(parent, standing, moments)


@cache
def _accounts() -> Select[Any]:
    account, item, label = schema.accounts, schema.evidence, schema.labels
    counts = (
        (item.c.account_id == account.c.id)
        & item.c.superseded_seq.is_(None)
        & item.c.value.is_not(None)
        & (item.c.kind.in_(FACT_PLACES) | item.c.kind.startswith(OWNERSHIP_PREFIX))
    )
    said = item.c.kind + " " + item.c.value + " " + item.c.source + " " + cast(item.c.tier, Text)
    labels = (
        select(_joined(literal(f"{LABELS} ") + label.c.name, label.c.expires_at))
        .where((label.c.account_id == account.c.id) & label.c.removed_seq.is_(None))
        .scalar_subquery()
    )
    return (
        select(account.c.id, account.c.parent_id, account.c.status)
        .add_columns(_joined(said, item.c.expires_at), labels)
        .select_from(account.outerjoin(item, counts))
        .group_by(account.c.id)
    )


def _joined(said: ColumnElement[str], expires_at: ColumnElement[Any]) -> ColumnElement[str]:
    """Let the database put an account's entries into one text: a third of the time to load."""
    return func.aggregate_strings(said + " " + func.coalesce(cast(expires_at, Text), ""), SEPARATOR)


def _in_order(connection: Connection, column: ColumnElement[str]) -> ColumnElement[str]:
    """Order texts by their bytes, as SQLite does anyway."""
    return column.collate("C") if connection.dialect.name == "postgresql" else column


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    """Read without holding all rows at once: memory that was used once is rarely given back."""
    return iter(connection.execute(query.execution_options(yield_per=FETCHED_ROWS)))
