"""Cases: work for people, with a queue, a priority, a service level, and the evidence shown."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from bailiwick.accounts import personal, schema
from bailiwick.accounts.change import Change
from bailiwick.accounts.notices import as_json
from bailiwick.accounts.values import moment
from bailiwick.errors import InvalidInput
from bailiwick.policy import Review

REVIEW, RESTRICTION, APPEAL = "review", "restriction", "appeal"
QUEUES = (REVIEW, RESTRICTION, APPEAL)
DISPOSITIONS = ("cleared", "false_positive", "confirmed", "not_proven", "granted", "refused")
URGENT, HIGH, NORMAL = 1, 2, 3

NOTED = "case.noted"
MOST_NOTE = 4000
_table = schema.cases


@dataclass(frozen=True, slots=True)
class Note:
    """What a reviewer wrote on a case."""

    at: datetime | None
    by: str
    text: str | None
    """``None``: it was erased."""


def open_case(
    change: Change,
    account: str,
    queue: str,
    code: str,
    facts: Sequence[Mapping[str, object]],
    review: Review,
    *,
    finding: str | None = None,
    fingerprint: str | None = None,
    revision: str | None = None,
    beside: Sequence[str] = (),
) -> str:
    """Open a case, or return the open one of the same account and queue.

    ``beside``: other accounts that it is about; their histories name it.
    """
    same = open_cases(change.connection, account, queue)
    if same and queue != APPEAL:
        return str(same[0].id)
    identity = f"case_{secrets.token_hex(8)}"
    within = {REVIEW: review.decide_s, RESTRICTION: review.decide_s, APPEAL: review.appeal_s}
    row = {
        "id": identity,
        "account_id": account,
        "queue": queue,
        "priority": HIGH if queue == RESTRICTION else NORMAL,
        "code": code,
        "finding": finding,
        "fingerprint": fingerprint,
        "facts": as_json(facts),
        "revision": revision,
        "opened_at": change.at,
        "opened_by": change.actor,
        "look_by": change.at + review.look_s * 1000 if queue == RESTRICTION else None,
        "decide_by": change.at + within[queue] * 1000,
        "lapses_at": change.at + review.not_proven_s * 1000 if queue == REVIEW else None,
        "state": "open",
    }
    change.connection.execute(insert(_table).values(row))
    change.record(account, "case.opened", {"case": identity, "queue": queue, "code": code})
    for other in beside:
        change.record(other, "case.linked", {"case": identity, "account": account, "code": code})
    return identity


def find_case(connection: Connection, identity: str) -> Row[Any]:
    """Read a case; refuse an id that none has."""
    row = connection.execute(select(_table).where(_table.c.id == identity)).one_or_none()
    if row is None:
        raise InvalidInput.of(
            f"no case has the id `{identity[:80]}`", "`bailiwick accounts cases` lists them"
        )
    return row


def open_cases(
    connection: Connection, account: str | None = None, queue: str | None = None
) -> Sequence[Row[Any]]:
    """List open cases, the most urgent first."""
    query = select(_table).where(_table.c.state == "open")
    if account is not None:
        query = query.where(_table.c.account_id == account)
    if queue is not None:
        query = query.where(_table.c.queue == queue)
    return connection.execute(query.order_by(_table.c.priority, _table.c.decide_by)).all()


def look(change: Change, identity: str) -> None:
    """Note that a person looks at a case; it is theirs from then on."""
    row = _open(change, identity)
    values: dict[str, Any] = {"assignee": change.actor}
    if row.looked_at is None:
        values["looked_at"] = change.at
    change.connection.execute(update(_table).where(_table.c.id == identity).values(**values))
    change.record(row.account_id, "case.taken", {"case": identity})


def add_note(change: Change, identity: str, text: str) -> None:
    """Write a note on a case. Its words are personal and can be erased; the history names it."""
    if not text.strip() or len(text) > MOST_NOTE or "\0" in text:
        raise InvalidInput.of(
            "the note says nothing, or too much", f"at most {MOST_NOTE} characters"
        )
    row = find_case(change.connection, identity)
    note, commitment = personal.keep_both(change, row.account_id, "note", text)
    detail = {"case": identity, "note": note, "commitment": commitment}
    change.record(row.account_id, NOTED, detail)


def notes_of(connection: Connection, identity: str) -> list[Note]:
    """Read the notes of a case, oldest first."""
    case, table = find_case(connection, identity), schema.history
    rows = connection.execute(
        select(table)
        .where((table.c.account_id == case.account_id) & (table.c.what == NOTED))
        .order_by(table.c.seq)
    ).all()
    details = [(row, json.loads(row.detail)) for row in rows]
    return [
        Note(moment(row.at), row.actor, personal.read_words(connection, detail["note"]))
        for row, detail in details
        if detail["case"] == identity
    ]


def extend(change: Change, identity: str, review: Review) -> None:
    """Give a review more time, once."""
    row = _open(change, identity)
    if row.lapses_at is None:
        raise InvalidInput.of(f"case `{identity}` does not end by itself")
    if row.extended_by is not None:
        raise InvalidInput.of(
            f"case `{identity}` was extended already, by `{row.extended_by}`", "decide it"
        )
    lapses = row.lapses_at + review.not_proven_s * 1000
    change.connection.execute(
        update(_table)
        .where(_table.c.id == identity)
        .values(lapses_at=lapses, extended_by=change.actor)
    )
    change.record(row.account_id, "case.extended", {"case": identity, "lapses_at": lapses})


def close(change: Change, identity: str, disposition: str) -> None:
    """End a case with its disposition."""
    row = _open(change, identity)
    change.connection.execute(
        update(_table)
        .where(_table.c.id == identity)
        .values(
            state="decided",
            disposition=disposition,
            decided_by=change.actor,
            decided_at=change.at,
            decision_reason=change.reason,
        )
    )
    detail = {"case": identity, "disposition": disposition, "code": row.code}
    change.record(row.account_id, "case.decided", detail)


def close_all(change: Change, account: str, disposition: str, queues: Sequence[str]) -> None:
    """End the open cases of an account in some queues."""
    for queue in queues:
        for row in open_cases(change.connection, account, queue):
            close(change, row.id, disposition)


def breach(change: Change) -> int:
    """Raise what is late to the most urgent; returns how many became so now."""
    late = change.connection.execute(
        select(_table.c.id, _table.c.account_id).where(
            (_table.c.state == "open")
            & _table.c.breached_at.is_(None)
            & (
                (_table.c.decide_by <= change.at)
                | (_table.c.looked_at.is_(None) & (_table.c.look_by <= change.at))
            )
        )
    ).all()
    for identity, account in late:
        change.connection.execute(
            update(_table)
            .where(_table.c.id == identity)
            .values(breached_at=change.at, priority=URGENT)
        )
        change.record(account, "case.late", {"case": identity})
    return len(late)


def _open(change: Change, identity: str) -> Row[Any]:
    row = find_case(change.connection, identity)
    if row.state != "open":
        raise InvalidInput.of(f"case `{identity}` is decided already: {row.disposition}")
    return row
