"""What people and automation do with accounts: statuses, cases, notices, appeals, under one policy.

Everything that changes a status goes through here: the command line, the admin API, the sweep. So
the table, the four eyes and the notices hold on every path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select

from bailiwick.accounts import appeals, cases, detected, documents, machine, personal, schema
from bailiwick.accounts.appeals import AppealView
from bailiwick.accounts.change import Change
from bailiwick.accounts.database import AccountDatabase, find_account
from bailiwick.accounts.documents import DocumentRow
from bailiwick.accounts.engine import reading
from bailiwick.accounts.flags import Flag
from bailiwick.accounts.moves import (
    Moved,
    Rules,
    approve,
    move_by_person,
    now_of,
    refuse,
)
from bailiwick.accounts.standing import read_standing, standing_flags
from bailiwick.accounts.statements import Statement, check_statement, write_statements
from bailiwick.accounts.values import AUTOMATION, Checks, milliseconds
from bailiwick.accounts.wording import REASONS
from bailiwick.errors import InvalidInput
from bailiwick.policy import Policy

LIFTED = {
    cases.REVIEW: {machine.IN_REVIEW},
    cases.RESTRICTION: {machine.RESTRICTED, machine.SUSPENDED},
}
"""The statuses that a case of a queue is about, and that end when it is cleared."""
CLEARING_CODE = {
    "cleared": "review.cleared",
    "false_positive": "review.false_positive",
    "not_proven": "review.not_proven",
}


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a case."""

    case: str
    disposition: str
    moved: tuple[Moved, ...]
    """What it did to the statuses of its accounts."""


