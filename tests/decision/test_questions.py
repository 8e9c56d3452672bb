"""What is asked of a table: check, explain, diff, matrix, embedded tests."""

from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agreement.generate import FACTS, NOW, facts, small_catalog, world
from bailiwick.decision import (
    Access,
    DecisionTable,
    Effect,
    alternatives,
    check_policy,
    compile_table,
    decision_as_dict,
    decision_schema,
    diff_policies,
    explain,
    explanation_as_dict,
    facts_as_dict,
    matrix,
    run_examples,
)
from bailiwick.facts import UNKNOWN, read_facts
from bailiwick.policy import read_policy

CATALOG = small_catalog()
SETS = {"labels", "principal", "features", "processing", "end_user.labels"}


def table(rules: str, head: str = "", approvals: tuple[str, ...] = ()) -> DecisionTable:
    text = f"bailiwick: 1\nname: t\n{head}\nrules:\n{rules}"
    return compile_table(read_policy(text, "t.yaml", CATALOG), CATALOG, (), approvals)


def asked(**given: object):
    return read_facts({"model": "pa/one", **given}, CATALOG, NOW)


def codes(found: DecisionTable) -> dict[str, str]:
    return {problem.code: problem.message for problem in check_policy(found, NOW)}


def test_a_permit_that_a_deny_covers_is_called_unreachable() -> None:
    found = codes(
        table("""
  - {id: p, permit: pa/one, where: {address: XA, hidden: ok, billing: XA}}
  - {id: d, deny: pa/*, where: {address: [XA, XB]}}
""")
    )

    assert found["permit.unreachable"] == "permit `p` is unreachable: `d` denies all of it"


def test_a_permit_that_is_covered_only_in_part_is_not_called_unreachable() -> None:
    found = codes(
        table("""
  - {id: p, permit: pa/one, where: {address: [XA, XC], hidden: ok}}
  - {id: d, deny: pa/*, where: {address: [XA, XB]}}
""")
    )

    assert "permit.unreachable" not in found


def test_a_permit_behind_a_deny_that_is_lifted_needs_the_exemption() -> None:
    found = codes(
        table("""
  - {id: p, permit: pa/one, where: {billing: XA}}
  - {id: d, deny: pa/one, where: {billing: XA}}
  - {id: e, exempt: pa/one, labels: friends, lifts: d, until: 2027-01-01}
""")
    )

    assert "only an exemption could reach permit `p`" in found["permit.exempted_only"]
    assert "exemption `e` is not approved" in found["exemption.unapproved"]


def test_a_rule_whose_conditions_contradict_each_other_never_matches() -> None:
    found = codes(
        table("""
  - {id: p, permit: pa/one}
  - {id: d, deny: pa/one, where: {billing: XA}, where_any: {billing: XB}}
""")
    )

    assert found["rule.never"] == "rule `d` can never match"


def test_a_rule_whose_time_is_over_is_called_expired() -> None:
    found = codes(
        table("""
  - {id: p, permit: pa/one, until: 2026-01-01}
""")
    )

    assert found["rule.expired"] == "rule `p` expired on 2026-01-01"


def test_each_place_where_unknown_grants_is_named() -> None:
    found = table("""
  - {id: p, permit: pa/one, where: {card: [XA, unknown], address: XA}}
  - {id: d, deny: pa/one, where: {billing: XB}}
  - {id: s, deny: pa/one, where: {phone: XB}, requires: phone}
""")

    assert {(leak.dimension, leak.rule) for leak in found.unknown_grants()} == {
        ("card", "p"),
        ("network", "p"),
        ("billing", "d"),
    }


def test_coarser_places_that_grant_are_named() -> None:
    head = "places: {bad: {include: [XA-01], if_subdivision_unknown: no_match}}"
    found = table(
        """
  - {id: p, permit: pa/one}
  - {id: d, deny: pa/one, where: {billing: bad}, requires: billing}
""",
        head,
    )

    assert [leak.why for leak in found.unknown_grants()] == [
        "a country whose subdivision is unknown passes"
    ]
    assert found.decide(asked(billing="XA-01")).effect is Effect.DENY
    assert found.decide(asked(billing="XA")).effect is Effect.PERMIT


