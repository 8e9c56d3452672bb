"""Generate the matrix: every scope, location, model and SKU that the policy tells apart.

One cell is one use: an account made in a location, and a deployment in it. Both must be allowed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bailiwick.cloud import Answer, Tree
from bailiwick.cloud.azure import (
    KINDS,
    MACHINE_LEARNING,
    AzureModel,
    AzurePolicies,
    Resource,
    account,
    deployment,
)
from bailiwick.cloud.zones import SKUS
from bailiwick.targets.azure.scopes import Choices, Scope, scopes
from bailiwick.targets.compiled import Cell
from bailiwick.targets.judged import Judged

UNLISTED_MODEL = AzureModel("Nobody/unlisted", ("nobody/unlisted",))
UNLISTED_SKU = "UnlistedSku"
UNLISTED_LOCATION = "unlistedlocation"
UNLISTED_KIND = "UnlistedKind"
"""Stand for what nobody has listed: each must be refused."""


@dataclass(frozen=True, slots=True)
class Case:
    """A cell, and the resources whose making it stands for."""

    cell: Cell
    resources: tuple[Resource, ...]
    scope: Scope
    lost: bool = False
    """The policy permits it and Azure's rules cannot: denied, and reported."""

    def judge(self, policies: AzurePolicies, *, dry_run: bool = False) -> Judged:
        """Judge by policies: every resource must be allowed."""
        worst = policies.check(self.scope.path, self.resources[0], dry_run=dry_run)
        for one in self.resources[1:]:
            found = policies.check(self.scope.path, one, dry_run=dry_run)
            if worst.answer is Answer.ALLOW or found.answer is Answer.DENY:
                worst = found
        return Judged(self.cell, worst.answer, worst.assignment or worst.reason, self.lost)


class Matrix:
    """Generates the cases of one policy and tenant.

    With ``deployed`` policies, what they tell apart is told apart too. A use passes if its account
    and its deployment do, each by itself, so one account of each kind with every deployment leaves
    nothing out.
    """

    def __init__(self, choices: Choices, tree: Tree, deployed: AzurePolicies | None = None) -> None:
        self.choices = choices
        self.deployed = deployed or AzurePolicies({}, ())
        self.scopes = list(scopes(tree))
        self.learning_open = "machine-learning" in tree.leave_open

    def cases(self) -> Iterator[Case]:
        """Go through all of one scope of each kind, and in brief through every other.

        Scopes of one kind are held by the same assignments, so they are answered alike.
        """
        questions = self.choices.questions
        seen: set[tuple[object, ...]] = set()
        few = self._few()
        for scope in self.scopes:
            kind = (
                questions.account_class(scope.account),
                scope.account.exempt is None,
                self.deployed.holding(scope.path),
            )
            new = kind not in seen
            seen.add(kind)
            yield from self._others(scope)
            if not new:
                yield from self._uses(scope, few, SKUS[:1])
                continue
            yield from self._uses(
                scope, (*self.choices.models, UNLISTED_MODEL), (*SKUS, UNLISTED_SKU)
            )
            for location in (*self.choices.locations, UNLISTED_LOCATION):
                for name in (*KINDS, UNLISTED_KIND):
                    for model in few:
                        yield self._case(scope, model, SKUS[0], location, name)

    def _uses(
        self, scope: Scope, models: Iterable[AzureModel], skus: Sequence[str]
    ) -> Iterator[Case]:
        """Go through models and SKUs, each in one location of every kind."""
        accounts = list(self._kinds_of_accounts(scope))
        for model in models:
            for sku in skus:
                for location, kind in accounts:
                    yield self._case(scope, model, sku, location, kind)

    def _kinds_of_accounts(self, scope: Scope) -> Iterable[tuple[str, str]]:
        """Give one location and kind of each sort: alike for policy, choice and what is there."""
        chosen = self.choices.of(scope.account).places
        found: dict[tuple[object, ...], tuple[str, str]] = {}
        for location in (*self.choices.locations, UNLISTED_LOCATION):
            wheres = (
                self.choices.wheres.get((location, sku)) or self.choices.where(location, sku)
                for sku in SKUS
            )
            numbers = tuple(map(self.choices.questions.where_class, wheres))
            for kind in (KINDS[1], KINDS[0], UNLISTED_KIND):
                made = account(kind, location)
                there = self.deployed.check(scope.path, made, dry_run=True).answer
                found.setdefault((numbers, location in chosen, there), (location, kind))
        return found.values()

    def _few(self) -> tuple[AzureModel, ...]:
        """Give one model of each kind."""
        found: dict[tuple[int, ...], AzureModel] = {}
        for model in self.choices.models:
            numbers = tuple(map(self.choices.questions.model_class, model.models))
            found.setdefault(numbers, model)
        return (*found.values(), UNLISTED_MODEL)

    def _case(self, scope: Scope, model: AzureModel, sku: str, location: str, kind: str) -> Case:
        choices, who = self.choices, scope.account
        permits = sku in SKUS and choices.permits(who, model, sku, location)
        fits = choices.of(who).permits((model.name, sku), location)
        exempt = who.exempt is not None
        rules: tuple[str, ...] = ()
        if permits and not exempt and model.models[0] in choices.questions.table.policy.models:
            where = choices.wheres.get((location, sku)) or choices.where(location, sku)
            rules = choices.questions.decide(who, where, model.models[0]).determining
        cell = Cell(
            _account(scope), "deploy", f"{kind} with {sku} {model.name}", location, sku,
            model.models[0], exempt or (permits and fits), rules,
        )  # fmt: skip
        made = (account(kind, location), deployment(model.name, sku))
        lost = permits and not fits and not exempt and location in choices.locations
        return Case(cell, made, scope, lost)

    def _others(self, scope: Scope) -> Iterator[Case]:
        """Cover what must be left alone, and what says nothing of its model."""
        exempt = scope.account.exempt is not None
        learning = exempt or self.learning_open
        speech = Cell(_account(scope), "create", "SpeechServices", "any", "", "", permit=True)
        yield Case(speech, (account("SpeechServices", UNLISTED_LOCATION),), scope)
        storage = Cell(_account(scope), "create", "storageAccounts", "any", "", "", permit=True)
        yield Case(storage, ({"type": "Microsoft.Storage/storageAccounts"},), scope)
        for kind in MACHINE_LEARNING:
            yield Case(
                Cell(_account(scope), "create", kind, "any", "", "", learning),
                ({"type": kind},),
                scope,
            )


def _account(scope: Scope) -> str:
    return scope.account.id if scope.account.is_listed else f"others in {scope.id}"
