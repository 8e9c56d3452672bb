"""Which models a rule or group is about, and what is said where there are none."""

import pytest

from policy.reading import HEAD, RULES, errors, read, warnings

EVERY = {"pa/frontier-1", "pa/frontier-2", "pa/small", "pb/open"}


def about(selector: str, groups: str = "{}") -> str:
    """Write a policy of one rule, whose models stand at 5:21."""
    rule = f"rules:\n  - {{id: a, permit: {selector}}}\n"
    return HEAD + (f"models: {groups}\n" if groups != "{}" else "about: models\n") + rule


@pytest.mark.parametrize(
    ("selector", "models"),
    [
        ("'*'", EVERY),
        ("pa/small", {"pa/small"}),
        ("[pa/small, pb/open]", {"pa/small", "pb/open"}),
        ("pa/*", EVERY - {"pb/open"}),
        ("'*/open'", {"pb/open"}),
        ("pa/frontier-?", {"pa/frontier-1", "pa/frontier-2"}),
        ("{ids: pa/*, exclude: pa/small}", {"pa/frontier-1", "pa/frontier-2"}),
        ("{ids: frontier-one}", {"pa/frontier-1"}),
        ("{provider: pb}", {"pb/open"}),
        ("{provider_country: XA}", EVERY - {"pb/open"}),
        ("{openness: [open, open-weight]}", {"pa/small", "pb/open"}),
        ("{family: frontier}", {"pa/frontier-1", "pa/frontier-2"}),
        ("{provider: pa, openness: open}", {"pa/small"}),
        ("{provider: pb, openness: open}", set()),
    ],
)
def test_a_selector_finds_its_models(selector: str, models: set[str]) -> None:
    assert read(about(selector)).rules[0].models == models


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("pa/smal", "5:21: unknown model `pa/smal`\nhelp: did you mean `pa/small`?"),
        ("px/none", "5:21: unknown model `px/none`"),
        ("fronteir", "5:21: unknown model group `fronteir`\nhelp: did you mean `frontier`?"),
        ("{ids: [pa/smal]}", "5:27: unknown model `pa/smal`\nhelp: did you mean `pa/small`?"),
        ("{provider: pc}", "5:32: no model of the catalogue has provider `pc`\nhelp: known are pa, pb"),
        ("{openness: closed}", "5:32: no model of the catalogue has openness `closed`"),
        ("{family: smal}", "5:30: no model of the catalogue has family `smal`\nhelp: did you mean `small`?"),
        ("{provider_country: Germany}", "5:40: unknown place `Germany`\nhelp: did you mean `DE`?"),
        ("{exclude: pa/small}", "5:21: a model group selects nothing: give `ids`, `provider`, `openness` or `family`\nhelp: an empty group is never \"any model\"; `ids: \"*\"` is"),
        ("{controlled: false}", "5:21: a model group selects nothing: give `ids`, `provider`, `openness` or `family`\nhelp: an empty group is never \"any model\"; `ids: \"*\"` is"),
    ],
)  # fmt: skip
def test_a_selector_that_names_nothing_known_is_told(selector: str, expected: str) -> None:
    found = errors(about(selector, "{frontier: {ids: pa/frontier-*}}"))

    assert any(one.startswith(expected) for one in found), found


def test_a_pattern_without_models_is_doubtful() -> None:
    assert any(
        "pattern `pc/*` matches no model of the catalogue" in one for one in warnings(about("pc/*"))
    )


def test_a_group_without_models_is_doubtful() -> None:
    found = warnings(about("{provider: pb, openness: open}"))

    assert "this matches no model of the catalogue" in found[0]


def test_every_model_is_controlled_unless_only_uncontrolled_groups_name_it() -> None:
    groups = "{open: {openness: [open, open-weight], controlled: false}, small: {ids: pa/small}}"

    assert read(HEAD + RULES).controlled == EVERY
    assert read(about("open", groups)).controlled == EVERY - {"pb/open"}
    assert read(about("open", "{open: {ids: pa/small, controlled: false}}")).controlled == EVERY - {
        "pa/small"
    }
