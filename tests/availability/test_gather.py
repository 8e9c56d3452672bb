"""What the pages say is what the table decides."""

from datetime import UTC, datetime

import pytest

from availability.pages_policy import AT, POLICY, gathered, table_of
from bailiwick.availability import Availability, Offer
from bailiwick.decision import Access, Effect
from bailiwick.facts import Facts


def offer(found: Availability, model: str) -> Offer:
    return next(one for one in found.offers if one.model == model)


def test_every_place_has_one_level_of_each_model(found: Availability) -> None:
    for one in found.offers:
        listed = [place for group in one.groups for place in group.places]

        assert len(listed) == len(set(listed)) >= 249


@pytest.mark.parametrize("place", ["US", "DE", "FR", "UA", "UA-43", "JP", "BR", "XK", "CN"])
@pytest.mark.parametrize("model", ["pa/one", "pa/two", "pb/one"])
def test_a_model_is_available_where_a_resident_would_be_permitted(
    found: Availability, model: str, place: str
) -> None:
    resident = {name: frozenset({place}) for name in ("address", "billing", "card", "registered")}
    given = {"network": frozenset({"residential"}), "status": frozenset({"active"}), "labels": frozenset[str](),
             "action": frozenset({"infer"}), "features": frozenset[str]()}  # fmt: skip
    decision = table_of(POLICY).decide(Facts(model, AT, {**resident, **given}))
    levels = offer(found, model).levels
    level = levels.get(place) or levels[place.split("-", maxsplit=1)[0]]

    assert (level is not Access.BLOCKED) == (decision.effect is Effect.PERMIT)


def test_levels_tell_quotas_and_missing_features_apart(found: Availability) -> None:
    assert offer(found, "pa/one").levels["US"] is Access.FULL
    assert offer(found, "pa/one").levels["DE"] is Access.QUOTA
    assert offer(found, "pb/one").levels["JP"] is Access.LIMITED


def test_a_level_says_what_it_takes_and_whose_rule_it_is(found: Availability) -> None:
    group = next(one for one in offer(found, "pa/one").groups if "DE" in one.places)

    assert "billing one of DE, FR, UA, US, or unknown" in group.conditions
    assert group.obligations == ("at most 60 requests per minute by account (eu-quota)",)
    assert [(rule.id, rule.authority, rule.basis) for rule in group.rules] == [
        ("all", "operator", "licence <1>"),
        ("eu-quota", "operator", None),
    ]


def test_what_is_missing_is_said_of_a_limited_level(found: Availability) -> None:
    group = next(one for one in offer(found, "pb/one").groups if "JP" in one.places)

    assert any("image_input" in line for line in group.obligations)


def test_a_refusal_says_why(found: Availability) -> None:
    groups = {place: one for one in offer(found, "pa/one").groups for place in one.places}

    assert groups["CN"].reasons == ("no rule of `operator` permits it",)
    assert groups["UA-43"].reasons == ("rule `no-crimea` of `operator` forbids it",)


def test_dated_rules_are_coming_changes(found: Availability) -> None:
    coming = [
        (one.at.date().isoformat(), one.before.value, one.after.value, one.places)
        for one in offer(found, "pa/one").coming
    ]

    assert coming == [
        ("2027-01-01", "quota", "blocked", ("FR",)),
        ("2027-03-01", "blocked", "full", ("BR",)),
        ("2028-01-01", "full", "blocked", ("BR",)),
    ]


def test_a_rule_of_the_past_changes_nothing_any_more() -> None:
    later = gathered(at=datetime(2029, 1, 1, tzinfo=UTC))

    assert offer(later, "pa/one").coming == ()
    assert offer(later, "pa/one").levels["FR"] is Access.BLOCKED


def test_models_that_nobody_permits_are_counted_and_not_listed() -> None:
    found = gathered("bailiwick: 1\nname: t\nrules: [{id: one, permit: pa/one}]\n")

    assert [one.model for one in found.offers] == ["pa/one"]
    assert found.not_offered == 2