def test_an_explanation_names_the_smallest_change() -> None:
    found = table("""
  - {id: p, permit: pa/one, where: {address: XA, hidden: ok, billing: XA}}
  - {id: d, deny: pa/one, where: {card: XC}}
""")

    one = explain(found, asked(address="XB", billing="XA"))
    two = explain(found, asked(address="XB", billing="XA", card="XC"))

    assert [[name for name, *_ in change.facts] for change in one.changes] == [["address"]]
    assert [[name for name, *_ in change.facts] for change in two.changes] == [["address", "card"]]
    assert one.changes[0].facts[0][1] == frozenset({"XA"})


@given(st.integers(0, 2**48))
@settings(max_examples=60, deadline=None)
def test_every_change_that_is_named_permits(seed: int) -> None:
    random = Random(seed)
    made = world(random, CATALOG)
    found = compile_table(made.policy, CATALOG, made.orders, made.approvals)
    request = facts(random)

    explanation = explain(found, request)

    assert explanation.decision == found.decide(request)
    for change in explanation.changes:
        changed = request
        for name, fact, _ in change.facts:
            changed = changed.with_value(name, fact)
        assert found.decide(changed).effect is Effect.PERMIT


@given(st.integers(0, 2**48))
@settings(max_examples=60, deadline=None)
def test_the_difference_covers_every_request_that_is_answered_otherwise(seed: int) -> None:
    random = Random(seed)
    one, other = world(random, CATALOG), world(random, CATALOG)
    old = compile_table(one.policy, CATALOG, one.orders, one.approvals)
    new = compile_table(other.policy, CATALOG, other.orders, other.approvals)
    found = diff_policies(old, new, NOW)
    for difference in found:
        before, after = old.decide(difference.witness), new.decide(difference.witness)
        assert (before.effect, before.obligations) != (after.effect, after.obligations)

    for _ in range(60):
        request = facts(random)
        request = type(request)(request.model, NOW, request.values)
        single = all(
            name in SETS or fact is UNKNOWN or len(fact) == 1
            for name, fact in request.values.items()
        )
        before, after = old.decide(request), new.decide(request)
        if not single or request.model is None or before.effect is after.effect:
            continue
        kinds = {(d.old.effect, d.new.effect) for d in found if request.model in d.models}
        assert (before.effect, after.effect) in kinds, request


def test_equal_policies_do_not_differ() -> None:
    found = table("  - {id: p, permit: pa/*, where: {address: XA}}\n")

    assert diff_policies(found, found, NOW) == []


def test_a_difference_lists_the_places_it_is_about() -> None:
    old = table("  - {id: p, permit: pa/one, where: {address: [XA], hidden: ok}}\n")
    new = table("  - {id: p, permit: pa/one, where: {address: [XA, XB, XC], hidden: ok}}\n")

    (difference,) = diff_policies(old, new, NOW)

    assert difference.grants
    assert difference.values["address"] == {"XB", "XC"}
    assert difference.models == ["pa/one"]


def test_the_matrix_tells_full_quota_limited_and_blocked_apart() -> None:
    found = table("""
  - {id: p, permit: "*"}
  - {id: q, restrict: pa/one, where: {address: [DE, FR]}, to: {quota: {requests: 5, per: minute}}}
  - {id: f, restrict: pa/two, where: {address: [DE]}, to: {features: {deny: image_input}}}
  - {id: d, deny: pb/one, where: {address: [DE]}}
""")
    regions = {"de": frozenset({"DE"}), "defr": frozenset({"DE", "FR"}), "us": frozenset({"US"})}

    rows = {row.models[0]: row for row in matrix(found, NOW, regions)}

    assert [rows["pa/one"].cells[name].access for name in regions] == [
        Access.QUOTA,
        Access.QUOTA,
        Access.FULL,
    ]
    assert rows["pa/two"].cells["de"].access is Access.LIMITED
    assert rows["pb/one"].cells["de"].access is Access.BLOCKED
    assert rows["pb/one"].cells["defr"].partial
    assert rows["pb/one"].blocked == ("DE",)


