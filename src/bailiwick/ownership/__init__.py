"""Who owns whom: whether listed owners, or owners from a place, hold enough of a company.

``read_graph`` reads holders and shares, ``read_list`` the listed identifiers, ``judge`` puts the
graph to one test of a policy. Nothing here does I/O or reads a clock, and no share is a float.
"""

from bailiwick.ownership.graph import Graph, Holding, Kind, Node
from bailiwick.ownership.judge import FLAGS, Judgement, Part, Verdict, judge
from bailiwick.ownership.read import read_graph
from bailiwick.ownership.seeds import read_list
from bailiwick.ownership.shares import Share, in_words, percent, read_share

__all__ = [
    "FLAGS", "Graph", "Holding", "Judgement", "Kind", "Node", "Part", "Share", "Verdict",
    "in_words", "judge", "percent", "read_graph", "read_list", "read_share",
]  # fmt: skip
