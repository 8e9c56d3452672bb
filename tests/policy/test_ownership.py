"""The ``ownership`` key: tests of who owns an account's holder."""

from fractions import Fraction

import pytest

from policy.reading import HEAD, RULES, errors, read

PLACES = "places: {far: {include: [XA, XB]}}\n"


def owned(text: str) -> str:
    """Write a policy of one ownership test, which stands at 4:16."""
    return HEAD + PLACES + f"ownership: {{o: {{{text}}}}}\n" + RULES


def test_what_is_written_is_what_is_read() -> None:
    text = (
        "threshold: '> 33.3%', seeds: {listed: [a.yaml, b.txt], headquarters: far}, "
        "method: multiplied, interests: [shareholding, votingRights], undisclosed: unknown, "
        "if_headquarters_unknown: jurisdiction, basis: terms 5, source: somewhere, as_of: 2026-06-01"
    )

    rule = read(owned(text)).ownership["o"]

    assert (rule.threshold, rule.strict, rule.method) == (Fraction(333, 1000), True, "multiplied")
    assert rule.listed == ("a.yaml", "b.txt")
    assert [one.include for one in rule.headquarters] == [{"XA", "XB"}]
    assert rule.interests == ("shareholding", "votingRights")
    assert (rule.undisclosed, rule.if_headquarters_unknown) == ("unknown", "jurisdiction")
    assert (rule.basis, rule.source, str(rule.as_of)) == ("terms 5", "somewhere", "2026-06-01")
    assert str(rule.position) == "policy.yaml:4:13"


def test_shares_of_the_company_are_what_counts_unless_the_policy_says_more() -> None:
    rule = read(owned("threshold: '>= 50%', seeds: {listed: a.yaml}")).ownership["o"]

    assert rule.interests == ("shareholding",)
    assert (rule.method, rule.undisclosed) == ("aggregate", "clear")
    assert rule.if_headquarters_unknown == "unknown"


@pytest.mark.parametrize(
    ("threshold", "share", "beyond", "passed"),
    [
        (">= 50%", Fraction(1, 2), 0, True),
        (">= 50%", Fraction(1, 2), -1, False),
        (">= 50%", Fraction(4999, 10000), 1, False),
        ("> 50%", Fraction(1, 2), 0, False),
        ("> 50%", Fraction(1, 2), 1, True),
        ("> 50%", Fraction(5001, 10000), -1, True),
        (">=100%", Fraction(1), 0, True),
    ],
)
def test_the_threshold_itself_is_enough_only_where_it_says_so(
    threshold: str, share: Fraction, beyond: int, passed: bool
) -> None:
    rule = read(owned(f"threshold: '{threshold}', seeds: {{listed: a.yaml}}")).ownership["o"]

    assert rule.is_passed(share, beyond) is passed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seeds: {listed: a.yaml}", "4:16: missing key `threshold`"),
        ("threshold: '> 50%'", "4:16: missing key `seeds`"),
        ("threshold: '>= 0%', seeds: {listed: a.yaml}", "4:28: `>= 0%` is passed always or never\nhelp: write for example `>= 50%`"),
        ("threshold: '> 100%', seeds: {listed: a.yaml}", "4:28: `> 100%` is passed always or never\nhelp: write for example `>= 50%`"),
        ("threshold: '> 50%', seeds: {}", "4:44: `seeds` names nobody\nhelp: give `listed` or `headquarters`"),
        ("threshold: '> 50%', seeds: {headquarters: []}", "4:59: `headquarters` is empty\nhelp: an empty list means nothing here; remove the key"),
        ("threshold: '> 50%', seeds: {list: a.yaml}", "4:45: unknown key `list`\nhelp: did you mean `listed`?"),
        ("threshold: '> 50%', seeds: {headquarters: nowhere}", "4:59: unknown place `nowhere`\nhelp: places are ISO 3166 codes; groups are defined under `places`"),
        ("threshold: '> 50%', seeds: {headquarters: UA-43}", "4:59: `UA-43` is a subdivision; a condition names it through a group\nhelp: define a group with `include: [UA-43]` and `if_subdivision_unknown`"),
        ("threshold: '> 50%', seeds: {listed: a.yaml}, interests: boardMember", "4:73: `boardMember` has no share\nhelp: countable are shareholding, votingRights, rightsToProfitOrIncome, rightsToSurplusAssetsOnDissolution, beneficiaryOfLegalArrangement"),
        ("threshold: '> 50%', seeds: {listed: a.yaml}, method: product", "4:70: `product` is not one of `aggregate` or `multiplied`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_where_it_stands(text: str, expected: str) -> None:
    assert [one.removeprefix("policy.yaml:") for one in errors(owned(text))] == [expected]


def test_a_test_is_defined_once_in_all_files() -> None:
    first = (
        HEAD + "include: [more.yaml]\nownership: {o: {threshold: '> 50%', seeds: {listed: a}}}\n"
    )
    more = HEAD + "ownership: {o: {threshold: '>= 25%', seeds: {listed: b}}}\n"

    found = errors(first + RULES, {"more.yaml": more})

    assert found == [
        "more.yaml:3:13: ownership test `o` is defined twice\nhelp: first at policy.yaml:4:13"
    ]


def test_a_rule_set_that_is_used_brings_its_tests() -> None:
    used = HEAD + (
        "authority: law\nownership: {half: {threshold: '>= 50%', seeds: {listed: l.yaml}}}\n"
        "rules: [{id: owned, deny: '*', where: {ownership: {half: 'yes'}}}]\n"
    )

    policy = read(HEAD + "use: [law.yaml]\n" + RULES, {"law.yaml": used})

    assert policy.ownership["half"].position is not None
    assert policy.ownership["half"].position.file == "law.yaml"
