"""Change a status: by the table, with its reason, facts, notice and policy, in one transaction."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from bailiwick.accounts import cases, machine, schema
from bailiwick.accounts.change import Batch, Change
from bailiwick.accounts.flags import Flag
from bailiwick.accounts.mutes import Sign, mute
from bailiwick.accounts.notices import TOLD, Told, add_notice, as_json
from bailiwick.accounts.standing import (
    Standing,
    read_standing,
    read_standings,
    situation,
    standing_flags,
)
from bailiwick.accounts.steps import Step, next_step
from bailiwick.accounts.values import AUTOMATION, SamePerson, moment
from bailiwick.accounts.wording import REASONS
from bailiwick.errors import InvalidInput
from bailiwick.policy import Policy

PROPOSAL_LASTS_S = 7 * 86_400
HOUR_MS = 3_600_000
_TRANSITION = insert(schema.transitions)
_STATUS = (
    update(schema.accounts)
    .where(schema.accounts.c.id == bindparam("account"))
    .values(status=bindparam("target"))
)
_PROBATION = _STATUS.values(probation_until=bindparam("until"))
_DROP = (
    update(schema.proposals)
    .where(
        (schema.proposals.c.account_id == bindparam("account"))
        & (schema.proposals.c.state == "open")
    )
    .values(state="refused", decided_by=bindparam("by"), decided_at=bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What statuses are changed under."""

    policy: Policy
    revision: str
    """The policy's digest."""
    appeal_link: str | None = None
    """Where one appeals, with ``{token}`` in it."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a wish to change a status."""

    account: str
    source: str
    target: str
    number: int | None
    """The row of the table; ``None``: it waits for a second person."""
    proposal: str | None = None
    """What the second person approves."""
    blocked_by: str | None = None
    """An organisation whose status goes on to hold for this account."""

    @property
    def done(self) -> bool:
        """Whether the status has changed."""
        return self.number is not None


def move_by_person(
    change: Change,
    account: Row[Any],
    target: str,
    code: str,
    rules: Rules,
    *,
    case: str | None = None,
    on_appeal: bool = False,
    second: str | None = None,
) -> Moved:
    """Change a status for a person, or propose it where that takes two."""
    _check_code(code)
    standing = read_standing(change.connection, account, now_of(change))
    _refuse_no_change(standing, target)
    people = (change.actor,) if second is None else (change.actor, second)
    if second is None and machine.people_needed(standing.status, target) == 2:
        return _propose(change, standing, target, code, case)
    on_appeal = on_appeal or standing.appeal_open
    known = situation(standing, rules.policy, now_of(change), people, code, on_appeal=on_appeal)
    row, objection = machine.choose(standing.status, target, known)
    if row is None:
        refused = SamePerson if objection == machine.SAME_PERSON else InvalidInput
        raise refused.of(
            f"account `{standing.id}` cannot become {target}: {objection}",
            "docs/accounts.md has the table of statuses",
        )
    facts = _facts_for_people(standing, code)
    moved = _apply(change, standing, row.number, target, code, None, facts, rules, second, case)
    return replace(moved, blocked_by=_blocking(change, standing))


def move_by_steps(
    batch: Batch, steps: Sequence[Step], rules: Rules, most: int
) -> tuple[list[Step], int]:
    """Make the changes of automation that still stand as they were planned, read anew.

    It suspends ``most`` in an hour. Returns what was done, and how many were one too many.
    """
    planned, now = {step.account: step for step in steps}, now_of(batch)
    table = schema.accounts
    accounts = batch.connection.execute(select(table).where(table.c.id.in_(planned))).all()
    standings = {one.id: one for one in read_standings(batch.connection, accounts, now)}
    standing_still = [
        step for step in steps if step == next_step(standings[step.account], rules.policy, now)
    ]
    suspending = [step for step in standing_still if step.target == machine.SUSPENDED]
    room = max(0, most - _suspended_lately(batch)) if suspending else 0
    capped = {step.account for step in suspending[room:]}
    done = [step for step in standing_still if step.account not in capped]
    for step in done:
        standing = standings[step.account]
        facts = [one.as_dict() for one in step.flag.facts] if step.flag else _all_facts(standing)
        _apply(batch, standing, step.number, step.target, step.code, step.flag, facts, rules)
    return done, len(capped)


def _suspended_lately(change: Change) -> int:
    """Count what automation suspended in the last hour."""
    table = schema.transitions
    which = (table.c.at > change.at - HOUR_MS) & (table.c.target == machine.SUSPENDED)
    found = select(func.count()).where(which & (table.c.by == AUTOMATION))
    return int(change.connection.execute(found).scalar_one())


