"""Where not knowing something helps: each place in which a policy lets unknown evidence grant.

Turning known into unknown never grants, except where a permit lists ``unknown``, a deny or
restrict leaves its evidence optional, an unknown network counts as trusted, or a group's
``if_subdivision_unknown`` says so. ``policy check`` names every such place.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bailiwick.policy import HIDDEN, Condition, Rule


@dataclass(frozen=True, slots=True, order=True)
class Leak:
    """One condition of one rule under which absent evidence is better than known evidence."""

    dimension: str
    rule: str
    why: str


def unknown_grants(rules: Iterable[Rule]) -> list[Leak]:
    """List the places, sorted and without repeats."""
    return sorted({leak for rule in rules for leak in _of_rule(rule)})


def _of_rule(rule: Rule) -> Iterator[Leak]:
    for disjunct in rule.disjuncts:
        for one in disjunct:
            why = _strict(one, rule) if rule.effect.is_strict else _lenient(one)
            if why:
                yield Leak(one.fact, rule.id, why)
            if _coarse(one, rule):
                yield Leak(one.fact, rule.id, "a country whose subdivision is unknown passes")


def _coarse(condition: Condition, rule: Rule) -> bool:
    """Whether knowing the country alone is better than knowing the subdivision."""
    answers = {group.if_subdivision_unknown for group in condition.places} - {None}
    passing = condition.negated if rule.effect.is_strict else not condition.negated
    return passing in answers


def _lenient(condition: Condition) -> str | None:
    if condition.unknown and condition.dimension == HIDDEN:
        return "an address of unknown network counts as not hidden"
    return "the permit lists `unknown`" if condition.unknown else None


def _strict(condition: Condition, rule: Rule) -> str | None:
    if condition.unknown or condition.fact in rule.required:
        return None
    return "the evidence is optional: unknown does not match"
