"""Reading for people: what is known of an account, and by whom it was changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, func, select

from bailiwick.accounts import schema
from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.engine import reading
from bailiwick.accounts.values import TIERS, moment
from bailiwick.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """One line of a list."""

    id: str
    kind: str
    name: str
    parent: str | None
    status: str
    keys: int
    """Keys that are not revoked; expired ones count."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key without the key."""

    id: str
    shown: str
    created_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttesterRow:
    """A public key that attests, or did."""

    kid: str
    algorithm: str
    key: str
    added_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One value that a source stated."""

    kind: str
    value: str | None
    source: str
    tier: str
    observed_at: datetime | None
    expires_at: datetime | None
    against_interest: bool
    commitment: str | None
    superseded: bool


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label that was granted and not removed."""

    name: str
    source: str
    grantor: str
    granted_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One change."""

    seq: int
    at: datetime | None
    what: str
    actor: str
    reason: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """Everything about one account."""

    summary: AccountSummary
    keys: tuple[KeyRow, ...]
    attesters: tuple[AttesterRow, ...]
    evidence: tuple[EvidenceRow, ...]
    labels: tuple[LabelRow, ...]
    history: tuple[HistoryRow, ...]


def list_accounts(
    database: AccountDatabase, *, after: str = "", most: int | None = None
) -> tuple[AccountSummary, ...]:
    """List accounts and organisations, by id; ``most`` of them, from behind ``after`` on."""
    with reading(database.engine) as connection:
        return _summaries(connection, None, after, most)


def show_account(database: AccountDatabase, account: str) -> AccountDetails:
    """Show one account. Raises ``InvalidInput`` if there is none of that id."""
    with reading(database.engine) as connection:
        found = _summaries(connection, account)
        if not found:
            raise InvalidInput.of(
                f"no account has the id `{account[:80]}`", "`bailiwick accounts show` lists them"
            )
        return AccountDetails(
            found[0],
            tuple(_key(row) for row in _rows(connection, schema.keys, account)),
            tuple(_attester(row) for row in _rows(connection, schema.attesters, account)),
            tuple(_evidence(row) for row in _rows(connection, schema.evidence, account)),
            tuple(
                _label(row)
                for row in _rows(connection, schema.labels, account)
                if row.removed_seq is None
            ),
            tuple(_history(row) for row in _rows(connection, schema.history, account)),
        )


def _summaries(
    connection: Connection, only: str | None, after: str = "", most: int | None = None
) -> tuple[AccountSummary, ...]:
    table, key = schema.accounts, schema.keys
    live = (
        select(func.count(key.c.id))
        .where((key.c.account_id == table.c.id) & key.c.revoked_at.is_(None))
        .scalar_subquery()
    )
    columns = (table.c.id, table.c.kind, table.c.name, table.c.parent_id, table.c.status)
    query = select(*columns, live).where(table.c.id > after).order_by(table.c.id).limit(most)
    if only is not None:
        query = query.where(table.c.id == only)
    return tuple(AccountSummary(*row) for row in connection.execute(query))


def _rows(connection: Connection, table: Table, account: str) -> list[Row[Any]]:
    query = select(table).where(table.c.account_id == account)
    order = _ORDER.get(table, next(iter(table.primary_key.columns)))
    return list(connection.execute(query.order_by(order)))


_ORDER = {schema.keys: schema.keys.c.created_at, schema.attesters: schema.attesters.c.added_at}


def _attester(row: Row[Any]) -> AttesterRow:
    return AttesterRow(row.kid, row.algorithm, row.key, moment(row.added_at), moment(row.ended_at))


def _key(row: Row[Any]) -> KeyRow:
    return KeyRow(
        row.id,
        row.shown,
        moment(row.created_at),
        moment(row.expires_at),
        moment(row.revoked_at),
    )


def _evidence(row: Row[Any]) -> EvidenceRow:
    return EvidenceRow(
        row.kind,
        row.value,
        row.source,
        TIERS[row.tier - 1],
        moment(row.observed_at),
        moment(row.expires_at),
        row.against_interest,
        row.commitment,
        row.superseded_seq is not None,
    )


def _label(row: Row[Any]) -> LabelRow:
    return LabelRow(
        row.name, row.source, row.grantor, moment(row.granted_at), moment(row.expires_at)
    )


def _history(row: Row[Any]) -> HistoryRow:
    return HistoryRow(
        row.seq, moment(row.at), row.what, row.actor, row.reason, json.loads(row.detail)
    )
