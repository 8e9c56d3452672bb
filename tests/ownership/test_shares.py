"""Shares that are ranges, shares that are unknown, and shares that cannot all be true."""

from fractions import Fraction

import pytest

from bailiwick.errors import InvalidInput
from bailiwick.ownership import in_words, read_share
from ownership.graphs import judged, rule


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("50", (50, 0), (50, 0)),
        ("33.3 %", (Fraction("33.3"), 0), (Fraction("33.3"), 0)),
        ("1/3", (Fraction(100, 3), 0), (Fraction(100, 3), 0)),
        ("25-50", (25, 0), (50, 0)),
        ("25% to 50%", (25, 0), (50, 0)),
        (">25", (25, 1), (100, 0)),
        (">= 75%", (75, 0), (100, 0)),
        ("<50", (0, 0), (50, -1)),
        (">25 <=50", (25, 1), (50, 0)),
        ("", (0, 0), (100, 0)),
        ("unknown", (0, 0), (100, 0)),
    ],
)
def test_a_share_is_read_exactly(text: str, low: tuple[int, int], high: tuple[int, int]) -> None:
    share = read_share(text)

    assert share.low == (Fraction(low[0]) / 100, low[1])
    assert share.high == (Fraction(high[0]) / 100, high[1])


@pytest.mark.parametrize("text", ["101", "-5", "half", "50-25", ">50 <40", "1/0", "3/2", "1e2", "5,5", "> 1 > 2 > 3", "NaN", "\u0665\u0660"])  # fmt: skip
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_share(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [("50", "50 %"), ("1/3", "~33.333333 %"), (">25 <=50", "over 25 % to 50 %"), (">=75", "at least 75 %"), (">75", "over 75 %"), ("", "unknown"), ("25-49.5", "25 % to 49.5 %")],
)  # fmt: skip
def test_a_share_is_told_in_words(text: str, words: str) -> None:
    assert in_words(read_share(text)) == words


@pytest.mark.parametrize(
    ("share", "at_least", "more_than"),
    [
        ("25-50", "unknown_share", "no"),
        ("25-49.99", "no", "no"),
        ("<50", "no", "no"),
        (">50 <75", "yes", "yes"),
        ("50-75", "yes", "unknown_share"),
        (">25 <=50", "unknown_share", "no"),
        ("unknown", "unknown_share", "unknown_share"),
        (">=75", "yes", "yes"),
    ],
)
def test_the_least_proves_and_the_most_clears(share: str, at_least: str, more_than: str) -> None:
    for threshold, expected in ((">= 50%", at_least), ("> 50%", more_than)):
        for method in ("aggregate", "multiplied"):
            found = judged(f"X;A;{share}, A100B", rule(threshold, method))

            assert (found.outcome("A"), found.outcome("B")) == (expected, expected)


def test_bounds_add_up_without_losing_that_they_are_bounds() -> None:
    found = judged("X;A;>25, Y;A;>=25", rule("> 50%"), listed="X Y")

    assert found.outcome("A") == "yes"


def test_what_others_have_for_certain_cannot_be_the_listed_owners() -> None:
    found = judged("X;A;unknown, N60A, X;B;unknown, N40B", rule())

    assert found.outcome("A") == "no"
    assert found.outcome("B") == "unknown_share"


def test_shares_of_more_than_the_whole_prove_nothing_and_are_flagged() -> None:
    found = judged("X60A, N50A", rule())

    assert found.outcome("A") == "unknown_share"
    assert found.verdict("A").flags == ("over_100",)


def test_shares_that_nobody_names_are_what_the_policy_says() -> None:
    drawn = "X30A, N30A, X30B, N60B"

    clear = judged(drawn, rule(undisclosed="clear"))
    unknown = judged(drawn, rule(undisclosed="unknown"), nodes="N,person,,")

    assert (clear.outcome("A"), clear.outcome("B")) == ("no", "no")
    assert (unknown.outcome("A"), unknown.outcome("B")) == ("unknown_share", "no")


def test_who_has_no_holder_on_record_is_unknown_and_not_clear() -> None:
    found = judged("N40A, P40A", rule(), nodes="P,person,,")

    assert found.outcome("N") == "unknown_share"
    assert found.verdict("N").flags == ("no_holders",)
    assert (found.outcome("P"), found.outcome("A")) == ("no", "no")


@pytest.mark.parametrize(
    ("nodes", "more", "expected"),
    [
        ("N,entity,XA,", {}, ("yes", "yes")),
        ("N,entity,XB,", {}, ("unknown_share", "no")),
        ("N,entity,,XA", {}, ("unknown_share", "unknown_share")),
        ("N,entity,,", {}, ("unknown_share", "unknown_share")),
        ("N,entity,,XA", {"if_headquarters_unknown": "jurisdiction"}, ("yes", "yes")),
        ("N,entity,,XB", {"if_headquarters_unknown": "jurisdiction"}, ("unknown_share", "no")),
        ("N,entity,XA XB,", {}, ("unknown_share", "unknown_share")),
        ("N,person,,", {}, ("no", "no")),
    ],
)
def test_headquarters_count_and_unknown_ones_may(
    nodes: str, more: dict[str, str], expected: tuple[str, str]
) -> None:
    found = judged("N60A", rule("> 50%", place="XA", **more), "", f"{nodes}\nA,entity,XC,")

    assert (found.outcome("N"), found.outcome("A")) == expected
