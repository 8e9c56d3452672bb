"""Orders and exemptions: what people put in force beside the policy, without editing it.

An order switches models off, from now, with a scope and exceptions. Somebody must look at it again
by a date, and it does not end by that, unless it was told to. An exemption approves an ``exempt``
rule of the policy for a time; it takes two people, and once it has ended it never counts again.
What time it is is asked of a clock that does not go backwards: the later of ours and of the latest
change. ``reset_clock`` is for a clock that once ran ahead; that stays on record.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from bailiwick.accounts import schema
from bailiwick.accounts.change import Change
from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.engine import reading, writing
from bailiwick.accounts.values import AUTOMATION, Checks, SamePerson, milliseconds, moment
from bailiwick.catalog import Catalog
from bailiwick.errors import InvalidInput
from bailiwick.places import canonical, suggestions
from bailiwick.policy import Policy, RuleEffect, matching
from bailiwick.shapes import did_you_mean

LONGEST_EXEMPTION: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order as it is kept: names and patterns of models are resolved where it is used."""

    id: str
    models: tuple[str, ...]
    places: tuple[str, ...]
    except_places: tuple[str, ...]
    except_principals: frozenset[str]
    except_labels: frozenset[str]
    reason: str
    by: str
    from_at: datetime
    review_by: datetime
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredExemption:
    """An approval of an exempt rule."""

    id: str
    rule: str
    reason: str
    from_at: datetime
    until_at: datetime
    added_by: str
    approved_by: str | None
    state: str
    """proposed, approved, or ended."""
    ended_by: str | None
    uses: int


@dataclass(frozen=True, slots=True)
class InForce:
    """What counts at one moment."""

    orders: tuple[StoredOrder, ...] = ()
    approvals: frozenset[str] = frozenset()
    """Ids of exempt rules that are approved."""


