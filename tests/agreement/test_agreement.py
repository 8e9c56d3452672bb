"""Reference and table give the same answer, and the laws of the design hold for both."""

from dataclasses import replace
from random import Random

import pytest

from agreement.generate import facts, small_catalog, world
from bailiwick.decision import compile_table
from bailiwick.decision.reference import decide

POLICIES_PER_PART = 250
FACTS_PER_POLICY = 55
PARTS = 8
"""8 x 250 x 55 = 110,000 pairs of policy and facts."""


@pytest.mark.parametrize("part", range(PARTS))
def test_the_table_decides_as_the_reference_does(part: int) -> None:
    random, catalog = Random(part), small_catalog()
    compared = 0
    for _ in range(POLICIES_PER_PART):
        made = world(random, catalog)
        table = compile_table(made.policy, catalog, made.orders, made.approvals)
        policy = replace(made.policy, rules=table.rules)
        for _ in range(FACTS_PER_POLICY):
            asked = facts(random)
            fast, slow = table.decide(asked), decide(policy, asked, made.approvals)
            compared += 1

            assert replace(fast, revision="") == slow, f"{made.text}\n{asked}"
    assert compared == POLICIES_PER_PART * FACTS_PER_POLICY
