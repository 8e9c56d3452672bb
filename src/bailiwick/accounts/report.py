"""Counts for a transparency report: what was decided in a time, by whom, and what became of it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, func, select

from bailiwick.accounts import machine, schema
from bailiwick.accounts.cases import APPEAL
from bailiwick.accounts.engine import reading
from bailiwick.accounts.values import AUTOMATION, milliseconds


@dataclass(frozen=True, slots=True)
class TransparencyReport:
    """Counts of one time, half-open."""

    since: datetime
    until: datetime
    restricted: int
    suspended: int
    terminated: int
    reinstated: int
    """Restrictions, suspensions and terminations that were lifted."""
    by_automation: int
    """Of the first three, the ones that no person decided."""
    by_reason: dict[str, int]
    reviews_opened: int
    """Accounts that were looked at: a cluster counts each of its own."""
    reviews_decided: dict[str, int]
    """By disposition."""
    appeals_submitted: int
    appeals_granted: int
    appeals_refused: int
    appeal_hours_median: float | None
    """From an appeal to its answer."""
    notices_sent: int
    late_cases: int


def transparency_report(engine: Engine, since: datetime, until: datetime) -> TransparencyReport:
    """Count what happened from ``since`` on and before ``until``."""
    begin, end = milliseconds(since), milliseconds(until)
    moved, cases, appeals = schema.transitions, schema.cases, schema.appeals
    about = schema.case_accounts
    with reading(engine) as connection:
        count = partial(_count, connection, begin, end)
        steps = count(moved.c.at, moved.c.source, moved.c.target, moved.c.by, moved.c.code)
        of_case = about.c.case_id == cases.c.id
        opened = count(about.c.added_at, cases.c.queue, where=of_case)
        decided = count(about.c.decided_at, cases.c.queue, about.c.disposition, where=of_case)
        late = count(cases.c.breached_at)
        submitted = count(appeals.c.submitted_at)
        states = count(appeals.c.decided_at, appeals.c.state)
        sent = count(schema.notices.c.sent_at)
        taken = connection.execute(
            select(appeals.c.decided_at - appeals.c.submitted_at).where(
                (appeals.c.decided_at >= begin) & (appeals.c.decided_at < end)
            )
        ).scalars()
        hours = _median(list(taken))
    adverse = Counter({step: n for step, n in steps.items() if step[1] in machine.ADVERSE})
    return TransparencyReport(
        since=since,
        until=until,
        restricted=_sum(steps, 1, machine.RESTRICTED),
        suspended=_sum(steps, 1, machine.SUSPENDED),
        terminated=_sum(steps, 1, machine.TERMINATED),
        reinstated=sum(
            n
            for (source, target, _, _), n in steps.items()
            if target == machine.ACTIVE and source in machine.ADVERSE
        ),
        by_automation=_sum(adverse, 2, AUTOMATION),
        by_reason=_by(adverse, 3),
        reviews_opened=opened.total() - opened[(APPEAL,)],
        reviews_decided=_by(
            Counter({case: n for case, n in decided.items() if case[0] != APPEAL}), 1
        ),
        appeals_submitted=submitted.total(),
        appeals_granted=states[("granted",)],
        appeals_refused=states[("refused",)],
        appeal_hours_median=hours,
        notices_sent=sent.total(),
        late_cases=late.total(),
    )


def _count(
    connection: Connection,
    begin: int,
    end: int,
    at: Column[int],
    *by: Column[Any],
    where: ColumnElement[bool] | None = None,
) -> Counter[tuple[Any, ...]]:
    """Count rows of which ``at`` lies in a time, by some of their columns."""
    query = select(*by, func.count()).where((at >= begin) & (at < end)).group_by(*by)
    if where is not None:
        query = query.where(where)
    return Counter({tuple(row[:-1]): row[-1] for row in connection.execute(query)})


def _sum(found: Counter[tuple[Any, ...]], place: int, value: str) -> int:
    return sum(n for row, n in found.items() if row[place] == value)


def _by(found: Counter[tuple[Any, ...]], place: int) -> dict[str, int]:
    several: Counter[str] = Counter()
    for row, n in found.items():
        several[row[place]] += n
    return dict(sorted(several.items()))


def _median(milliseconds_taken: list[int]) -> float | None:
    if not milliseconds_taken:
        return None
    ordered = sorted(milliseconds_taken)
    middle = len(ordered) // 2
    pair = ordered[middle] + ordered[middle - (len(ordered) % 2 == 0)]
    return round(pair / 2 / 3_600_000, 1)
