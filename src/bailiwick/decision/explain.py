"""Explain a decision: the evidence by rule, and which evidence would have to change."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from bailiwick.decision.reference import MOST_COMBINATIONS, holds
from bailiwick.decision.table import DecisionTable
from bailiwick.decision.universe import classes
from bailiwick.decision.values import Decision, Effect
from bailiwick.decision.wording import condition_in_words, fact_in_words
from bailiwick.facts import Fact, Facts
from bailiwick.policy import Condition, Rule, RuleEffect

FIXED = frozenset({"action"})
"""Facts that are what the caller asks for, not evidence about the caller."""
MOST_CHANGES = 3
MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ConditionView:
    """One condition beside what is known."""

    dimension: str
    wanted: str
    have: str
    holds: str
    """``yes``, ``no``, ``no: not known``, or ``required: not known`` (which makes a deny match)."""


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule about the model, and how far it holds."""

    rule: Rule
    state: str
    """``matches``, ``does not match``, ``lifted``, ``not in force`` or ``not approved``."""
    conditions: tuple[tuple[ConditionView, ...], ...]
    """One group for each way the rule can match."""


@dataclass(frozen=True, slots=True)
class Change:
    """Evidence that, were it otherwise, would make the answer a permit."""

    facts: tuple[tuple[str, Fact, tuple[str, ...]], ...]
    """``(dimension, one fact, all values that would do)`` for each fact to change."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with everything that led to it."""

    decision: Decision
    facts: Facts
    rules: tuple[RuleView, ...]
    changes: tuple[Change, ...]
    """The smallest changes found; empty for a permit, or where none of up to three facts helps."""


def explain(table: DecisionTable, facts: Facts) -> Explanation:
    """Explain the decision on ``facts``."""
    decision = table.decide(facts)
    about = [rule for rule in table.rules if facts.model in rule.models]
    lifted = set(_lifted(about, facts, table))
    views = tuple(_view(rule, facts, table, lifted) for rule in about)
    changes = () if decision.effect is Effect.PERMIT else tuple(_changes(table, facts, about))
    return Explanation(decision, facts, views, changes[:MOST_SHOWN])


def _lifted(rules: Iterable[Rule], facts: Facts, table: DecisionTable) -> Iterator[str]:
    for rule in rules:
        if rule.effect is RuleEffect.EXEMPT and _state(rule, facts, table, set()) == "matches":
            yield from rule.lifts


def _view(rule: Rule, facts: Facts, table: DecisionTable, lifted: set[str]) -> RuleView:
    groups = tuple(tuple(_condition(one, facts, rule) for one in part) for part in rule.disjuncts)
    return RuleView(rule, _state(rule, facts, table, lifted), groups)


def _state(rule: Rule, facts: Facts, table: DecisionTable, lifted: set[str]) -> str:
    if rule.effect is RuleEffect.EXEMPT and rule.id not in table.approvals:
        return "not approved"
    if not rule.in_force(facts.at):
        return "not in force"
    if not any(
        all(_condition(one, facts, rule).holds in MET for one in part) for part in rule.disjuncts
    ):
        return "does not match"
    return "lifted" if rule.id in lifted and not rule.absolute else "matches"


MET = {"yes", "required: not known"}


def _condition(condition: Condition, facts: Facts, rule: Rule) -> ConditionView:
    fact = facts.get(condition.fact)
    return ConditionView(
        condition.dimension,
        condition_in_words(condition),
        fact_in_words(fact),
        _holds(condition, fact, rule),
    )


def _holds(condition: Condition, fact: Fact, rule: Rule) -> str:
    if not isinstance(fact, frozenset):
        if condition.unknown:
            return "yes"
        return "required: not known" if condition.fact in rule.required else "no: not known"
    candidates = [frozenset({one}) for one in fact] if _several(condition, fact) else [fact]
    met = [holds(condition, {condition.fact: one}, rule) for one in candidates]
    if all(met) or (any(met) and rule.effect.is_strict):
        return "yes"
    return "no"


def _several(condition: Condition, fact: frozenset[str]) -> bool:
    return 1 < len(fact) <= MOST_COMBINATIONS and not condition.kind.value.startswith(
        ("set", "all")
    )


def _changes(table: DecisionTable, facts: Facts, about: Sequence[Rule]) -> Iterator[Change]:
    """Try one fact, then two, then three; stop at the first number that helps."""
    names = sorted({one.fact for rule in about for part in rule.disjuncts for one in part} - FIXED)
    options = {name: _helpful(name, about, facts) for name in names}
    for count in range(1, MOST_CHANGES + 1):
        found = [
            change
            for chosen in combinations(names, count)
            for change in _try(table, facts, chosen, options)
        ]
        if found:
            yield from found
            return


def _helpful(name: str, about: Sequence[Rule], facts: Facts) -> dict[Fact, list[str]]:
    """List the classes of one fact, known ones only, that differ from what is there."""
    return {
        value: alike for value, alike in classes(about, name).items() if value != facts.get(name)
    }


def _try(
    table: DecisionTable,
    facts: Facts,
    names: Sequence[str],
    options: dict[str, dict[Fact, list[str]]],
) -> Iterator[Change]:
    for values in product(*(options[name] for name in names)):
        changed = facts
        for name, value in zip(names, values, strict=True):
            changed = changed.with_value(name, value)
        if table.decide(changed).effect is Effect.PERMIT:
            yield Change(
                tuple(
                    (name, value, tuple(options[name][value]))
                    for name, value in zip(names, values, strict=True)
                )
            )
            return


def alternatives(table: DecisionTable, facts: Facts) -> tuple[str, ...]:
    """List the models that the same caller may use instead, by id."""
    if facts.model is None:
        return ()
    parts = table.prepare(facts.values)
    others = sorted(table.policy.models - {facts.model})
    return tuple(
        model
        for model in others
        if table.decide_prepared(model, facts.at, parts).effect is Effect.PERMIT
    )
