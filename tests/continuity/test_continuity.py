"""What a loss costs: shares add up, alternatives are permitted and fit, proposals are smallest."""

from datetime import UTC, datetime
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternatives.small import NOW, POLICY, catalog, table
from bailiwick.continuity import (
    Hosting,
    Loss,
    Portfolio,
    Prices,
    Report,
    TrafficBuilder,
    Wishes,
    assess,
    losses_of,
    migrate,
    propose,
    read_scenarios,
    report_as_dict,
)
from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput
from bailiwick.facts import UNKNOWN
from bailiwick.places import PlaceSet
from continuity.traffic_made import KEEP, Line, here, rows, traffic

LINES: list[Line] = [
    ("pa/big", here("XA", "tools"), "acme", 60, 100_000, 1000),
    ("pa/big", here("XA"), "law", 20, 180_000, 1000),
    ("pa/small", here("XB", "image_input"), "shop", 15, 1000, 100),
    ("pb/middle", here("XA"), None, 5, -1, -1),
    ("pa/big", here("XB"), "away", 7, 1000, 100),
    (None, here("XA"), "acme", 3, 10, 10),
]


def report(lines: list[Line] = LINES, losses: list[Loss] | None = None, **more: object) -> Report:
    known = catalog()
    made = traffic(lines)
    prices = Prices.of(known.models, more.pop("hosting", {}))  # type: ignore[arg-type]
    wishes = more.pop("wishes", Wishes(quality="exam"))
    portfolio = Portfolio(known, made, wishes, prices, [*known.models])  # type: ignore[arg-type]
    regions = {"abroad": PlaceSet(frozenset({"XB", "XC"}))}
    used = [name for name in made.names if name]
    every = losses if losses is not None else losses_of(
        known, used, ["XA", "XB"], regions, table().policy.controlled
    )  # fmt: skip
    return assess(portfolio, table(), NOW, every, **more)  # type: ignore[arg-type]


def impact(name: str, found: Report):
    return next(one for one in found.losses if one.name == name)


def test_what_is_denied_already_is_blamed_on_no_loss() -> None:
    found = report()

    assert found.served.requests == 100
    assert found.denied.requests == 10
    assert found.unknown_models == 3
    assert found.sized == 105
    assert all(one.hit.requests <= 100 for one in found.losses)


def test_a_loss_takes_a_model_and_the_best_permitted_one_that_fits_stands_in() -> None:
    off = impact("pa/big is switched off", report())

    assert (off.hit.requests, off.kept.requests, off.lost.requests) == (80, 80, 0)
    assert off.by_model == {"pb/middle": 60, "pa/small": 20}
    assert (off.hit.accounts, off.lost.accounts) == (2, 0)
    assert off.quality_change == pytest.approx((60 * (85 - 90) + 20 * (70 - 90)) / 80)


def test_what_no_permitted_model_can_do_is_lost_and_says_why() -> None:
    gone = impact("pa withdraws from everywhere", report())

    assert gone.hit.requests == 95
    assert gone.kept.requests == 75
    assert gone.may_keep.requests == 20
    needs_more = report(
        losses=[Loss("x", "scenario", frozenset({"pa/big", "pa/small", "pc/unknown"}))]
    )
    assert needs_more.losses[0].lost.requests == 20
    assert needs_more.losses[0].reasons == {"no permitted model has enough: context": 20}


def test_an_embargo_leaves_nothing_that_stands_in() -> None:
    found = impact("user-assigned XA (XA) becomes embargoed", report())

    assert found.hit.requests == found.lost.requests == 85
    assert found.reasons == {"no model is permitted there any more": 85}


def test_a_withdrawal_reaches_those_who_ask_from_there_or_have_the_account_there() -> None:
    traveller = here("XA", billing=frozenset({"XB"}), registered=frozenset({"XA"}))
    lines: list[Line] = [
        ("pa/small", traveller, "t", 1, 1, 1),
        ("pa/small", here("XA"), "h", 1, 1, 1),
    ]

    found = impact("pa withdraws from abroad", report(lines))

    assert found.hit.requests == 1


def test_proof_of_ownership_spares_accounts_that_have_it() -> None:
    proven = here("XA", **{"ownership.test": frozenset({"no"})})
    open_ = here("XA", **{"ownership.test": UNKNOWN})
    lines: list[Line] = [
        ("pa/small", proven, "a", 1, 1, 1), ("pa/small", open_, "b", 2, 1, 1), ("pa/small", here("XA"), "c", 4, 1, 1),
    ]  # fmt: skip

    assert impact("pa asks for proof of ownership", report(lines)).hit.requests == 6


