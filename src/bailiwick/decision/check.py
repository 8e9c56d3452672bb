"""Find what is doubtful in a policy that can be read: rules that never count, permits that never
help, and the places where unknown evidence grants.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from bailiwick.decision.reference import holds
from bailiwick.decision.table import DecisionTable
from bailiwick.decision.universe import TooManyClasses, classes
from bailiwick.errors import Position, Problem, Severity
from bailiwick.facts import UNKNOWN, Fact
from bailiwick.places import country_of, is_subdivision
from bailiwick.policy import BUILTIN, Condition, Rule, RuleEffect, RuleSet

Disjunct = tuple[Condition, ...]
STALE_AFTER = timedelta(days=90)
"""Providers change their lists a few times a year; what is older is worth a look."""


def check_policy(table: DecisionTable, now: datetime) -> list[Problem]:
    """List warnings and notes about a compiled policy, in the order of its rules."""
    written = [rule for rule in table.rules if rule.authority != BUILTIN and rule.detail is None]
    try:
        checker = _Checker(table, written)
    except TooManyClasses as error:
        return [
            Problem(
                f"not checked for rules that never count: {error.message}",
                error.help,
                severity=Severity.WARNING,
                code="check.skipped",
            )
        ]
    found = [problem for rule in written for problem in checker.rule(rule, now)]
    sources = _sources(table, written, now)
    return [*found, *sources, *checker.models(), *checker.unknowns(), *checker.subdivisions()]


class _Checker:
    def __init__(self, table: DecisionTable, written: list[Rule]) -> None:
        self.table = table
        self.written = written
        self.values: dict[str, list[Fact]] = {
            name: [*classes(table.rules, name), UNKNOWN] for name in table.asked
        }
        self.exempted = {name for rule in written for name in rule.lifts}

    def rule(self, rule: Rule, now: datetime) -> Iterator[Problem]:
        """Check one rule by itself and against the denies."""
        if rule.until_at is not None and rule.until_at <= now:
            kind = "exemption" if rule.effect is RuleEffect.EXEMPT else "rule"
            yield _warning(
                rule,
                f"{kind} `{rule.id}` expired on {rule.until_at:%Y-%m-%d}",
                "remove it",
                "rule.expired",
            )
        elif not rule.models or not any(self._possible(rule, one) for one in rule.disjuncts):
            yield _warning(
                rule,
                f"rule `{rule.id}` can never match",
                "no value satisfies all of its conditions"
                if rule.models
                else "it names no model of the catalogue",
                "rule.never",
            )
        elif rule.effect is RuleEffect.PERMIT:
            yield from self._barred(rule)
        if rule.effect is RuleEffect.EXEMPT and rule.id not in self.table.approvals:
            yield _note(
                rule,
                f"exemption `{rule.id}` is not approved, so it lifts nothing yet",
                "approvals are kept in the signed store, not in the policy",
                "exemption.unapproved",
            )

    def _possible(self, rule: Rule, disjunct: Disjunct) -> bool:
        return all(self._allowed(rule, disjunct, name) for name in {one.fact for one in disjunct})

    def _allowed(self, rule: Rule, disjunct: Disjunct, name: str) -> list[Fact]:
        """List the classes of one fact under which a disjunct can hold."""
        mine = [one for one in disjunct if one.fact == name]
        return [value for value in self.values[name] if _satisfied(mine, value, rule)]

    def _barred(self, permit: Rule) -> Iterator[Problem]:
        """Report a permit that some deny overrides whenever it matches."""
        denies = [
            rule
            for rule in self.table.rules
            if rule.effect is RuleEffect.DENY and _always_on(rule, permit)
        ]
        barring = [self._covering(permit, one, denies) for one in permit.disjuncts]
        if not all(barring):
            return
        named = "`, `".join(sorted({rule.id for rule in barring if rule is not None}))
        if all(
            rule is not None and not rule.absolute and rule.id in self.exempted for rule in barring
        ):
            yield _warning(
                permit,
                f"only an exemption could reach permit `{permit.id}`: `{named}` denies all of it",
                None,
                "permit.exempted_only",
            )
        else:
            yield _warning(
                permit,
                f"permit `{permit.id}` is unreachable: `{named}` denies all of it",
                "deny overrides permit; narrow the one or drop the other",
                "permit.unreachable",
            )

    def _covering(self, permit: Rule, disjunct: Disjunct, denies: Iterable[Rule]) -> Rule | None:
        """Find a deny that holds whenever ``disjunct`` does, for every model of the permit."""
        for deny in denies:
            if permit.models <= deny.models and any(
                self._implied(permit, disjunct, deny, other) for other in deny.disjuncts
            ):
                return deny
        return None

    def _implied(self, permit: Rule, disjunct: Disjunct, deny: Rule, other: Disjunct) -> bool:
        return all(
            set(self._allowed(permit, disjunct, name)) <= set(self._allowed(deny, other, name))
            for name in {one.fact for one in other}
        )

    def models(self) -> Iterator[Problem]:
        """Name models that nothing permits."""
        ungoverned = sorted(
            model for model in self.table.policy.models if not self.table.governing(model)
        )
        if ungoverned:
            shown = ", ".join(ungoverned[:5]) + (" ..." if len(ungoverned) > 5 else "")
            yield Problem(
                f"{len(ungoverned)} of {len(self.table.policy.models)} models of the catalogue are "
                f"permitted by no rule and always denied: {shown}",
                severity=Severity.NOTE,
                code="models.ungoverned",
            )

    def unknowns(self) -> Iterator[Problem]:
        """Name each place where unknown evidence can grant."""
        rules = {rule.id: rule for rule in self.written}
        for leak in self.table.unknown_grants():
            if leak.rule in rules:
                yield _note(
                    rules[leak.rule],
                    f"rule `{leak.rule}`: not knowing `{leak.dimension}` can grant: {leak.why}",
                    None,
                    "unknown.grants",
                )

    def subdivisions(self) -> Iterator[Problem]:
        """Say which subdivisions the policy names, since country data cannot tell them."""
        conditions = [one for rule in self.written for part in rule.disjuncts for one in part]
        named = {
            place
            for one in conditions
            for group in one.places
            for place in group.include | group.exclude
            if is_subdivision(place)
        }
        if named:
            yield Problem(
                f"the policy names subdivisions ({', '.join(sorted(named))}); without a city "
                "database an address shows its country only, and `if_subdivision_unknown` decides",
                severity=Severity.NOTE,
                code="subdivisions.needed",
            )


def _sources(table: DecisionTable, written: list[Rule], now: datetime) -> Iterator[Problem]:
    """Say what is doubtful in other owners' rule sets: gaps, age, exceptions without names."""
    for one in table.policy.rule_sets[1:]:
        said = f"{one.source or 'source not given'}, as of {one.as_of or 'an unknown day'}"
        if not one.complete:
            message = f"the lists of `{one.authority}` are known to have gaps ({said})"
            yield _of_source(one, message, "compare them with the source before enforcing them",
                             "source.incomplete")  # fmt: skip
        if one.as_of is not None and now.date() - one.as_of > STALE_AFTER:
            days = (now.date() - one.as_of).days
            message = f"what `{one.authority}` said is {days} days old ({said})"
            yield _of_source(one, message, "look whether the source has changed", "source.stale")
        for country, words in one.unnamed_exceptions.items():
            if not _denies_inside(written, country):
                message = f"`{one.authority}` makes exceptions in `{country}` without naming them: "
                hint = f"deny subdivisions of `{country}` in a rule of your own, as you read them"
                yield _of_source(one, message + f"{words} ({said})", hint, "source.exceptions")


