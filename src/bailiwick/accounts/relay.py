"""Bring the history into the audit log: every row once, in order, under its own number.

History rows are written with the change that they tell of, so nothing can happen and go unsaid.
Before rows are appended they are claimed, and after they are durable the claim is settled. Whoever
finds an open claim of its own machine reads the log to see which rows arrived; so a crash at any
moment repeats nothing. A claim of a machine that is gone is taken over after a while, and what is
repeated then says so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from bailiwick.accounts import schema
from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.engine import reading
from bailiwick.accounts.values import moment
from bailiwick.audit import AuditLog, Filters, show

RELAY = "relay"
BATCH = 200
TAKE_OVER = timedelta(minutes=10)
KIND = "account"


@dataclass(frozen=True, slots=True)
class _Claim:
    rows: Sequence[Row[Any]]
    arrived: frozenset[int]
    """Rows that are in the log already."""
    repeated: bool
    """Somebody else may have appended them."""


async def relay_history(
    database: AccountDatabase, log: AuditLog, directory: Path, node: str
) -> int:
    """Append what is new, wait until it is durable; returns how many rows that were.

    ``directory`` is the log's, which all workers of ``node`` share. Raises ``AuditUnavailable``.
    """
    if _is_even(database):
        return 0
    instance = _instance(database)
    claim = _claim(database, directory, node, instance)
    if not claim.rows:
        return 0
    fresh = [row for row in claim.rows if row.seq not in claim.arrived]
    receipts = [log.append(event_of(row, instance, repeated=claim.repeated)) for row in fresh]
    for receipt in receipts:
        await receipt.durable()
    _settle(database, claim.rows[-1].seq, node)
    return len(fresh)


def event_of(row: Row[Any], instance: str, *, repeated: bool = False) -> Mapping[str, Any]:
    """Describe one row of the history."""
    at = moment(row.at)
    event = {
        "kind": KIND,
        "id": f"{instance}-{row.seq}",
        "happened_at": at.isoformat(timespec="milliseconds") if at else None,
        "account": row.account_id,
        "what": row.what,
        "actor": row.actor,
        "reason": row.reason,
        "detail": json.loads(row.detail),
    }
    return {**event, "repeated": True} if repeated else event


def _is_even(database: AccountDatabase) -> bool:
    """Whether everything was relayed, without asking for the right to write."""
    table = schema.work
    with reading(database.engine) as connection:
        relayed = connection.execute(select(table.c.sequence).where(table.c.name == RELAY))
        sequence = connection.execute(select(schema.counter.c.sequence)).scalar_one()
        return bool((relayed.scalar_one_or_none() or 0) >= sequence)


def _instance(database: AccountDatabase) -> str:
    with reading(database.engine) as connection:
        return str(connection.execute(select(schema.schema_version.c.instance)).scalar_one())


def _claim(database: AccountDatabase, directory: Path, node: str, instance: str) -> _Claim:
    with database.automating("relay") as change:
        work = _work(change.connection)
        mine = work.holder == node
        if work.claimed is not None and not mine and (work.until_at or 0) > change.at:
            return _Claim((), frozenset(), repeated=False)
        rows = _rows(change.connection, work.sequence, work.claimed)
        open_claim = work.claimed is not None
        if rows:
            until = change.at + TAKE_OVER // timedelta(milliseconds=1)
            change.connection.execute(
                update(schema.work)
                .where(schema.work.c.name == RELAY)
                .values(holder=node, claimed=rows[-1].seq, until_at=until)
            )
    arrived = _arrived(directory, node, instance, rows) if open_claim and mine else frozenset()
    return _Claim(rows, arrived, repeated=open_claim and not mine)


def _work(connection: Connection) -> Row[Any]:
    table = schema.work
    query = select(table).where(table.c.name == RELAY)
    row = connection.execute(query).one_or_none()
    if row is None:
        connection.execute(insert(table).values(name=RELAY, sequence=0))
        row = connection.execute(query).one()
    return row


def _rows(connection: Connection, after: int, until: int | None) -> Sequence[Row[Any]]:
    table = schema.history
    query = select(table).where(table.c.seq > after)
    if until is not None:
        query = query.where(table.c.seq <= until)
    return connection.execute(query.order_by(table.c.seq).limit(BATCH)).all()


def _arrived(directory: Path, node: str, instance: str, rows: Sequence[Row[Any]]) -> frozenset[int]:
    """Find the rows of an open claim that the log holds, whichever worker appended them."""
    if not rows:
        return frozenset()
    since = moment(rows[0].at)
    ids = {f"{instance}-{row.seq}": int(row.seq) for row in rows}
    filters = Filters(kinds=frozenset({KIND}), since=since, node=node)
    found = (str(entry.record.event.get("id")) for entry in show(directory, filters))
    return frozenset(ids[one] for one in found if one in ids)


def _settle(database: AccountDatabase, sequence: int, node: str) -> None:
    table = schema.work
    with database.automating("relay") as change:
        change.connection.execute(
            update(table)
            .where((table.c.name == RELAY) & (table.c.holder == node))
            .values(sequence=sequence, claimed=None, until_at=None)
        )
