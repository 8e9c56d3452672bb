"""What a policy can tell apart: for each fact, one value of every class that its rules distinguish.

Values that satisfy exactly the same conditions lead to the same decision, so exhaustive questions
need one of each class only.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product

from bailiwick.errors import BailiwickError
from bailiwick.facts import UNKNOWN, Fact, Facts, Kind, dimension
from bailiwick.places import (
    canonical,
    countries,
    country_of,
    is_subdivision,
    subdivisions_of,
)
from bailiwick.policy import Condition, Rule

Classes = dict[Fact, list[str]]
"""A representative fact to the values that are like it, for messages."""


MOST_CLASSES = 4096


class TooManyClasses(BailiwickError):
    """The rules tell more combinations of names or places apart than can be gone through."""

    def __init__(self) -> None:
        super().__init__(
            f"the rules tell more than {MOST_CLASSES} combinations of one fact apart",
            "ask about fewer models or rules at a time",
        )


def facts_asked(rules: Iterable[Rule]) -> frozenset[str]:
    """Name every fact that any rule asks about."""
    return frozenset(one.fact for rule in rules for disjunct in rule.disjuncts for one in disjunct)


def conditions_on(rules: Iterable[Rule], fact: str) -> list[Condition]:
    """List the distinct conditions on one fact."""
    every = (one for rule in rules for disjunct in rule.disjuncts for one in disjunct)
    return list(dict.fromkeys(one for one in every if one.fact == fact))


def classes(rules: Sequence[Rule], fact: str) -> Classes:
    """Find one representative of each class of the known values of ``fact``."""
    known = dimension(fact)
    if known is None:
        raise ValueError(f"no dimension is called `{fact}`")
    conditions = conditions_on(rules, fact)
    if known.kind is Kind.SET:
        return {frozenset(names): sorted(names) for names in _sets(conditions)}
    values = known.values or place_values(conditions)
    singles = _by_signature(values, lambda value: tuple(one.admits(value) for one in conditions))
    if known.kind is not Kind.ALL_PLACES:
        return {frozenset({group[0]}): group for group in singles.values()}
    return _unions(singles)


def place_values(conditions: Iterable[Condition]) -> list[str]:
    """List every place that conditions can tell apart: countries, what is named, and all
    subdivisions of a country of which one is named.
    """
    named = {
        place
        for condition in conditions
        for group in condition.places
        for place in group.include | group.exclude
    }
    found = dict.fromkeys((*countries(), *sorted(named)))
    for place in sorted(filter(is_subdivision, named)):
        country = country_of(place)
        inside = (*subdivisions_of(country), f"{country}-ZZZ")
        found.update(dict.fromkeys([country, *filter(canonical, inside)]))
    return list(found)


def completions(rules: Sequence[Rule], facts: Facts, pending: Iterable[str]) -> Iterator[Facts]:
    """Give the facts under every class of values that the pending ones may take, unknown too."""
    names = list(pending)
    options = [[*classes(rules, name), UNKNOWN] for name in names]
    for chosen in product(*options):
        yield Facts(
            facts.model, facts.at, {**facts.values, **dict(zip(names, chosen, strict=True))}
        )


def _by_signature(
    values: Iterable[str], signature: Callable[[str], tuple[bool, ...]]
) -> dict[tuple[bool, ...], list[str]]:
    groups: dict[tuple[bool, ...], list[str]] = {}
    for value in values:
        groups.setdefault(signature(value), []).append(value)
    return groups


def _sets(conditions: Sequence[Condition]) -> list[frozenset[str]]:
    """Fold the named elements one by one, keeping one set for each reachable state."""
    names = sorted({name for one in conditions for name in one.any_of | one.all_of | one.none_of})
    states: dict[tuple[frozenset[int], frozenset[int]], frozenset[str]]
    states = {(frozenset(), frozenset()): frozenset()}
    for name in names:
        seen = frozenset(i for i, one in enumerate(conditions) if name in one.any_of)
        barred = frozenset(i for i, one in enumerate(conditions) if name in one.none_of)
        needed = frozenset(i for i, one in enumerate(conditions) if name in one.all_of)
        folded: dict[tuple[frozenset[int], frozenset[int]], frozenset[str]] = {}
        for (met, broken), chosen in states.items():
            folded.setdefault((met, broken | needed), chosen)
            folded.setdefault((met | seen, broken | barred), chosen | {name})
        states = folded
        if len(states) > MOST_CLASSES:
            raise TooManyClasses
    return list(dict.fromkeys(states.values()))


def _unions(singles: dict[tuple[bool, ...], list[str]]) -> Classes:
    """Close single places under union: all inside counts for permits, any inside for denies."""
    found: dict[tuple[tuple[bool, ...], tuple[bool, ...]], frozenset[str]] = {
        (signature, signature): frozenset({group[0]}) for signature, group in singles.items()
    }
    waiting = list(found.items())
    while waiting:
        (every, some), places = waiting.pop()
        for signature, group in singles.items():
            joined = (
                tuple(a and b for a, b in zip(every, signature, strict=True)),
                tuple(a or b for a, b in zip(some, signature, strict=True)),
            )
            if joined not in found:
                found[joined] = places | {group[0]}
                waiting.append((joined, found[joined]))
                if len(found) > MOST_CLASSES:
                    raise TooManyClasses
    alike = {frozenset({group[0]}): group for group in singles.values()}
    return {places: alike.get(places, sorted(places)) for places in found.values()}
