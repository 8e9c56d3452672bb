"""Where an account stands: its status, its evidence, and what led there, at one moment."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from bailiwick.accounts import machine, schema
from bailiwick.accounts.flags import Flag, Item, by_kind, find_flags, is_complete
from bailiwick.accounts.machine import Situation
from bailiwick.accounts.values import AT_ONCE, AUTOMATION, milliseconds, moment
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
    has_case: bool
    """A case about it is open."""
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
    return read_standings(connection, [account], at)[0]


def read_standings(
    connection: Connection, accounts: Sequence[Row[Any]], at: datetime
) -> list[Standing]:
    """Read where accounts stand, a few hundred with as many questions as one."""
    ids = [account.id for account in accounts]
    above = _above(connection, accounts)
    items = _items(connection, {*ids, *(one for chain in above.values() for one in chain)})
    last = _last_transitions(connection, accounts)
    sent = _sent_at(connection, last.values())
    muted = _muted(connection, ids, at)
    lapses = _lapses_at(connection, ids)
    appealing = _appealing(connection, ids)
    return [
        Standing(
            id=account.id,
            name=account.name,
            parent=account.parent_id,
            status=account.status,
            probation_until=moment(account.probation_until),
            items=tuple(items.get(account.id, ())),
            inherited=tuple(item for one in above[account.id] for item in items.get(one, ())),
            last=(moved := last.get(account.id)),
            notice_sent_at=sent.get(moved.notice_id) if moved is not None else None,
            muted=frozenset(muted.get(account.id, ())),
            has_case=account.id in lapses,
            lapses_at=moment(max((one for one in lapses.get(account.id, ()) if one), default=None)),
            appeal_open=account.id in appealing,
            suspended_by=_people(moved) if account.status == machine.SUSPENDED else frozenset(),
        )
        for account in accounts
    ]


def _items(connection: Connection, accounts: Iterable[str]) -> Mapping[str, list[Item]]:
    """Read the evidence of accounts that is not superseded."""
    table = schema.evidence
    which = table.c.superseded_seq.is_(None) & table.c.value.is_not(None)
    found: dict[str, list[Item]] = defaultdict(list)
    for row in _of(connection, select(table).where(which).order_by(table.c.id), accounts):
        found[row.account_id].append(
            Item(
                row.kind,
                row.value,
                row.source,
                row.tier,
                moment(row.observed_at) or EPOCH,
                moment(row.expires_at),
                row.against_interest,
            )
        )
    return found


def _above(connection: Connection, accounts: Sequence[Row[Any]]) -> Mapping[str, list[str]]:
    """Name the organisations of accounts, nearest first, level by level."""
    table = schema.accounts
    parents: dict[str, str | None] = {}
    wanted = {account.parent_id for account in accounts} - {None}
    while wanted:
        rows = [
            row
            for some in _chunks(wanted)
            for row in connection.execute(
                select(table.c.id, table.c.parent_id).where(table.c.id.in_(some))
            )
        ]
        parents.update((row.id, row.parent_id) for row in rows)
        wanted = {row.parent_id for row in rows} - parents.keys() - {None}
    above: dict[str, list[str]] = {}
    for account in accounts:
        chain, parent = above.setdefault(account.id, []), account.parent_id
        while parent is not None:
            chain.append(parent)
            parent = parents.get(parent)
    return above


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


def _last_transitions(
    connection: Connection, accounts: Sequence[Row[Any]]
) -> Mapping[str, Row[Any]]:
    table = schema.transitions
    statuses = {account.id: account.status for account in accounts}
    rows = _of(connection, select(table).order_by(table.c.seq), statuses)
    return {row.account_id: row for row in rows if row.target == statuses[row.account_id]}


def _sent_at(
    connection: Connection, moved: Iterable[Row[Any]]
) -> Mapping[str | None, datetime | None]:
    table = schema.notices
    notices = {row.notice_id for row in moved} - {None}
    return {
        row.id: moment(row.sent_at)
        for some in _chunks(notices)
        for row in connection.execute(
            select(table.c.id, table.c.sent_at).where(table.c.id.in_(some))
        )
    }


def _muted(connection: Connection, accounts: Iterable[str], at: datetime) -> Mapping[str, set[str]]:
    table = schema.mutes
    query = select(table.c.account_id, table.c.fingerprint).where(
        table.c.until_at > milliseconds(at)
    )
    return _gathered(_of(connection, query, accounts))


def _lapses_at(connection: Connection, accounts: Iterable[str]) -> Mapping[str, set[int | None]]:
    """Say of accounts with open cases when each of these ends by itself, if it does."""
    case, about = schema.cases, schema.case_accounts
    query = (
        select(about.c.account_id, case.c.lapses_at)
        .join(case, case.c.id == about.c.case_id)
        .where(about.c.state == "open")
    )
    return _gathered(_of(connection, query, accounts))


def _appealing(connection: Connection, accounts: Iterable[str]) -> frozenset[str]:
    table = schema.appeals
    query = select(table.c.account_id).where(table.c.state == "submitted")
    return frozenset(row.account_id for row in _of(connection, query, accounts))


def _of(connection: Connection, query: Select[Any], accounts: Iterable[str]) -> Iterator[Row[Any]]:
    """Ask about some accounts."""
    column = query.selected_columns["account_id"]
    for some in _chunks(accounts):
        yield from connection.execute(query.where(column.in_(some)))


def _chunks(values: Iterable[str | None]) -> Iterator[list[str | None]]:
    known = sorted(value for value in values if value is not None)
    for start in range(0, len(known), AT_ONCE):
        yield list(known[start : start + AT_ONCE])


def _gathered(rows: Iterable[Row[Any]]) -> dict[str, set[Any]]:
    found: dict[str, set[Any]] = defaultdict(set)
    for row in rows:
        account, value = tuple[Any, ...](row)
        found[account].add(value)
    return found


def _people(last: Row[Any] | None) -> frozenset[str]:
    if last is None:
        return frozenset()
    return frozenset(name for name in (last.by, last.second) if name and name != AUTOMATION)
