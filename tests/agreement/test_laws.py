"""The laws of the design, as properties over generated policies."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agreement.generate import FACTS, NOW, World, facts, small_catalog, world
from bailiwick.decision import Effect, compile_table
from bailiwick.decision.reference import decide
from bailiwick.decision.universe import completions, facts_asked
from bailiwick.facts import PENDING, UNKNOWN
from bailiwick.policy import Rule, RuleEffect

CATALOG = small_catalog()
seeds = st.integers(0, 2**48)
RANKS = {Effect.DENY: 0, Effect.UNDETERMINED: 1, Effect.PERMIT: 2}


def table_of(made: World, rules: tuple[Rule, ...] | None = None):
    policy = made.policy if rules is None else replace(made.policy, rules=rules)
    return compile_table(policy, CATALOG, made.orders, made.approvals)


@given(seeds)
@settings(max_examples=300)
def test_adding_a_deny_never_permits(seed: int) -> None:
    random = Random(seed)
    made, other = world(random, CATALOG), world(random, CATALOG)
    denies = tuple(
        replace(rule, id=f"x-{rule.id}")
        for rule in other.policy.rules
        if rule.effect is RuleEffect.DENY
    )
    before, after = table_of(made), table_of(made, (*made.policy.rules, *denies))
    for _ in range(20):
        asked = facts(random)

        if before.decide(asked).effect is Effect.DENY:
            assert after.decide(asked).effect is Effect.DENY


@given(seeds)
@settings(max_examples=300)
def test_the_order_of_rules_never_matters(seed: int) -> None:
    random = Random(seed)
    made = world(random, CATALOG)
    shuffled = list(made.policy.rules)
    random.shuffle(shuffled)
    one, other = table_of(made), table_of(made, tuple(shuffled))
    for _ in range(20):
        asked = facts(random)

        assert one.decide(asked) == other.decide(asked)


@given(seeds)
@settings(max_examples=400)
def test_turning_known_into_unknown_never_grants_but_where_the_check_says_so(seed: int) -> None:
    random = Random(seed)
    made = world(random, CATALOG)
    table = table_of(made)
    named = {leak.dimension for leak in table.unknown_grants()}
    for _ in range(20):
        asked = facts(random)
        before = table.decide(asked)
        if any(reason.code == "contested" for reason in before.reasons):
            continue  # too many candidates to judge; fewer candidates can be judged
        name = random.choice([one for one in FACTS if one not in named] or ["status"])
        after = table.decide(asked.with_value(name, UNKNOWN))

        assert RANKS[after.effect] <= RANKS[before.effect], (name, made.text, asked)


@given(seeds)
@settings(max_examples=300)
def test_one_authority_cannot_permit_what_another_does_not(seed: int) -> None:
    random = Random(seed)
    made = world(random, CATALOG)
    table = table_of(made)
    for _ in range(20):
        asked = facts(random)
        decision = table.decide(asked)
        if decision.effect is not Effect.PERMIT or decision.contested:
            continue
        spoke = {rule.authority for rule in table.rules if rule.id in decision.determining}

        assert asked.model is not None
        assert table.governing(asked.model) <= spoke


@given(seeds)
@settings(max_examples=300)
def test_an_absolute_deny_survives_any_exemption(seed: int) -> None:
    random = Random(seed)
    made = world(random, CATALOG)
    every = frozenset(rule.id for rule in made.policy.rules)
    lifting = replace(
        made.policy,
        rules=(
            *made.policy.rules,
            Rule("all", RuleEffect.EXEMPT, made.policy.models, lifts=every),
        ),
    )
    without = compile_table(made.policy, CATALOG)
    exempted = compile_table(lifting, CATALOG, (), every | {"all"})
    absolute = {rule.id for rule in made.policy.rules if rule.absolute}
    for _ in range(20):
        asked = facts(random)
        before = without.decide(asked)

        if absolute & set(before.determining):
            assert exempted.decide(asked).effect is Effect.DENY


@given(seeds)
@settings(max_examples=200)
def test_several_candidates_decide_as_the_strictest_of_them(seed: int) -> None:
    random = Random(seed)
    table = table_of(world(random, CATALOG))
    for _ in range(10):
        asked = facts(random).with_value("billing", frozenset({"XA", "XB"}))
        asked = asked.with_value("card", frozenset({"XC"})).with_value("address", frozenset({"XA"}))
        whole = table.decide(asked)
        each = [table.decide(asked.with_value("billing", frozenset({one}))) for one in ("XA", "XB")]
        if any(reason.code == "contested" for one in (whole, *each) for reason in one.reasons):
            continue

        assert RANKS[whole.effect] == min(RANKS[one.effect] for one in each)


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_a_partial_decision_is_what_all_completions_agree_on(seed: int) -> None:
    random = Random(seed)
    made = world(random, CATALOG)
    table = table_of(made)
    policy = replace(made.policy, rules=table.rules)
    pending = random.sample(sorted(facts_asked(table.rules)), 1)
    for _ in range(5):
        asked = facts(random)
        for name in pending:
            asked = asked.with_value(name, PENDING)
        partial, slow = table.decide(asked), decide(policy, asked, made.approvals)
        whole = {table.decide(one).effect for one in completions(table.rules, asked, pending)}

        assert (partial.effect, partial.determining, partial.obligations) == (
            slow.effect,
            slow.determining,
            slow.obligations,
        )
        if asked.model is not None:
            assert partial.effect is (whole.pop() if len(whole) == 1 else Effect.UNDETERMINED)


@pytest.mark.parametrize("seed", [1])
def test_the_generator_reaches_every_outcome(seed: int) -> None:
    random, seen = Random(seed), set()
    for _ in range(400):
        made = world(random, CATALOG)
        table = table_of(made)
        for _ in range(30):
            decision = table.decide(facts(random))
            seen.update(reason.code for reason in decision.reasons)
            seen.add(decision.effect.value)
            seen.add("contested" if decision.contested else "plain")
            seen.add("obliged" if not decision.obligations.is_empty else "free")

    assert seen >= {
        "permit", "deny", "contested", "obliged", "permit.none", "authority.none", "rule.denied",
        "evidence.missing", "feature.denied", "location.hidden", "account.status", "order.off",
        "model.unknown",
    }  # fmt: skip
    assert NOW.tzinfo is not None