def _of_source(one: RuleSet, message: str, hint: str, code: str) -> Problem:
    return Problem(message, hint, Position(one.file), Severity.WARNING, code)


def _denies_inside(rules: Iterable[Rule], country: str) -> bool:
    """Whether any deny names a subdivision of ``country``."""
    groups = (
        group
        for rule in rules
        if rule.effect is RuleEffect.DENY
        for part in rule.disjuncts
        for condition in part
        for group in condition.places
    )
    return any(
        is_subdivision(place) and country_of(place) == country
        for group in groups
        for place in group.include
    )


def _satisfied(conditions: list[Condition], value: Fact, rule: Rule) -> bool:
    if value is UNKNOWN and conditions and conditions[0].fact in rule.required:
        return True
    return all(holds(one, {one.fact: value}, rule) for one in conditions)


def _always_on(deny: Rule, permit: Rule) -> bool:
    starts = deny.from_at is None or (permit.from_at is not None and deny.from_at <= permit.from_at)
    ends = deny.until_at is None or (
        permit.until_at is not None and permit.until_at <= deny.until_at
    )
    return starts and ends


def _warning(rule: Rule, message: str, hint: str | None, code: str) -> Problem:
    return Problem(message, hint, rule.position, Severity.WARNING, code)


def _note(rule: Rule, message: str, hint: str | None, code: str) -> Problem:
    return Problem(message, hint, rule.position, Severity.NOTE, code)
