"""Cases: work for people, with a queue, a priority, a service level, and the evidence shown.

A case is about one account, or about all of a cluster. Each of its accounts is decided by itself or
with the others, and the case ends with the last.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from bailiwick.accounts import mutes, personal, schema
from bailiwick.accounts.change import Change
from bailiwick.accounts.mutes import Sign
from bailiwick.accounts.notices import as_json
from bailiwick.accounts.values import moment
from bailiwick.errors import InvalidInput
from bailiwick.policy import Review

REVIEW, RESTRICTION, APPEAL = "review", "restriction", "appeal"
QUEUES = (REVIEW, RESTRICTION, APPEAL)
DISPOSITIONS = ("cleared", "false_positive", "confirmed", "not_proven", "granted", "refused")
FAVOURABLE = frozenset({"cleared", "false_positive", "not_proven"})
URGENT, HIGH, NORMAL = 1, 2, 3

NOTED = "case.noted"
MOST_NOTE = 4000
_table, _about = schema.cases, schema.case_accounts
_OPEN, _ADD = insert(_table), insert(_about)
_LATE = (
    update(_table)
    .where(_table.c.id == bindparam("case"))
    .values(breached_at=bindparam("at"), priority=URGENT)
)


@dataclass(frozen=True, slots=True)
class Note:
    """What a reviewer wrote on a case."""

    at: datetime | None
    by: str
    text: str | None
    """``None``: it was erased."""


@dataclass(frozen=True, slots=True)
class CaseAccount:
    """One of the accounts that a case is about."""

    account: str
    status: str
    """The account's, now."""
    state: str
    """open or decided."""
    disposition: str | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


def open_case(
    change: Change,
    account: str,
    queue: str,
    code: str,
    facts: Sequence[Mapping[str, object]],
    review: Review,
    *,
    finding: str | None = None,
    signs: Sequence[Sign] = (),
    revision: str | None = None,
) -> str:
    """Open a case, or return the open one of the same account and queue, which holds all then.

    ``signs``: what is held against the account, to be muted if it is cleared.
    """
    same = open_cases(change.connection, account, queue)
    if same and queue != APPEAL:
        mutes.hold(change, same[0].id, account, signs)
        return str(same[0].id)
    return new_case(
        change, account, queue, code, facts, review,
        finding=finding, signs=signs, revision=revision,
    )  # fmt: skip


def new_case(
    change: Change,
    account: str,
    queue: str,
    code: str,
    facts: Sequence[Mapping[str, object]],
    review: Review,
    *,
    finding: str | None = None,
    signs: Sequence[Sign] = (),
    revision: str | None = None,
) -> str:
    """Open a case of an account that has none in this queue."""
    identity = f"case_{secrets.token_hex(8)}"
    within = {REVIEW: review.decide_s, RESTRICTION: review.decide_s, APPEAL: review.appeal_s}
    row = {
        "id": identity,
        "account_id": account,
        "queue": queue,
        "priority": HIGH if queue == RESTRICTION else NORMAL,
        "code": code,
        "finding": finding,
        "facts": as_json(facts),
        "revision": revision,
        "opened_at": change.at,
        "opened_by": change.actor,
        "look_by": change.at + review.look_s * 1000 if queue == RESTRICTION else None,
        "decide_by": change.at + within[queue] * 1000,
        "lapses_at": change.at + review.not_proven_s * 1000 if queue == REVIEW else None,
        "state": "open",
    }
    change.write(_OPEN, row)
    _add(change, identity, account)
    mutes.keep(change, identity, account, signs)
    change.record(account, "case.opened", {"case": identity, "queue": queue, "code": code})
    return identity


def add_account(change: Change, case: str, account: str, signs: Sequence[Sign]) -> bool:
    """Let a case be about an account too; returns whether it or a sign is new to the case.

    Its history names the case, and no other account.
    """
    about = _of_case(change.connection, case, account)
    if about is None:
        _add(change, case, account)
        code = find_case(change.connection, case).code
        change.record(account, "case.linked", {"case": case, "code": code})
    return bool(mutes.hold(change, case, account, signs)) or about is None


