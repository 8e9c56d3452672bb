"""What becomes of each rule at an edge: who holds it, and what the edge alone would leave open.

Where the service is asked about everything that the edge does not refuse, no rule is weaker. As an
outer fence that asks nobody, an edge lets through what it cannot see; each rule that comes out
weaker so is refused, unless the policy says who enforces the rest (``acknowledge``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bailiwick.decision import DecisionTable
from bailiwick.errors import InvalidInput, Position, Problem, Severity
from bailiwick.policy import BUILTIN, Policy, Rule, RuleEffect

ADDRESS, NETWORK = "address", "network"
MODEL, TIME, OBLIGATIONS, EXEMPTIONS = "model", "time", "obligations", "exemptions"
SEEN = frozenset({ADDRESS, NETWORK})
"""Facts that every edge sees, as far as its data know them."""


class Coverage(StrEnum):
    """What the edge does of a rule."""

    EXACT = "exact"
    """All of it: the edge refuses what it denies."""
    PART = "part"
    """What it sees; the service does the rest."""
    ASKS = "asks"
    """Nothing: the service is asked."""
    WEAKER = "weaker"
    """What it sees, and nobody is asked about the rest."""
    NOT_EXPRESSIBLE = "not expressible"
    """Nothing, and nobody is asked."""


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """One rule and where it is enforced."""

    rule: str
    effect: str
    coverage: Coverage
    why: str
    missing: tuple[str, ...] = ()
    """Facts that the edge cannot see, ``model``, ``time`` or ``obligations``."""
    enforced_by: tuple[tuple[str, str], ...] = ()
    """``(missing, point)`` as far as the policy names the point."""
    position: Position | None = None


def cover(
    table: DecisionTable, at: datetime, refuses: bool, *, bodies: bool, asks: bool
) -> Iterator[RuleCoverage]:
    """Say for each rule what becomes of it. ``refuses``: something is refused natively at all."""
    lifted = lifted_by(table)
    for rule in table.rules:
        if rule.authority == BUILTIN or rule.detail is not None:
            continue
        missing = tuple(sorted(set(_missing(rule, table.policy.models, at, lifted))))
        if not missing:
            coverage = Coverage.EXACT
        elif refuses and _in_part(rule, at, lifted):
            coverage = Coverage.PART if asks else Coverage.WEAKER
        else:
            coverage = Coverage.ASKS if asks else Coverage.NOT_EXPRESSIBLE
        why = _why(missing, coverage, bodies)
        yield RuleCoverage(rule.id, rule.effect.value, coverage, why, missing,
                           position=rule.position)  # fmt: skip


def lifted_by(table: DecisionTable) -> frozenset[str]:
    """Name the rules that an exemption lifts, approved or not."""
    return frozenset(name for rule in table.rules for name in rule.lifts)


def stands(rule: Rule, at: datetime, lifted: frozenset[str]) -> bool:
    """Whether a deny is in force, does not end, and nothing can lift it."""
    return (
        rule.effect is RuleEffect.DENY
        and rule.in_force(at)
        and rule.until_at is None
        and (rule.absolute or rule.id not in lifted)
    )


def _missing(
    rule: Rule, models: frozenset[str], at: datetime, lifted: frozenset[str]
) -> Iterator[str]:
    """Name what the edge would have to know to hold the whole rule."""
    facts = {one.fact for disjunct in rule.disjuncts for one in disjunct}
    yield from facts - SEEN
    if not models <= rule.models:
        yield MODEL
    if rule.effect is RuleEffect.RESTRICT:
        yield OBLIGATIONS
    if rule.effect is RuleEffect.DENY:
        yield from (one for one in facts & SEEN if _counts_unknown(rule, one))
        if not stands(rule, at, lifted):
            yield TIME if rule.until_at or not rule.in_force(at) else EXEMPTIONS
    else:
        yield from facts & SEEN
        if rule.from_at or rule.until_at:
            yield TIME


def _counts_unknown(rule: Rule, fact: str) -> bool:
    conditions = [one for disjunct in rule.disjuncts for one in disjunct if one.fact == fact]
    return fact in rule.required or any(one.unknown for one in conditions)


def _in_part(rule: Rule, at: datetime, lifted: frozenset[str]) -> bool:
    facts = [{one.fact for one in disjunct} for disjunct in rule.disjuncts]
    if rule.effect is RuleEffect.DENY:
        return stands(rule, at, lifted) and any(one <= SEEN for one in facts)
    return rule.effect is RuleEffect.PERMIT and any(one & SEEN for one in facts)


def _why(missing: tuple[str, ...], coverage: Coverage, bodies: bool) -> str:
    if not missing:
        return "the address is enough"
    in_part = coverage in (Coverage.PART, Coverage.WEAKER)
    if missing == (MODEL,) and in_part:
        return f"sees the model in {'small bodies, ' if bodies else ''}the path or a header"
    names = ", ".join(f"`{one}`" for one in missing)
    return f"needs {names}" + (" where it is unknown" if in_part and set(missing) <= SEEN else "")


def acknowledged(policy: Policy, edge: str, rules: Iterable[RuleCoverage]) -> list[RuleCoverage]:
    """Enter who enforces what the edge leaves open, as far as the policy says so."""
    found = []
    for one in rules:
        points = [
            (what, said.by)
            for what in one.missing
            for said in policy.acknowledged
            if said.covers(edge, one.rule, what)
        ]
        by = tuple(dict(reversed(points)).items())
        found.append(
            RuleCoverage(one.rule, one.effect, one.coverage, one.why, one.missing, by, one.position)
        )
    return found


def require_acknowledged(edge: str, rules: Iterable[RuleCoverage]) -> None:
    """Raise ``InvalidInput`` if a rule comes out weaker and nobody is named who enforces it."""
    problems = [
        Problem(
            f"rule `{one.rule}` would come out {one.coverage.value} at {edge}, which asks nobody: "
            f"it cannot see {', '.join(f'`{what}`' for what in lacking)}",
            f"name who enforces it: `acknowledge: [{{edge: {edge}, of: [{', '.join(lacking)}], "
            f"by: gateway, rules: [{one.rule}]}}]`",
            one.position,
            Severity.ERROR,
            "weaker",
        )
        for one in rules
        if one.coverage in (Coverage.WEAKER, Coverage.NOT_EXPRESSIBLE)
        and (lacking := sorted(set(one.missing) - {what for what, _ in one.enforced_by}))
    ]
    if problems:
        raise InvalidInput(problems)
