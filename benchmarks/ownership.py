"""How long an ownership test takes on a graph of 100,000 holdings, from text to every answer."""

import time
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from random import Random

from bailiwick.ownership import Graph, judge, read_graph
from bailiwick.policy import OwnershipRule
from benchmarks.options import Options
from benchmarks.report import Goal, Section, Spread, Table

HOLDINGS, COMPANIES = 100_000, 40_000
SHARES = ("5", "10", "33.3", "25", "12.5", "40-60", "unknown")
DAY = date(2026, 7, 1)


def run(options: Options) -> Section:
    """Measure."""
    shapes = {
        "at random, one large circle": _rows(Random(5), circles=True),
        "owners before what they own, no circle": _rows(Random(5), circles=False),
        "one chain": ["holder,subject,share", *(f"N{n},N{n + 1},50" for n in range(HOLDINGS))],
    }
    rows, slowest = [], 0.0
    for name, lines in shapes.items():
        text = "\n".join(lines)
        graph = read_graph([("h.csv", text)], DAY)
        read = _seconds(lambda text=text: read_graph([("h.csv", text)], DAY), options)
        fixed = _seconds(lambda graph=graph: _judge(graph, "aggregate"), options)
        product = _seconds(lambda graph=graph: _judge(graph, "multiplied"), options)
        slowest = max(slowest, fixed.median)
        rows.append((name, read.show(), fixed.show(), product.show()))
    columns = ("graph", "read CSV", "aggregate", "multiplied")
    return Section(
        "Ownership",
        (Table(f"{HOLDINGS:,} holdings, CPU seconds", columns, rows),),
        (Goal("100,000 edges judged by the fixed point, slowest graph", "<=", 2.0, slowest, "s"),),
    )


def _rows(random: Random, *, circles: bool) -> list[str]:
    seen: set[tuple[int, int]] = set()
    while len(seen) < HOLDINGS:
        one, other = random.randrange(COMPANIES), random.randrange(COMPANIES)
        if one != other:
            seen.add((one, other) if circles else (min(one, other), max(one, other)))
    return [
        "holder,subject,share",
        *(f"N{a},N{b},{random.choice(SHARES)}" for a, b in sorted(seen)),
    ]


def _judge(graph: Graph, method: str) -> int:
    rule = OwnershipRule("half", Fraction(1, 2), strict=False, method=method)
    listed = {f"N{number}": "list:1" for number in range(0, COMPANIES, 50)}
    found = judge(graph, rule, listed)
    return sum(found.outcome(node) == "yes" for node in found.nodes())


def _seconds(work: Callable[[], object], options: Options) -> Spread:
    taken = []
    for _ in range(options.rounds):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return Spread.of(taken)
