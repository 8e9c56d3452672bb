"""The sweep: judge what has changed, move clocks on, never more than a person agreed to.

It plans first, with the function that a dry run uses. When more accounts would lose something than
the policy lets automation decide alone, nobody does until a person has confirmed it; and in an
hour automation suspends only so many. Both raise an alarm.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import floor
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from bailiwick.accounts import cases, machine, schema
from bailiwick.accounts.change import Change
from bailiwick.accounts.desk import Desk
from bailiwick.accounts.engine import reading
from bailiwick.accounts.moves import move_by_steps
from bailiwick.accounts.standing import read_standings
from bailiwick.accounts.steps import Step, next_step
from bailiwick.accounts.values import AT_ONCE, milliseconds
from bailiwick.policy import Review

SWEEP = "sweep"
BATCH = 200
"""Changes in one transaction: enough to share its costs, few enough to keep nobody waiting."""
TURN_S = 0.02
"""Between two transactions, so that other writers have theirs."""
AUTOMATED = "findings of the policy"
CLOCKED = (machine.RESTRICTED, machine.IN_REVIEW)
"""Statuses with a clock running. Without findings in the policy nothing leads out of others."""


@dataclass(frozen=True, slots=True)
class Impact:
    """Who would change now, if automation did everything that it may."""

    steps: tuple[Step, ...]
    accounts: int
    """How many accounts there are."""
    allowed: int
    """How many may lose something without a person's agreement."""
    agreed: int
    """To how many more a person has agreed."""

    @property
    def adverse(self) -> int:
        """How many would be restricted or suspended."""
        return sum(step.is_adverse for step in self.steps)

    @property
    def needs_confirmation(self) -> bool:
        """Whether a person has to agree first."""
        return self.adverse > max(self.allowed, self.agreed)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did."""

    moved: dict[str, int] = field(default_factory=dict)
    """Changes by the status that they led to."""
    held: int = 0
    """Accounts that wait for a person's confirmation."""
    capped: int = 0
    """Suspensions that wait for the next hour."""
    late: int = 0
    """Cases whose service level was missed since the last sweep."""


def impact(desk: Desk) -> Impact:
    """Plan for every account, and change nothing."""
    with reading(desk.database.engine) as connection:
        everybody = select(schema.accounts).order_by(schema.accounts.c.id)
        steps = tuple(_plan(connection, desk, everybody))
        total = _count(connection)
        return Impact(
            steps,
            total,
            limit(desk.rules.policy.review, "confirm", total),
            _agreed(connection, desk.rules.revision),
        )


def confirm(desk: Desk, *, by: str, reason: str) -> Impact:
    """Agree, as a person, to what would change now under this policy."""
    found = impact(desk)
    table = schema.confirmations
    with desk.database.changing(by, reason) as change:
        change.connection.execute(delete(table).where(table.c.revision == desk.rules.revision))
        change.connection.execute(
            insert(table).values(
                revision=desk.rules.revision, at=change.at, by=by, affected=found.adverse
            )
        )
        detail = {"revision": desk.rules.revision, "affected": found.adverse}
        change.record(None, "policy.confirmed", detail)
    return found


def sweep(desk: Desk, *, batch: int = BATCH) -> Swept:
    """Do what automation may now do, ``batch`` accounts in a transaction."""
    began = milliseconds(desk.database.now())
    with reading(desk.database.engine) as connection:
        sequence = connection.execute(select(schema.counter.c.sequence)).scalar_one()
        total = _count(connection)
        steps = list(_plan(connection, desk, _candidates(connection, desk, began)))
        agreed = _agreed(connection, desk.rules.revision)
    adverse = sum(step.is_adverse for step in steps)
    allowed = max(limit(desk.rules.policy.review, "confirm", total), agreed)
    held = adverse if adverse > allowed else 0
    todo = [one for one in steps if not (held and one.is_adverse)]
    swept = _carry_out(desk, todo, total, batch)
    with desk.database.batching("service levels") as late_ones:
        late = cases.breach(late_ones)
    with desk.database.automating("the sweep's progress") as change:
        whole = not held and not swept.capped
        _note(change, desk, sequence if whole else None, began if whole else None)
        _alarm(change, held, swept.capped, desk.rules.revision)
    return Swept(swept.moved, held, swept.capped, late)


