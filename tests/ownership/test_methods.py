"""The three tests: the fixed point, its strict sister, and the product."""

import pytest

from bailiwick.ownership import judge
from ownership.graphs import judged, outcomes, owned, rule
from ownership.test_files import bods, entity, holds

CHAIN = "X50A, A50B, B50C, C50D, D50E, E50F"
TABLE = [
    ("X50A, A50B", "A B", "X"),
    ("X50A, X50B, A25C, B25C", "A B C", "X"),
    ("X50A, X10B, A40B", "A B", "X"),
    ("X25A, Y25A", "A", "X Y"),
    ("X50A, X25B, A25C, B25C", "A", "X"),
    ("X25A, X25B, A50C, B50C", "", "X"),
    ("X49.99A, A100B", "", "X"),
    (CHAIN, "A B C D E F", "X"),
    ("X30A, B20A, A80B, X20B", "", "X"),
    ("X3A, Y41A, Z6A", "A", "X Y Z"),
]
"""Guidance of OFAC (FAQ 399 and 401), and what follows from its definition."""


@pytest.mark.parametrize(("drawn", "expected", "listed"), TABLE)
def test_half_or_more_is_owned(drawn: str, expected: str, listed: str) -> None:
    found = judged(drawn, rule(">= 50%"), listed)

    assert owned(found, listed) == expected
    assert "unknown_share" not in {how for one, how in outcomes(found).items() if one not in listed}


@pytest.mark.parametrize(("drawn", "expected", "listed"), TABLE)
def test_half_is_not_more_than_half(drawn: str, expected: str, listed: str) -> None:
    assert owned(judged(drawn, rule("> 50%"), listed), listed) == ""


def test_what_passes_by_a_hair_is_handed_on_whole() -> None:
    assert owned(judged("X50.0001A, A50.0001B", rule("> 50%"))) == "A B"


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        ("X50A, A50B", "A"),
        ("X100A, A50B, B100C", "A B C"),
        ("X50A, X50B, A50C, B50C", "A B C"),
        ("X60A, X60B, A40C, B40C", "A B"),
        ("X70A, A70B, B70C", "A"),
        ("X30A, B20A, A80B, X20B", "B"),
    ],
)
def test_multiplied_shares_shrink_along_a_chain_and_add_up_beside_it(
    drawn: str, expected: str
) -> None:
    assert owned(judged(drawn, rule(method="multiplied"))) == expected


def test_the_methods_differ_where_a_chain_is_long() -> None:
    assert owned(judged(CHAIN, rule(method="multiplied"))) == "A"
    assert owned(judged(CHAIN, rule(method="aggregate"))) == "A B C D E F"


@pytest.mark.parametrize("method", ["aggregate", "multiplied"])
def test_a_circle_is_flagged_for_whoever_is_in_it(method: str) -> None:
    found = judged("X30A, B20A, A80B, X20B, B10C", rule(method=method))

    assert found.verdict("A").flags == ("cycle",)
    assert found.verdict("B").flags == ("cycle",)
    assert found.verdict("C").flags == ()


def test_who_owns_itself_is_a_circle_of_one_and_exactly_half_stays_undecided() -> None:
    found = judged("X45A, A10A", rule(method="multiplied"))

    assert found.verdict("A").flags == ("cycle",)
    assert found.outcome("A") == "unknown_share"


def test_a_circle_that_nobody_feeds_is_owned_by_nobody() -> None:
    assert owned(judged("A100B, B100A, X60C", rule())) == "C"


@pytest.mark.parametrize("method", ["aggregate", "multiplied"])
def test_a_thousand_links_and_a_thousand_holders_are_no_trouble(method: str) -> None:
    chain = ", ".join(f"{_name(n)}100{_name(n + 1)}" for n in range(1000))
    star = ", ".join(f"{_name(n)}0.1Z" for n in range(1000))

    found = judged(f"X100{_name(0)}, {chain}, {star}", rule(method=method))

    assert found.outcome(_name(1000)) == "yes"
    assert found.outcome("Z") == "yes"


def _name(number: int) -> str:
    return "N" + "".join(chr(ord("A") + int(digit)) for digit in str(number))


def test_somebody_is_found_by_id_else_by_identifier_else_by_the_whole_name() -> None:
    names = {"A": "Alpha", "B": "A", "C": "Alpha", "X": "X"}
    graph = bods(
        *(entity(one, name=name) for one, name in names.items()), holds("r", "X", "A", None)
    )
    found = judge(graph, rule(), {})

    assert "A" in found
    assert "Alpha" not in found
    assert found.find("A") == ["A"], "and not B, which is called so"
    assert sorted(found.find("Alpha")) == ["A", "C"]
    assert found.find("Alph") == []
