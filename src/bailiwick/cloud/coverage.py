"""How much of each rule a cloud's guardrails can hold, and who holds the rest.

Never wider than the rule without a word: what comes out weaker is refused unless the policy
acknowledges it by naming the other enforcing point (``acknowledge``).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bailiwick.cloud.questions import CLOUD_FACTS, Questions, is_account_fact
from bailiwick.cloud.regions import Cloud
from bailiwick.errors import InvalidInput, Position, Problem, Severity
from bailiwick.policy import BUILTIN, Condition, Policy, Rule, RuleEffect

OBLIGATIONS = "obligations"
TIME = "time"


class Coverage(StrEnum):
    """What becomes of a rule in a cloud."""

    EXACT = "exact"
    """Enforced as written."""
    STRICTER = "stricter"
    """More is denied than the rule says; ``note`` says what."""
    WEAKER = "weaker"
    """Part of it is enforced; ``missing`` is not."""
    NOT_EXPRESSIBLE = "not expressible"
    """Nothing of it is enforced."""

    @property
    def is_wider(self) -> bool:
        """Whether the cloud lets through what the rule does not."""
        return self in {Coverage.WEAKER, Coverage.NOT_EXPRESSIBLE}


@dataclass(frozen=True, slots=True)
class Residue:
    """What a cloud does with one rule."""

    rule: str
    coverage: Coverage
    missing: tuple[str, ...] = ()
    """Facts the cloud cannot see, ``obligations`` or ``time``."""
    enforced_by: tuple[tuple[str, str], ...] = ()
    """``(missing, point)`` as far as the policy names the point."""
    note: str = ""
    position: Position | None = None


def coverage_of(questions: Questions, cloud: Cloud, models: Collection[str]) -> list[Residue]:
    """Judge every rule that is about one of ``models`` (those the cloud offers), by id.

    Accounts' evidence, the regions, model and action are known in a cloud; all else is not.
    """
    offered, found = frozenset(models), []
    for rule in questions.table.rules:
        if rule.authority == BUILTIN or rule.detail is not None or rule.models.isdisjoint(offered):
            continue
        if rule.until_at is not None and rule.until_at <= questions.at:
            continue
        found.append(_residue(questions, cloud, rule))
    return sorted(found, key=lambda one: one.rule)


def _residue(questions: Questions, cloud: Cloud, rule: Rule) -> Residue:
    missing = sorted(set(_missing(rule, questions)))
    if not missing:
        return Residue(rule.id, Coverage.EXACT, position=rule.position)
    wholly = rule.effect is RuleEffect.RESTRICT or not any(
        all(_is_seen(one) for one in part) if rule.effect.is_strict else any(map(_is_seen, part))
        for part in rule.disjuncts
    )
    coverage = Coverage.NOT_EXPRESSIBLE if wholly and missing != [TIME] else Coverage.WEAKER
    policy = questions.table.policy
    points = tuple(
        (what, point) for what in missing if (point := acknowledged(policy, cloud, rule.id, what))
    )
    return Residue(rule.id, coverage, tuple(missing), points, position=rule.position)


def _missing(rule: Rule, questions: Questions) -> Iterator[str]:
    for part in rule.disjuncts:
        yield from (one.fact for one in part if not _is_seen(one))
    if rule.effect is RuleEffect.RESTRICT:
        yield OBLIGATIONS
    edges = [edge for edge in (rule.from_at, rule.until_at) if edge and edge > questions.at]
    if edges:
        yield TIME


def _is_seen(condition: Condition) -> bool:
    return condition.fact in CLOUD_FACTS or is_account_fact(condition.fact)


def acknowledged(policy: Policy, cloud: Cloud, rule: str, what: str) -> str | None:
    """Name the point that the policy says enforces ``what`` of ``rule`` instead of ``cloud``."""
    found = (one.by for one in policy.acknowledged if one.covers(cloud.value, rule, what))
    return next(found, None)


def refuse_unacknowledged(residues: Iterable[Residue], cloud: Cloud) -> list[Problem]:
    """Give one error for each rule that comes out wider and is not acknowledged."""
    problems = []
    for one in residues:
        named = {what for what, _ in one.enforced_by}
        lacking = [what for what in one.missing if what not in named]
        if one.coverage.is_wider and lacking:
            words = ", ".join(f"`{what}`" for what in lacking)
            problems.append(
                Problem(
                    f"rule `{one.rule}` would come out {one.coverage.value} in {cloud.value}: "
                    f"it cannot see {words}",
                    "name who enforces it: "
                    f"`acknowledge: [{{cloud: {cloud.value}, of: [{', '.join(lacking)}], "
                    f"by: edge, rules: [{one.rule}]}}]`",
                    one.position,
                    Severity.ERROR,
                    "weaker",
                )
            )
    return problems


def require_acknowledged(residues: Iterable[Residue], cloud: Cloud) -> None:
    """Raise ``InvalidInput`` if a rule comes out wider and nobody is named who enforces it."""
    problems = refuse_unacknowledged(residues, cloud)
    if problems:
        raise InvalidInput(problems)
