"""Read a snapshot from the database, whole at first and what has changed from then on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, cast, func, literal, select
from sqlalchemy.sql.functions import Function

from bailiwick.accounts import schema
from bailiwick.accounts.account_table import LASTING, AccountFilling, AccountTable, Standing
from bailiwick.accounts.attesters import Attester, read_attesters
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
    states = _States(accounts, deriver, now)
    everybody = _accounts(connection.dialect.name).order_by(
        _in_order(connection, schema.accounts.c.id)
    )
    for rows in _parts(connection, everybody):
        ids, parents, *counts = zip(*rows, strict=True)
        alone = [parent is None for parent in parents]
        accounts.extend(ids, parents, map(states.__getitem__, zip(alone, *counts, strict=True)))
    table = accounts.table()
    keys, attesters = _keys(connection, table), read_attesters(connection)
    return Snapshot(instance, sequence, table, keys, deriver, attesters)


class _States(dict[tuple[bool, str, str | None, str | None], int]):
    """States of accounts, by whether they have no organisation, status, evidence and labels.

    Most accounts are alike, and one look finds the state of what lasts.
    """

    def __init__(self, accounts: AccountFilling, deriver: Deriver, now: int) -> None:
        super().__init__()
        self._accounts, self._deriver, self._now = accounts, deriver, now

    def __missing__(self, counts: tuple[bool, str, str | None, str | None]) -> int:
        alone, status, *texts = counts
        layout, moments = self._deriver.lay_out(_said(texts), self._now)
        state = self._accounts.state(Standing(status, layout), moments, lone=alone)
        if state & LASTING == LASTING:
            self[counts] = state
        return state


def changes_since(connection: Connection, sequence: int, deriver: Deriver, now: int) -> Changes:
    """Read the accounts that the history names after ``sequence``, as they are now."""
    table = schema.history
    rows = connection.execute(
        select(table.c.seq, table.c.account_id).where(table.c.seq > sequence)
    ).all()
    accounts = sorted({account for _, account in rows if account is not None})
    records: dict[str, Record] = {}
    keys: list[Row[Any]] = []
    attesters: dict[str, tuple[Attester, ...]] = {}
    for start in range(0, len(accounts), FETCHED_ROWS):
        some = accounts[start : start + FETCHED_ROWS]
        query = _accounts(connection.dialect.name).where(schema.accounts.c.id.in_(some))
        records.update(_records(connection.execute(query), deriver, now))
        attesters.update(read_attesters(connection, some))
        keys.extend(
            connection.execute(select(schema.keys).where(schema.keys.c.account_id.in_(some)))
        )
    return Changes(
        sequence=max((seq for seq, _ in rows), default=sequence),
        records=records,
        live=[(lookup(k.digest), k.account_id, k.expires_at) for k in keys if k.revoked_at is None],
        dead=[lookup(key.digest) for key in keys if key.revoked_at is not None],
        attesters=attesters,
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
    query = select(table.c.digest, table.c.account_id, table.c.expires_at)
    query = query.where(table.c.revoked_at.is_(None))
    filling, number_of = KeyFilling(), _numbers(accounts)
    for rows in _parts(connection, query.order_by(_in_order(connection, table.c.account_id))):
        digests, owners, expiries = zip(*rows, strict=True)
        filling.extend(map(lookup, digests), map(number_of, owners), expiries)
    return filling.table()


def _numbers(accounts: AccountTable) -> Callable[[str], int]:
    """Give what finds the numbers of accounts that are asked for in the order of their ids."""
    numbered = enumerate(accounts.identities())
    number, identity = -1, ""

    def number_of(account: str) -> int:
        nonlocal number, identity
        while identity != account:
            number, identity = next(numbered)
        return number

    return number_of


def _records(rows: Iterable[Any], deriver: Deriver, now: int) -> Iterator[tuple[str, Record]]:
    standings: dict[tuple[str, int], Standing] = {}
    for identity, parent, status, *texts in rows:
        layout, moments = deriver.lay_out(_said(texts), now)
        standing = standings.get((status, id(layout)))
        if standing is None:
            standing = standings[status, id(layout)] = Standing(status, layout)
        yield identity, Record(parent, standing, moments)


def _said(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


@cache
def _accounts(dialect: str) -> Select[Any]:
    account, item, label = schema.accounts, schema.evidence, schema.labels
    row = func.json_build_array if dialect == "postgresql" else func.json_array
    counts = (
        (item.c.account_id == account.c.id)
        & item.c.superseded_seq.is_(None)
        & item.c.value.is_not(None)
        & (item.c.kind.in_(FACT_PLACES) | item.c.kind.startswith(OWNERSHIP_PREFIX))
    )
    said = row(item.c.kind, item.c.value, item.c.source, item.c.tier, item.c.expires_at)
    labels = (
        select(_joined(row(literal(LABELS), label.c.name, label.c.expires_at)))
        .where((label.c.account_id == account.c.id) & label.c.removed_seq.is_(None))
        .scalar_subquery()
    )
    return (
        select(account.c.id, account.c.parent_id, account.c.status)
        .add_columns(_joined(said).filter(item.c.kind.is_not(None)), labels)
        .select_from(account.outerjoin(item, counts))
        .group_by(account.c.id)
    )


def _joined(row: ColumnElement[Any]) -> Function[str]:
    """Let the database put an account's entries into one text: a third of the time to load."""
    return func.aggregate_strings(cast(row, Text), SEPARATOR)


def _in_order(connection: Connection, column: ColumnElement[str]) -> ColumnElement[str]:
    """Order texts by their bytes, as SQLite does anyway."""
    return column.collate("C") if connection.dialect.name == "postgresql" else column


def _parts(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """Read without holding all rows at once: memory that was used once is rarely given back."""
    rows = connection.execute(query.execution_options(yield_per=FETCHED_ROWS))
    return iter(rows.partitions())
