"""What each model may do where, for whom: the decision table's answers, laid out as AWS checks.

A check knows the model, the region of the check, the account and, behind a profile, the profile. So
for every model and action this finds the accounts for whom a check in a region must pass, and those
for whom each way of calling (direct, through each profile) is permitted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bailiwick.cloud import GLOBAL, Account, Questions, Where
from bailiwick.cloud.aws import UNSPECIFIED, Profiles
from bailiwick.targets.aws.accounts import Accounts
from bailiwick.targets.aws.models import BedrockModel

ELSEWHERE = "?"
"""Stands for every region that no table lists."""
DIRECT = "direct"
Regions = Mapping[str, int]
"""Region to the set of accounts."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to call one model: by itself, or through a profile, from one region."""

    profile: str
    """``direct``, or the prefix of a profile."""
    source: str
    checks: tuple[str, ...]
    """Regions in which the model is checked."""
    where: int
    """Class of the place facts (``Questions.where_class``)."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Who may do one thing with one model, by region."""

    checks: tuple[tuple[str, int], ...]
    """Region of a model check to the accounts for whom it must pass."""
    direct: tuple[tuple[str, int], ...]
    """Region to the accounts that may call the model there by itself."""
    profiles: tuple[tuple[str, tuple[tuple[str, int, int, int], ...]], ...]
    """Profile to source region, the accounts that may call it there, those for whom all checks of
    the model pass, and those for whom the check in the source region alone does."""
    applications: tuple[tuple[str, str, int], ...]
    """Source region and region of a model check to the accounts for whom a way from that source
    leads there; only where an application profile could hide that it is another way."""

    @property
    def anywhere(self) -> int:
        """The accounts that may do it anywhere at all."""
        found = 0
        for _, members in self.checks:
            found |= members
        return found


class Behaviours:
    """Works behaviours out, each distinct one once."""

    def __init__(self, questions: Questions, accounts: Accounts, profiles: Profiles) -> None:
        self.questions = questions
        self.accounts = accounts
        self.profiles = profiles
        self.regions = sorted(questions.regions.places)
        self._masks: dict[tuple[int, int, str], int] = {}
        self._ways: dict[tuple[object, ...], tuple[Way, ...]] = {}
        self._found: dict[tuple[int, str, tuple[Way, ...]], Behaviour] = {}
        self._known: dict[tuple[str, str], Behaviour] = {}
        self._wheres: dict[int, Where] = {}
        groups: dict[int, int] = {}
        self._examples: dict[int, Account] = {}
        for index, account in enumerate(accounts.held):
            number = questions.account_class(account)
            groups[number] = groups.get(number, 0) | 1 << index
            self._examples.setdefault(number, account)
        self._groups = groups

    def of(self, model: BedrockModel, action: str) -> Behaviour:
        """Work out who may do ``action`` (a word of the policy) with a model."""
        found = self._known.get((model.id, action))
        if found is None:
            ways = self.ways(model)
            key = (self.questions.model_class(model.model), action, ways)
            found = self._found.get(key)
            if found is None:
                found = self._found[key] = self._work_out(model, action, ways)
            self._known[model.id, action] = found
        return found

    def ways(self, model: BedrockModel) -> tuple[Way, ...]:
        """List every way to call a model."""
        routes = tuple(
            (prefix, source, destinations)
            for prefix in self.profiles.prefixes
            for source in self._sources(prefix, model)
            if (destinations := self.profiles.destinations(f"{prefix}.{model.id}", source))
        )
        found = self._ways.get(routes)
        if found is None:
            found = self._ways[routes] = (*self._direct(), *map(self._way, routes))
        return found

    def _sources(self, prefix: str, model: BedrockModel) -> Iterable[str]:
        if prefix == GLOBAL:
            return (*self.regions, ELSEWHERE)
        return (one for one in self.profiles.sources(f"{prefix}.{model.id}") if one in self.regions)

    def _direct(self) -> Iterable[Way]:
        for region in self.regions:
            yield Way(DIRECT, region, (region,), self._class(region, (region,)))
        yield Way(DIRECT, ELSEWHERE, (ELSEWHERE,), self._class(None, ()))

    def _way(self, route: tuple[str, str, tuple[str, ...]]) -> Way:
        prefix, source, destinations = route
        checks = tuple(dict.fromkeys((source, *destinations)))
        endpoint = None if source == ELSEWHERE else source
        return Way(prefix, source, checks, self._class(endpoint, destinations))

    def _class(self, endpoint: str | None, processing: tuple[str, ...]) -> int:
        where = self.questions.where(
            endpoint, GLOBAL if processing == (UNSPECIFIED,) else processing
        )
        number = self.questions.where_class(where)
        self._wheres.setdefault(number, where)
        return number

    def _permitted(self, where: int, model: BedrockModel, action: str) -> int:
        """Give the accounts that may, asking once for each class of accounts, places and models."""
        key = (where, self.questions.model_class(model.model), action)
        found = self._masks.get(key)
        if found is None:
            found = 0
            for number, members in self._groups.items():
                example = self._examples[number]
                if self.questions.permits(example, self._wheres[where], model.model, action):
                    found |= members
            self._masks[key] = found
        return found

    def _work_out(self, model: BedrockModel, action: str, ways: tuple[Way, ...]) -> Behaviour:
        permitted = {way: self._permitted(way.where, model, action) for way in ways}
        checks = dict.fromkeys((*self.regions, ELSEWHERE, UNSPECIFIED), 0)
        for way, members in permitted.items():
            for region in way.checks:
                checks[region] = checks.get(region, 0) | members
        direct = tuple((way.source, permitted[way]) for way in ways if way.profile == DIRECT)
        profiles: dict[str, list[tuple[str, int, int, int]]] = {}
        for way, members in permitted.items():
            if way.profile != DIRECT:
                found = (way.source, members, self._passing(way, checks), checks[way.source])
                profiles.setdefault(way.profile, []).append(found)
        return Behaviour(
            tuple(checks.items()),
            direct,
            tuple((prefix, tuple(found)) for prefix, found in profiles.items()),
            tuple(self._hidden(permitted, checks)),
        )

    def _passing(self, way: Way, checks: Mapping[str, int]) -> int:
        passing = self.accounts.all
        for region in way.checks:
            passing &= checks[region]
        return passing

    def _hidden(
        self, permitted: Mapping[Way, int], checks: Mapping[str, int]
    ) -> Iterator[tuple[str, str, int]]:
        """Find where an application profile made from a way that is denied would pass every check.

        Such a profile shows its own region and no more, so the region of a check that no permitted
        way from there leads to gives it away.
        """
        leading: dict[tuple[str, str], int] = {}
        for way, members in permitted.items():
            for region in way.checks:
                key = (way.source, region)
                leading[key] = leading.get(key, 0) | members
        found = set()
        for way, members in permitted.items():
            passing = self._passing(way, checks) & ~members
            for region in way.checks:
                if passing & ~leading[way.source, region]:
                    found.add((way.source, region, leading[way.source, region]))
        yield from sorted(found)
