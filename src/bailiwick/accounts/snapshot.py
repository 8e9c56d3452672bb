"""Every live key and account in memory, small enough for 100,000 keys in each worker.

A key costs one entry in a dict, from half its digest to its account's id. An account costs another,
from its id to what counts of it, which accounts of which the same counts share. Views are made when
they are first asked for, and one is used as long as every record that it came from still stands:
that check is an identity comparison, so a change needs no invalidation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, cast, func, literal, select

from bailiwick.accounts import schema
from bailiwick.accounts.derive import (
    LABELS,
    SEPARATOR,
    Deriver,
    Evidence,
    Profile,
    Steps,
    current,
    holds,
    merged,
    strictest,
)
from bailiwick.accounts.keys import key_id, lookup
from bailiwick.accounts.values import FACT_PLACES, milliseconds, moment
from bailiwick.accounts.view import AccountView
from bailiwick.facts import OWNERSHIP_PREFIX, Fact

Merged = tuple[Mapping[str, Fact], tuple[Evidence, ...]]

CACHED_VIEWS = 8192
"""Views kept ready in a worker (about half a kilobyte each)."""
FETCHED_ROWS = 2000
"""Rows read from the database at a time."""


class Record(NamedTuple):
    """What counts of an account or organisation. Accounts of which it is the same share it."""

    parent_id: str | None
    status: str
    steps: Steps


Chain = tuple[tuple[str, Record], ...]
"""An account and its organisations with their ids, nearest first."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Accounts that changed, as they are at ``sequence``."""

    sequence: int
    records: Mapping[str, Record]
    live: Sequence[tuple[bytes, str, int | None]]
    """Keys that count: half their digest, their account, their expiry."""
    dead: Sequence[bytes]
    """Keys that do not count any more."""


@dataclass(frozen=True, slots=True)
class _Cached:
    view: AccountView
    chain: Chain
    until: int | None


class Snapshot:
    """What the database said up to one place in its sequence."""

    def __init__(self, instance: str, sequence: int) -> None:
        self.instance = instance
        self.sequence = sequence
        self.records: dict[str, Record] = {}
        self.keys: dict[bytes, str] = {}
        self.expiries: dict[bytes, int] = {}
        """Only the keys that expire, in milliseconds."""
        self._views: dict[bytes, _Cached] = {}
        self._merged: dict[tuple[str, tuple[Profile, ...]], Merged] = {}

    def view(self, digest: bytes, at: datetime) -> AccountView | None:
        """Find the account of a key's digest."""
        found = lookup(digest)
        account = self.keys.get(found)
        if account is None:
            return None
        now = milliseconds(at)
        if not holds(self.expiries.get(found), now):
            return None
        cached = self._views.get(found)
        if cached is not None and holds(cached.until, now) and self._stands(cached.chain):
            return cached.view
        return self._make(found, digest, account, now)

    def view_of(self, account: str, at: datetime) -> AccountView | None:
        """Find an account by its id, as if it had asked with none of its keys."""
        if account not in self.records:
            return None
        chain = self._chain(account)
        steps = [current(record.steps, milliseconds(at)) for _, record in chain]
        status = strictest(record.status for _, record in chain)
        values, evidence = self._merge(status, tuple(step.profile for step in steps))
        until = min((step.until for step in steps if step.until is not None), default=None)
        principals = frozenset(identity for identity, _ in chain)
        return AccountView(account, "", status, principals, values, moment(until), evidence)

    def apply(self, changes: "Changes") -> None:
        """Take in accounts as they are now; each of them changes at one stroke.

        What ends comes first, and keys come last, when everything that they need is here.
        """
        for found in changes.dead:
            self.keys.pop(found, None)
            self.expiries.pop(found, None)
        self.records.update(changes.records)
        for found, account, expires_at in changes.live:
            if expires_at is not None:
                self.expiries[found] = expires_at
            self.keys[found] = account
        self.sequence = changes.sequence

    def _stands(self, chain: Chain) -> bool:
        records = self.records
        for identity, record in chain:  # noqa: SIM110 - each request comes by here
            if records.get(identity) is not record:
                return False
        return True

    def _make(self, found: bytes, digest: bytes, account: str, now: int) -> AccountView:
        chain = self._chain(account)
        steps = [current(record.steps, now) for _, record in chain]
        until = min((step.until for step in steps if step.until is not None), default=None)
        status = strictest(record.status for _, record in chain)
        values, evidence = self._merge(status, tuple(step.profile for step in steps))
        key = key_id(digest)
        view = AccountView(
            id=account,
            key_id=key,
            status=status,
            principals=frozenset((key, *(identity for identity, _ in chain))),
            values=values,
            valid_until=moment(until),
            evidence=evidence,
        )
        if len(self._views) >= CACHED_VIEWS:
            self._views.clear()
        self._views[found] = _Cached(view, chain, until)
        return view

    def _chain(self, account: str) -> Chain:
        chain = [(account, self.records[account])]
        while (parent := chain[-1][1].parent_id) is not None:
            chain.append((parent, self.records[parent]))
        return tuple(chain)

    def _merge(self, status: str, profiles: tuple[Profile, ...]) -> Merged:
        found = self._merged.get((status, profiles))
        if found is None:
            evidence = tuple(entry for profile in profiles for entry in profile.evidence)
            found = (merged(profiles, status), evidence)
            if len(self._merged) >= CACHED_VIEWS:
                self._merged.clear()
            self._merged[status, profiles] = found
        return found


