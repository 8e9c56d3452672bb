"""Appeals: whoever holds the token of a notice can object, whatever the account's status is.

A token is random, in the notice alone, and stored as its hash. Asking with one that is not good
tells nothing. One further look follows a refusal, by the same token.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from bailiwick.accounts import cases, documents, machine, personal, schema
from bailiwick.accounts.change import Change
from bailiwick.accounts.notices import token_hash
from bailiwick.accounts.values import SamePerson, moment
from bailiwick.errors import BailiwickError, InvalidInput
from bailiwick.policy import Review

ROUNDS = 2
MOST_CHARACTERS = 8000
DECLARABLE = ("billing", "registered", "tax")
"""Kinds of evidence that an appellant can state; a reviewer judges it."""
_table = schema.appeals


class NoSuchAppeal(BailiwickError):
    """The token is not good: unknown or too old. It is not said which."""

    def __init__(self) -> None:
        super().__init__("this link is not valid", "use the link of the newest notice")


@dataclass(frozen=True, slots=True)
class AppealView:
    """What somebody with the token sees."""

    id: str
    account: str
    status: str
    state: str
    """offered, submitted, granted or refused."""
    until: datetime | None
    submitted_at: datetime | None
    answer: str | None
    may_submit: bool
    notice: str
    """What the account was told."""


def find(connection: Connection, token: str, at: int) -> Row[Any]:
    """Find the newest appeal of a token. Raises ``NoSuchAppeal``."""
    hashed = token_hash(token)
    first = connection.execute(select(_table).where(_table.c.token_hash == hashed)).one_or_none()
    if first is None or first.expires_at <= at:
        raise NoSuchAppeal
    later = connection.execute(
        select(_table).where(
            (_table.c.transition_seq == first.transition_seq)
            & (_table.c.account_id == first.account_id)
        )
    ).all()
    return max(later, key=lambda row: row.round)


def view(connection: Connection, token: str, at: int) -> AppealView:
    """Show an appeal to whoever holds its token."""
    row = find(connection, token, at)
    account, notice = schema.accounts, schema.notices
    status = connection.execute(
        select(account.c.status).where(account.c.id == row.account_id)
    ).scalar_one()
    told = connection.execute(
        select(notice.c.body).where(
            (notice.c.account_id == row.account_id)
            & (notice.c.about == f"transition:{row.transition_seq}")
        )
    ).scalar_one_or_none()
    return AppealView(
        row.id, row.account_id, status, row.state, moment(row.expires_at),
        moment(row.submitted_at), row.answer, _may_submit(row), told or "",
    )  # fmt: skip


def to_submit(change: Change, token: str, text: str) -> Row[Any]:
    """Find the appeal that an objection is for. Raises what is in the way of it."""
    if not text.strip() or len(text) > MOST_CHARACTERS or "\0" in text:
        raise InvalidInput.of(
            "the appeal says nothing, or too much", f"at most {MOST_CHARACTERS} characters"
        )
    row = find(change.connection, token, change.at)
    if not _may_submit(row):
        raise InvalidInput.of(f"this appeal is {row.state} already")
    return row


def submit(
    change: Change,
    row: Row[Any],
    text: str,
    facts: Sequence[Mapping[str, object]],
    review: Review,
    revision: str,
    papers: Sequence[bytes] = (),
) -> str:
    """Object; returns the id of the appeal. It becomes a case for somebody else."""
    row = row if row.state == "offered" else _further_look(change, row)
    words = personal.keep_words(change, row.account_id, "appeal", text)
    case = cases.open_case(
        change, row.account_id, cases.APPEAL, _code_of(change, row), facts, review,
        revision=revision,
    )  # fmt: skip
    change.connection.execute(
        update(_table)
        .where(_table.c.id == row.id)
        .values(state="submitted", submitted_at=change.at, text_id=words, case_id=case)
    )
    change.record(row.account_id, "appeal.submitted", {"appeal": row.id, "case": case})
    documents.keep(change, row.account_id, row.id, case, papers)
    return str(row.id)


def of_case(connection: Connection, case: str) -> Row[Any] | None:
    """Find the appeal that a case is about."""
    return connection.execute(select(_table).where(_table.c.case_id == case)).one_or_none()


def answer(change: Change, row: Row[Any], state: str, words: str) -> None:
    """Answer an appeal, with reasons."""
    change.connection.execute(
        update(_table)
        .where(_table.c.id == row.id)
        .values(state=state, decided_at=change.at, decided_by=change.actor, answer=words)
    )
    change.record(row.account_id, f"appeal.{state}", {"appeal": row.id, "case": row.case_id})


def refuse_same_person(change: Change, row: Row[Any]) -> None:
    """Hold an appeal from whoever decided what it is about or what came on top of it, or refused
    it before.
    """
    table = schema.transitions
    adverse = change.connection.execute(
        select(table.c.by, table.c.second).where(
            (table.c.account_id == row.account_id)
            & (table.c.seq >= row.transition_seq)
            & table.c.target.in_(machine.ADVERSE)
        )
    )
    before = change.connection.execute(
        select(_table.c.decided_by).where(_table.c.transition_seq == row.transition_seq)
    ).scalars()
    people = [*chain.from_iterable(adverse), *before]
    names = {name.casefold() for name in people if name}
    if change.actor.casefold() in names:
        raise SamePerson.of(
            f"`{change.actor}` decided this before, and cannot decide the appeal",
            "somebody else must decide it",
        )


def _may_submit(row: Row[Any]) -> bool:
    return bool(row.state == "offered" or (row.state == "refused" and row.round < ROUNDS))


def _further_look(change: Change, row: Row[Any]) -> Row[Any]:
    identity = f"apl_{secrets.token_hex(12)}"
    change.connection.execute(
        insert(_table).values(
            id=identity,
            account_id=row.account_id,
            token_hash=secrets.token_bytes(32),  # the token of the first round goes on to be used
            transition_seq=row.transition_seq,
            round=row.round + 1,
            created_at=change.at,
            expires_at=row.expires_at,
            state="offered",
        )
    )
    return change.connection.execute(select(_table).where(_table.c.id == identity)).one()


def _code_of(change: Change, row: Row[Any]) -> str:
    table = schema.transitions
    found = change.connection.execute(select(table.c.code).where(table.c.seq == row.transition_seq))
    return str(found.scalar_one())
