"""From where: access levels and service perimeters, the control that knows the caller's country.

A project is reached from a country or it is not, whatever the model. So it is reached from those
from which the policy permits everything that the project may use. An access level lists them and
does nothing by itself; a perimeter around the projects refuses everybody else. Anonymizers are not
seen, so ``network`` stays with the edge.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bailiwick.cloud import Account, Cloud, Tree
from bailiwick.cloud.gcp import GLOBAL_HOST, LEVELS, PERIMETERS, Perimeters
from bailiwick.decision import Effect
from bailiwick.errors import InvalidInput, Problem
from bailiwick.facts import Fact
from bailiwick.places import countries
from bailiwick.policy import Policy
from bailiwick.targets.compiled import Cell
from bailiwick.targets.gcp.scopes import Choices, scopes
from bailiwick.targets.judged import Judged

POLICY = "accessPolicies/ACCESS_POLICY"
"""Stands for the operator's own access policy, of which there is one for an organization."""
CLOSED = "bailiwick_closed"
Countries = tuple[str, ...]


def wants_perimeter(policy: Policy) -> bool:
    """Whether the policy says that a perimeter enforces ``address`` in Google Cloud."""
    return any(
        one.by == "perimeter" and "address" in one.of and Cloud.GCP.value in one.targets
        for one in policy.acknowledged
    )


@dataclass(frozen=True, slots=True)
class AccessLevel:
    """One level and the resources that it is for."""

    name: str
    countries: Countries
    resources: tuple[str, ...]

    @property
    def says(self) -> str:
        """What it is for, in words."""
        return f"reachable from {len(self.countries)} countries: {', '.join(self.resources)}"

    def as_dict(self) -> Mapping[str, Any]:
        """Give the level as the cloud takes it, under an access policy of the operator's."""
        return {
            "name": f"{POLICY}{LEVELS}{self.name}",
            "title": self.name,
            "basic": {"conditions": [{"regions": list(self.countries)}]},
        }

    def terraform(self) -> Mapping[str, Any]:
        """Give the level as Terraform's resource; the access policy is a variable."""
        return {
            "parent": VARIABLE,
            "name": f"{VARIABLE}{LEVELS}{self.name}",
            "title": self.name,
            "basic": {"conditions": [{"regions": list(self.countries)}]},
        }


VARIABLE = "accessPolicies/${var.access_policy}"


@dataclass(frozen=True, slots=True)
class Fence:
    """One service perimeter around projects that are reached from the same countries."""

    name: str
    level: AccessLevel | None
    """Who is let in; ``None``: nobody from outside."""
    projects: tuple[Account, ...]

    @property
    def says(self) -> str:
        """What it is for, in words."""
        names = ", ".join(one.id for one in self.projects)
        who = f"those of the level {self.level.name}" if self.level else "nobody"
        return f"around {names}: {who} from outside"

    def _inside(self) -> dict[str, Any]:
        return {"resources": [f"projects/{one.number}" for one in self.projects]}

    def as_dict(self, *, dry_run: bool) -> Mapping[str, Any]:
        """Give the perimeter as the cloud takes it."""
        inside = {
            **self._inside(),
            "accessLevels": [f"{POLICY}{LEVELS}{self.level.name}"] if self.level else [],
            "restrictedServices": [GLOBAL_HOST],
        }
        return {
            "name": f"{POLICY}{PERIMETERS}{self.name}",
            "title": self.name,
            "perimeterType": "PERIMETER_TYPE_REGULAR",
            **({"useExplicitDryRunSpec": True, "spec": inside} if dry_run else {"status": inside}),
        }

    def terraform(self, *, dry_run: bool) -> Mapping[str, Any]:
        """Give the perimeter as Terraform's resource."""
        level = f"${{google_access_context_manager_access_level.{self.level and self.level.name}"
        inside = {
            **self._inside(),
            "access_levels": [f"{level}.name}}"] if self.level else [],
            "restricted_services": [GLOBAL_HOST],
        }
        return {
            "parent": VARIABLE,
            "name": f"{VARIABLE}{PERIMETERS}{self.name}",
            "title": self.name,
            "perimeter_type": "PERIMETER_TYPE_REGULAR",
            "use_explicit_dry_run_spec": dry_run,
            "spec" if dry_run else "status": inside,
        }