class Directives:
    """Orders and exemptions of one installation, for those who give them."""

    def __init__(self, database: AccountDatabase) -> None:
        self._database = database

    # -- orders --------------------------------------------------------------------------------

    def switch_off(
        self,
        models: Sequence[str],
        *,
        by: str,
        reason: str,
        review_by: datetime,
        until: datetime | None = None,
        places: Sequence[str] = (),
        except_accounts: Sequence[str] = (),
        except_labels: Sequence[str] = (),
        except_places: Sequence[str] = (),
    ) -> str:
        """Switch models off, from now; returns the order's id.

        ``models`` are ids and patterns, or ``*``. ``places`` limits the order to requests from
        there. ``until`` is for an order that is to end by itself.
        """
        checks = Checks()
        if not models:
            checks.report("the order names no model", 'name some, or "*" for all')
        row = {
            "id": f"order_{secrets.token_hex(6)}",
            "models": _written(models),
            "places": _written(_places(checks, places)),
            "except_places": _written(_places(checks, except_places)),
            "except_principals": _written(except_accounts),
            "except_labels": _written([checks.name("the label", one) for one in except_labels]),
            "review_by": checks.expiry(review_by, self._database.now()),
            "until_at": checks.expiry(until, self._database.now()),
        }
        with self._database.changing(by, reason, checks) as change:
            _refuse_strangers(change.connection, except_accounts)
            change.connection.execute(
                insert(schema.orders).values(**row, reason=change.reason, by=by, from_at=change.at)
            )
            change.record(None, "order.off", row)
        return str(row["id"])

    def switch_on(self, order: str, *, by: str, reason: str) -> None:
        """Lift an order."""
        with self._database.changing(by, reason) as change:
            row = _open_row(change.connection, schema.orders, order, "order")
            _end(change, schema.orders, row, by)
            change.record(None, "order.on", {"id": order})

    def orders(self) -> tuple[StoredOrder, ...]:
        """List the orders in force, oldest first."""
        with reading(self._database.engine) as connection:
            return _orders(connection, _milliseconds(connection, self._database.now()))

    # -- exemptions ----------------------------------------------------------------------------

    def add_exemption(
        self,
        rule: str,
        *,
        by: str,
        reason: str,
        until: datetime,
        from_: datetime | None = None,
    ) -> str:
        """Propose to approve an exempt rule; it counts once a second person agrees."""
        checks = Checks()
        start = from_ or self._database.now()
        if not rule.strip() or len(rule) > 160:
            checks.report("the rule has no id, or too long a one")
        ends = checks.expiry(until, start)
        if start.tzinfo is not None and until.tzinfo and until - start > LONGEST_EXEMPTION:
            checks.report("the exemption is longer than a year", "a shorter one can be given again")
        row = {
            "id": f"exempt_{secrets.token_hex(6)}",
            "rule": rule,
            "from_at": milliseconds(start) if start.tzinfo else 0,
            "until_at": ends,
        }
        with self._database.changing(by, reason, checks) as change:
            change.connection.execute(
                insert(schema.exemptions).values(
                    **row, reason=change.reason, added_at=change.at, added_by=by, uses=0
                )
            )
            change.record(None, "exemption.added", row)
        return str(row["id"])

    def approve_exemption(self, exemption: str, *, by: str, reason: str = "approved") -> None:
        """Approve what another person proposed."""
        table = schema.exemptions
        with self._database.changing(by, reason) as change:
            row = _open_row(change.connection, table, exemption, "exemption")
            if row.approved_at is not None:
                raise InvalidInput.of(f"exemption `{exemption}` is approved already")
            if row.added_by.casefold() == by.casefold():
                raise SamePerson.of(
                    f"`{by}` proposed this exemption, and cannot approve it",
                    "a second person must",
                )
            if row.until_at <= _milliseconds(change.connection, self._database.now()):
                raise InvalidInput.of(f"exemption `{exemption}` is over already")
            change.connection.execute(
                update(table)
                .where(table.c.id == exemption)
                .values(approved_at=change.at, approved_by=by)
            )
            change.record(None, "exemption.approved", {"id": exemption, "rule": row.rule})

    def revoke_exemption(self, exemption: str, *, by: str, reason: str) -> None:
        """End an exemption, or withdraw a proposal."""
        with self._database.changing(by, reason) as change:
            row = _open_row(change.connection, schema.exemptions, exemption, "exemption")
            _end(change, schema.exemptions, row, by)
            change.record(None, "exemption.revoked", {"id": exemption, "rule": row.rule})

    def exemptions(self, *, ended: bool = False) -> tuple[StoredExemption, ...]:
        """List exemptions, newest first; with ``ended`` those that count no more as well."""
        table = schema.exemptions
        with reading(self._database.engine) as connection:
            now = _milliseconds(connection, self._database.now())
            rows = connection.execute(select(table).order_by(table.c.added_at.desc())).all()
        found = [_exemption(row, now) for row in rows]
        return tuple(one for one in found if ended or one.state != "ended")

    def count_uses(self, used: Mapping[str, int]) -> None:
        """Add to how often the approvals of exempt rules were used, by rule."""
        if not used:
            return
        table = schema.exemptions
        with writing(self._database.engine) as connection:
            for rule, times in sorted(used.items()):
                connection.execute(
                    update(table)
                    .where(
                        (table.c.rule == rule)
                        & table.c.approved_at.is_not(None)
                        & table.c.ended_at.is_(None)
                    )
                    .values(uses=table.c.uses + times)
                )

    # -- time ----------------------------------------------------------------------------------

    def end_what_is_over(self) -> int:
        """Write down which orders and exemptions have ended, so that no clock revives them."""
        ended = 0
        with reading(self._database.engine) as connection:
            due = _due(connection, _milliseconds(connection, self._database.now()))
        if not due:
            return 0
        with self._database.automating("its time is over") as change:
            for table, what, row in _due(change.connection, change.at):
                _end(change, table, row, AUTOMATION)
                change.record(None, f"{what}.ended", {"id": row.id})
                ended += 1
        return ended

    def reset_clock(self, *, by: str, reason: str) -> None:
        """Take our clock for right again, after it once ran ahead."""
        with self._database.changing(by, reason) as change:
            change.record(None, "clock.reset", {"latest_at": latest_at(change.connection)})
            change.connection.execute(update(schema.counter).values(latest_at=change.at))


def check_models(models: Iterable[str], catalog: Catalog) -> None:
    """Refuse names and patterns that match no model: an order must do something."""
    for text in models:
        if not matching(text, catalog):
            raise InvalidInput.of(
                f"`{ascii(text[:80])[1:-1]}` matches no model of the catalogue",
                did_you_mean(text, catalog.models) or "see `bailiwick catalog list`",
            )


def check_exempt_rule(rule: str, policy: Policy) -> None:
    """Refuse the id of a rule that the policy does not have, or that exempts nobody."""
    known = {one.id for one in policy.rules if one.effect is RuleEffect.EXEMPT}
    if rule not in known:
        raise InvalidInput.of(
            f"the policy has no exempt rule `{ascii(rule[:80])[1:-1]}`",
            did_you_mean(rule, known) or f"it has: {', '.join(sorted(known)) or 'none'}",
        )


