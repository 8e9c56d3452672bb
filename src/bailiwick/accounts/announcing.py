"""Tell accounts beforehand what a dated rule will take from them.

An account is touched if some request of its could be permitted just before the date, and none can
be from then on: that is the decision on what is known of it, with everything else pending.
"""

import hashlib
import secrets
from collections.abc import Hashable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from bailiwick.accounts import machine, schema
from bailiwick.accounts.desk import Desk
from bailiwick.accounts.engine import reading
from bailiwick.accounts.known import known_accounts
from bailiwick.accounts.notices import MOST_MODELS, STAYS, put, render
from bailiwick.decision import DecisionTable, Effect
from bailiwick.facts import PENDING, Fact, Facts, Layer, dimension

ENDED = frozenset({machine.TERMINATED, machine.CLOSED})
INSTANT = timedelta(microseconds=1)


def announce(desk: Desk, table: DecisionTable) -> int:
    """Put notices into the outbox, one for each account and date; returns how many are new."""
    now = desk.now()
    end = now + timedelta(seconds=desk.rules.policy.review.announce_s)
    edges = {edge for rule in table.rules for edge in (rule.from_at, rule.until_at) if edge}
    dates = sorted(edge for edge in edges if now < edge <= end)
    if not dates:
        return 0
    known = known_accounts(desk.database, now)
    return sum(_announce(desk, table, date, known) for date in dates)


def _announce(
    desk: Desk, table: DecisionTable, date: datetime, known: Mapping[str, Mapping[str, Fact]]
) -> int:
    losing = _Losing(table, date)
    lost = {account: losing.models(values) for account, values in known.items()}
    wanted = {account: models for account, models in lost.items() if models}
    with reading(desk.database.engine) as connection:
        waiting = [
            (row, wanted[row.id])
            for row in _accounts(connection)
            if row.id in wanted and not _is_told(connection, row.id, _about(date, wanted[row.id]))
        ]
    for row, models in waiting:
        with desk.database.automating("a dated rule") as change:
            identity = f"ntc_{secrets.token_hex(12)}"
            body = render("policy.txt", _fields(desk, table, date, row, models, identity))
            subject = f"What your account {row.id} can use changes on {date:%Y-%m-%d}"
            put(change, identity, row.id, "policy", _about(date, models), subject, body)
            change.record(row.id, "policy.announced", {"at": date.isoformat(), "notice": identity})
    return len(waiting)


class _Losing:
    """Finds what somebody loses at a date; accounts of which the same is known are asked once."""

    def __init__(self, table: DecisionTable, date: datetime) -> None:
        self._table = table
        self._date = date
        self._changing = [
            model
            for model in sorted(table.policy.models)
            if table.row(model, date) != table.row(model, date - INSTANT)
        ]
        self._pending: dict[str, Fact] = {name: PENDING for name in table.asked if _is_edge(name)}
        self._known: dict[Hashable, tuple[str, ...]] = {}

    def models(self, values: Mapping[str, Fact]) -> tuple[str, ...]:
        """List the models that no request can use any more."""
        asked = {name: fact for name, fact in values.items() if name in self._table.asked}
        key = frozenset(asked.items())
        if key not in self._known:
            facts = {**asked, **self._pending}
            self._known[key] = tuple(one for one in self._changing if self._is_lost(one, facts))
        return self._known[key]

    def _is_lost(self, model: str, facts: Mapping[str, Fact]) -> bool:
        before, after = (
            self._table.decide(Facts(model, at, facts)).effect
            for at in (self._date - INSTANT, self._date)
        )
        return after is Effect.DENY and before is not Effect.DENY


def _is_edge(name: str) -> bool:
    known = dimension(name)
    return known is not None and known.layer is Layer.EDGE


def _accounts(connection: Connection) -> list[Row[Any]]:
    table = schema.accounts
    chosen = select(table).where((table.c.kind == "account") & table.c.status.not_in(ENDED))
    return list(connection.execute(chosen.order_by(table.c.id)))


def _is_told(connection: Connection, account: str, about: str) -> bool:
    table = schema.notices
    same = (table.c.account_id == account) & (table.c.about == about)
    return connection.execute(select(table.c.id).where(same)).first() is not None


def _about(date: datetime, models: tuple[str, ...]) -> str:
    digest = hashlib.sha256("\n".join(models).encode()).hexdigest()[:16]
    return f"date:{date:%Y%m%dT%H%M%S}:{digest}"


def _fields(
    desk: Desk,
    table: DecisionTable,
    date: datetime,
    row: Row[Any],
    models: tuple[str, ...],
    identity: str,
) -> dict[str, Any]:
    refusal = desk.rules.policy.refusal
    more = f" and {len(models) - MOST_MODELS} more" if len(models) > MOST_MODELS else ""
    moved = [
        f"rule {rule.id} {'begins' if rule.from_at == date else 'ends'}"
        for rule in table.rules
        if date in {rule.from_at, rule.until_at} and not rule.models.isdisjoint(models)
    ]
    return {
        "at": f"{date:%Y-%m-%d %H:%M} UTC",
        "policy": desk.rules.policy.name,
        "account": row.id,
        "name": row.name,
        "reason": ", ".join(dict.fromkeys(moved)),
        "off": ", ".join(models[:MOST_MODELS]) + more,
        "works": f"what the policy goes on to permit, {STAYS}",
        "exemption": refusal.exemption,
        "appeal": refusal.appeal,
        "reference": identity,
    }
