"""Everything that one request is judged by, replaced as a whole and never changed.

A request uses one world from beginning to end. Facts are looked up in the table part by part, and
the parts that many requests share are remembered here, for as long as the world lasts.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from bailiwick.accounts import AccountView
from bailiwick.audit import canonical
from bailiwick.catalog import Catalog
from bailiwick.decision import Decision, DecisionTable, Prepared
from bailiwick.facts import DIMENSIONS, Fact, Layer, dimension
from bailiwick.location import (
    ClientAddress,
    Invalid,
    Located,
    Locator,
    Nat64Prefix,
    TrustedProxies,
    client_address,
)
from bailiwick.pipeline.assemble import account_facts, location_facts, request_facts
from bailiwick.pipeline.layers import EDGE, SETTINGS, Layers
from bailiwick.pipeline.record import fact_written, shadow_fields, shared_fields
from bailiwick.pipeline.values import Said

LOCATION = frozenset({"address", "network", "holder"})
ROUTE = frozenset({"endpoint", "processing", "egress"})
REQUEST = frozenset(
    name for name, one in DIMENSIONS.items() if one.layer is Layer.EDGE and name not in LOCATION
)
_NOBODY = TrustedProxies()
_DIALECTS = ("anthropic", "openai")
MOST_PARTS = 8192
"""Parts of a kind that are remembered; beyond, it begins anew."""

Route = Callable[[str, str], Mapping[str, Fact]]
"""Gives the facts of the upstream that serves a catalogue id in a dialect."""


def no_route(model: str, dialect: str) -> Mapping[str, Fact]:
    """Know nothing of any upstream."""
    del model, dialect
    return {}


@dataclass(frozen=True, slots=True)
class ClientRules:
    """Whose word about the client's address is taken."""

    trusted: TrustedProxies = field(default_factory=TrustedProxies)
    header: str = "x-forwarded-for"
    nat64: tuple[Nat64Prefix, ...] = ()


class Part(NamedTuple):
    """Some facts, looked up in the table, and how a record writes them."""

    prepared: Prepared
    written: Mapping[str, str | list[str]]


class Parts(NamedTuple):
    """The facts of one request."""

    location: Part
    account: Part
    request: Part
    route: Part

    def evidence(self) -> Mapping[str, str | list[str]]:
        """Write down every fact that a rule asks about, but for what the record says anyway."""
        return {**self.location.written, **self.account.written, **self.route.written}


class Verdict(NamedTuple):
    """What follows from the facts of a request, and how a record writes it."""

    decision: Decision
    layer: str
    """The layer whose evidence decided."""
    written: Mapping[str, Any]


