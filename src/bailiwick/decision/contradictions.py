"""Compare what is known of an account with what a permit asks of it.

The conditions are the permit's own, read as ``reference`` reads them; so a finding and a decision
cannot disagree about what a condition means. What is unknown contradicts nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bailiwick.facts import Fact, Kind
from bailiwick.policy import Condition, Policy, Rule, RuleEffect, compared


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One fact that a permit does not accept."""

    fact: str
    outside: frozenset[str]
    """Candidates that the permit does not accept."""
    inside: frozenset[str]
    """Candidates that it accepts: with any, the evidence is contested."""


def contradictions(permit: Rule, values: Mapping[str, Fact]) -> tuple[Contradiction, ...]:
    """List what contradicts every way in which a permit can hold; empty: one way is left."""
    asked = compared(permit)
    ways = [
        _outside([one for one in disjunct if one.fact in asked], values)
        for disjunct in permit.disjuncts
    ]
    if not all(ways):
        return ()
    facts = sorted({fact for way in ways for fact in way})
    found = (_across(fact, ways, values[fact]) for fact in facts)
    return tuple(one for one in found if one is not None)


def accepts_place(permit: Rule, place: str) -> bool:
    """Whether any of a permit's conditions on places of the account accepts ``place``."""
    conditions = [
        one
        for disjunct in permit.disjuncts
        for one in disjunct
        if one.kind is Kind.PLACE and one.fact in compared(permit)
    ]
    return any(one.admits(place) for one in conditions)


def findings_standing(policy: Policy, values: Mapping[str, Fact]) -> tuple[str, ...]:
    """Name the findings whose permit is contradicted by the facts, whatever may follow."""
    permits = {rule.id: rule for rule in policy.rules if rule.effect is RuleEffect.PERMIT}
    return tuple(
        sorted(
            one.name
            for one in policy.findings
            if any(
                one.is_about(found.fact.partition(".")[0])
                for found in contradictions(permits[one.of], values)
            )
        )
    )


def _outside(
    conditions: Iterable[Condition], values: Mapping[str, Fact]
) -> dict[str, frozenset[str]]:
    """Gather by fact the candidates that some of the conditions does not accept."""
    outside: dict[str, frozenset[str]] = {}
    for one in conditions:
        fact = values.get(one.fact)
        known = fact if isinstance(fact, frozenset) else frozenset[str]()
        wrong = frozenset(value for value in known if not one.admits(value))
        if wrong:
            outside[one.fact] = outside.get(one.fact, frozenset()) | wrong
    return outside


def _across(
    name: str, ways: Iterable[Mapping[str, frozenset[str]]], fact: Fact
) -> Contradiction | None:
    """Take alternatives together: outside is what none of those that object accepts."""
    outside = frozenset.intersection(*(way[name] for way in ways if name in way))
    known = fact if isinstance(fact, frozenset) else frozenset[str]()
    return Contradiction(name, outside, known - outside) if outside else None