def test_the_shares_of_every_loss_add_up() -> None:
    for one in report().losses:
        assert one.hit.requests == one.kept.requests + one.may_keep.requests + one.lost.requests
        assert one.hit.tokens == one.kept.tokens + one.may_keep.tokens + one.lost.tokens
        assert sum(one.by_model.values()) == one.kept.requests
        assert sum(one.reasons.values()) == one.lost.requests


def test_the_weakest_points_come_first() -> None:
    lost = [(one.lost.requests, one.hit.requests) for one in report().losses]

    assert lost == sorted(lost, reverse=True)


def test_cost_is_by_the_token_or_fixed_and_by_capacity() -> None:
    lines: list[Line] = [("pa/big", here("XA"), "a", 1000, 1000, 100)]
    loss = Loss("x", "scenario", frozenset({"pa/big", "pb/middle", "pa/small"}))
    own = {"pc/open": Hosting(1000.0, 500.0, 1.0, 2.0)}

    by_token = report(lines, [loss]).losses[0]
    by_machine = report(lines, [loss], hosting=own).losses[0]

    assert by_token.by_model == {"pc/open": 1000} or by_token.may_keep.requests == 1000
    cheap = Loss("y", "scenario", frozenset({"pa/big", "pc/open", "pc/unknown", "pb/middle"}))
    moved = report(lines, [cheap]).losses[0]
    assert moved.cost_before == pytest.approx((1e6 * 15 + 1e5 * 75) / 1e6)
    assert moved.cost_after == pytest.approx((1e6 * 1 + 1e5 * 5) / 1e6)
    assert own["pc/open"].per_month(1.1e6) == 1000 + 500
    assert own["pc/open"].per_month(2_000_000) == 1000 + 2 * 500
    assert by_machine.hit.requests == 1000


def test_a_price_that_is_not_known_is_no_figure() -> None:
    lines: list[Line] = [("pc/unknown", here("XA"), "a", 1, 0, 0)]

    found = report(lines, [Loss("x", "model", frozenset({"pc/unknown"}))]).losses[0]

    assert found.kept.requests == 1
    assert found.cost_before is None


def test_least_scores_hold_for_what_stands_in() -> None:
    from decimal import Decimal

    wishes = Wishes({"exam": Decimal(80)}, None, "exam")

    off = impact("pa/big is switched off", report(wishes=wishes))

    assert off.by_model == {"pb/middle": 60}
    assert off.reasons | {} == off.reasons
    assert off.kept.requests == 60


def test_contexts_between_two_limits_share_a_class_and_fit_as_each_would() -> None:
    one: Line = ("pa/big", here("XA"), "a", 1, 128_000, 0)
    lines: list[Line] = [one, (*one[:4], 128_001, 0), (*one[:4], 5, 0), (*one[:4], 127_000, 0)]

    made = traffic(lines)

    assert sorted(made.context.tolist()) == [128_000, 128_001]
    assert made.requests.sum() == 4


def test_batches_add_up_to_what_one_batch_gives() -> None:
    whole = traffic(LINES)
    builder = TrafficBuilder(catalog(), KEEP)
    for line in LINES:
        builder.add(rows([line]))
    parts = builder.traffic()

    assert sorted(parts.requests.tolist()) == sorted(whole.requests.tolist())
    assert parts.tokens_in.sum() == whole.tokens_in.sum()
    assert len(parts.pairs) == len(whole.pairs)


# -- proposals ---------------------------------------------------------------------------------


def test_the_smallest_set_is_found_and_said_to_be_one() -> None:
    open_ = {"a": {0b001: 50, 0b010: 50}, "b": {0b110: 100}}

    found = propose(open_, ["x", "y", "z"], 100, 0.99)

    assert found.models == ("x", "y")
    assert found.exact
    assert found.kept == {"a": 1.0, "b": 1.0}


def test_a_loss_that_nothing_helps_against_is_named_and_does_not_stop_the_rest() -> None:
    found = propose({"a": {0: 30}, "b": {0b1: 30}}, ["x"], 100, 0.99)

    assert found.models == ("x",)
    assert found.beyond == {"a": 0.7}


