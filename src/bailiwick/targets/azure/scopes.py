"""What each management group and subscription may use: one choice of locations and deployments.

A deployment has no location and an account no model, so a scope gets a set of locations and, of
the deployments (model and SKU), those that the policy permits in every one of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from bailiwick.cloud import Account, Questions, Tree, Where
from bailiwick.cloud.azure import GROUP, SUBSCRIPTION, AzureModel
from bailiwick.cloud.zones import SKUS, zone_of_sku
from bailiwick.facts import UNKNOWN
from bailiwick.targets.product import Choice, choose

Item = tuple[str, str]
"""``(FORMAT/NAME, SKU)``."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope and the account that stands for what is assigned there."""

    id: str
    path: tuple[str, ...]
    """Ids of the scopes from the root management group down to this one."""
    account: Account


def scopes(tree: Tree) -> Iterator[Scope]:
    """List every scope: groups stand for subscriptions in them that are not listed."""
    for unit in tree.root.every():
        path = tuple(GROUP + one for one in unit.path)
        yield Scope(path[-1], path, unit.unlisted)
        for account in unit.accounts:
            name = SUBSCRIPTION + account.id
            yield Scope(name, (*path, name), account)


class Choices:
    """Works out what every scope may use; scopes that no rule tells apart share one answer."""

    def __init__(self, questions: Questions, models: Iterable[AzureModel]) -> None:
        self.questions = questions
        self.models = tuple(models)
        self._found: dict[int, Choice[Item]] = {}

    @cached_property
    def locations(self) -> tuple[str, ...]:
        """Every location that the table knows."""
        return tuple(sorted(self.questions.regions.places))

    @cached_property
    def wheres(self) -> Mapping[tuple[str, str], Where]:
        """Where a deployment of each SKU in each location is, and may run."""
        return {(one, sku): self.where(one, sku) for one in self.locations for sku in SKUS}

    def where(self, location: str, sku: str) -> Where:
        """Give the place facts; what the tables do not know is unknown."""
        regions = self.questions.regions
        place = regions.places.get(location)
        here = frozenset({place}) if place else UNKNOWN
        return Where(here, zone_of_sku(sku, location, regions) or UNKNOWN)

    def permits(self, account: Account, model: AzureModel, sku: str, location: str) -> bool:
        """Whether the policy permits to deploy it there and to use it afterwards."""
        where = self.wheres.get((location, sku)) or self.where(location, sku)
        use = "batch" if sku.endswith("Batch") else "infer"
        return all(
            self.questions.permits(account, where, one, word)
            for one in model.models
            for word in ("deploy", use)
        )

    def of(self, account: Account) -> Choice[Item]:
        """Choose for one account."""
        number = self.questions.account_class(account)
        if number not in self._found:
            rows = {
                (model.name, sku): frozenset(
                    one for one in self.locations if self.permits(account, model, sku, one)
                )
                for model in self.models
                for sku in SKUS
            }
            self._found[number] = choose(rows, lambda item: item[0])
        return self._found[number]