class Reach:
    """Works out from where each resource may be reached; ``None``: from everywhere."""

    def __init__(self, choices: Choices, tree: Tree) -> None:
        self.choices, self.tree = choices, tree
        self.every = tuple(countries())
        self._known: dict[int, Countries] = {}

    def of(self, account: Account) -> Countries | None:
        """Give the countries that an account may be reached from."""
        table = self.choices.questions.table
        if account.exempt is not None or "address" not in table.asked:
            return None
        if not self.choices.of(account).items:
            return None
        number = self.choices.questions.account_class(account)
        if number not in self._known:
            self._known[number] = tuple(_countries(self.choices, account))
        found = self._known[number]
        return found if len(found) < len(self.every) else None

    @cached_property
    def levels(self) -> list[AccessLevel]:
        """Make one level for each set of countries; none where no rule asks for the address."""
        found: dict[Countries, list[str]] = {}
        for scope in scopes(self.tree):
            if places := self.of(scope.account):
                found.setdefault(places, []).append(scope.resource)
        return [
            AccessLevel(f"bailiwick_{number}", places, tuple(names))
            for number, (places, names) in enumerate(sorted(found.items()), 1)
        ]

    def fences(self) -> list[Fence]:
        """Make one perimeter for each level, around the projects that are listed.

        Raises ``InvalidInput`` for each project whose number is missing.
        """
        by_places: dict[Countries, list[Account]] = {}
        for scope in scopes(self.tree):
            places = self.of(scope.account)
            if scope.account.is_listed and places is not None:
                by_places.setdefault(places, []).append(scope.account)
        _need_numbers([one for found in by_places.values() for one in found])
        levels = {one.countries: one for one in self.levels}
        return [
            Fence(level.name if level else CLOSED, level, tuple(found))
            for places, found in sorted(by_places.items())
            for level in [levels.get(places)]
        ]

    def judge(self, perimeters: Perimeters) -> Iterator[Judged]:
        """Reach every listed project from every country that is told apart."""
        seen: set[int] = set()
        for scope in scopes(self.tree):
            account = scope.account
            if not account.is_listed or "address" not in self.choices.questions.table.asked:
                continue
            places = self.of(account)
            number = self.choices.questions.account_class(account)
            inside = places if places is not None else self.every
            outside = [one for one in self.every if one not in inside]
            few = (*inside[:1], *outside[:1]) if number in seen else self.every
            seen.add(number)
            for country in few:
                permit = country in inside
                cell = Cell(account.id, "reach", GLOBAL_HOST, country, "", "", permit)
                found = perimeters.check(account.number, country)
                yield Judged(cell, found.answer, found.policy or found.reason)


def _need_numbers(accounts: list[Account]) -> None:
    problems = [
        Problem(
            f"project `{one.id}` needs its `number`: a service perimeter names it so",
            f"`gcloud projects describe {one.id} --format 'value(projectNumber)'`",
            one.position,
        )
        for one in accounts
        if one.number is None
    ]
    if problems:
        raise InvalidInput(problems)


def _countries(choices: Choices, account: Account) -> Iterator[str]:
    """List the countries from which everything that was chosen is permitted."""
    chosen = choices.of(account)
    models = {
        choices.questions.model_class(one): one
        for model in choices.models
        if (model.name, "predict") in chosen.items
        for one in model.models
    }
    wheres = {
        choices.questions.where_class(choices.wheres[place]): choices.wheres[place]
        for place in chosen.places
    }
    for country in countries():
        there: Mapping[str, Fact] = {"address": frozenset({country})}
        if all(
            choices.questions.decide_with(account, where, model, there).effect is not Effect.DENY
            for model in models.values()
            for where in wheres.values()
        ):
            yield country
