"""Generate the matrix: every resource, model, location and action that the policy tells apart."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bailiwick.cloud import Answer, Tree
from bailiwick.cloud.gcp import (
    ACTIONS,
    ENDPOINTS,
    GLOBAL_HOST,
    MODELS,
    OWN_ENDPOINTS,
    Call,
    OrgPolicies,
    VertexModel,
    checks,
    host_of,
)
from bailiwick.targets.compiled import Cell
from bailiwick.targets.gcp.scopes import Choices, Scope, scopes
from bailiwick.targets.judged import Judged

CREATE_ENDPOINT = "create endpoint"
UNLISTED_MODEL = VertexModel("publishers/nobody/models/unlisted", ("nobody/unlisted",))
"""Stands for every model that the catalogue does not know."""


@dataclass(frozen=True, slots=True)
class Case:
    """A cell, and the call it is about."""

    cell: Cell
    call: Call
    scope: Scope
    lost: bool
    """The policy permits it and Google's lists cannot: denied, and reported."""

    def judge(self, policies: OrgPolicies) -> Judged:
        """Judge the call by policies: every check must be allowed."""
        if self.call.action == CREATE_ENDPOINT:
            found = [policies.enforced(self.scope.path, OWN_ENDPOINTS)]
        else:
            found = [policies.check(self.scope.path, *one) for one in checks(self.call)]
        worst = max(found, key=lambda one: WORST.index(one.answer))
        return Judged(self.cell, worst.answer, worst.policy or worst.reason, self.lost)


CONSTRAINTS = (MODELS, ENDPOINTS, OWN_ENDPOINTS)
WORST = (Answer.ALLOW, Answer.UNDETERMINED, Answer.DENY)


class Matrix:
    """Generates the cases of one policy and organization.

    With ``deployed`` policies, what they tell apart is told apart too. A call passes if its host
    and its model do, each by itself, so one location of each kind with every model is enough.
    """

    def __init__(self, choices: Choices, tree: Tree, deployed: OrgPolicies | None = None) -> None:
        self.choices = choices
        self.deployed = deployed or OrgPolicies({})
        self.scopes = list(scopes(tree))
        self.models = [*choices.models, UNLISTED_MODEL]
        self.endpoints_open = "endpoints" in tree.leave_open

    def cases(self) -> Iterator[Case]:
        """Go through all of one scope of each kind, and in brief through every other.

        Scopes of one kind are held by the same policies, so they are answered alike.
        """
        seen: set[tuple[object, ...]] = set()
        few = self._few()
        for scope in self.scopes:
            kind = (
                self.choices.questions.account_class(scope.account),
                scope.account.exempt is None,
                *(self.deployed.effective(scope.path, one) for one in CONSTRAINTS),
            )
            new = kind not in seen
            seen.add(kind)
            yield self._own_endpoint(scope)
            for model in self.models if new else few:
                for action in ACTIONS if new else ACTIONS[:1]:
                    yield from self._uses(scope, model, action)
            if not new:
                continue
            for model in few:
                for location in self.choices.locations:
                    yield self._case(scope, model, ACTIONS[0], location, host_of(location))

    def _own_endpoint(self, scope: Scope) -> Case:
        permit = self.endpoints_open or scope.account.exempt is not None
        cell = Cell(_account(scope), CREATE_ENDPOINT, "Endpoint", "any", "", "", permit)
        return Case(cell, Call("", "", CREATE_ENDPOINT), scope, lost=False)

    def _few(self) -> Sequence[VertexModel]:
        """Give one model of each kind."""
        questions = self.choices.questions
        found: dict[tuple[int, ...], VertexModel] = {}
        for model in self.choices.models:
            found.setdefault(tuple(map(questions.model_class, model.models)), model)
        return [*found.values(), UNLISTED_MODEL]

    def _uses(self, scope: Scope, model: VertexModel, action: str) -> Iterator[Case]:
        """Use a model in one location of every kind, by its own host and by the global one."""
        for location in self._kinds_of_locations(scope):
            yield self._case(scope, model, action, location, host_of(location))
        location = self.choices.locations[0]
        yield self._case(scope, model, action, location, GLOBAL_HOST)

    def _kinds_of_locations(self, scope: Scope) -> Iterable[str]:
        """Give one location of each kind: alike for the policy, what was chosen, what is there."""
        chosen = self.choices.of(scope.account).places
        found: dict[tuple[object, ...], str] = {}
        for location in self.choices.locations:
            number = self.choices.questions.where_class(self.choices.wheres[location])
            host = self.deployed.check(scope.path, ENDPOINTS, host_of(location)).answer
            found.setdefault((number, location in chosen, host), location)
        return found.values()

    def _case(
        self, scope: Scope, model: VertexModel, action: str, location: str, host: str
    ) -> Case:
        choices, account = self.choices, scope.account
        permits = choices.permits(account, model, action, location)
        chosen = choices.of(account)
        anywhere = host != GLOBAL_HOST or chosen.places.issuperset(choices.locations)
        fits = chosen.permits((model.name, action), location) and anywhere
        exempt = account.exempt is not None
        rules: tuple[str, ...] = ()
        if permits and not exempt:
            where = choices.wheres[location]
            rules = choices.questions.decide(account, where, model.models[0]).determining
        cell = Cell(
            _account(scope),
            action,
            model.name,
            location,
            "global host" if host == GLOBAL_HOST else "own host",
            model.models[0],
            exempt or (permits and fits),
            rules,
        )
        return Case(
            cell, Call(host, model.name, action), scope, permits and not fits and not exempt
        )


def _account(scope: Scope) -> str:
    return scope.account.id if scope.account.is_listed else f"others in {scope.resource}"