def _carry_out(desk: Desk, steps: Sequence[Step], total: int, batch: int) -> Swept:
    moved: Counter[str] = Counter()
    capped = 0
    most = limit(desk.rules.policy.review, "suspend", total)
    for start in range(0, len(steps), batch):
        if start:
            time.sleep(TURN_S)
        with desk.database.batching(AUTOMATED) as change:
            some = steps[start : start + batch]
            done, over = move_by_steps(change, some, desk.rules, most)
            _spend(change, desk.rules.revision, sum(step.is_adverse for step in done))
        moved.update(step.target for step in done)
        capped += over
    return Swept(dict(moved), capped=capped)


def limit(review: Review, what: str, accounts: int) -> int:
    """Take the greater of a number and a share of all accounts."""
    number, share = getattr(review, f"{what}_accounts"), getattr(review, f"{what}_share")
    return int(max(number, floor(share * accounts)))


def _plan(connection: Connection, desk: Desk, query: Select[Any]) -> Iterator[Step]:
    """Plan for the accounts of a query, some hundreds at a time."""
    now = desk.database.now()
    found = connection.execute(query.execution_options(yield_per=AT_ONCE))
    for rows in found.partitions():
        for standing in read_standings(connection, rows, now):
            step = next_step(standing, desk.rules.policy, now)
            if step is not None:
                yield step


def _count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(schema.accounts)).scalar_one())


def _candidates(connection: Connection, desk: Desk, now: int) -> Select[Any]:
    """Choose the accounts for which anything can have changed since the last whole sweep."""
    table, work = schema.accounts, schema.work
    last = connection.execute(select(work).where(work.c.name == SWEEP)).one_or_none()
    statuses = _judged() if desk.rules.policy.findings else CLOCKED
    query = select(table).where(table.c.status.in_(statuses)).order_by(table.c.id)
    if last is not None and last.revision == desk.rules.revision and last.at is not None:
        query = query.where(_touched(last.sequence, last.at, now))
    return query


def _judged() -> tuple[str, ...]:
    """Name the statuses that automation can lead out of."""
    return tuple(sorted({one for row in machine.TABLE if row.automation for one in row.sources}))


def _touched(sequence: int, since: int, now: int) -> Any:
    """Find what has a clock running, what changed, and what has evidence that expired."""
    table, history, item = schema.accounts, schema.history, schema.evidence
    mute = schema.mutes
    changed = select(history.c.account_id).where(
        (history.c.seq > sequence) & history.c.account_id.is_not(None)
    )
    expired = select(item.c.account_id).where(
        (item.c.expires_at > since) & (item.c.expires_at <= now)
    )
    unmuted = select(mute.c.account_id).where((mute.c.until_at > since) & (mute.c.until_at <= now))
    off_probation = (table.c.probation_until > since) & (table.c.probation_until <= now)
    return (
        table.c.status.in_(CLOCKED)
        | table.c.id.in_(changed)
        | table.c.parent_id.in_(changed)
        | table.c.id.in_(expired)
        | table.c.id.in_(unmuted)
        | off_probation
    )


def _agreed(connection: Connection, revision: str) -> int:
    table = schema.confirmations
    found = connection.execute(select(table.c.affected).where(table.c.revision == revision))
    return int(found.scalar_one_or_none() or 0)


def _spend(change: Change, revision: str, taken: int) -> None:
    """Use up what a person agreed to, so that it does not cover the next bad feed of data."""
    agreed, table = _agreed(change.connection, revision), schema.confirmations
    if agreed and taken:
        left = max(0, agreed - taken)
        change.connection.execute(
            update(table).where(table.c.revision == revision).values(affected=left)
        )


def _note(change: Change, desk: Desk, sequence: int | None, at: int | None) -> None:
    """Remember how far a sweep has come, if nothing was left for later."""
    if sequence is None:
        return
    table = schema.work
    values = {"sequence": sequence, "revision": desk.rules.revision, "at": at}
    done = change.connection.execute(update(table).where(table.c.name == SWEEP).values(**values))
    if not done.rowcount:
        change.connection.execute(insert(table).values(name=SWEEP, **values))


def _alarm(change: Change, held: int, capped: int, revision: str) -> None:
    """Say on record, once for each state, that automation has stopped itself."""
    table = schema.work
    problem = f"held {held}, capped {capped}" if held or capped else None
    row = change.connection.execute(select(table).where(table.c.name == SWEEP)).one_or_none()
    if row is None:
        change.connection.execute(insert(table).values(name=SWEEP, sequence=0, problem=problem))
    elif row.problem != problem:
        change.connection.execute(
            update(table).where(table.c.name == SWEEP).values(problem=problem)
        )
    if problem is not None and (row is None or row.problem != problem):
        detail = {"held": held, "capped": capped, "revision": revision}
        change.record(None, "sweep.stopped", detail)
