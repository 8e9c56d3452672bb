"""The reference evaluator: match every rule against every combination of candidates.

Slow on purpose. It shares no code with the table but the meaning of one condition.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from math import prod

from bailiwick.decision.combine import Match, combine
from bailiwick.decision.universe import completions, facts_asked
from bailiwick.decision.values import Decision, Reason, common, deny, strictest
from bailiwick.facts import PENDING, UNKNOWN, Fact, Facts, Kind, dimension
from bailiwick.policy import HIDDEN, Condition, Policy, Rule, RuleEffect

MOST_COMBINATIONS = 8
"""More combinations of candidates than this are refused as ``contested``."""

Case = Mapping[str, Fact]
"""Facts with at most one candidate each."""


def decide(policy: Policy, facts: Facts, approvals: Collection[str] = frozenset()) -> Decision:
    """Decide ``facts``. ``approvals`` are the ids of exemptions that have been approved."""
    if facts.model not in policy.models:
        return deny([Reason("model.unknown")])
    asked = facts_asked(policy.rules)
    pending = sorted(name for name in asked if facts.get(name) is PENDING)
    if not pending:
        return _decide_candidates(policy, facts, asked, approvals, explain=True)
    return common(
        _decide_candidates(policy, complete, asked, approvals, explain=False)
        for complete in completions(policy.rules, facts, pending)
    )


def _decide_candidates(
    policy: Policy, facts: Facts, asked: Iterable[str], approvals: Collection[str], *, explain: bool
) -> Decision:
    several = {name: fact for name in asked if (fact := _candidates(name, facts.get(name)))}
    if prod(len(values) for values in several.values()) > MOST_COMBINATIONS:
        return deny([Reason("contested")])
    combinations = product(*(sorted(values) for values in several.values()))
    return strictest(
        _decide_case(
            policy, facts, {**facts.values, **_singles(several, chosen)}, approvals, explain
        )
        for chosen in combinations
    )


def _candidates(name: str, fact: Fact) -> frozenset[str]:
    known = dimension(name)
    single = known is not None and not known.is_set
    return fact if single and isinstance(fact, frozenset) else frozenset()


def _singles(several: Mapping[str, frozenset[str]], chosen: Iterable[str]) -> dict[str, Fact]:
    return {name: frozenset({value}) for name, value in zip(several, chosen, strict=True)}


def _decide_case(
    policy: Policy, facts: Facts, case: Case, approvals: Collection[str], explain: bool
) -> Decision:
    about = [rule for rule in policy.rules if facts.model in rule.models]
    live = [rule for rule in about if rule.in_force(facts.at) and _approved(rule, approvals)]
    matched = [match for rule in live if (match := match_rule(rule, case))]
    governing = {rule.authority for rule in about if rule.effect is RuleEffect.PERMIT}
    permits = [rule for rule in live if rule.effect is RuleEffect.PERMIT]
    silence = [reason for one in governing for reason in _silence(one, permits, case, explain)]
    return combine(matched, governing, silence)


def _approved(rule: Rule, approvals: Collection[str]) -> bool:
    return rule.effect is not RuleEffect.EXEMPT or rule.id in approvals


def match_rule(rule: Rule, case: Case) -> Match | None:
    """Match one rule; ``None`` if no disjunct holds."""
    missing: set[str] = set()
    matched = False
    for disjunct in rule.disjuncts:
        absent = {one.fact for one in disjunct if not holds(one, case, rule)}
        if not absent:
            return Match(rule)
        required = {
            one for one in absent if case.get(one, UNKNOWN) is UNKNOWN and one in rule.required
        }
        if absent == required:
            matched = True
            missing |= required
    return Match(rule, frozenset(missing)) if matched else None


def holds(condition: Condition, case: Case, rule: Rule) -> bool:
    """Whether one condition is satisfied by what is known, or lists ``unknown``."""
    fact = case.get(condition.fact, UNKNOWN)
    if not isinstance(fact, frozenset):
        return condition.unknown
    if condition.kind is Kind.SET:
        return condition.admits_names(fact)
    if condition.kind is Kind.ALL_PLACES and rule.effect.is_strict:
        return any(condition.admits(place) for place in fact)
    return all(condition.admits(value) for value in fact)


def _silence(
    authority: str, permits: Iterable[Rule], case: Case, explain: bool
) -> Iterator[Reason]:
    """Say what the permits of ``authority`` lacked: evidence, an open address, or else."""
    if not explain:
        yield Reason("permit.none", None, authority)
        return
    mine = [rule for rule in permits if rule.authority == authority]
    lacking = [
        (rule, _failing(rule, disjunct, case)) for rule in mine for disjunct in rule.disjuncts
    ]
    unknown = [(rule, failing) for rule, failing in lacking if _all_unknown(failing, case)]
    hidden = [rule for rule, failing in lacking if _all_hidden(failing, case)]
    for rule, failing in unknown:
        yield from (Reason("evidence.missing", rule.id, authority, one.fact) for one in failing)
    if not unknown:
        yield from (Reason("location.hidden", rule.id, authority, "network") for rule in hidden)
    if not unknown and not hidden:
        yield Reason("permit.none", None, authority)


def _failing(rule: Rule, disjunct: Iterable[Condition], case: Case) -> list[Condition]:
    return [one for one in disjunct if not holds(one, case, rule)]


def _all_unknown(failing: Iterable[Condition], case: Case) -> bool:
    return all(case.get(one.fact, UNKNOWN) is UNKNOWN for one in failing)


def _all_hidden(failing: Iterable[Condition], case: Case) -> bool:
    return all(one.dimension == HIDDEN or case.get(one.fact, UNKNOWN) is UNKNOWN for one in failing)
