"""What each organization, folder and project may use: one choice of models and locations each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from bailiwick.cloud import Account, Questions, Tree, Where
from bailiwick.cloud.gcp import ACTIONS, COUNT_TOKENS, POLICY_ACTIONS, VertexModel
from bailiwick.cloud.zones import GLOBAL_LOCATION, MULTI_REGIONS, zone_of_location
from bailiwick.facts import UNKNOWN
from bailiwick.targets.product import Choice, choose

Item = tuple[str, str]
"""``(publishers/PUBLISHER/models/MODEL, action)``."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One resource of the hierarchy and the account that stands for what is set there."""

    resource: str
    """``organizations/...``, ``folders/...`` or ``projects/...``."""
    path: tuple[str, ...]
    """Resources from the organization down to this one."""
    account: Account


def scopes(tree: Tree) -> Iterator[Scope]:
    """List every resource: units stand for projects in them that are not listed."""
    for unit in tree.root.every():
        yield Scope(unit.id, unit.path, unit.unlisted)
        for account in unit.accounts:
            resource = f"projects/{account.id}"
            yield Scope(resource, (*unit.path, resource), account)


class Choices:
    """Works out what every scope may use; scopes that no rule tells apart share one answer."""

    def __init__(self, questions: Questions, models: Iterable[VertexModel]) -> None:
        self.questions = questions
        self.models = tuple(models)
        self._found: dict[int, Choice[Item]] = {}

    @cached_property
    def locations(self) -> tuple[str, ...]:
        """Every location that the table knows: regions, multi-regions, global."""
        return (*sorted(self.questions.regions.places), *MULTI_REGIONS, GLOBAL_LOCATION)

    @cached_property
    def wheres(self) -> Mapping[str, Where]:
        """Where a call to each location is, and may run."""
        return {name: self.where(name) for name in self.locations}

    def where(self, location: str) -> Where:
        """Give the place facts of a call to a location; a region nobody knows is unknown."""
        places = self.questions.regions.places
        here = frozenset({places[location]}) if location in places else UNKNOWN
        if location == "us":
            here = frozenset({"US"})
        return Where(here, zone_of_location(location, self.questions.regions) or UNKNOWN)

    def permits(self, account: Account, model: VertexModel, action: str, location: str) -> bool:
        """Whether the policy permits it: every word behind the action, every model of the name."""
        where = self.wheres.get(location) or self.where(location)
        return all(
            self.questions.permits(account, where, one, word)
            for one in model.models
            for word in POLICY_ACTIONS[action]
        )

    def of(self, account: Account) -> Choice[Item]:
        """Choose for one account."""
        number = self.questions.account_class(account)
        if number not in self._found:
            self._found[number] = choose(self._rows(account), lambda item: item[0])
        return self._found[number]

    def _rows(self, account: Account) -> dict[Item, frozenset[str]]:
        return {
            (model.name, action): self._row(account, model, action)
            for model in self.models
            for action in ACTIONS
        }

    def _row(self, account: Account, model: VertexModel, action: str) -> frozenset[str]:
        found = {one for one in self.locations if self.permits(account, model, action, one)}
        if len(found) < len(self.locations):
            found.discard(GLOBAL_LOCATION)  # the global host serves every location's path
        return frozenset(found)


def values_of(choice: Choice[Item]) -> list[str]:
    """Write the allowed values; counting tokens comes with any model."""
    found = {f"{name}:{action}" for name, action in choice.items}
    return sorted({*found, f"{COUNT_TOKENS}:predict"}) if found else []