def add_facts(change: Change, case: str, fact: Mapping[str, object]) -> None:
    """Show in an open case what a detector saw since it was opened."""
    known = json.loads(find_case(change.connection, case).facts)
    if fact not in known:
        facts = as_json([*known, fact])
        change.connection.execute(update(_table).where(_table.c.id == case).values(facts=facts))


def _add(change: Change, case: str, account: str) -> None:
    row = {"case_id": case, "account_id": account, "added_at": change.at, "state": "open"}
    change.write(_ADD, row)


def accounts_of(connection: Connection, case: str) -> list[CaseAccount]:
    """List the accounts that a case is about."""
    account = schema.accounts
    rows = connection.execute(
        select(_about, account.c.status)
        .join(account, account.c.id == _about.c.account_id)
        .where(_about.c.case_id == case)
        .order_by(_about.c.account_id)
    )
    return [
        CaseAccount(
            row.account_id, row.status, row.state, row.disposition, row.decided_by,
            moment(row.decided_at), row.decision_reason,
        )
        for row in rows
    ]  # fmt: skip


def find_account(connection: Connection, case: str, account: str) -> CaseAccount:
    """Find one of the accounts that a case is about; refuse another."""
    about = {one.account: one for one in accounts_of(connection, find_case(connection, case).id)}
    if account not in about:
        raise InvalidInput.of(
            f"case `{case}` is not about an account `{account[:80]}`",
            f"it is about {', '.join(about)}",
        )
    return about[account]


def is_open_for(connection: Connection, case: str, account: str) -> bool:
    """Whether a case is about an account, and not decided for it yet."""
    about = _of_case(connection, case, account)
    return about is not None and about.state == "open"


def _of_case(connection: Connection, case: str, account: str) -> Row[Any] | None:
    which = (_about.c.case_id == case) & (_about.c.account_id == account)
    return connection.execute(select(_about).where(which)).one_or_none()


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
    """List open cases, the most urgent first; of an account, those that are open for it."""
    counted = select(func.count()).where(_about.c.case_id == _table.c.id).scalar_subquery()
    query = select(_table, counted.label("accounts")).where(_table.c.state == "open")
    if account is not None:
        own = (_about.c.account_id == account) & (_about.c.state == "open")
        query = query.where(_table.c.id.in_(select(_about.c.case_id).where(own)))
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


def close(
    change: Change,
    identity: str,
    account: str,
    disposition: str,
    review: Review,
    *,
    judged: bool = True,
) -> None:
    """Decide a case for one of its accounts; with the last of them it ends.

    ``judged``: somebody looked at what it holds against the account, or left it too long.
    """
    row = _open(change, identity)
    decision = {
        "state": "decided",
        "disposition": disposition,
        "decided_by": change.actor,
        "decided_at": change.at,
        "decision_reason": change.reason,
    }
    which = (_about.c.case_id == identity) & (_about.c.account_id == account)
    change.connection.execute(update(_about).where(which).values(decision))
    left = select(_about).where((_about.c.case_id == identity) & (_about.c.state == "open"))
    if change.connection.execute(left).first() is None:
        change.connection.execute(update(_table).where(_table.c.id == identity).values(decision))
    if judged:
        signs = mutes.signs_of(change, identity, account)
        mutes.mute(change, account, signs, review, in_favour=disposition in FAVOURABLE)
    detail = {"case": identity, "disposition": disposition, "code": row.code}
    change.record(account, "case.decided", detail)


def close_all(
    change: Change,
    account: str,
    disposition: str,
    queues: Sequence[str],
    review: Review,
    *,
    judged: bool = True,
) -> list[Sign]:
    """End the open cases of an account in some queues; returns what they held against it."""
    held: dict[str, Sign] = {}
    for queue in queues:
        for row in open_cases(change.connection, account, queue):
            held |= {one.fingerprint: one for one in mutes.signs_of(change, row.id, account)}
            close(change, row.id, account, disposition, review, judged=judged)
    return list(held.values())


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
        change.write(_LATE, {"case": identity, "at": change.at})
        change.record(account, "case.late", {"case": identity})
    return len(late)


def _open(change: Change, identity: str) -> Row[Any]:
    row = find_case(change.connection, identity)
    if row.state != "open":
        raise InvalidInput.of(f"case `{identity}` is decided already: {row.disposition}")
    return row