class World:
    """A table and the data beside it."""

    def __init__(
        self,
        table: DecisionTable,
        catalog: Catalog,
        locator: Locator,
        *,
        client: ClientRules | None = None,
        route: Route = no_route,
        shadow: "World | None" = None,
    ) -> None:
        """``shadow``: a world with another table, which judges too and decides nothing."""
        self.table = table
        self.shadow = shadow
        self.layers = Layers(table)
        self.catalog = catalog
        self.locator = locator
        self.client = client or ClientRules()
        self.route = route
        self._account_names = _asked_of_accounts(table)
        self._not_route = frozenset(table.asked) - ROUTE
        self._asks_route = not ROUTE.isdisjoint(table.asked)
        self._asks_principal = "principal" in table.asked
        self._location_names = sorted(LOCATION & table.asked)
        self._accounts: dict[Hashable, tuple[object, Part]] = {}
        self._locations: dict[Hashable, Part] = {}
        self._requests: dict[Hashable, Part] = {}
        self._clients: dict[Hashable, ClientAddress | Invalid] = {}
        self._places: dict[Hashable, Part] = {}
        self._routes: dict[Hashable, Part] = {}
        self._compared: dict[Hashable, tuple[Decision, Decision, bytes]] = {}

    def with_table(self, table: DecisionTable) -> "World":
        """Give the same world with another table."""
        return World(
            table,
            self.catalog,
            self.locator,
            client=self.client,
            route=self.route,
            shadow=self.shadow,
        )

    @property
    def revision(self) -> str:
        """The table's revision."""
        return self.table.revision

    def controlled(self, model: str | None) -> bool:
        """Whether a model is controlled; one that nobody knows is."""
        return model is None or self.table.controlled(model)

    def decide(self, model: str | None, at: datetime, parts: "Parts") -> Decision:
        """Decide from the four parts."""
        return self.table.decide_prepared(
            model,
            at,
            parts.location.prepared,
            parts.account.prepared,
            parts.request.prepared,
            parts.route.prepared,
        )

    def parts(
        self,
        located: Located,
        account: AccountView | None,
        action: str,
        features: frozenset[str],
        route: tuple[str, str] | None,
        said: Said | None = None,
    ) -> "Parts":
        """Look the facts of a request up; ``route`` is its model and dialect, if it has one, and
        ``said`` what is attested of its end user.
        """
        return Parts(
            self.location_part(located),
            self.account_part(account),
            self.request_part(action, features, said),
            self.route_to(route),
        )

    def background(self, facts: Mapping[str, Fact]) -> Part:
        """Look up everything but the upstream's places, as one part."""
        return self._part(facts, self._not_route)

    def route_part(self, model: str | None, said: Mapping[str, Fact]) -> Part:
        """Look up the places of the upstream of a model, in whichever dialect it is served."""
        if not self._asks_route or model is None:
            return self.route_to(None)
        if not said:
            found = next((d for d in _DIALECTS if self.route(model, d)), _DIALECTS[0])
            return self.route_to((model, found))
        facts = next((f for d in _DIALECTS if (f := self.route(model, d))), {})
        return self._part({**facts, **said}, ROUTE)

    @property
    def account_names(self) -> frozenset[str]:
        """Name the facts of accounts that a rule asks about."""
        return self._account_names

    def client_at(self, address: str) -> ClientAddress | Invalid:
        """Take an address that somebody trusted says is the client's."""
        found = self._clients.get(address)
        if found is None:
            client = client_address(address, (), _NOBODY, self.client.header, self.client.nat64)
            if isinstance(client, Invalid):
                client = Invalid(client.reason.replace("peer.", "address."))
            found = _remember(self._clients, address, client)
        return found

    def find_client_behind(
        self, asker: str, headers: Sequence[tuple[str, str]], header: str | None = None
    ) -> ClientAddress | Invalid:
        """Find the client that an asker speaks of, whose own address never is the client's."""
        rules = self.client
        named = header or rules.header
        lines = [line for line in headers if line[0] == named]
        key = ("behind", asker, *lines)
        found = self._clients.get(key)
        if found is None:
            trusted = rules.trusted.with_block(asker)
            client = client_address(asker, lines, trusted, named, rules.nat64)
            found = _remember(self._clients, key, client)
        return found

    def find_client(self, peer: str, headers: Sequence[tuple[str, str]]) -> ClientAddress | Invalid:
        """Find whose request this is, by address."""
        rules = self.client
        lines = [line for line in headers if line[0] == rules.header]
        key = (peer, *lines)
        found = self._clients.get(key)
        if found is None:
            client = client_address(peer, lines, rules.trusted, rules.header, rules.nat64)
            found = _remember(self._clients, key, client)
        return found

    def judge(self, model: str | None, at: datetime, parts: Parts) -> Verdict:
        """Decide, and say which layer did."""
        decision = self.decide(model, at, parts)
        layer = self._layer(model, at, decision, parts)
        controlled = self.controlled(model)
        written = shared_fields(decision, model, controlled, layer, parts.evidence())
        return Verdict(decision, layer, written)

    def _layer(self, model: str | None, at: datetime, decision: Decision, parts: Parts) -> str:
        if decision.permitted:
            return self.layers.of_permit(decision.determining)
        early = (
            (EDGE, parts.location.prepared),
            (EDGE, parts.request.prepared),
            (SETTINGS, parts.route.prepared),
        )
        return self.layers.of_deny(model, at, decision.reasons, early)

    def compared(self, decision: Decision, other: Decision) -> bytes:
        """Write what this world, a shadow, says beside what was decided; why, if it differs."""
        key = (id(decision), id(other))
        found = self._compared.get(key)
        if found is None or found[0] is not decision or found[1] is not other:
            written = canonical(shadow_fields(decision, other))
            found = _remember(self._compared, key, (decision, other, written))
        return found[2]

    def _part(self, facts: Mapping[str, Fact], names: frozenset[str]) -> Part:
        prepared = self.table.prepare(facts, names)
        written = {name: fact_written(fact) for name, fact in prepared.facts.items()}
        return Part(prepared, written)

    def location_part(self, located: Located) -> Part:
        """Look up where a request comes from."""
        said = (located.places, located.network, located.holder, located.non_routable)
        found = self._places.get(said)
        if found is None:
            found = _remember(self._places, said, self._location_of(location_facts(located)))
        return found

    def _location_of(self, facts: Mapping[str, Fact]) -> Part:
        """Share the part between places that no rule tells apart."""
        key = tuple(facts[name] for name in self._location_names)
        found = self._locations.get(key)
        if found is None:
            found = _remember(self._locations, key, self._part(facts, LOCATION))
        return found

    def account_part(self, account: AccountView | None) -> Part:
        """Prepare an account once; those of which the same is known share it where they can."""
        who = account if account is None or self._asks_principal else account.values
        found = self._accounts.get(id(who))
        if found is None:
            part = self._part(account_facts(account), self._account_names)
            found = _remember(self._accounts, id(who), (who, part))  # keeps ``who``, so its id
        return found[1]

    def request_part(self, action: str, features: frozenset[str], said: Said | None = None) -> Part:
        """Look up what is asked."""
        key = (action, features, said)
        found = self._requests.get(key)
        if found is None:
            part = self._part(request_facts(action, features, said), REQUEST)
            found = _remember(self._requests, key, part)
        return found

    def route_to(self, route: tuple[str, str] | None) -> Part:
        """Look up the upstream that serves a model in a dialect."""
        found = self._routes.get(route)
        if found is None:
            part = self._part(self.route(*route) if route else {}, ROUTE)
            found = _remember(self._routes, route, part)
        return found


def _asked_of_accounts(table: DecisionTable) -> frozenset[str]:
    names = {name for name in table.asked if _layer(name) is Layer.ACCOUNT}
    apart = names | LOCATION | REQUEST | ROUTE
    assert apart >= set(table.asked)  # noqa: S101 - every fact is in one part
    return frozenset(names)


def _layer(name: str) -> Layer | None:
    known = dimension(name)
    return known.layer if known else None


def _remember(parts: dict[Hashable, Any], key: Hashable, part: Any) -> Any:
    if len(parts) >= MOST_PARTS:
        parts.clear()
    parts[key] = part
    return part
