"""Questions of somebody else's gateway: it brings what it knows, and gets a decision on that.

What it does not bring is unknown, or pending if it says that a later layer will know it. What it
says never replaces what we know: of two places both are candidates, and the stricter wins.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bailiwick.accounts import AccountView
from bailiwick.decision import Decision, Effect, Reason, common
from bailiwick.facts import PENDING, UNKNOWN, Absent, Fact, Kind, dimension
from bailiwick.location import ClientAddress, Invalid, Located
from bailiwick.pipeline.assemble import account_facts, end_user_facts, location_facts
from bailiwick.pipeline.values import EndUser
from bailiwick.pipeline.world import ROUTE, Part, World
from bailiwick.policy import Obligations

ABOUT_ACCOUNTS: Final = frozenset({"sign_up", "create_key", "subscribe", "list_models"})
"""Actions that are about an account and need no model: one that could be used is enough."""


@dataclass(frozen=True, slots=True)
class Background:
    """Who asks, and from where: what several questions share."""

    account: AccountView | Absent | None
    """``None``: nobody's. ``UNKNOWN`` or ``PENDING``: the asker did not say whose it is."""
    client: ClientAddress | Invalid | None = None
    """``None``: the asker said no address."""
    said: Mapping[str, Fact] = field(default_factory=dict)
    """Facts that the asker vouches for."""
    end_user: EndUser | None = None
    """What the account holder attests for its own user; ``None``: nothing."""

    def facts(self, world: World, at: datetime) -> tuple[Mapping[str, Fact], Located | None]:
        """Put together what is known, but for the upstream's places."""
        located = None
        facts = dict(_of_account(world, self.account))
        if isinstance(self.client, ClientAddress):
            located = world.locator.locate_client(self.client, at)
            facts |= location_facts(located)
        if self.end_user is not None:
            facts |= end_user_facts(self.end_user.said)
        for name, fact in self.said.items():
            if name not in ROUTE:
                facts[name] = joined(name, facts.get(name, UNKNOWN), fact)
        return facts, located


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that is wanted."""

    model: str | None
    """The name that the asker uses; ``None``: it does not know the model."""
    action: str
    features: Fact = UNKNOWN


@dataclass(frozen=True, slots=True)
class Answer:
    """What follows, on record."""

    id: str
    """The decision's id; where one record holds several answers, with this one's place behind."""
    decision: Decision
    model: str | None
    """Catalogue id; ``None``: it was not named, or no catalogue knows it."""


def joined(name: str, known: Fact, said: Fact) -> Fact:
    """Join what we know with what somebody says: more candidates, never other ones."""
    if isinstance(known, Absent):
        return known if said is UNKNOWN else said
    if isinstance(said, Absent):
        return known
    kind = dimension(name)
    return known if kind is None or kind.kind is Kind.SET else known | said


def _of_account(world: World, account: AccountView | Absent | None) -> Mapping[str, Fact]:
    if account is PENDING:
        return dict.fromkeys(world.account_names, PENDING)
    return {} if isinstance(account, Absent) else account_facts(account)


class Bench:
    """Answers questions against one background in one world."""

    def __init__(self, world: World, background: Background, at: datetime) -> None:
        self.world = world
        self.at = at
        self.facts, self.located = background.facts(world, at)
        self._background = background
        self._parts: dict[tuple[str, Fact], Part] = {}
        self._said_of_route = {k: v for k, v in background.said.items() if k in ROUTE}
        self._decided: dict[tuple[str | None, str, Fact], tuple[Decision, str | None]] = {}

    @property
    def account(self) -> AccountView | None:
        """The account, if there is one and it is known."""
        account = self._background.account
        return None if isinstance(account, Absent) else account

    @property
    def end_user(self) -> EndUser | None:
        """What is attested of the end user."""
        return self._background.end_user

    @property
    def client(self) -> ClientAddress | Invalid | None:
        """The client's address, as far as the asker said one."""
        return self._background.client

    def decide(self, question: Question) -> tuple[Decision, str | None]:
        """Decide one question; also gives the catalogue's id of its model."""
        key = (question.model, question.action, question.features)
        found = self._decided.get(key)
        if found is None:
            found = self._decided[key] = self._decide(question)
        return found

    def permitted(self, question: Question, models: Iterable[str]) -> list[str]:
        """List the models of which a question is permitted."""
        part = self._part(question)
        return [model for model in models if self._one(model, part).permitted]

    def evidence(self) -> Mapping[str, str | list[str]]:
        """Write the facts down for a record."""
        return self._part(Question(None, "infer")).written

    def _decide(self, question: Question) -> tuple[Decision, str | None]:
        if isinstance(self._background.client, Invalid):
            return self._invalid(self._background.client), None
        part = self._part(question)
        if question.model is None:
            return self._unnamed(question, part), None
        model = self.world.catalog.resolve(question.model)
        return self._one(model, part), model

    def _invalid(self, client: Invalid) -> Decision:
        reason = Reason("address.invalid", detail=client.reason)
        return Decision(Effect.DENY, reasons=(reason,), revision=self.world.revision)

    def _one(self, model: str | None, part: Part) -> Decision:
        route = self.world.route_part(model, self._said_of_route)
        table = self.world.table
        return table.decide_prepared(model, self.at, part.prepared, route.prepared)

    def _part(self, question: Question) -> Part:
        key = (question.action, question.features)
        found = self._parts.get(key)
        if found is None:
            wanted = {"action": frozenset({question.action}), "features": question.features}
            found = self._parts[key] = self.world.background({**self.facts, **wanted})
        return found

    def _unnamed(self, question: Question, part: Part) -> Decision:
        """Decide as far as it is the same for every model, or for one where one is enough."""
        decisions = [self._one(model, part) for model in self._distinct()]
        if question.action in ABOUT_ACCOUNTS:
            return any_of(decisions, self.world.revision)
        return all_of(decisions, self.world.revision)

    def _distinct(self) -> Iterable[str]:
        """Name one model of every class that the rules tell apart."""
        table = self.world.table
        classes = {
            (table.row(model, self.at), table.governing(model)): model
            for model in sorted(table.policy.models)
        }
        return classes.values()


def any_of(decisions: Sequence[Decision], revision: str) -> Decision:
    """Permit if anything is permitted; obligations belong to models and are left to requests."""
    permits = [one for one in decisions if one.permitted]
    if permits:
        rules = sorted({rule for one in permits for rule in one.determining})
        return Decision(Effect.PERMIT, tuple(rules), revision=revision)
    return all_of(decisions, revision)


def all_of(decisions: Sequence[Decision], revision: str) -> Decision:
    """Say what is the same for all; otherwise undetermined, because no model is named."""
    effects = {one.effect for one in decisions}
    if len(effects) != 1 or Effect.UNDETERMINED in effects:
        reason = Reason("model.unnamed")
        return Decision(Effect.UNDETERMINED, reasons=(reason,), revision=revision)
    found = common(decisions)
    reasons = found.reasons or (Reason("model.unnamed"),)
    obligations = found.obligations if found.permitted else Obligations()
    return Decision(
        found.effect,
        found.determining,
        () if found.permitted else reasons,
        obligations,
        found.contested,
        revision,
    )
