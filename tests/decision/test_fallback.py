"""What would answer in place of a denied model: decided anew, by the same facts, in order."""

from alternatives.small import NOW, POLICY, catalog, table
from bailiwick.alternatives import resident
from bailiwick.decision import permitted_fallbacks, run_examples
from bailiwick.facts import Facts
from bailiwick.policy import read_policy

FALLBACK = (
    POLICY.replace("...", "")
    + """
  - {id: no-middle-in-xb, deny: pb/middle, where: {address: XB}}
fallback:
  big: {of: pa/big, to: [pb/middle, pc/open, pa/small]}
tests:
  - note: abroad another one answers
    facts: {model: pa/big, address: XB, network: residential}
    want: {effect: deny, fallback: pc/open}
  - note: at home none need answer
    facts: {model: pa/big, address: XA, billing: XA, network: residential}
    want: {effect: permit, fallback: none}
...
"""
)


def instead(model: str, place: str) -> tuple[str, ...]:
    return permitted_fallbacks(table(FALLBACK), Facts(model, NOW, resident(place)))


def test_only_candidates_that_the_caller_may_use_are_left_in_order() -> None:
    assert instead("pa/big", "XB") == ("pc/open", "pa/small")


def test_a_caller_who_may_use_nothing_gets_nothing() -> None:
    assert instead("pa/big", "XD") == ()


def test_there_is_none_for_a_permitted_model_and_none_that_is_not_arranged() -> None:
    assert instead("pa/big", "XA") == ()
    assert instead("pb/middle", "XB") == ()


def test_embedded_tests_can_want_a_fallback() -> None:
    known = catalog()

    results = run_examples(read_policy(FALLBACK, "p.yaml", known), known, NOW)

    assert [one.wrong for one in results] == [(), ()]
