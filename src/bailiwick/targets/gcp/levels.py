"""Access levels: the one control of the three clouds that knows the caller's country.

A level lists the countries from which a project may be reached at all, whatever the model, so it
has those from which the policy permits everything that the project may use. It does nothing until
it is bound to a service perimeter. Anonymizers are not seen, so ``network`` stays with the edge.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bailiwick.cloud import Account, Tree
from bailiwick.decision import Effect
from bailiwick.facts import PENDING, Fact
from bailiwick.places import countries
from bailiwick.targets.gcp.scopes import Choices, scopes

UNKNOWN_TO_IT = frozenset({"network", "holder"})


@dataclass(frozen=True, slots=True)
class AccessLevel:
    """One level and the resources that it is for."""

    name: str
    countries: tuple[str, ...]
    resources: tuple[str, ...]

    @property
    def says(self) -> str:
        """What it is for, in words."""
        return f"reachable from {len(self.countries)} countries: {', '.join(self.resources)}"

    def as_dict(self) -> Mapping[str, Any]:
        """Give the level as the cloud takes it, under an access policy of the operator's."""
        return {
            "name": f"accessPolicies/ACCESS_POLICY/accessLevels/{self.name}",
            "title": self.name,
            "basic": {"conditions": [{"regions": list(self.countries)}]},
        }


def access_levels(choices: Choices, tree: Tree) -> list[AccessLevel]:
    """Make one level for each set of countries; none where no rule asks for the address."""
    if "address" not in choices.questions.table.asked:
        return []
    found: dict[tuple[str, ...], list[str]] = {}
    known: dict[int, tuple[str, ...]] = {}
    for scope in scopes(tree):
        if scope.account.exempt is not None or not choices.of(scope.account).items:
            continue
        number = choices.questions.account_class(scope.account)
        if number not in known:
            known[number] = tuple(_countries(choices, scope.account))
        found.setdefault(known[number], []).append(scope.resource)
    every = len(countries())
    kept = [(places, names) for places, names in sorted(found.items()) if 0 < len(places) < every]
    return [
        AccessLevel(f"bailiwick_{number}", places, tuple(names))
        for number, (places, names) in enumerate(kept, 1)
    ]


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
    table, at = choices.questions.table, choices.questions.at
    base: dict[str, Fact] = {
        name: account.facts.get(name, PENDING) if name in account.facts else PENDING
        for name in table.asked
    }
    base |= {"action": frozenset({"infer"}), **dict.fromkeys(UNKNOWN_TO_IT, PENDING)}
    for country in countries():
        facts = {**base, "address": frozenset({country})}
        if all(
            table.decide_prepared(
                model,
                at,
                table.prepare(
                    {**facts, "endpoint": where.endpoint, "processing": where.processing}
                ),
            ).effect
            is not Effect.DENY
            for model in models.values()
            for where in wheres.values()
        ):
            yield country


def level_terraform(level: AccessLevel) -> Mapping[str, Any]:
    """Give the level as Terraform's resource; the access policy is a variable."""
    policy = "accessPolicies/${var.access_policy}"
    return {
        "parent": policy,
        "name": f"{policy}/accessLevels/{level.name}",
        "title": level.name,
        "basic": {"conditions": [{"regions": list(level.countries)}]},
    }
