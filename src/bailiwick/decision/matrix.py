"""Who gets what where: the access level of each model, or provider, in each region.

A cell is about ordinary residents: address, billing, card and registration are all in the country,
the account is in good standing and has no labels, the network is ordinary, and whatever else a
rule asks (processing place, ownership) is as good as it can be. ``explain`` shows what that takes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain, product

from bailiwick.decision.table import DecisionTable, Prepared
from bailiwick.decision.universe import classes, conditions_on, place_values
from bailiwick.decision.values import Decision, Effect
from bailiwick.facts import UNKNOWN, Fact
from bailiwick.places import countries, group

RESIDENT = ("address", "billing", "card", "registered", "document", "phone")
DEFAULT_REGIONS: Mapping[str, frozenset[str]] = {
    "US": frozenset({"US"}),
    "EU": group("EU").members,  # type: ignore[union-attr]  # a built-in group
    "Asia-Pacific": group("APAC").members,  # type: ignore[union-attr]  # a built-in group
}


class Access(StrEnum):
    """How far a model is available, best first."""

    FULL = "full"
    QUOTA = "quota"
    LIMITED = "limited"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Cell:
    """One model in one region."""

    access: Access
    """The most common level in the region."""
    partial: bool
    """Some places of the region are blocked and some are not."""
    blocked: tuple[str, ...]
    """The places that are blocked."""
    levels: Mapping[str, Access]
    """Country to level."""
    rules: tuple[str, ...]
    """Rules that determined any answer in the region."""

    @property
    def words(self) -> str:
        """The cell in words, as in ``full``, ``partial``, ``full with quotas``."""
        if self.access is Access.BLOCKED:
            return "blocked"
        level = {"full": "full", "quota": "full with quotas", "limited": "limited"}[self.access]
        return f"partial ({level})" if self.partial else level


@dataclass(frozen=True, slots=True)
class Row:
    """One model, or all models of one provider that are alike."""

    models: tuple[str, ...]
    cells: Mapping[str, Cell]
    blocked: tuple[str, ...]
    """Every country of the world that is blocked."""
    served: tuple[str, ...]
    """Every other country."""


@dataclass(frozen=True, slots=True)
class Level:
    """How far a model is available to the residents of one place, and what that rests on."""

    access: Access
    rules: tuple[str, ...]
    """Rules that determine it, sorted; of a full or limited level the restricts too."""
    decision: Decision
    """The best decision that a resident can get, with reasons and obligations."""


def levels(
    table: DecisionTable, model: str, at: datetime, places: Iterable[str] | None = None
) -> Mapping[str, Level]:
    """Give the level of one model in each place; default: all that the policy tells apart.

    These are all countries, and the subdivisions of a country of which the policy names one.
    """
    judge = _Judge(table, model, at)
    about = [rule for rule in table.rules if model in rule.models]
    if places is None:
        places = place_values(one for name in RESIDENT for one in conditions_on(about, name))
    return {place: judge.level(place) for place in places}


def matrix(
    table: DecisionTable,
    at: datetime,
    regions: Mapping[str, frozenset[str]] = DEFAULT_REGIONS,
    models: Iterable[str] | None = None,
    *,
    apart: bool = False,
) -> list[Row]:
    """Give a row for each model that some rule permits.

    Models of one provider that the policy treats alike share a row, unless they are wanted
    ``apart``.
    """
    wanted = sorted(models) if models is not None else sorted(table.policy.models)
    alike: dict[tuple[object, ...], list[str]] = {}
    for model in wanted:
        if models is not None or table.governing(model):
            key = (model,) if apart else (model.split("/")[0], table.row(model, at))
            alike.setdefault(key, []).append(model)
    return [_row(table, at, tuple(group), regions) for group in alike.values()]


@dataclass(frozen=True, slots=True)
class Coming:
    """What becomes otherwise at a date that a rule names."""

    from_at: datetime
    models: tuple[str, ...]
    region: str
    before: str
    """The cell in words, until then."""
    after: str


def coming(
    table: DecisionTable,
    at: datetime,
    regions: Mapping[str, frozenset[str]] = DEFAULT_REGIONS,
    models: Iterable[str] | None = None,
) -> list[Coming]:
    """List what the later dates of rules change in the matrix, by date."""
    wanted = None if models is None else list(models)
    edges = {edge for rule in table.rules for edge in (rule.from_at, rule.until_at) if edge}
    found: dict[tuple[datetime, str, str, str], list[str]] = {}
    before = _cells(table, at, regions, wanted)
    for moment in sorted(edge for edge in edges if edge > at):
        after = _cells(table, moment, regions, wanted)
        for (model, region), words in sorted(after.items()):
            was = before.get((model, region), "blocked")
            if was != words:
                found.setdefault((moment, region, was, words), []).append(model)
        before = after
    return [Coming(key[0], tuple(names), *key[1:]) for key, names in found.items()]


def _cells(
    table: DecisionTable,
    at: datetime,
    regions: Mapping[str, frozenset[str]],
    models: Iterable[str] | None,
) -> dict[tuple[str, str], str]:
    rows = matrix(table, at, regions, models, apart=True)
    return {
        (row.models[0], name): cell.words
        + (f", {len(cell.blocked)} blocked" if cell.partial else "")
        for row in rows
        for name, cell in row.cells.items()
    }


def _row(
    table: DecisionTable,
    at: datetime,
    models: tuple[str, ...],
    regions: Mapping[str, frozenset[str]],
) -> Row:
    judge = _Judge(table, models[0], at)
    world = {place: judge.level(place).access for place in countries()}
    cells = {name: _cell(judge, members) for name, members in regions.items()}
    blocked = tuple(place for place, level in world.items() if level is Access.BLOCKED)
    return Row(models, cells, blocked, tuple(place for place in world if place not in blocked))


def _cell(judge: "_Judge", members: frozenset[str]) -> Cell:
    found = {place: judge.level(place) for place in sorted(members)}
    mine = {place: level.access for place, level in found.items()}
    blocked = tuple(place for place, level in mine.items() if level is Access.BLOCKED)
    served: list[Access] = [level for level in mine.values() if level is not Access.BLOCKED]
    access = (
        max(set(served), key=lambda level: (served.count(level), level))
        if served
        else Access.BLOCKED
    )
    rules = sorted({rule for level in found.values() for rule in level.rules})
    return Cell(access, bool(served and blocked), blocked, mine, tuple(rules))


class _Judge:
    """Judges residents of one country after another for one model."""

    def __init__(self, table: DecisionTable, model: str, at: datetime) -> None:
        self.table = table
        self.model = model
        self.at = at
        self._known: dict[tuple[int, int], Level] = {}
        about = [rule for rule in table.rules if model in rule.models]
        free = sorted({one.fact for rule in about for part in rule.disjuncts for one in part})
        self.free = [name for name in free if name not in {*RESIDENT, *GIVEN, "features"}]
        self.about = about
        self.features = [*classes(about, "features")] if "features" in free else [frozenset()]
        self.others = self._others()

    def level(self, place: str) -> Level:
        """Find the best level a resident of ``place`` can have."""
        resident = self.table.prepare({name: frozenset({place}) for name in RESIDENT}, RESIDENT)
        key = (resident.mask & self.table.row(self.model, self.at), resident.unsure)
        if key not in self._known:
            self._known[key] = self._best(resident)
        return self._known[key]

    def _best(self, resident: Prepared) -> Level:
        found = [self._level(resident, other) for other in self.others]
        return min(found, key=lambda one: list(Access).index(one.access))

    def _level(self, resident: Prepared, other: Prepared) -> Level:
        plain, *rest = (self._decide(resident, other, features) for features in self.features)
        if plain.effect is not Effect.PERMIT:
            return Level(Access.BLOCKED, plain.determining, plain)
        rules = tuple(sorted(set(chain(plain.determining, *(one.determining for one in rest)))))
        held = plain.obligations
        if any(one.effect is not Effect.PERMIT or one.obligations != held for one in rest):
            return Level(Access.LIMITED, rules, plain)
        if held.is_empty:
            return Level(Access.FULL, rules, plain)
        return Level(Access.QUOTA if held.quotas else Access.LIMITED, rules, plain)

    def _decide(self, resident: Prepared, other: Prepared, features: Fact) -> Decision:
        used = self.table.prepare({"features": features}, ["features"])
        return self.table.decide_prepared(self.model, self.at, resident, other, used)

    def _others(self) -> Sequence[Prepared]:
        """Prepare every class of what a rule may ask besides, each distinct mask once."""
        covered = self.table.asked - {*RESIDENT, "features"}
        options = [[*classes(self.about, name), UNKNOWN] for name in self.free]
        row = self.table.row(self.model, self.at)
        found: dict[tuple[int, int], Prepared] = {}
        for chosen in _bounded(product(*options)):
            values = {**GIVEN, **dict(zip(self.free, chosen, strict=True))}
            part = self.table.prepare(values, covered)
            found.setdefault((part.mask & row, part.unsure & row), part)
        return list(found.values())


GIVEN: Mapping[str, frozenset[str]] = {
    "action": frozenset({"infer"}),
    "network": frozenset({"residential"}),
    "status": frozenset({"active"}),
    "labels": frozenset(),
    "principal": frozenset(),
    "end_user.labels": frozenset(),
}
MOST_COMBINATIONS = 50_000


def _bounded(combinations: Iterable[tuple[Fact, ...]]) -> Iterator[tuple[Fact, ...]]:
    for count, one in enumerate(combinations):
        if count >= MOST_COMBINATIONS:
            return
        yield one