def test_the_matrix_is_about_ordinary_residents() -> None:
    found = table("""
  - {id: p, permit: pa/one, where: {address: DE, card: [DE, unknown], processing: [DE]}}
  - {id: l, permit: pa/one, labels: friends}
""")

    (row,) = matrix(found, NOW, {"de": frozenset({"DE"})}, ["pa/one"])

    assert row.cells["de"].access is Access.FULL
    assert row.served == ("DE",)


def test_embedded_tests_say_what_is_wrong() -> None:
    text = """
bailiwick: 1
name: t
rules: [{id: p, permit: pa/one, where: {billing: XA}}]
tests:
  - {note: right, facts: {model: pa/one, billing: XA}, want: {effect: permit, determining: p}}
  - {note: wrong, facts: {model: pa/one, billing: XB}, want: {effect: permit}}
"""
    policy = read_policy(text, "t.yaml", CATALOG)

    right, wrong = run_examples(policy, CATALOG, NOW)

    assert right.passed
    assert wrong.wrong == ("effect is `deny`, wanted `permit`",)


def test_alternatives_are_the_models_the_same_caller_may_use() -> None:
    found = table("  - {id: p, permit: [pa/two, pb/one], where: {billing: XA}}\n")

    assert alternatives(found, asked(billing="XA")) == ("pa/two", "pb/one")
    assert alternatives(found, asked(billing="XB")) == ()


@given(st.integers(0, 2**48))
@settings(max_examples=40, deadline=None)
def test_a_decision_as_json_fits_its_schema(seed: int) -> None:
    import jsonschema

    random = Random(seed)
    made = world(random, CATALOG)
    found = compile_table(made.policy, CATALOG, made.orders, made.approvals)
    request = facts(random)
    explanation = explain(found, request)
    document = {
        "schema": "bailiwick.decision/1",
        **decision_as_dict(explanation.decision),
        "facts": facts_as_dict(request),
        "alternatives": list(alternatives(found, request)),
        "explanation": explanation_as_dict(explanation),
    }

    jsonschema.validate(document, decision_schema())


def test_a_policy_compiled_anew_has_the_same_revision() -> None:
    one = table("  - {id: p, permit: pa/one}\n", "about: one")
    same = table("  - {permit: pa/one, id: p}\n", "about: two")
    other = table("  - {id: p, permit: pa/two}\n")

    assert one.revision == same.revision
    assert one.revision != other.revision


def test_rules_count_from_their_first_instant_and_no_longer_at_their_last() -> None:
    found = table("  - {id: p, permit: pa/one, from: 2026-05-01, until: 2026-06-01}\n")

    def effect(at: datetime) -> Effect:
        return found.decide(read_facts({"model": "pa/one"}, CATALOG, at)).effect

    assert effect(datetime(2026, 5, 1, tzinfo=UTC)) is Effect.PERMIT
    assert effect(datetime(2026, 4, 30, 23, 59, 59, 999999, tzinfo=UTC)) is Effect.DENY
    assert effect(datetime(2026, 6, 1, tzinfo=UTC)) is Effect.DENY


@pytest.mark.parametrize("name", FACTS)
def test_every_fact_can_be_asked_for(name: str) -> None:
    assert read_facts({"model": "pa/one", name: "unknown"}, CATALOG, NOW).get(name) is UNKNOWN


def test_more_pending_labels_than_can_be_gone_through_stay_undetermined() -> None:
    rules = "".join(
        f"  - {{id: r{n}, permit: pa/one, labels: {{any: [l{n}], none: [m{n}]}}}}\n"
        for n in range(20)
    )
    found = table(rules)

    decision = found.decide(asked(labels="pending"))

    assert decision.effect is Effect.UNDETERMINED
    assert [reason.code for reason in decision.reasons] == ["pending.many"]
    assert "check.skipped" in codes(found)


def test_rules_that_are_ruled_out_already_do_not_make_an_answer_undetermined() -> None:
    rules = "".join(
        f"  - {{id: r{n}, permit: pa/one, where: {{billing: XA}}, labels: {{any: [l{n}], none: [m{n}]}}}}\n"
        for n in range(20)
    )

    assert table(rules).decide(asked(labels="pending", billing="XB")).effect is Effect.DENY