class Desk:
    """Statuses, cases and appeals of one installation, under one policy."""

    def __init__(
        self,
        database: AccountDatabase,
        policy: Policy,
        *,
        appeal_link: str | None = None,
    ) -> None:
        """``appeal_link``: URL of the page where one appeals, with ``{token}`` in it."""
        self.database = database
        self.rules = Rules(policy, policy.digest, appeal_link)

    # -- statuses ------------------------------------------------------------------------------

    def findings(self, account: str) -> tuple[Flag, ...]:
        """List what stands against an account now and was not judged by a person."""
        with reading(self.database.engine) as connection:
            now = self.database.now()
            standing = read_standing(connection, find_account(connection, account), now)
            return standing_flags(standing, self.rules.policy, now)

    def request_status(
        self, account: str, status: str, *, by: str, code: str, reason: str, case: str | None = None
    ) -> Moved:
        """Change a status for a person, or propose it where it takes two.

        ``code`` is a reason code, ``reason`` the person's own words, ``case`` what it follows from.
        Raises ``InvalidInput`` with what is in the way.
        """
        checks = Checks()
        checks.status(status)
        with self.database.changing(by, reason, checks) as change:
            row = find_account(change.connection, account)
            if case is not None:
                cases.find_account(change.connection, case, account)
            return move_by_person(change, row, status, code, self.rules, case=case)

    def approve(self, proposal: str, *, by: str, reason: str = "approved") -> Moved:
        """Approve what another person proposed, and carry it out."""
        with self.database.changing(by, reason) as change:
            return approve(change, proposal, find_account, self.rules)

    def refuse(self, proposal: str, *, by: str, reason: str) -> None:
        """Refuse a proposal, or withdraw one's own."""
        with self.database.changing(by, reason) as change:
            refuse(change, proposal)

    def proposals(self) -> Sequence[Row[Any]]:
        """List what waits for a second person, oldest first."""
        table = schema.proposals
        now = milliseconds(self.database.now())
        with reading(self.database.engine) as connection:
            return connection.execute(
                select(table)
                .where((table.c.state == "open") & (table.c.expires_at > now))
                .order_by(table.c.proposed_at)
            ).all()

    # -- cases ---------------------------------------------------------------------------------

    def open_review(
        self,
        account: str,
        code: str,
        facts: Sequence[Mapping[str, object]],
        *,
        by: str,
        reason: str,
    ) -> str:
        """Ask for a review, as a person; returns the case.

        An account that is active is in review from then on, with access as before.
        """
        _check_code(code)
        with self.database.changing(by, reason) as change:
            row = find_account(change.connection, account)
            case = cases.open_case(
                change, account, cases.REVIEW, code, facts, self.rules.policy.review,
                revision=self.rules.revision,
            )  # fmt: skip
            if row.status == machine.ACTIVE:
                move_by_person(change, row, machine.IN_REVIEW, code, self.rules, case=case)
            return case

    def report_sign(
        self,
        accounts: Sequence[str],
        code: str,
        fact: Mapping[str, object],
        *,
        signs: Sequence[str],
        seen_at: datetime,
        mute: timedelta,
        reason: str,
    ) -> str | None:
        """Ask for one review of what a detector saw of these accounts; returns the case.

        Each of them that is active is in review from then on, with access as before.
        ``signs`` name what was seen, and cleared they are muted for ``mute``. ``None`` is returned,
        and nothing opened, where all of it was judged of all of them (``mutes``). ``fact`` is told
        of each, so it names none of the others.
        """
        _check_code(code)
        with self.database.automating(reason) as change:
            return detected.report(
                change, accounts, code, fact, self.rules,
                signs=signs, seen_at=seen_at, mute=mute,
            )  # fmt: skip

    def open_cases(
        self, account: str | None = None, queue: str | None = None
    ) -> Sequence[Row[Any]]:
        """List the cases that wait, the most urgent first."""
        with reading(self.database.engine) as connection:
            return cases.open_cases(connection, account, queue)

    def case(self, identity: str) -> Row[Any]:
        """Read one case."""
        with reading(self.database.engine) as connection:
            return cases.find_case(connection, identity)

    def case_accounts(self, identity: str) -> list[cases.CaseAccount]:
        """List the accounts that a case is about, and what was decided of each."""
        with reading(self.database.engine) as connection:
            return cases.accounts_of(connection, identity)

    def take(self, case: str, *, by: str) -> None:
        """Take a case: a person looks at it now."""
        with self.database.changing(by, "looks at it") as change:
            cases.look(change, case)

    def add_note(self, case: str, text: str, *, by: str) -> None:
        """Write a note on a case, for others who look at it; open or decided."""
        with self.database.changing(by, "writes a note") as change:
            cases.add_note(change, case, text)

    def notes(self, case: str) -> list[cases.Note]:
        """Read the notes of a case, oldest first."""
        with reading(self.database.engine) as connection:
            return cases.notes_of(connection, case)

    def extend(self, case: str, *, by: str, reason: str) -> None:
        """Give a review more time before it ends as not proven; once."""
        with self.database.changing(by, reason) as change:
            cases.extend(change, case, self.rules.policy.review)

    def decide(
        self, case: str, disposition: str, *, by: str, reason: str, account: str | None = None
    ) -> Decided:
        """Decide a case: ``cleared``, ``false_positive``, ``not_proven`` lift what it is about;
        ``confirmed`` leaves it; an appeal is ``granted`` or ``refused``.

        ``account``: decide it for that one of its accounts, and leave it open for the others.
        """
        with self.database.changing(by, reason) as change:
            row = cases.find_case(change.connection, case)
            _check_disposition(row, disposition)
            about = _still_open(change, row, account)
            if row.queue == cases.APPEAL:
                return self._decide_appeal(change, row, disposition)
            moved = [self._decide_for(change, row, one, disposition) for one in about]
            return Decided(case, disposition, tuple(one for one in moved if one is not None))

    # -- appeals -------------------------------------------------------------------------------

    def appeal(self, token: str) -> AppealView:
        """Show an appeal to whoever holds its token. Raises ``NoSuchAppeal``."""
        with reading(self.database.engine) as connection:
            return appeals.view(connection, token, milliseconds(self.database.now()))

    def submit_appeal(
        self,
        token: str,
        text: str,
        evidence: Mapping[str, Sequence[str]] | None = None,
        papers: Sequence[bytes] = (),
    ) -> AppealView:
        """Object to what a notice told, with new evidence (self-declared) if there is any, and
        documents.
        """
        documents.check(papers)
        with self.database.changing("appellant", "appeals") as change:
            found = appeals.to_submit(change, token, text)
            write_statements(change, _declared(change, found.account_id, evidence or {}))
            account = find_account(change.connection, found.account_id)
            standing = read_standing(change.connection, account, self.database.now())
            facts = [one.as_dict() for one in standing.items]
            appeals.submit(
                change, found, text, facts, self.rules.policy.review, self.rules.revision, papers
            )
        return self.appeal(token)

    def appellant_words(self, case: str) -> str | None:
        """Read what an appellant wrote; ``None``: the case is no appeal, or it was erased."""
        with reading(self.database.engine) as connection:
            row = appeals.of_case(connection, case)
            return personal.read_words(connection, row.text_id) if row is not None else None

    def documents(self, case: str) -> list[DocumentRow]:
        """List the documents that came with the appeal of a case."""
        with reading(self.database.engine) as connection:
            row = cases.find_case(connection, case)
            return documents.of_case(connection, row.account_id, case)

    def document(self, case: str, identity: str) -> tuple[str, bytes] | None:
        """Read a document of a case, with its media type; ``None``: it is not there any more."""
        with reading(self.database.engine) as connection:
            row = cases.find_case(connection, case)
            found = documents.of_case(connection, row.account_id, case)
            kind = next((one.type for one in found if one.id == identity), None)
            content = documents.content_of(connection, identity) if kind else None
        return (kind, content) if kind and content is not None else None

    def _decide_appeal(self, change: Change, case: Row[Any], disposition: str) -> Decided:
        row = appeals.of_case(change.connection, case.id)
        assert row is not None  # noqa: S101 - a case of this queue is opened with its appeal
        appeals.refuse_same_person(change, row)
        appeals.answer(change, row, disposition, change.reason)
        cases.close(change, case.id, case.account_id, disposition, self.rules.policy.review)
        account = find_account(change.connection, case.account_id)
        if disposition == "granted" and account.status in LIFTED[cases.RESTRICTION]:
            moved = move_by_person(
                change, account, machine.ACTIVE, "appeal.granted", self.rules, on_appeal=True
            )
            return Decided(case.id, disposition, (moved,))
        return Decided(case.id, disposition, ())

    def _decide_for(
        self, change: Change, case: Row[Any], account: str, disposition: str
    ) -> Moved | None:
        """Decide a case for one account. It stays in review while another review is open."""
        cases.close(change, case.id, account, disposition, self.rules.policy.review)
        row = find_account(change.connection, account)
        others = cases.open_cases(change.connection, account, case.queue)
        if disposition not in cases.FAVOURABLE or row.status not in LIFTED[case.queue] or others:
            return None
        code = CLEARING_CODE[disposition]
        return move_by_person(change, row, machine.ACTIVE, code, self.rules, case=case.id)

    def now(self) -> datetime:
        """Ask the database's clock."""
        return self.database.now()


