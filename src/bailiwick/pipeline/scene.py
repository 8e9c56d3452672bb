"""What requests share, remembered: who asks from where, what they want, and what follows from it.

A request costs a few lookups here: its client, its wish, and the answer to both together with its
account. Each answer carries its record but for the few values that only one request has. A scene
belongs to one world and is replaced with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

from bailiwick.accounts import AccountView
from bailiwick.audit import canonical, form
from bailiwick.decision import Decision, Effect, Reason
from bailiwick.location import ClientAddress, Invalid, Located
from bailiwick.pipeline.layers import EDGE
from bailiwick.pipeline.record import (
    Clients,
    data_fields,
    decision_event,
    name_written,
    refused_fields,
    shared_fields,
)
from bailiwick.pipeline.values import Asked, Judged, Said
from bailiwick.pipeline.world import Part, Parts, Verdict, World

MOST: Final = 4096
"""Answers that are remembered, and wishes; callers are twice as many. Beyond, it begins anew."""
AGENT: Final = "user-agent"
_DAY: Final = timedelta(days=1)
_BLANKS: Final = {
    "account": b"%b",
    "address": b"%b",
    "address_from": b"%b",
    "build": b"%b",
    "cell": b"%b",
    "bytes_in": b"%b",
    "end_user": b"%b",
    "id": b'"%b"',
    "key": b"%b",
    "latency_us": b"%b",
    "shadow": b"%b",
}
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """The data that a location rests on. Two are equal only if they are one."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """What is asked for, and the parts of it that are looked up in the table."""

    model: str | None
    controlled: bool
    request: Part
    route: Part
    attested: bool
    """Whether something is attested of the end user, and so on record."""


class Caller(NamedTuple):
    """Where a request comes from, as long as the data and the names of addresses stay."""

    client: ClientAddress | Invalid
    located: Located | None
    """``None``: there is no client address that could be trusted."""
    part: Part | None
    basis: _Basis
    address: bytes
    """As a record writes it, and the next as well."""
    address_from: bytes
    cell: bytes


class Answer(NamedTuple):
    """What follows for requests of which the same is known."""

    decision: Decision
    model: str | None
    controlled: bool
    layer: str
    form: bytes
    """The record, with blanks, and with each ``%`` written so that two fillings leave it."""
    counts: bool
    """Whether the record says how many bytes came in: of a deny that is answered at once."""

    def text(
        self,
        account: AccountView | None,
        caller: Caller,
        build: bytes,
        end_user: bytes | None,
        shadow: bytes | None,
    ) -> bytes:
        """Write the record but for what only one request has, to be filled in by ``%``: how many
        bytes came in, if it ``counts``; its id; and how long it took, in us.
        """
        if account is None:
            who = key = b"null"
        else:
            who, key = name_written(account.id), name_written(account.key_id)
        values = (who, caller.address, caller.address_from, build, caller.cell, key)
        who, address, source, build, cell, key = map(_kept, values)
        counted = (b"%d",) if self.counts else ()
        attested = () if end_user is None else (_kept(end_user),)
        beside = () if shadow is None else (_kept(shadow),)
        return self.form % (
            who, address, source, build, *counted, cell, *attested, b"%b", key, b"%d", *beside
        )  # fmt: skip


def _kept(value: bytes) -> bytes:
    """Write a value so that another filling leaves it as it is."""
    return value.replace(b"%", b"%%") if b"%" in value else value


class Scene:
    """Answers requests in one world."""

    def __init__(self, world: World, clients: Clients) -> None:
        self.world = world
        self._clients = clients
        self._header = world.client.header
        self._term: tuple[datetime, datetime, dict[object, Caller]] = (_NEVER, _NEVER, {})
        """From when until when the callers beside it are right."""
        self._wishes: dict[object, _Wish] = {}
        self._answers: dict[object, Answer] = {}
        self._bases: dict[object, _Basis] = {}
        self._builds: dict[object, bytes] = {}

    def caller(self, asked: Asked, at: datetime) -> Caller:
        """Find whose request it is, by address, and where that is."""
        since, until, callers = self._term
        if not since <= at < until:
            callers = self._new_term(at)
        header, named = asked.address_header or self._header, asked.named
        said: object = (
            named.get(header)
            if named is not None
            else tuple(value for name, value in asked.headers if name == header)
        )
        key = (asked.peer, said, header, asked.asker is None)
        found = callers.get(key)
        if found is None:
            found = _remember(callers, 2 * MOST, key, self._caller(asked, at))
        return found

    def span(self, at: datetime) -> tuple[datetime, datetime]:
        """Give since when (included) and until when (not) all that is found now holds."""
        spans = [self._term[:2], self.world.table.span(at)]
        if self.world.shadow is not None:
            spans.append(self.world.shadow.table.span(at))
        return max(since for since, _ in spans), min(until for _, until in spans)

    def build(self, asked: Asked, at: datetime) -> bytes:
        """Stand in for the client's program, as a record writes it; names change at midnight."""
        named = asked.named
        agent = (
            named.get(AGENT)
            if named is not None
            else next((value for name, value in asked.headers if name == AGENT), None)
        )
        if not agent:
            return b"null"
        key = (agent, at.toordinal())
        found = self._builds.get(key)
        if found is None:
            found = _remember(self._builds, MOST, key, canonical(self._clients.build(agent, at)))
        return found

    def answer(
        self,
        asked: Asked,
        caller: Caller,
        account: AccountView | None,
        said: Said | None,
        at: datetime,
    ) -> Answer:
        """Decide; the same facts have the same answer, so it is kept."""
        wanted = (asked[3:12], said)
        wish = self._wishes.get(wanted)
        if wish is None:
            wish = _remember(self._wishes, MOST, wanted, self._wish(asked, said))
        part, world = caller.part, self.world
        accounts = world.account_part(account)
        location = part.prepared if part is not None else caller.client
        key = (world.table.window(at), wish, location, accounts.prepared, caller.basis)
        found = self._answers.get(key)
        if found is None:
            made = self._answer(asked, caller, accounts, wish, at)
            found = _remember(self._answers, MOST, key, made)
        return found

    def _new_term(self, at: datetime) -> dict[object, Caller]:
        """Begin anew where data grow stale or expire, and where addresses get other names."""
        since, until = self.world.locator.span(at)
        day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        callers: dict[object, Caller] = {}
        self._term = (max(since, day), min(until, day + _DAY), callers)
        return callers

    def _caller(self, asked: Asked, at: datetime) -> Caller:
        world = self.world
        if asked.asker is None:
            client = world.find_client(asked.peer, asked.headers)
        else:
            client = world.find_client_behind(asked.peer, asked.headers, asked.address_header)
        fields = self._clients.fields(client, at)
        located = None
        if not isinstance(client, Invalid):
            located = world.locator.locate_client(client, at)
        return Caller(
            client,
            located,
            world.location_part(located) if located is not None else None,
            self._basis(data_fields(located)),
            canonical(fields["address"]),
            canonical(fields["address_from"]),
            canonical(located.cell if located is not None else None),
        )

    def _basis(self, fields: Mapping[str, Any]) -> _Basis:
        return self._bases.setdefault(canonical(fields), _Basis(fields))

    def _wish(self, asked: Asked, said: Said | None) -> _Wish:
        world = self.world
        model = world.catalog.resolve(asked.model) if asked.model is not None else None
        return _Wish(
            model,
            world.controlled(model),
            world.request_part(asked.action, asked.features, said),
            world.route_to((model, asked.dialect) if model is not None else None),
            said is not None,
        )

    def _answer(
        self, asked: Asked, caller: Caller, accounts: Part, wish: _Wish, at: datetime
    ) -> Answer:
        verdict = self._verdict(caller, accounts, wish, at)
        decision = verdict.decision
        judged = Judged(
            "", decision, wish.model, None, None, decision.revision, wish.controlled, verdict.layer
        )
        event = {**decision_event(judged, asked, verdict.written, {}, 0), **caller.basis.fields,
                 "address": None, "address_from": None, "build": None, "cell": None}  # fmt: skip
        if self.world.shadow is not None and caller.located is not None:
            event["shadow"] = None
        if wish.attested:
            event["end_user"] = None
        counts = asked.answers and not decision.permitted
        if counts:
            event.update(refused_fields(self.world.table.policy.refusal.status, 0))
        return Answer(
            decision, wish.model, wish.controlled, verdict.layer, form(event, _BLANKS, 2), counts
        )

    def _verdict(self, caller: Caller, accounts: Part, wish: _Wish, at: datetime) -> Verdict:
        if caller.part is None:
            return self._nowhere(caller.client, wish)
        parts = Parts(caller.part, accounts, wish.request, wish.route)
        return self.world.judge(wish.model, at, parts)

    def _nowhere(self, client: ClientAddress | Invalid, wish: _Wish) -> Verdict:
        """Refuse a request that has no client address which could be trusted."""
        detail = client.reason if isinstance(client, Invalid) else None
        reason = Reason("address.invalid", detail=detail)
        decision = Decision(Effect.DENY, reasons=(reason,), revision=self.world.revision)
        written = shared_fields(decision, wish.model, wish.controlled, EDGE, {})
        return Verdict(decision, EDGE, written)


_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def _remember(memory: dict[object, _Value], most: int, key: object, value: _Value) -> _Value:
    if len(memory) >= most:
        memory.clear()
    memory[key] = value
    return value
