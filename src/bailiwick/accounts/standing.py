"""Where an account stands: its status, its evidence, and what led there, at one moment."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from bailiwick.accounts import machine, schema
from bailiwick.accounts.flags import Flag, Item, by_kind, find_flags, is_complete
from bailiwick.accounts.machine import Situation
from bailiwick.accounts.values import AUTOMATION, moment
from bailiwick.policy import Policy

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """One account, as it is now."""

    id: str
    name: str
    parent: str | None
    status: str
    probation_until: datetime | None
    items: tuple[Item, ...]
    """Its own evidence that is not superseded, expired or not."""
    inherited: tuple[Item, ...]
    """The evidence of its organisations."""
    last: Row[Any] | None
    """The transition that led to this status; ``None``: it was created so."""
    notice_sent_at: datetime | None
    """When the notice of that transition left."""
    muted: frozenset[str]
    """Fingerprints that a person has judged."""
    lapses_at: datetime | None
    """When its open review ends by itself."""
    appeal_open: bool
    suspended_by: frozenset[str]

    @property
    def chain_items(self) -> tuple[Item, ...]:
        """Its own evidence and its organisations'."""
        return self.items + self.inherited


def read_standing(connection: Connection, account: Row[Any], at: datetime) -> Standing:
    """Read where an account stands."""
    last = _last_transition(connection, account)
    return Standing(
        id=account.id,
        name=account.name,
        parent=account.parent_id,
        status=account.status,
        probation_until=moment(account.probation_until),
        items=read_items(connection, account.id),
        inherited=tuple(
            item
            for parent in ancestors(connection, account.parent_id)
            for item in read_items(connection, parent)
        ),
        last=last,
        notice_sent_at=_sent_at(connection, last),
        muted=_muted(connection, account.id, at),
        lapses_at=_lapses_at(connection, account.id),
        appeal_open=_appeal_open(connection, account.id),
        suspended_by=_people(last) if account.status == machine.SUSPENDED else frozenset(),
    )


def read_items(connection: Connection, account: str) -> tuple[Item, ...]:
    """Read the evidence of an account that is not superseded."""
    table = schema.evidence
    query = select(table).where((table.c.account_id == account) & table.c.superseded_seq.is_(None))
    return tuple(
        Item(
            row.kind,
            row.value,
            row.source,
            row.tier,
            moment(row.observed_at) or EPOCH,
            moment(row.expires_at),
            row.against_interest,
        )
        for row in connection.execute(query.order_by(table.c.id))
        if row.value is not None
    )


def ancestors(connection: Connection, parent: str | None) -> Iterable[str]:
    """Name an account's organisations, nearest first."""
    table = schema.accounts
    while parent is not None:
        yield parent
        found = connection.execute(select(table.c.parent_id).where(table.c.id == parent))
        parent = found.scalar_one_or_none()


def situation(
    standing: Standing,
    policy: Policy,
    at: datetime,
    people: tuple[str, ...] = (),
    code: str = "",
    *,
    on_appeal: bool = False,
) -> Situation:
    """Say what is known for a change of this account's status."""
    flags = standing_flags(standing, policy, at)
    return Situation(
        people=people,
        code=code,
        flags=flags,
        complete=is_complete(policy, standing.chain_items, at),
        on_probation=standing.probation_until is not None and at < standing.probation_until,
        cure_over=_cure_over(standing, flags, at),
        superseded=_superseded(standing, policy, flags, at),
        lapsed=standing.lapses_at is not None and standing.lapses_at <= at,
        suspended_by=standing.suspended_by,
        on_appeal=on_appeal,
        noticed_long_ago=_noticed_before(
            standing, at - timedelta(seconds=policy.review.terminate_after_s)
        ),
        appeal_open=standing.appeal_open,
    )


def standing_flags(standing: Standing, policy: Policy, at: datetime) -> tuple[Flag, ...]:
    """List the findings that stand and that nobody has judged."""
    found = find_flags(policy, standing.items, at)
    return tuple(flag for flag in found if flag.fingerprint not in standing.muted)


def _cure_over(standing: Standing, flags: tuple[Flag, ...], at: datetime) -> bool:
    last = standing.last
    if standing.status != machine.RESTRICTED or last is None or last.then != machine.SUSPENDED:
        return False
    if standing.notice_sent_at is None:
        return False
    over = at >= standing.notice_sent_at + timedelta(seconds=last.cure_s or 0)
    return over and any(
        flag.fingerprint == last.fingerprint and flag.may_restrict and flag.suspends
        for flag in flags
    )


def _superseded(standing: Standing, policy: Policy, flags: tuple[Flag, ...], at: datetime) -> bool:
    """Whether better evidence cleared a restriction: not its expiry, and not another policy."""
    last = standing.last
    if standing.status != machine.RESTRICTED or last is None or any(f.may_restrict for f in flags):
        return False
    known = by_kind(standing.items, at)
    rested = {
        (fact["kind"], fact["value"], int(fact["tier"][1:])) for fact in json.loads(last.facts)
    }
    if not rested or any(flag.fingerprint == last.fingerprint for flag in flags):
        return False
    kinds = {kind for kind, _, _ in rested}
    better = all(
        kind in known and known[kind][0].tier <= min(tier for k, _, tier in rested if k == kind)
        for kind in kinds
    )
    changed = {
        (one.kind, one.value, one.tier) for kind in kinds for one in known.get(kind, ())
    } != rested
    return better and changed and not _flagged(standing, policy, kinds, at)


def _flagged(standing: Standing, policy: Policy, kinds: set[str], at: datetime) -> bool:
    return any(
        fact.kind in kinds for flag in find_flags(policy, standing.items, at) for fact in flag.facts
    )


def _noticed_before(standing: Standing, at: datetime) -> bool:
    return standing.notice_sent_at is not None and standing.notice_sent_at <= at


def _last_transition(connection: Connection, account: Row[Any]) -> Row[Any] | None:
    table = schema.transitions
    query = select(table).where(
        (table.c.account_id == account.id) & (table.c.target == account.status)
    )
    return connection.execute(query.order_by(table.c.seq.desc()).limit(1)).one_or_none()


def _sent_at(connection: Connection, last: Row[Any] | None) -> datetime | None:
    if last is None or last.notice_id is None:
        return None
    table = schema.notices
    found = connection.execute(select(table.c.sent_at).where(table.c.id == last.notice_id))
    return moment(found.scalar_one_or_none())


def _muted(connection: Connection, account: str, at: datetime) -> frozenset[str]:
    table = schema.mutes
    rows = connection.execute(
        select(table.c.fingerprint).where(
            (table.c.account_id == account) & (table.c.until_at > int(at.timestamp() * 1000))
        )
    )
    return frozenset(rows.scalars())


def _lapses_at(connection: Connection, account: str) -> datetime | None:
    table = schema.cases
    rows = connection.execute(
        select(table.c.lapses_at)
        .where((table.c.account_id == account) & (table.c.state == "open"))
        .where(table.c.lapses_at.is_not(None))
    )
    return moment(max(rows.scalars(), default=None))


def _appeal_open(connection: Connection, account: str) -> bool:
    table = schema.appeals
    query = select(table.c.id).where(
        (table.c.account_id == account) & (table.c.state == "submitted")
    )
    return connection.execute(query.limit(1)).first() is not None


def _people(last: Row[Any] | None) -> frozenset[str]:
    if last is None:
        return frozenset()
    return frozenset(name for name in (last.by, last.second) if name and name != AUTOMATION)
