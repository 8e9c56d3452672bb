"""Run the tests that a policy carries with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bailiwick.catalog import Catalog
from bailiwick.decision.contradictions import findings_standing
from bailiwick.decision.fallback import permitted_fallbacks
from bailiwick.decision.table import compile_table
from bailiwick.decision.values import Decision
from bailiwick.documents import Value
from bailiwick.facts import read_facts
from bailiwick.policy import Example, Order, Policy


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """What became of one embedded test."""

    example: Example
    decision: Decision
    wrong: tuple[str, ...]
    """What differs from what the test wants, in words; empty if it passed."""

    @property
    def passed(self) -> bool:
        """Whether everything wanted is so."""
        return not self.wrong


def run_examples(
    policy: Policy, catalog: Catalog, now: datetime, orders: Iterable[Order] = ()
) -> list[ExampleResult]:
    """Run every embedded test. ``now`` is the time of those that do not give one."""
    orders = tuple(orders)
    results = []
    for example in policy.examples:
        table = compile_table(policy, catalog, orders, example.approved)
        facts = read_facts(example.facts, catalog, now)
        decision = table.decide(facts)
        found = findings_standing(policy, facts.values)
        fallback = permitted_fallbacks(table, facts)[:1]
        wrong = tuple(_differences(example, decision, found, fallback))
        results.append(ExampleResult(example, decision, wrong))
    return results


def _differences(
    example: Example, decision: Decision, findings: Iterable[str], fallback: tuple[str, ...]
) -> Iterable[str]:
    got: dict[str, set[str]] = {
        "effect": {decision.effect.value},
        "determining": set(decision.determining),
        "reasons": {reason.code for reason in decision.reasons},
        "contested": {str(decision.contested).lower()},
        "denied_features": set(decision.obligations.denied_features),
        "quotas": {quota.rule for quota in decision.obligations.quotas},
        "findings": set(findings),
        "fallback": set(fallback or ("none",)),
    }
    for key, value in example.want.items():
        wanted = _texts(value)
        if wanted != got[key]:
            yield f"{key} is {_listed(got[key])}, wanted {_listed(wanted)}"


def _texts(value: Value) -> set[str]:
    return {str(one) for one in value} if isinstance(value, list) else {str(value)}


def _listed(values: set[str]) -> str:
    return ", ".join(f"`{one}`" for one in sorted(values)) or "nothing"