def move_by_detector(
    change: Change,
    account: Row[Any],
    code: str,
    facts: Sequence[Mapping[str, object]],
    rules: Rules,
    case: str,
) -> Moved | None:
    """Put an active account in review, for what no evidence says but its use; ``None``: it is not
    active. A pending account stays so: in review it could do more than before.
    """
    if account.status != machine.ACTIVE:
        return None
    standing = read_standing(change.connection, account, now_of(change))
    known = replace(situation(standing, rules.policy, now_of(change)), detected=True)
    row, _ = machine.choose(standing.status, machine.IN_REVIEW, known)
    assert row is not None  # noqa: S101 - row 4 asks for no more
    return _apply(
        change, standing, row.number, machine.IN_REVIEW, code, None, facts, rules, case=case
    )


def approve(change: Change, identity: str, find: Any, rules: Rules) -> Moved:
    """Approve a proposal, as a second person; ``find`` reads the account's row."""
    row = open_proposal(change, identity)
    if row.proposed_by.casefold() == change.actor.casefold():
        raise SamePerson.of(
            f"`{change.actor}` proposed `{identity}`, and cannot approve it too",
            "somebody else must approve it",
        )
    account = find(change.connection, row.account_id)
    if account.status != row.source:
        raise InvalidInput.of(
            f"account `{account.id}` is {account.status} now, and was {row.source} "
            f"when `{identity}` was proposed",
            "propose it again",
        )
    _settle(change, identity, "approved")
    first = replace(change, actor=row.proposed_by, reason=row.reason)
    return move_by_person(
        first, account, row.target, row.code, rules, case=row.case_id, second=change.actor
    )


def refuse(change: Change, identity: str) -> None:
    """Refuse a proposal, or withdraw one's own."""
    row = open_proposal(change, identity)
    _settle(change, identity, "refused")
    change.record(row.account_id, "status.refused", {"proposal": identity, "to": row.target})


def open_proposal(change: Change, identity: str) -> Row[Any]:
    """Read a proposal that still waits."""
    table = schema.proposals
    query = select(table).where(table.c.id == identity)
    row = change.connection.execute(query).one_or_none()
    if row is None:
        raise InvalidInput.of(
            f"no proposal has the id `{identity[:80]}`", "`bailiwick accounts cases` lists them"
        )
    if row.state != "open" or row.expires_at <= change.at:
        state = "expired" if row.state == "open" else row.state
        raise InvalidInput.of(f"proposal `{identity}` is {state}", "propose it again")
    return row


def now_of(change: Change) -> Any:
    """Give the time of a transaction."""
    return moment(change.at)


def _propose(change: Change, standing: Standing, target: str, code: str, case: str | None) -> Moved:
    table = schema.proposals
    waiting = change.connection.execute(
        select(table).where(
            (table.c.account_id == standing.id)
            & (table.c.target == target)
            & (table.c.state == "open")
            & (table.c.expires_at > change.at)
        )
    ).first()
    if waiting is not None:
        raise InvalidInput.of(
            f"`{waiting.proposed_by}` has proposed that already: `{waiting.id}`",
            f"another person approves it: bailiwick accounts approve {waiting.id}",
        )
    if target not in {row.target for row in machine.TABLE if standing.status in row.sources}:
        raise InvalidInput.of(f"nothing leads from {standing.status} to {target}")
    identity = f"prop_{secrets.token_hex(8)}"
    change.connection.execute(
        insert(table).values(
            id=identity,
            account_id=standing.id,
            source=standing.status,
            target=target,
            code=code,
            reason=change.reason,
            proposed_by=change.actor,
            proposed_at=change.at,
            expires_at=change.at + PROPOSAL_LASTS_S * 1000,
            case_id=case,
            state="open",
        )
    )
    detail = {"proposal": identity, "from": standing.status, "to": target, "code": code}
    change.record(standing.id, "status.proposed", detail)
    return Moved(standing.id, standing.status, target, None, identity)


def _apply(
    change: Change,
    standing: Standing,
    number: int,
    target: str,
    code: str,
    flag: Flag | None,
    facts: Sequence[Mapping[str, object]],
    rules: Rules,
    second: str | None = None,
    case: str | None = None,
) -> Moved:
    suspends = flag is not None and target == machine.RESTRICTED and flag.suspends
    told = Told(
        account=standing.id,
        name=standing.name,
        source=standing.status,
        target=target,
        code=code,
        rule=flag.rule if flag else None,
        facts=facts,
        by_person=change.actor != AUTOMATION,
        cure_s=flag.cure_s if flag is not None and suspends else None,
        then=machine.SUSPENDED if suspends else None,
    )
    seq = change.record(standing.id, "status.set", _detail(told, number, second, rules))
    _set_status(change, standing, number, target, rules)
    notice = _tell(change, told, standing, seq, rules)
    case = _follow_up(change, told, standing, flag, rules, case)
    _write_transition(change, seq, told, number, flag, rules, second, notice, case)
    _drop_proposals(change, standing.id)
    return Moved(standing.id, standing.status, target, number)


def _detail(told: Told, number: int, second: str | None, rules: Rules) -> dict[str, object]:
    return {
        "from": told.source,
        "to": told.target,
        "row": number,
        "code": told.code,
        "second": second,
        "rule": told.rule,
        "facts": list(told.facts),
        "revision": rules.revision,
    }


