"""Conditions, facts and rules in words, for people and reports."""

from collections.abc import Iterable
from fractions import Fraction

from bailiwick.decision.values import Reason
from bailiwick.facts import Absent, Fact
from bailiwick.policy import (
    HIDDEN,
    Condition,
    Finding,
    Obligations,
    OwnershipRule,
    Quota,
    Rule,
)

MOST_NAMED = 8


def names(values: Iterable[str], most: int = MOST_NAMED) -> str:
    """List values, the first few by name."""
    listed = sorted(values)
    shown = ", ".join(listed[:most])
    return shown if len(listed) <= most else f"{shown} and {len(listed) - most} more"


def fact_in_words(fact: Fact) -> str:
    """Say what is known: ``US``, ``US or DE``, ``unknown``, ``none``."""
    if isinstance(fact, Absent):
        return fact.value
    return " or ".join(sorted(fact)) if fact else "none"


def condition_in_words(condition: Condition) -> str:
    """Say what one condition asks."""
    text = _asks(condition)
    return f"{text}, or unknown" if condition.unknown and condition.dimension != HIDDEN else text


def _asks(condition: Condition) -> str:
    if condition.dimension == HIDDEN:
        return "not hidden" if condition.negated else "hidden"
    if condition.places:
        included = frozenset().union(*(group.include for group in condition.places))
        excluded = frozenset().union(*(group.exclude for group in condition.places))
        text = f"one of {names(included)}" + (f" without {names(excluded)}" if excluded else "")
        return f"none of {names(included)}" if condition.negated else text
    if condition.any_of or condition.all_of or condition.none_of:
        parts = (
            ("any of", condition.any_of),
            ("all of", condition.all_of),
            ("none of", condition.none_of),
        )
        return " and ".join(f"{how} {names(which)}" for how, which in parts if which)
    if not condition.choices:
        return "known" if condition.negated else "nothing"
    return f"{'none' if condition.negated else 'one'} of {names(condition.choices)}"


def rule_in_words(rule: Rule) -> str:
    """Say in one line what a rule does: effect, models, number of conditions."""
    when = [f"{one.dimension} {condition_in_words(one)}" for one in rule.where]
    anyone = [
        " and ".join(f"{one.dimension} {condition_in_words(one)}" for one in group)
        for group in rule.where_any
    ]
    text = f"{rule.effect.value} {names(rule.selector or rule.models)}"
    if when:
        text += " where " + " and ".join(when)
    if anyone:
        text += (" and " if when else " where ") + "one of: " + "; ".join(anyone)
    return text


def reason_in_words(reason: Reason) -> str:
    """Say in a sentence why a request is refused, as far as its caller may know."""
    rule = f"rule `{reason.rule}` of `{reason.authority}`"
    match reason.code:
        case "rule.denied" | "order.off" | "account.status":
            return f"{rule} forbids it"
        case "permit.none":
            return f"no rule of `{reason.authority}` permits it"
        case "authority.none":
            return "no rule permits this model"
        case "evidence.missing":
            return f"{rule} needs evidence of `{reason.dimension}`, and there is none"
        case "location.hidden":
            return f"{rule} needs to know the place, and an anonymizer hides it"
        case "feature.denied":
            return f"{rule} forbids the feature `{reason.detail}`"
        case "model.unknown":
            return "the model is not in the catalogue"
        case "address.invalid":
            return "the request's address cannot be trusted"
        case "contested":
            return "the evidence contradicts itself"
        case _:
            return f"{rule}: {reason.code}" if reason.rule else reason.code


def ownership_in_words(test: OwnershipRule) -> str:
    """Say in one line what an ownership test asks."""
    places = frozenset().union(*(group.include for group in test.headquarters))
    owners = ["listed owners"] if test.listed else []
    owners += [f"companies with headquarters in {names(places)}"] if places else []
    how = {
        "aggregate": "whoever passes counts as one of them",
        "multiplied": "shares are multiplied along each chain",
    }[test.method]
    return f"{test.words} held by {' or '.join(owners)}; {how}"


def obligations_in_words(obligations: Obligations) -> list[str]:
    """Say what a permit is held to, one line each."""
    lines = [_quota_in_words(quota) for quota in obligations.quotas]
    lines += [f"header {name}: {value}" for name, value in obligations.headers]
    if obligations.denied_features:
        lines.append(f"without {names(obligations.denied_features)}")
    for key in ("max_output_tokens", "max_input_tokens", "max_body_bytes"):
        limit = getattr(obligations, key)
        if limit is not None:
            lines.append(f"{key.replace('_', ' ')} {limit}")
    return lines


def _quota_in_words(quota: Quota) -> str:
    counted = f"{quota.requests} requests" if quota.requests else f"{quota.tokens} tokens"
    return f"at most {counted} per {quota.per} by {quota.by} ({quota.rule})"


def finding_in_words(finding: Finding) -> str:
    """Say what leads to a finding and what follows."""
    kinds = ", ".join(sorted(finding.kinds)) or "what the permit asks of the account, lists, orders"
    reviewed = "; evidence of class R only opens a review"
    if finding.then == "review":
        follows, reviewed = "a person reviews the account", ""
    elif finding.then == "restrict":
        follows = "controlled models are off after a notice"
        if finding.suspends:
            follows += f", and the account is suspended if it still stands {_lasting(finding.cure)}"
            follows += " after that notice"
    else:
        follows = (
            "an exact match on a list suspends at once; else controlled models are off after a "
            f"notice, and the account is suspended if it still stands {_lasting(finding.cure)} "
            "after that notice"
        )
    return f"when evidence contradicts permit `{finding.of}` ({kinds}): {follows}{reviewed}"


def _lasting(seconds: int) -> str:
    hours = Fraction(seconds, 3600)
    return f"{hours} hours" if hours.denominator == 1 else f"{seconds} seconds"