def in_force(connection: Connection, at: int) -> InForce:
    """Read what counts at a moment of the clock that does not go backwards (milliseconds)."""
    table = schema.exemptions
    rows = connection.execute(
        select(table.c.rule).where(
            table.c.approved_at.is_not(None)
            & table.c.ended_at.is_(None)
            & (table.c.from_at <= at)
            & (table.c.until_at > at)
        )
    ).scalars()
    return InForce(_orders(connection, at), frozenset(rows))


def _orders(connection: Connection, at: int) -> tuple[StoredOrder, ...]:
    table = schema.orders
    rows = connection.execute(
        select(table)
        .where(table.c.ended_at.is_(None) & (table.c.until_at.is_(None) | (table.c.until_at > at)))
        .order_by(table.c.from_at, table.c.id)
    ).all()
    return tuple(_order(row) for row in rows)


def _order(row: Row[Any]) -> StoredOrder:
    from_at, review_by = moment(row.from_at), moment(row.review_by)
    assert from_at is not None and review_by is not None  # noqa: S101, PT018 - never NULL
    return StoredOrder(
        row.id,
        tuple(json.loads(row.models)),
        tuple(json.loads(row.places)),
        tuple(json.loads(row.except_places)),
        frozenset(json.loads(row.except_principals)),
        frozenset(json.loads(row.except_labels)),
        row.reason,
        row.by,
        from_at,
        review_by,
        moment(row.until_at),
    )


def _exemption(row: Row[Any], now: int) -> StoredExemption:
    from_at, until_at = moment(row.from_at), moment(row.until_at)
    assert from_at is not None and until_at is not None  # noqa: S101, PT018 - never NULL
    over = row.ended_at is not None or row.until_at <= now
    state = "ended" if over else "approved" if row.approved_at is not None else "proposed"
    return StoredExemption(
        row.id, row.rule, row.reason, from_at, until_at, row.added_by, row.approved_by, state,
        row.ended_by, row.uses,
    )  # fmt: skip


def _milliseconds(connection: Connection, now: datetime) -> int:
    """Ask the clock that does not go backwards, but for a reset."""
    return max(milliseconds(now), latest_at(connection))


def latest_at(connection: Connection) -> int:
    """Read the latest time of any change (milliseconds)."""
    return int(connection.execute(select(schema.counter.c.latest_at)).scalar_one())


def _due(connection: Connection, now: int) -> list[tuple[Any, str, Row[Any]]]:
    found = []
    for table, what in ((schema.orders, "order"), (schema.exemptions, "exemption")):
        over = table.c.ended_at.is_(None) & (table.c.until_at <= now)
        rows = connection.execute(select(table).where(over)).all()
        found += [(table, what, row) for row in rows]
    return found


def _open_row(connection: Connection, table: Any, identity: str, what: str) -> Row[Any]:
    row: Row[Any] | None = connection.execute(
        select(table).where(table.c.id == identity)
    ).one_or_none()
    if row is None:
        raise InvalidInput.of(
            f"no {what} has the id `{identity[:80]}`",
            f"`bailiwick {'exempt' if what == 'exemption' else what} list` lists them",
        )
    if row.ended_at is not None:
        raise InvalidInput.of(f"{what} `{identity}` has ended already")
    return row


def _end(change: Change, table: Any, row: Row[Any], by: str) -> None:
    change.connection.execute(
        update(table).where(table.c.id == row.id).values(ended_at=change.at, ended_by=by)
    )


def _written(values: Sequence[str]) -> str:
    return json.dumps(sorted(set(values)))


def _places(checks: Checks, places: Sequence[str]) -> list[str]:
    found = []
    for text in places:
        place = canonical(text)
        if place is None:
            near = ", ".join(f"`{code}`" for code in suggestions(text))
            checks.report(
                f"unknown place `{text[:40]}`",
                f"did you mean {near}?" if near else "write an ISO 3166 code such as US or UA-43",
            )
        found.append(place or text)
    return found


def _refuse_strangers(connection: Connection, accounts: Sequence[str]) -> None:
    for identity in accounts:
        found = [
            connection.execute(select(table.c.id).where(table.c.id == identity)).first()
            for table in (schema.accounts, schema.keys)
        ]
        if not any(found):
            raise InvalidInput.of(
                f"no account and no key has the id `{identity[:80]}`",
                "an exception for nobody would be a mistake",
            )