def load(connection: Connection, instance: str, now: int) -> Snapshot:
    """Read everything that counts."""
    snapshot = Snapshot(instance, read_sequence(connection))
    snapshot.records.update(_records(connection, now, None))
    ids = {identity: identity for identity in snapshot.records}  # so that keys share the text
    table = schema.keys
    live = _stream(
        connection,
        select(table.c.digest, table.c.account_id, table.c.expires_at).where(
            table.c.revoked_at.is_(None)
        ),
    )
    keys, expiries = snapshot.keys, snapshot.expiries
    for digest, account, expires_at in live:
        keys[digest[:16]] = ids[account]
        if expires_at is not None:
            expiries[digest[:16]] = expires_at
    return snapshot


def changes_since(connection: Connection, sequence: int, now: int) -> Changes:
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
        records.update(_records(connection, now, some))
        keys.extend(
            connection.execute(select(schema.keys).where(schema.keys.c.account_id.in_(some)))
        )
    return Changes(
        sequence=max((seq for seq, _ in rows), default=sequence),
        records=records,
        live=[(lookup(k.digest), k.account_id, k.expires_at) for k in keys if k.revoked_at is None],
        dead=[lookup(key.digest) for key in keys if key.revoked_at is not None],
    )


def read_sequence(connection: Connection) -> int:
    """Read how far the database's sequence is."""
    return int(connection.execute(select(schema.counter.c.sequence)).scalar_one())


def _records(
    connection: Connection, now: int, only: Sequence[str] | None
) -> Iterator[tuple[str, Record]]:
    deriver = Deriver(now)
    known: dict[tuple[str | None, str, int], Record] = {}
    labels = dict(_stream(connection, _labels_of(only)))
    for row in _stream(connection, _accounts_with_evidence(only)):
        identity, parent, status, evidence = row
        said = tuple(text for text in (evidence, labels.get(identity)) if text)
        steps = deriver.steps(said)
        record = Record(parent, status, steps)
        yield identity, known.setdefault((parent, status, id(steps)), record)


def _accounts_with_evidence(only: Sequence[str] | None) -> Select[Any]:
    account, item = schema.accounts, schema.evidence
    counts = (
        (item.c.account_id == account.c.id)
        & item.c.superseded_seq.is_(None)
        & item.c.value.is_not(None)
        & (item.c.kind.in_(FACT_PLACES) | item.c.kind.startswith(OWNERSHIP_PREFIX))
    )
    said = item.c.kind + " " + item.c.value + " " + item.c.source + " " + cast(item.c.tier, Text)
    query = (
        select(account.c.id, account.c.parent_id, account.c.status)
        .add_columns(_joined(said, item.c.expires_at))
        .select_from(account.outerjoin(item, counts))
        .group_by(account.c.id)
    )
    return query if only is None else query.where(account.c.id.in_(only))


def _labels_of(only: Sequence[str] | None) -> Select[Any]:
    table = schema.labels
    query = (
        select(
            table.c.account_id, _joined(literal(f"{LABELS} ") + table.c.name, table.c.expires_at)
        )
        .where(table.c.removed_seq.is_(None))
        .group_by(table.c.account_id)
    )
    return query if only is None else query.where(table.c.account_id.in_(only))


def _joined(said: ColumnElement[str], expires_at: ColumnElement[Any]) -> ColumnElement[str]:
    """Let the database put an account's entries into one text: a third of the time to load."""
    return func.aggregate_strings(said + " " + func.coalesce(cast(expires_at, Text), ""), SEPARATOR)


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    """Read without holding all rows at once: memory that was used once is rarely given back."""
    return iter(connection.execute(query.execution_options(yield_per=FETCHED_ROWS)))
