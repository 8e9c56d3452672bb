"""Statements of sources, many in one transaction: their history rows, and what they supersede.

A statement says what a source knows of one kind about one account. It supersedes what the same
source said before, unless that was observed later. Nothing is ever deleted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from bailiwick.accounts import schema
from bailiwick.accounts.change import Change, take_places
from bailiwick.accounts.values import AT_ONCE, Checks, milliseconds


@dataclass(frozen=True, slots=True)
class Statement:
    """What a source says of one kind about an account."""

    account: str
    kind: str
    values: tuple[str, ...]
    """Candidates; empty: the source no longer says anything."""
    source: str
    tier: str
    observed_at: datetime
    expires_at: datetime | None = None
    against_interest: bool = False


Key = tuple[str, str, str]
"""Account, kind and source."""


def check_statement(checks: Checks, said: Statement, now: datetime) -> dict[str, Any]:
    """Check a statement, and give it as it is written down."""
    checks.kind(said.kind)
    checks.name("the source", said.source)
    observed = checks.observed(said.observed_at, now)
    values = {checks.value(said.kind, one) for one in checks.few(f"`{said.kind}`", said.values)}
    return {
        "account_id": said.account,
        "kind": said.kind,
        "source": said.source,
        "tier": checks.tier(said.tier),
        "observed_at": milliseconds(observed),
        "expires_at": checks.expiry(said.expires_at, observed),
        "against_interest": said.against_interest,
        "commitment": None,
        "values": sorted(values),
    }


def write_statements(change: Change, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write down checked statements, in order."""
    if not rows:
        return
    first = take_places(change, len(rows))
    history: list[dict[str, Any]] = []
    added: list[dict[str, Any]] = []
    retired: list[dict[str, Any]] = []
    current = _current(change, rows)
    for seq, row in enumerate(rows, first):
        detail = {key: value for key, value in row.items() if key != "account_id"}
        history.append(_history(change, seq, row["account_id"], "evidence.set", detail))
        key: Key = (row["account_id"], row["kind"], row["source"])
        before = current.get(key)
        late = before is not None and before.observed_at > row["observed_at"]
        made = [
            {
                **{name: value for name, value in row.items() if name != "values"},
                "value": value,
                "added_seq": seq,
                "superseded_seq": seq if late else None,
            }
            for value in row["values"] or (None,)
        ]
        added += made
        if not late:
            retired += before.retire(seq) if before else ()
            current[key] = _Current(row["observed_at"], [], made)
    change.connection.execute(insert(schema.history), history)
    if retired:
        table = schema.evidence
        retire = update(table).where(table.c.id == bindparam("row_id"))
        change.connection.execute(retire.values(superseded_seq=bindparam("seq")), retired)
    change.connection.execute(insert(schema.evidence), added)


def write_notes(change: Change, notes: Sequence[tuple[str | None, str, Mapping[str, Any]]]) -> None:
    """Write rows of history that change nothing: account, what, detail."""
    if notes:
        first = take_places(change, len(notes))
        rows = [_history(change, seq, *note) for seq, note in enumerate(notes, first)]
        change.connection.execute(insert(schema.history), rows)


def _history(
    change: Change, seq: int, account: str | None, what: str, detail: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "seq": seq,
        "at": change.at,
        "account_id": account,
        "what": what,
        "actor": change.actor,
        "reason": change.reason,
        "detail": change.told(detail),
    }


@dataclass(slots=True)
class _Current:
    """What a source says of a kind now: rows of the database, or rows still to be added."""

    observed_at: int
    ids: list[int]
    pending: list[dict[str, Any]]

    def retire(self, seq: int) -> Iterable[dict[str, Any]]:
        for row in self.pending:
            row["superseded_seq"] = seq
        return [{"row_id": one, "seq": seq} for one in self.ids]


def _current(change: Change, rows: Sequence[Mapping[str, Any]]) -> dict[Key, _Current]:
    table = schema.evidence
    accounts = sorted({row["account_id"] for row in rows})
    wanted = {(row["account_id"], row["kind"], row["source"]) for row in rows}
    found: dict[Key, _Current] = {}
    for start in range(0, len(accounts), AT_ONCE):
        some = accounts[start : start + AT_ONCE]
        columns = (table.c.id, table.c.account_id, table.c.kind, table.c.source)
        which = table.c.account_id.in_(some) & table.c.superseded_seq.is_(None)
        for one in change.connection.execute(select(*columns, table.c.observed_at).where(which)):
            key: Key = (one.account_id, one.kind, one.source)
            if key in wanted:
                found.setdefault(key, _Current(one.observed_at, [], [])).ids.append(one.id)
    return found
