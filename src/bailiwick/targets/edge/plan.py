"""What an edge can refuse by itself: the places from which no request can ever be permitted.

A partial evaluation of the table over the address, with everything else still to come. A place is
refused at the edge only if, for every model, some authority has no permit left that could match, or
a deny matches on the address alone, now and for as long as this configuration may be in use. All
other requests are asked about, so the edge is never weaker than the policy and never guesses.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bailiwick.decision import DecisionTable
from bailiwick.facts import Fact
from bailiwick.places import countries, country_of, is_subdivision
from bailiwick.policy import Condition, Rule, RuleEffect

ADDRESS = "address"


class Coverage(StrEnum):
    """What the edge does of a rule by itself."""

    EXACT = "exact"
    """All of it: the edge refuses what it denies."""
    PART = "part"
    """Some of it, where the address is enough; the service does the rest."""
    ASKS = "asks"
    """Nothing: the service is asked."""


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """One rule and where it is enforced."""

    rule: str
    effect: str
    coverage: Coverage
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compiled for an edge."""

    policy: str
    revision: str
    made_at: datetime
    refused: tuple[str, ...]
    """Countries from which the edge refuses everything, sorted."""
    models: int
    headers: tuple[str, ...]
    """Headers that obligations may send upstream, in lower case."""
    rules: tuple[RuleCoverage, ...]
    until: datetime | None
    """The first moment at which a rule begins or ends; from then on compiling again may refuse
    more at the edge. What is refused now stays right."""


def plan(table: DecisionTable, at: datetime, places: Iterable[str] = ()) -> Plan:
    """Find what the edge can refuse by itself.

    ``places``: countries that the address data know, where those are more than ISO 3166 lists.
    """
    ruled = _RuledOut(table, at)
    known = sorted({*countries(), *places})
    refused = tuple(place for place in known if ruled.everywhere_in(place))
    headers = {name.lower() for rule in table.rules for name, _ in rule.obligations.headers}
    return Plan(
        policy=table.policy.name,
        revision=table.revision,
        made_at=at,
        refused=refused,
        models=len(table.policy.models),
        headers=tuple(sorted(headers)),
        rules=tuple(_coverage(table, refused)),
        until=min((edge for edge in _edges(table.rules) if edge > at), default=None),
    )


def _edges(rules: Iterable[Rule]) -> Iterator[datetime]:
    for rule in rules:
        yield from (edge for edge in (rule.from_at, rule.until_at) if edge is not None)


class _RuledOut:
    """Decides whether an address alone settles every model."""

    def __init__(self, table: DecisionTable, at: datetime) -> None:
        self._table = table
        lifted = {name for rule in table.rules for name in rule.lifts}
        self._permits: dict[str, int] = {}
        self._denies = 0
        bit = 1
        for rule in table.rules:
            for disjunct in rule.disjuncts:
                if rule.effect is RuleEffect.PERMIT and _ever(rule, at):
                    self._permits[rule.authority] = self._permits.get(rule.authority, 0) | bit
                elif _denies_alone(rule, disjunct, at) and (rule.absolute or rule.id not in lifted):
                    self._denies |= bit
                bit <<= 1
        self._rows = self._classes()
        self._known: dict[tuple[int, int], bool] = {}
        self.named = _named_subdivisions(table.rules)

    def _classes(self) -> dict[tuple[int, frozenset[str]], None]:
        """Tell models apart by the rules about them, whenever those are in force."""
        table = self._table
        return dict.fromkeys(
            (table.every_row(model), table.governing(model)) for model in table.policy.models
        )

    def everywhere_in(self, country: str) -> bool:
        """Whether nothing can be permitted from a country, nor from any part that a rule names."""
        places = (country, *(one for one in self.named if country_of(one) == country))
        return all(self.at_place(place) for place in places)

    def at_place(self, place: str) -> bool:
        """Whether no model can be permitted from a place."""
        fact: Fact = frozenset({place})
        entry = self._table.entry(ADDRESS, fact)
        key = (entry.mask, entry.missing)
        if key not in self._known:
            self._known[key] = all(
                self._ruled_out(row & entry.mask, authorities) for row, authorities in self._rows
            )
        return self._known[key]

    def _ruled_out(self, possible: int, authorities: frozenset[str]) -> bool:
        if possible & self._denies or not authorities:
            return True
        return any(not possible & self._permits.get(one, 0) for one in authorities)


def _ever(rule: Rule, at: datetime) -> bool:
    """Whether a rule is in force now or will be."""
    return rule.until_at is None or rule.until_at > at


def _denies_alone(rule: Rule, disjunct: tuple[Condition, ...], at: datetime) -> bool:
    """Whether a deny needs the address alone, and does not end."""
    return (
        rule.effect is RuleEffect.DENY
        and {one.fact for one in disjunct} <= {ADDRESS}
        and rule.in_force(at)
        and rule.until_at is None
    )


def _named_subdivisions(rules: Iterable[Rule]) -> tuple[str, ...]:
    named = {
        place
        for rule in rules
        for disjunct in rule.disjuncts
        for condition in disjunct
        if condition.fact == ADDRESS
        for group in condition.places
        for place in group.include | group.exclude
        if is_subdivision(place)
    }
    return tuple(sorted(named))


def _coverage(table: DecisionTable, refused: tuple[str, ...]) -> Iterator[RuleCoverage]:
    every = frozenset(table.policy.models)
    for rule in table.rules:
        facts = {one.fact for disjunct in rule.disjuncts for one in disjunct}
        about_all = every <= rule.models
        denied = _places_denied(rule)
        if rule.effect is not RuleEffect.DENY:
            part = ADDRESS in facts and bool(refused)
            coverage = Coverage.PART if part else Coverage.ASKS
            why = _lacks(facts, about_all=True)
        elif about_all and facts == {ADDRESS} and denied <= set(refused):
            coverage, why = Coverage.EXACT, "the address is enough"
        elif denied & set(refused):
            coverage, why = Coverage.PART, _lacks(facts, about_all)
        else:
            coverage, why = Coverage.ASKS, _lacks(facts, about_all)
        yield RuleCoverage(rule.id, rule.effect.value, coverage, why)


def _places_denied(rule: Rule) -> set[str]:
    """Name the countries whose address alone matches a disjunct of a rule."""
    alone = [disjunct for disjunct in rule.disjuncts if {one.fact for one in disjunct} == {ADDRESS}]
    return {
        place
        for place in countries()
        for disjunct in alone
        if all(one.admits(place) for one in disjunct)
    }


def _lacks(facts: set[str], about_all: bool) -> str:
    more = sorted(facts - {ADDRESS})
    said = ["the model"] if not about_all else []
    said += [f"`{name}`" for name in more]
    return f"needs {', '.join(said)}" if said else "the address, for the permits of others too"


def as_dict(made: Plan) -> Mapping[str, object]:
    """Give a plan in JSON values, for ``plan.json``."""
    return {
        "schema": "bailiwick.edge/1",
        "policy": made.policy,
        "revision": made.revision,
        "made_at": made.made_at.isoformat(),
        "compile_again_at": made.until.isoformat() if made.until else None,
        "models": made.models,
        "refused_at_the_edge": list(made.refused),
        "headers": list(made.headers),
        "rules": [
            {"rule": r.rule, "effect": r.effect, "edge": r.coverage.value, "why": r.why}
            for r in made.rules
        ],
    }
