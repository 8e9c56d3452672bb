"""What an edge can refuse by itself, from the address, the network and the model alone.

A partial evaluation of the table with everything else still to come. Models that no rule tells
apart are one class; for each address a set of classes is settled: some authority has no permit left
that could match, or a deny matches on what is known, now and for as long as this configuration may
be in use. Nothing is ever permitted here: whatever is not settled is asked about, so an edge is
never weaker than the policy and never guesses. An unknown place or network is not settled either;
it is left open, since the service may know more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bailiwick.catalog import Catalog
from bailiwick.decision import DecisionTable, conditions_on
from bailiwick.facts import NETWORKS, Fact
from bailiwick.location import Everywhere, Said
from bailiwick.places import countries, country_of, is_subdivision
from bailiwick.policy import Refusal, Rule, RuleEffect
from bailiwick.targets.edge.coverage import (
    ADDRESS,
    NETWORK,
    SEEN,
    RuleCoverage,
    cover,
    lifted_by,
    stands,
)

ALL = "all"
"""Name of the set of every class: nothing is available from there."""
ASK = ""
"""Name of the empty set: the service is asked."""


@dataclass(frozen=True, slots=True)
class ModelClass:
    """Models that the edge treats alike."""

    name: str
    """A short word of letters and digits."""
    models: tuple[str, ...]
    names: tuple[str, ...]
    """All names of these models in requests, sorted."""
    places: tuple[str, ...]
    """Countries whose address alone settles that they are refused."""
    networks: tuple[str, ...]
    """Network classes that alone settle it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compiled for an edge."""

    policy: str
    revision: str
    made_at: datetime
    refused: tuple[str, ...]
    """Countries from which the edge refuses everything, sorted."""
    networks: tuple[str, ...]
    """Network classes from which it refuses everything."""
    models: int
    classes: tuple[ModelClass, ...]
    """Classes of models that are refused from some places; those that are refused from everywhere
    are left to the service."""
    sets: Mapping[str, tuple[str, ...]]
    """Name of a set to the classes in it. ``ALL`` has every model, ``ASK`` none."""
    of: Sequence[str] = field(repr=False)
    """For each index into ``Everywhere.said`` the name of its set."""
    headers: tuple[str, ...]
    """Headers that obligations may send upstream, in lower case."""
    rules: tuple[RuleCoverage, ...]
    refusal: Refusal
    """How the policy wants a refusal worded."""
    until: datetime | None
    """When a rule begins or ends, or data grow too old: compile again."""

    @property
    def pairs(self) -> Iterator[tuple[str, str]]:
        """Give each set with each class in it, but for those of every model."""
        for name, classes in self.sets.items():
            if name not in (ALL, ASK):
                yield from ((name, one) for one in classes)


def plan(
    table: DecisionTable,
    catalog: Catalog,
    ground: Everywhere,
    at: datetime,
    *,
    bodies: bool = True,
    asks: bool = True,
) -> Plan:
    """Find what the edge can refuse by itself.

    ``bodies``: it can read a model from a body; ``asks``: the service decides the rest.
    """
    ruled = _RuledOut(table, at)
    places = {place[:2] for said in ground.said for place in said.places}
    alone = {place: ruled.classes(Said((place,))) for place in sorted({*countries(), *places})}
    nets = {network: ruled.classes(Said((), network)) for network in NETWORKS}
    whole, base = frozenset(range(len(ruled.rows))), ruled.classes(Said())
    settled = [
        found if (found := ruled.classes(said)) == whole else found - base for said in ground.said
    ]
    used = sorted({one for found in settled if found != whole for one in found})
    letters = {one: f"c{number}" for number, one in enumerate(used)}
    sets: dict[frozenset[int], str] = {whole: ALL, frozenset(): ASK}
    for found in settled:
        sets.setdefault(found, f"s{len(sets) - 1}")
    edges = (edge for edge in (*_edges(table.rules), ground.until) if edge is not None)
    headers = {name.lower() for rule in table.rules for name, _ in rule.obligations.headers}
    named = _names(catalog)
    return Plan(
        policy=table.policy.name,
        revision=table.revision,
        made_at=at,
        refused=tuple(place for place, found in alone.items() if found == whole),
        networks=tuple(network for network, found in nets.items() if found == whole),
        models=len(table.policy.models),
        classes=tuple(
            ModelClass(
                letters[one],
                ruled.models[one],
                tuple(sorted(name for model in ruled.models[one] for name in named[model])),
                tuple(place for place, found in alone.items() if one in found),
                tuple(network for network, found in nets.items() if one in found),
            )
            for one in used
        ),
        sets={
            name: tuple(letters[one] for one in sorted(found)) if name != ALL else ()
            for found, name in sets.items()
        },
        of=[sets[found] for found in settled],
        headers=tuple(sorted(headers)),
        rules=tuple(cover(table, at, any(settled), bodies=bodies, asks=asks)),
        refusal=table.policy.refusal,
        until=min((edge for edge in edges if edge > at), default=None),
    )


def _names(catalog: Catalog) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {model: [] for model in catalog.models}
    for name, model in catalog.names.items():
        found[model].append(name)
    return found


def _edges(rules: Iterable[Rule]) -> Iterator[datetime]:
    for rule in rules:
        yield from (edge for edge in (rule.from_at, rule.until_at) if edge is not None)


class _RuledOut:
    """Finds which classes of models some addresses settle."""

    def __init__(self, table: DecisionTable, at: datetime) -> None:
        self._table = table
        self._permits: dict[str, int] = {}
        by_facts: dict[frozenset[str], int] = {}
        lifted = lifted_by(table)
        bit = 1
        for rule in table.rules:
            for disjunct in rule.disjuncts:
                facts = frozenset(one.fact for one in disjunct)
                if rule.effect is RuleEffect.PERMIT and _ever(rule, at):
                    self._permits[rule.authority] = self._permits.get(rule.authority, 0) | bit
                elif facts <= SEEN and stands(rule, at, lifted):
                    by_facts[facts] = by_facts.get(facts, 0) | bit
                bit <<= 1
        self._denies = list(by_facts.items())
        classes: dict[tuple[int, frozenset[str]], list[str]] = {}
        for model in sorted(table.policy.models):
            row = (table.every_row(model), table.governing(model))
            classes.setdefault(row, []).append(model)
        self.rows = tuple(classes)
        self.models = tuple(map(tuple, classes.values()))
        self._named = _named_subdivisions(table.rules)
        self._known: dict[tuple[str | None, str | None], frozenset[int]] = {}

    def classes(self, said: Said) -> frozenset[int]:
        """Give the classes that are refused whatever else becomes known.

        Of several candidates the strictest outcome counts, so one that is settled is enough.
        """
        found = [self._anywhere_in(place, said.network) for place in said.places or (None,)]
        return frozenset().union(*found)

    def _anywhere_in(self, place: str | None, network: str | None) -> frozenset[int]:
        """Ask about a country and every part of it that a rule names: data may know the country
        only, here or in the service.
        """
        parts = [one for one in self._named if place == country_of(one)]
        return frozenset.intersection(*(self._at(one, network) for one in (place, *parts)))

    def _at(self, place: str | None, network: str | None) -> frozenset[int]:
        found = self._known.get((place, network))
        if found is None:
            found = self._known[place, network] = self._look(place, network)
        return found

    def _look(self, place: str | None, network: str | None) -> frozenset[int]:
        given = {ADDRESS: place, NETWORK: network}
        known: dict[str, Fact] = {
            name: frozenset({value}) for name, value in given.items() if value is not None
        }
        mask = -1
        for name, fact in known.items():
            mask &= self._table.entry(name, fact).mask
        denies = 0
        for facts, bits in self._denies:
            if facts <= known.keys():
                denies |= bits
        return frozenset(
            number
            for number, (row, authorities) in enumerate(self.rows)
            if self._is_out(row & mask, denies, authorities)
        )

    def _is_out(self, possible: int, denies: int, authorities: frozenset[str]) -> bool:
        if possible & denies or not authorities:
            return True
        return any(not possible & self._permits.get(one, 0) for one in authorities)


def _ever(rule: Rule, at: datetime) -> bool:
    """Whether a rule is in force now or will be."""
    return rule.until_at is None or rule.until_at > at


def _named_subdivisions(rules: Iterable[Rule]) -> tuple[str, ...]:
    named = {
        place
        for condition in conditions_on(rules, ADDRESS)
        for group in condition.places
        for place in group.include | group.exclude
        if is_subdivision(place)
    }
    return tuple(sorted(named))


def as_dict(made: Plan) -> Mapping[str, object]:
    """Give a plan in JSON values, for ``plan.json``."""
    return {
        "schema": "bailiwick.edge/2",
        "policy": made.policy,
        "revision": made.revision,
        "made_at": made.made_at.isoformat(),
        "compile_again_at": made.until.isoformat() if made.until else None,
        "models": made.models,
        "refused_at_the_edge": {"places": list(made.refused), "networks": list(made.networks)},
        "models_refused_at_the_edge": [
            {"models": list(one.models), "places": list(one.places),
             "networks": list(one.networks)}
            for one in made.classes
        ],
        "headers": list(made.headers),
        "rules": [
            {"rule": r.rule, "effect": r.effect, "edge": r.coverage.value, "why": r.why,
             "missing": list(r.missing), "enforced_by": dict(r.enforced_by)}
            for r in made.rules
        ],
    }  # fmt: skip
