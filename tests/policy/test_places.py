"""Groups of places: codes that do not exist, circles, and answers that somebody must give."""

import pytest

from policy.reading import HEAD, RULES, errors, read, warnings


def groups(text: str) -> str:
    """Write a policy with these groups from line 4 on."""
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    return HEAD + f"places:\n{lines}" + RULES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {include: [Germany]}", "4:17: unknown place `Germany`\nhelp: did you mean `DE`?"),
        ("a: {include: [DEU]}", "4:17: unknown place `DEU`\nhelp: did you mean `DE` or `EU`?"),
        ("a: {include: [de]}", "4:17: unknown place `de`\nhelp: did you mean `DE`?"),
        ("a: {include: [XA, ZZ]}", "4:21: unknown place `ZZ`\nhelp: places are ISO 3166 codes; groups are defined under `places`"),
        ("a: {include: [XX]}", "4:17: unknown place `XX`\nhelp: places are ISO 3166 codes; groups are defined under `places`"),
        ("a: {include: [SU]}", "4:17: unknown place `SU`"),
        ("a: {include: [UA-99], if_subdivision_unknown: match}", "4:17: unknown subdivision `UA-99`\nhelp: ISO 3166-2 codes of `UA` are listed by `bailiwick places UA`"),
        ("a: {include: [EU]}", "4:17: `EU` is a group, not a place\nhelp: name it under `use`"),
        ("a: {include: [XA], exclude: [Germany]}", "4:32: unknown place `Germany`\nhelp: did you mean `DE`?"),
        ("a: {use: [EUU]}", "4:13: place group `a`: unknown group `EUU`\nhelp: did you mean `EU`?"),
        ("a: {use: a}", "4:12: place group `a`: unknown group `a`"),
        ("a: {use: a, include: [XA]}", "4:12: place group `a`: unknown group `a`"),
        ("EU: {include: [XA]}", "4:3: place group `EU` hides a place or built-in group of that name\nhelp: choose another name, in lower case"),
        ("DE: {include: [XA]}", "4:3: place group `DE` hides a place or built-in group of that name\nhelp: choose another name, in lower case"),
        ("a: {exclude: [XA]}", "4:6: place group `a` has no `include` and no `use`\nhelp: an empty group is never \"anywhere\"; list its places"),
        ("a: {include: [XA], territories: all}", "4:35: `all` is not one of `inherit` or `listed-only`"),
        ("a: {include: [XA-01], if_subdivision_unknown: maybe}", "4:49: `maybe` is not one of `match` or `no_match`"),
        ("a: {use: b}\nb: {use: a}", "4:3: place groups `a`, `b` use each other in a circle\nhelp: one of them must list its places"),
        ("b: {use: c}\nc: {use: [d, EU]}\nd: {use: b}\na: {include: [XA]}", "4:3: place groups `b`, `c`, `d` use each other in a circle\nhelp: one of them must list its places"),
    ],
)  # fmt: skip
def test_a_group_that_means_nothing_is_told(text: str, expected: str) -> None:
    found = errors(groups(text))

    assert any(one.startswith(expected) for one in found), found


SAYS_NOTHING = "names a subdivision and does not say `if_subdivision_unknown`"


@pytest.mark.parametrize(
    "text",
    [
        "a: {include: [XA-01]}",
        "a: {include: [XA], exclude: [XA-01]}",
        "a: {include: [UA-43]}",
        "b: {include: [XA-01], if_subdivision_unknown: match}\na: {use: b, include: [XA-02]}",
        "b: {include: [XA-01], if_subdivision_unknown: match}\nc: {include: [XB-01], if_subdivision_unknown: no_match}\na: {use: [b, c]}",
    ],
)  # fmt: skip
def test_a_group_with_a_subdivision_must_say_what_a_country_alone_answers(text: str) -> None:
    (found,) = errors(groups(text))

    assert f"place group `a` {SAYS_NOTHING}" in found


def test_a_dual_coded_place_is_no_subdivision() -> None:
    policy = read(groups("a: {include: [FI-01, US-PR], territories: listed-only}"))

    assert policy.place_groups["a"].include == {"AX", "PR"}


def test_groups_may_use_each_other_in_any_order() -> None:
    policy = read(groups("a: {use: b, include: [XC]}\nb: {use: c}\nc: {include: [XA]}"))

    assert policy.place_groups["a"].include == {"XA", "XC"}


def test_a_group_that_uses_others_takes_their_answer_on_subdivisions() -> None:
    used = "b: {include: [XA], exclude: [XA-01], if_subdivision_unknown: match}"
    group = read(groups(f"{used}\na: {{use: b, include: [XC]}}")).place_groups["a"]

    assert group.contains("XA")
    assert not group.contains("XA-01")
    assert group.contains("XC-05")


def test_what_one_group_excludes_another_may_bring_back() -> None:
    most = "most: {include: [XA], exclude: [XA-01], if_subdivision_unknown: match}"
    whole = "whole: {include: [XA]}"
    made = read(
        groups(f"{most}\n{whole}\na: {{use: [most, whole]}}\nb: {{use: most, include: XA}}")
    )

    assert made.place_groups["a"].contains("XA-01")
    assert made.place_groups["b"].contains("XA-01")
    assert not made.place_groups["most"].contains("XA-01")


def test_leaving_out_territories_without_a_word_is_doubtful() -> None:
    (found,) = warnings(groups("us: {include: [US]}"))

    assert found == (
        "4:7: warning: place group `us` leaves out territories: AS, GU, MP, PR, UM, VI\n"
        "help: say `territories: inherit` to take them in, or `listed-only` to leave them out"
    )


@pytest.mark.parametrize("answer", ["inherit", "listed-only"])
def test_saying_what_becomes_of_territories_is_not(answer: str) -> None:
    assert warnings(groups(f"us: {{include: [US], territories: {answer}}}")) == []


def test_hong_kong_macao_and_taiwan_are_never_inherited() -> None:
    group = read(groups("cn: {include: [CN], territories: inherit}")).place_groups["cn"]

    assert group.include == {"CN"}


def test_excluding_what_was_never_included_is_doubtful() -> None:
    (found,) = warnings(groups("a: {include: [XA], exclude: [XB]}"))

    assert found == "4:31: warning: `XB` is excluded but was never included"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Germany", "4:43: unknown place `Germany`\nhelp: did you mean `DE`?"),
        ("hoem", "4:43: unknown place `hoem`\nhelp: did you mean `home`?"),
        ("UA-43", "4:43: `UA-43` is a subdivision; a condition names it through a group\nhelp: define a group with `include: [UA-43]` and `if_subdivision_unknown`"),
        ("UA-99", "4:43: unknown subdivision `UA-99`\nhelp: ISO 3166-2 codes of `UA` are listed by `bailiwick places UA`"),
        ("Us", "4:43: unknown place `Us`\nhelp: did you mean `US`?"),
    ],
)  # fmt: skip
def test_a_condition_names_places_and_groups_that_exist(text: str, expected: str) -> None:
    rule = f"rules:\n  - {{id: a, permit: '*', where: {{address: {text}}}}}\n"

    assert errors(HEAD + rule + "places: {home: {include: [XA]}}\n") == [expected]


def test_a_country_alone_in_a_condition_is_doubtful_where_it_has_territories() -> None:
    rule = "rules:\n  - {id: a, permit: '*', where: {address: FI}}\n"
    (found,) = warnings(HEAD + rule)

    assert "`FI` here is that country alone, without AX" in found