def _write_transition(
    change: Change,
    seq: int,
    told: Told,
    number: int,
    flag: Flag | None,
    rules: Rules,
    second: str | None,
    notice: str | None,
    case: str | None,
) -> None:
    change.write(
        _TRANSITION,
        {
            "seq": seq,
            "account_id": told.account,
            "number": number,
            "source": told.source,
            "target": told.target,
            "at": change.at,
            "by": change.actor,
            "second": second,
            "code": told.code,
            "finding": flag.finding if flag else None,
            "fingerprint": flag.fingerprint if flag else None,
            "facts": as_json(told.facts),
            "revision": rules.revision,
            "cure_s": told.cure_s,
            "then": told.then,
            "notice_id": notice,
            "case_id": case,
        },
    )


def _set_status(change: Change, standing: Standing, number: int, target: str, rules: Rules) -> None:
    if number in {10, 12}:
        until = change.at + rules.policy.review.probation_s * 1000
        change.write(_PROBATION, {"account": standing.id, "target": target, "until": until})
    else:
        change.write(_STATUS, {"account": standing.id, "target": target})


def _tell(change: Change, told: Told, standing: Standing, seq: int, rules: Rules) -> str | None:
    lifted = told.target == machine.ACTIVE and standing.status in TOLD
    if told.target not in TOLD and not lifted:
        return None
    return add_notice(
        change,
        told,
        seq,
        rules.policy,
        appeal_link=rules.appeal_link,
        appeal=told.target in machine.ADVERSE,
    )


def _follow_up(
    change: Change,
    told: Told,
    standing: Standing,
    flag: Flag | None,
    rules: Rules,
    case: str | None,
) -> str | None:
    """Open or end the cases that go with a change, and mute what a person has judged."""
    review = rules.policy.review
    if told.target in {machine.RESTRICTED, machine.SUSPENDED, machine.IN_REVIEW}:
        queue = cases.REVIEW if told.target == machine.IN_REVIEW else cases.RESTRICTION
        signs = [Sign(flag.fingerprint)] if flag else []
        begin = cases.open_case if standing.has_case else cases.new_case
        if standing.has_case:
            if queue == cases.RESTRICTION:  # whoever clears it clears what it took over
                signs += cases.close_all(change, told.account, "confirmed", (cases.REVIEW,), review)
            elif case is not None and cases.is_open_for(change.connection, case, told.account):
                return case
        return begin(
            change,
            told.account,
            queue,
            told.code,
            told.facts,
            review,
            finding=flag.finding if flag else None,
            signs=signs,
            revision=rules.revision,
        )
    if told.target == machine.ACTIVE and standing.status != machine.PENDING:
        superseded = told.code == "evidence.superseded"
        if not superseded:
            flags = standing_flags(standing, rules.policy, now_of(change))
            mute(change, standing.id, {Sign(flag.fingerprint) for flag in flags}, review)
        disposition = "not_proven" if told.code == "review.not_proven" else "cleared"
        cases.close_all(
            change, told.account, disposition, cases.QUEUES, review, judged=not superseded
        )
    if told.target in {machine.CLOSED, machine.TERMINATED}:
        disposition = "confirmed" if told.target == machine.TERMINATED else "not_proven"
        cases.close_all(
            change, told.account, disposition, (cases.REVIEW, cases.RESTRICTION), review
        )
    return case


def _drop_proposals(change: Change, account: str) -> None:
    """Let nothing wait that was proposed for the status before."""
    change.write(_DROP, {"account": account, "by": change.actor, "at": change.at})


def _settle(change: Change, identity: str, state: str) -> None:
    table = schema.proposals
    change.connection.execute(
        update(table)
        .where(table.c.id == identity)
        .values(state=state, decided_by=change.actor, decided_at=change.at)
    )


def _blocking(change: Change, standing: Standing) -> str | None:
    """Find an organisation whose status holds for the account."""
    table = schema.accounts
    parent = standing.parent
    while parent is not None:
        row = change.connection.execute(
            select(table.c.status, table.c.parent_id).where(table.c.id == parent)
        ).one()
        if row.status in machine.ADVERSE or row.status == machine.CLOSED:
            return parent
        parent = row.parent_id
    return None


def _refuse_no_change(standing: Standing, target: str) -> None:
    if standing.status == target:
        raise InvalidInput.of(f"the account `{standing.id}` is {target} already")


def _check_code(code: str) -> None:
    if code not in REASONS:
        raise InvalidInput.of(
            f"unknown reason code `{code[:80]}`", f"codes: {', '.join(sorted(REASONS))}"
        )


def _all_facts(standing: Standing) -> list[dict[str, object]]:
    return [item.as_dict() for item in standing.items]


def _facts_for_people(standing: Standing, code: str) -> list[dict[str, object]]:
    """Write down what was known, and the person's own judgement, which is evidence too."""
    judged: dict[str, object] = {
        "kind": "decision",
        "value": code,
        "source": "a reviewer",
        "tier": "T1",
    }
    return [*_all_facts(standing), judged]