def _declared(
    change: Change, account: str, evidence: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Check what an appellant states: a few kinds of places, and nothing else."""
    checks, now = Checks(), now_of(change)
    for kind in evidence.keys() - set(appeals.DECLARABLE):
        known = ", ".join(appeals.DECLARABLE)
        checks.report(f"an appeal cannot declare `{kind[:40]}`", f"it can declare: {known}")
    said = (
        Statement(account, kind, tuple(values), "appeal", "T3", now)
        for kind, values in evidence.items()
    )
    rows = [check_statement(checks, one, now) for one in said]
    checks.finish()
    return rows


def _still_open(change: Change, case: Row[Any], account: str | None) -> list[str]:
    """Name the accounts that a decision is for."""
    if account is None:
        about = cases.accounts_of(change.connection, case.id)
        return [one.account for one in about if one.state == "open"]
    found = cases.find_account(change.connection, case.id, account)
    if found.state != "open":
        raise InvalidInput.of(
            f"case `{case.id}` is decided already for `{account}`: {found.disposition}"
        )
    return [account]


def _check_code(code: str) -> None:
    if code not in REASONS:
        raise InvalidInput.of(f"unknown reason code `{code[:80]}`")


def _check_disposition(row: Row[Any], disposition: str) -> None:
    on_appeal = {"granted", "refused"}
    known = on_appeal if row.queue == cases.APPEAL else {*cases.FAVOURABLE, "confirmed"}
    if disposition not in known:
        raise InvalidInput.of(
            f"a case of the queue `{row.queue}` cannot be `{disposition}`",
            f"dispositions: {', '.join(sorted(known))}",
        )
    if row.state != "open":
        raise InvalidInput.of(f"case `{row.id}` is decided already: {row.disposition}")


__all__ = ["AUTOMATION", "Decided", "Desk"]
