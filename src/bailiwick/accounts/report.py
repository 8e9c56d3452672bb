"""Counts for a transparency report: what was decided in a time, by whom, and what became of it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, select

from bailiwick.accounts import machine, schema
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
    with reading(engine) as connection:
        moved = _between(connection, schema.transitions, "at", begin, end)
        opened = _between(connection, schema.cases, "opened_at", begin, end)
        decided = _between(connection, schema.cases, "decided_at", begin, end)
        late = _between(connection, schema.cases, "breached_at", begin, end)
        submitted = _between(connection, schema.appeals, "submitted_at", begin, end)
        answered = _between(connection, schema.appeals, "decided_at", begin, end)
        sent = _between(connection, schema.notices, "sent_at", begin, end)
    adverse = [row for row in moved if row.target in machine.ADVERSE]
    targets = Counter(row.target for row in moved)
    states = Counter(row.state for row in answered)
    return TransparencyReport(
        since=since,
        until=until,
        restricted=targets[machine.RESTRICTED],
        suspended=targets[machine.SUSPENDED],
        terminated=targets[machine.TERMINATED],
        reinstated=sum(
            row.target == machine.ACTIVE and row.source in machine.ADVERSE for row in moved
        ),
        by_automation=sum(row.by == AUTOMATION for row in adverse),
        by_reason=dict(sorted(Counter(row.code for row in adverse).items())),
        reviews_opened=sum(row.queue != "appeal" for row in opened),
        reviews_decided=dict(
            sorted(Counter(row.disposition for row in decided if row.queue != "appeal").items())
        ),
        appeals_submitted=len(submitted),
        appeals_granted=states["granted"],
        appeals_refused=states["refused"],
        appeal_hours_median=_median([row.decided_at - row.submitted_at for row in answered]),
        notices_sent=len(sent),
        late_cases=len(late),
    )


def _between(
    connection: Connection, table: Table, column: str, begin: int, end: int
) -> list[Row[Any]]:
    at = table.c[column]
    return list(connection.execute(select(table).where((at >= begin) & (at < end))))


def _median(milliseconds_taken: list[int]) -> float | None:
    if not milliseconds_taken:
        return None
    ordered = sorted(milliseconds_taken)
    middle = len(ordered) // 2
    pair = ordered[middle] + ordered[middle - (len(ordered) % 2 == 0)]
    return round(pair / 2 / 3_600_000, 1)