def test_nothing_is_proposed_where_nothing_is_needed() -> None:
    assert propose({"a": {0b1: 1}}, ["x"], 1000, 0.99).models == ()


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("abc"),
        st.dictionaries(st.integers(0, 31), st.integers(1, 60), max_size=6),
        max_size=3,
    ),
    st.sampled_from([0.5, 0.9, 0.99]),
)
def test_no_smaller_set_will_do(open_: dict[str, dict[int, int]], target: float) -> None:
    names = list("vwxyz")
    total = 100

    found = propose(open_, names, total, target)

    def lost(groups: dict[int, int], chosen: tuple[str, ...]) -> int:
        mask = sum(1 << names.index(one) for one in chosen)
        return sum(count for key, count in groups.items() if not key & mask)

    most = total * (1 - target)
    within = [groups for groups in open_.values() if lost(groups, tuple(names)) <= most]
    assert all(lost(groups, found.models) <= most for groups in within)
    assert found.exact
    for size in range(len(found.models)):
        for smaller in combinations(names, size):
            assert any(lost(groups, smaller) > most for groups in within)


def test_a_large_choice_is_greedy_and_says_so() -> None:
    many = [f"m{at}" for at in range(60)]
    open_ = {"a": {1 << at | 1 << (at + 1) % 60: 10 for at in range(60)}}

    found = propose(open_, many, 600, 0.999)

    assert not found.exact
    assert found.at_least <= len(found.models)
    assert found.kept["a"] >= 0.999


# -- scenarios and migration -------------------------------------------------------------------

SCENARIOS = """
scenarios: 1
list:
  - name: the big one stays at home
    from: 2027-01-01
    until: 2027-07-01
    lose: [{models: [pa/big], places: [XA]}, {proof: pb}]
  - name: another policy
    policy: other.yaml
hosting:
  pc/open: {fixed_per_month: 1000, unit_per_month: 500, unit_tokens_per_second: 200}
...
"""


def test_stated_scenarios_are_read_with_their_dates_and_assessed() -> None:
    read = read_scenarios(parse_document(SCENARIOS, "s.yaml"), catalog(), table().policy.controlled)
    other = table(POLICY.replace('permit: [pa/small, "pb/*", "pc/*"]', "permit: pa/small"))

    found = report(scenarios=read.scenarios, compiled=lambda file: other)
    first, second = found.scenarios

    assert (first.from_at, first.until_at) == (
        datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC),
    )  # fmt: skip
    assert first.hit.requests == 85
    assert second.hit.requests == 5
    assert read.hosting["pc/open"].peak == 3.0


BAD = """
scenarios: 1
list:
  - {name: a, lose: {provider: nobody, places: [Mars]}}
  - {name: b}
  - {name: c, lose: {models: [pa/bug], provider: pa}}
  - {name: d, lose: {models: [pa/bug]}, form: 2027}
hosting:
  pc/open: {fixed_per_month: free, unit_per_month: 1, unit_tokens_per_second: 0}
...
"""


def test_every_mistake_in_a_scenario_file_is_told_with_its_place() -> None:
    with pytest.raises(InvalidInput) as found:
        read_scenarios(parse_document(BAD, "s.yaml"), catalog(), frozenset())

    text = str(found.value)
    for wanted in (
        "unknown provider `nobody`", "unknown place `Mars`", "scenario `b` changes nothing",
        "exactly one of", "unknown model `pa/bug`", "did you mean `pa/big`?", "unknown key `form`",
        "`free` is not a number", "`0` is not a number", "s.yaml:4:",
    ):  # fmt: skip
        assert wanted in text, wanted


def test_a_migration_tells_what_does_not_fit_and_what_the_rest_costs() -> None:
    known = catalog()
    lines = [*LINES, ("pa/big", here("XA", "web_search"), "acme", 2, 10, 10)]
    found = migrate(known, traffic(lines), Prices.of(known.models, {}), "pa/big", "pb/middle")

    assert (found.requests, found.fit, found.may_fit) == (89, 67, 2)
    assert {(one.why, one.requests, one.known) for one in found.misfits} == {
        ("context", 20, True), ("web_search", 2, False),
    }  # fmt: skip
    assert found.cost_after is not None
    assert found.cost_before is not None
    assert found.cost_after < found.cost_before


def test_the_report_is_json() -> None:
    import json

    document = json.loads(json.dumps(report_as_dict(report()), default=str))

    assert document["schema"] == "bailiwick-continuity/1"
    assert (
        document["losses"][0]["lost"]["requests_share"]
        >= document["losses"][-1]["lost"]["requests_share"]
    )
    assert document["proposal"]["method"] == "exact"
