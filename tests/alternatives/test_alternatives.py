"""What may be used instead: permitted, fitting, ranked, and told apart from what is not known."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternatives.small import CATALOG, NOW, POLICY, catalog, table
from bailiwick.alternatives import (
    Candidate,
    Needs,
    compare,
    dialect_notes,
    find_alternatives,
    fit,
    fronts,
    gaps,
    objectives,
    resident,
)
from bailiwick.facts import UNKNOWN, Facts


def find(place: str, needs: Needs | None = None, **more: object) -> list[Candidate]:
    facts = Facts("pa/big", NOW, resident(place))
    return find_alternatives(table(), catalog(), facts, needs or Needs(), **more)  # type: ignore[arg-type]


def names(found: list[Candidate], fits: bool | None = True) -> list[str]:
    return [one.model.id for one in found if one.fit.fits is fits]


def test_only_models_that_the_policy_permits_for_the_caller_are_listed() -> None:
    assert {one.model.id for one in find("XB")} == {
        "pa/small",
        "pb/middle",
        "pc/open",
        "pc/unknown",
    }
    assert find("XD") == []


def test_the_wanted_model_and_other_kinds_of_model_are_left_out() -> None:
    assert not {"pa/big", "pb/vectors"} & {one.model.id for one in find("XB")}


def test_what_does_not_fit_says_why_and_what_is_not_known_is_neither() -> None:
    found = {
        one.model.id: one.fit for one in find("XB", Needs(150_000, features=frozenset({"tools"})))
    }

    assert found["pa/small"].fits is True
    assert found["pb/middle"].lacking == ("context: 150000 tokens needed, 128000 tokens",)
    assert found["pc/open"].lacking[1:] == ("tools",)
    assert found["pc/unknown"].fits is None
    assert found["pc/unknown"].unknown == ("context: 150000 tokens needed, unknown", "tools")


def test_least_scores_and_the_highest_price_count() -> None:
    assert names(find("XB", Needs(minimum={"exam": Decimal(84)}))) == ["pc/open", "pb/middle"]
    assert names(find("XB", Needs(max_price=Decimal(2)))) == ["pa/small"]


def test_fitting_models_come_first_and_the_best_of_them_lead() -> None:
    found = find("XB", Needs(features=frozenset({"image_input"})))

    assert [(one.model.id, one.front, one.fit.fits) for one in found] == [
        ("pb/middle", 1, True), ("pa/small", 1, True), ("pc/unknown", 1, None), ("pc/open", 1, False),
    ]  # fmt: skip


def test_a_model_that_runs_where_the_policy_does_not_want_it_is_no_alternative() -> None:
    strict = table(POLICY.replace("  - {id: others, permit: [pa/small,",
                                  "  - {id: at-home, permit: pa/small, where: {processing: home}}\n"
                                  "  - {id: others, permit: ["))  # fmt: skip
    facts = Facts("pa/big", NOW, resident("XB"))

    def route(model: str) -> object:
        return {"processing": frozenset({"XB"})} if model == "pa/small" else None

    without = find_alternatives(strict, catalog(), facts, Needs())
    there = find_alternatives(strict, catalog(), facts, Needs(), route=route)  # type: ignore[arg-type]

    assert without[-1].model.id == "pa/small"
    assert without[-1].depends_on == ("processing",)
    assert there == []


def test_a_feature_that_the_policy_denies_rules_a_model_out() -> None:
    text = POLICY.replace("...", "  - {id: no-tools, restrict: pb/middle, to: {features: {deny: [tools]}}}\n...")  # fmt: skip
    facts = Facts("pa/big", NOW, resident("XB"))
    needs = Needs(features=frozenset({"tools"}))

    found = find_alternatives(table(text), catalog(), facts, needs)

    assert "pb/middle" not in {one.model.id for one in found}


def test_differences_are_told_with_their_size_and_only_where_they_can_be_compared() -> None:
    models = catalog().models

    found = compare(models["pa/big"], models["pc/open"])
    by_name = {one.name: one for one in found.figures}

    assert by_name["context"].change == -72000
    assert by_name["context"].ratio == Decimal("-0.36")
    assert by_name["price input"].change == Decimal("-12.5")
    assert by_name["exam"].change == -4
    assert not by_name["exam"].comparable
    assert found.inputs_lost == ("image",)


def test_the_gap_is_between_scores_of_one_source() -> None:
    assert gaps(catalog().models.values()) == []

    same = CATALOG.replace("{value: 86, source: another bench}", "86")
    (found,) = gaps(catalog(same).models.values())

    assert (found.restricted[0], found.open[0], found.gap) == ("pa/big", "pc/open", 4)


def test_a_change_of_dialect_lists_what_to_code_for() -> None:
    text = CATALOG.replace("  pa: {", "  anthropic: {country: US}\n  pa: {").replace(
        "  pa/big:", "  anthropic/big:"
    )
    models = catalog(text).models

    there = {one.what for one in dialect_notes(models["anthropic/big"], models["pb/middle"])}
    back = {one.what for one in dialect_notes(models["pb/middle"], models["anthropic/big"])}

    assert there >= {"path", "tools", "streaming"}
    assert back >= {"max_tokens", "messages"}
    assert dialect_notes(models["pb/middle"], models["pc/open"]) == ()


@given(st.lists(st.tuples(*[st.none() | st.integers(0, 3)] * 3), max_size=8))
def test_nobody_on_the_first_front_is_beaten_in_everything(
    rows: list[tuple[int | None, ...]],
) -> None:
    lines = [
        "catalog: 1",
        "defaults: {source: s s, as_of: 2026-01-01}",
        "providers: {p: {country: XA}}",
        "models:",
    ]
    lines += ["  p/none: {family: f, openness: open}"]
    for at, (exam, context, price) in enumerate(rows):
        figures = [f"scores: {{exam: {exam}}}"] if exam is not None else []
        figures += [f"context_tokens: {context + 1}"] if context is not None else []
        figures += [f"prices: {{input: {price}}}"] if price is not None else []
        lines.append(f"  p/m{at}: {{{', '.join(['family: f', 'openness: open', *figures])}}}")
    models = list(catalog("\n".join(lines)).models.values())
    goals = objectives(["exam"])

    found = fronts(models, goals)

    points = {one.id: [goal.value(one) for goal in goals] for one in models}
    for id_, front in found.items():
        beaten = [
            other
            for other in points
            if points[other] != points[id_]
            and all(a >= b for a, b in zip(points[other], points[id_], strict=True))
        ]
        assert bool(beaten) == (front > 1)
        assert all(found[other] < front for other in beaten)


@pytest.mark.parametrize("feature", ["streaming"])
def test_what_every_model_does_is_not_asked(feature: str) -> None:
    assert fit(catalog().models["pc/unknown"], Needs(features=frozenset({feature}))).fits is True


def test_a_resident_is_known_but_for_what_the_settings_say() -> None:
    facts = Facts("pa/big", NOW, resident("XA"))

    assert facts.get("billing") == frozenset({"XA"})
    assert facts.get("processing") is not UNKNOWN
