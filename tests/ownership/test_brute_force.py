"""Ten thousand random graphs: the quick engine says what the definition says, word for word."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from random import Random

import pytest

from bailiwick.ownership import Graph, Holding, Kind, Node, Share, judge
from bailiwick.policy import OwnershipRule
from ownership.graphs import rule

GRAPHS = 10_000
PARTS = 8
NAMES = "XYABCDEF"
LISTED = {"X": "list:1", "Y": "list:2"}
SHARES = [Fraction(n, 100) for n in (3, 6, 10, 25, 30, 40, 41, 49, 50, 51, 60, 75, 100)]
Edge = tuple[str, str, Share]


def random_edges(random: Random, ranges: bool) -> list[Edge]:
    """Draw edges whose certain shares never come to more than the whole."""
    left = dict.fromkeys(NAMES, Fraction(1))
    found: dict[tuple[str, str], Share] = {}
    for _ in range(random.randint(1, 12)):
        holder, subject = random.choice(NAMES), random.choice(NAMES[2:])
        share = random.choice(SHARES)
        if (holder, subject) in found or holder == subject or share > left[subject]:
            continue
        left[subject] -= share
        high = min(Fraction(1), share + random.choice(SHARES)) if ranges else share
        if ranges and random.random() < 0.7:
            high = share
        found[holder, subject] = Share(
            (share, random.choice([0, 1]) if high > share else 0),
            (high, random.choice([0, -1]) if high > share else 0),
        )
    return [(*pair, share) for pair, share in found.items()]


def as_graph(edges: list[Edge]) -> Graph:
    nodes = {name: Node(name, kind=Kind.PERSON, identifiers=frozenset({name})) for name in NAMES}
    return Graph(nodes, [Holding(holder, subject, share) for holder, subject, share in edges])


def owned_by_definition(edges: list[Edge], bounds: list[tuple[Fraction, int]], test: OwnershipRule) -> set[str]:  # fmt: skip
    """Ask everybody over and over, until nobody joins any more."""
    inside = set(LISTED)
    while True:
        joined = {
            name
            for name in NAMES
            if name not in inside
            and test.is_passed(*_held(name, inside, edges, bounds))
        }  # fmt: skip
        if not joined:
            return inside
        inside |= joined


def _held(name: str, inside: set[str], edges: list[Edge], bounds: list[tuple[Fraction, int]]) -> tuple[Fraction, int]:  # fmt: skip
    counted = [bound for (holder, subject, _), bound in zip(edges, bounds, strict=True) if subject == name and holder in inside]  # fmt: skip
    return sum((one[0] for one in counted), Fraction(0)), sum(one[1] for one in counted)


def corners(edges: list[Edge]) -> Iterator[list[tuple[Fraction, int]]]:
    """Give every way in which the ranges may turn out, at their ends, that fits into the whole.

    What comes to more than the whole is cut there: an end that cannot be reached is not an end.
    """
    for choice in product(*({share.low, share.high} for _, _, share in edges)):
        yield list(choice)


def fits(edges: list[Edge], bounds: list[tuple[Fraction, int]]) -> bool:
    totals: dict[str, tuple[Fraction, int]] = {}
    for (_, subject, _), bound in zip(edges, bounds, strict=True):
        before = totals.get(subject, (Fraction(0), 0))
        totals[subject] = (before[0] + bound[0], before[1] + bound[1])
    return all(total <= (Fraction(1), 0) for total in totals.values())


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("threshold", [">= 50%", "> 50%", ">= 25%"])
def test_exact_shares_are_judged_as_defined(threshold: str, part: int) -> None:
    random, test = Random(f"{threshold}{part}"), rule(threshold)
    for _ in range(GRAPHS // PARTS // 3 + 1):
        edges = random_edges(random, ranges=False)

        found = judge(as_graph(edges), test, LISTED)

        expected = owned_by_definition(edges, [share.low for *_, share in edges], test)
        assert {name for name in NAMES if found.outcome(name) == "yes"} == expected, edges
        assert all(found.outcome(name) == "no" for name in set(NAMES) - expected), edges


@pytest.mark.parametrize("part", range(PARTS))
def test_ranges_are_owned_if_always_and_clear_if_never(part: int) -> None:
    random = Random(part)
    for _ in range(GRAPHS // PARTS // 4):
        edges, test = random_edges(random, ranges=True), rule(random.choice([">= 50%", "> 50%"]))

        found = judge(as_graph(edges), test, LISTED)

        ways = [
            owned_by_definition(edges, bounds, test)
            for bounds in corners(edges)
            if fits(edges, bounds)
        ]
        if not ways:  # "over a half" twice: no way to be true
            continue
        always, ever = set.intersection(*ways), set.union(*ways)
        assert {name for name in NAMES if found.outcome(name) == "yes"} == always, edges
        assert all(found.outcome(name) != "no" for name in ever), edges


@pytest.mark.parametrize("part", range(PARTS))
def test_products_are_what_the_equations_say(part: int) -> None:
    random, test = Random(part), rule(method="multiplied")
    for _ in range(GRAPHS // PARTS // 4):
        edges = random_edges(random, ranges=False)

        found = judge(as_graph(edges), test, LISTED)

        for name, stake in solved(edges).items():
            if abs(stake - test.threshold) > Fraction(1, 10**9):
                expected = "yes" if stake > test.threshold else "no"
                assert found.outcome(name) in {expected, "unknown_share"}, (name, stake, edges)
                if not found.verdict(name).flags:
                    assert found.outcome(name) == expected or feeds_from_circle(found, name), edges
            elif not any(found.verdict(one).flags for one in NAMES):
                assert found.outcome(name) == "yes", (name, edges)


def feeds_from_circle(found: object, name: str) -> bool:
    return any("cycle" in one.flags for one in found.chain(name))  # type: ignore[attr-defined]


def solved(edges: list[Edge]) -> Mapping[str, Fraction]:
    """Solve x = seeds + shares * x exactly, by elimination; who cannot be solved is left out."""
    names = [name for name in NAMES if name not in LISTED]
    rows = []
    for name in names:
        row = [Fraction(int(name == other)) for other in names] + [Fraction(0)]
        for holder, subject, share in edges:
            if subject == name and holder in LISTED:
                row[-1] += share.low[0]
            elif subject == name:
                row[names.index(holder)] -= share.low[0]
        rows.append(row)
    for place in range(len(names)):
        pivot = next((row for row in rows[place:] if row[place]), None)
        if pivot is None:
            return {}
        rows.remove(pivot)
        rows.insert(place, [value / pivot[place] for value in pivot])
        for other in range(len(names)):
            if other != place and rows[other][place]:
                factor = rows[other][place]
                rows[other] = [
                    a - factor * b for a, b in zip(rows[other], rows[place], strict=True)
                ]
    return {name: rows[place][-1] for place, name in enumerate(names)}
