"""Small graphs as people draw them: ``X50A`` is X with 50 % of A."""

import re
from datetime import date
from fractions import Fraction

from bailiwick.ownership import Graph, Judgement, judge, read_graph
from bailiwick.places import PlaceSet
from bailiwick.policy import OwnershipRule

EDGE = re.compile(r"([A-Z]+)([0-9.]+)([A-Z]+)")
DAY = date(2026, 7, 1)


def rule(
    threshold: str = ">= 50%", method: str = "aggregate", place: str | None = None, **more: object
) -> OwnershipRule:
    """Make a test as a policy would."""
    share = Fraction(threshold.strip(">=% ")) / 100
    places = (PlaceSet(frozenset({place})),) if place else ()
    return OwnershipRule(
        "half", share, not threshold.startswith(">="), headquarters=places, method=method, **more
    )  # type: ignore[arg-type]  # more is what a test says


def graph(text: str, nodes: str = "") -> Graph:
    """Read edges drawn as ``X50A, A50B`` or whole rows ``X;A;25-50``, and rows of nodes."""
    rows = ["holder,subject,share"]
    for part in text.split(","):
        drawn = EDGE.fullmatch(part.strip())
        holder, share, subject = drawn.groups() if drawn else _row(part)
        rows.append(f"{holder},{subject},{share}")
    files = [("edges.csv", "\n".join(rows))]
    if nodes:
        files.append(("nodes.csv", "id,type,headquarters,jurisdiction\n" + nodes))
    return read_graph(files, DAY)


def _row(part: str) -> tuple[str, str, str]:
    holder, subject, share = part.strip().split(";")
    return holder, share, subject


def judged(text: str, test: OwnershipRule, listed: str = "X", nodes: str = "") -> Judgement:
    """Put a drawn graph to a test; ``listed`` are the listed owners."""
    return judge(graph(text, nodes), test, dict.fromkeys(listed.split(), "list:1"))


def outcomes(found: Judgement) -> dict[str, str]:
    return {node: found.outcome(node) for node in found.nodes()}


def owned(found: Judgement, listed: str = "X") -> str:
    """Write who is owned, without the listed owners themselves."""
    return " ".join(
        sorted(one for one, how in outcomes(found).items() if how == "yes" and one not in listed)
    )
