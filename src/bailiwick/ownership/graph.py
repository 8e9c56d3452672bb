"""Who holds what: the records of all files, as a graph from holders to what they hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from bailiwick.errors import Position
from bailiwick.ownership.shares import Share


class Kind(StrEnum):
    """What sort of holder or subject a node is."""

    PERSON = "person"
    ENTITY = "entity"
    UNKNOWN = "unknown"
    """The data does not say."""
    UNSPECIFIED = "unspecified"
    """A holder that exists, and of whom the data says only that nobody names it."""


@dataclass(frozen=True, slots=True)
class Node:
    """A person, a company, or somebody whom the data does not name."""

    id: str
    name: str = ""
    kind: Kind = Kind.UNKNOWN
    identifiers: frozenset[str] = frozenset()
    """``SCHEME:ID``, and the id of its record."""
    headquarters: frozenset[str] = frozenset()
    """Canonical places; empty: unknown."""
    jurisdiction: str | None = None
    """Canonical place of registration. Not where it is run from."""
    position: Position | None = None


class Holding(NamedTuple):
    """One interest of a holder in a subject."""

    holder: str
    subject: str
    share: Share
    interest: str = "shareholding"
    """A BODS interest type."""
    direct: bool = True
    """``False``: through others, or it is not known whether through others. Such a share may tell
    again of what direct ones tell."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Everything the files say, without what they take back or say twice."""

    nodes: Mapping[str, Node]
    holdings: Sequence[Holding]
    notes: tuple[str, ...] = ()
    """What was left out and why, for people."""

    def name(self, node: str) -> str:
        """Name a node for people."""
        found = self.nodes.get(node)
        return f"{found.name} ({node})" if found and found.name else node


@dataclass(slots=True)
class Builder:
    """Collects nodes and holdings; a node that is only named in a holding is made."""

    nodes: dict[str, Node] = field(default_factory=dict)
    holdings: list[Holding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def hold(self, holding: Holding) -> None:
        """Add one holding."""
        self.holdings.append(holding)
        for name in (holding.holder, holding.subject):
            if name not in self.nodes:
                self.nodes[name] = Node(name, identifiers=frozenset({name}))

    def graph(self) -> Graph:
        """Finish."""
        return Graph(self.nodes, tuple(self.holdings), tuple(self.notes))


def cycles(count: int, edges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Find the strongly connected components of a graph on ``0..count-1``, owners first.

    Tarjan's algorithm without recursion. It yields what is reached last first, so the order is
    turned around: every component comes after those that own parts of it.
    """
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        after[source].append(target)
    search = _Search(after)
    for start in range(count):
        if search.number[start] < 0:
            search.visit(start)
    return search.found[::-1]


class _Search:
    def __init__(self, after: list[list[int]]) -> None:
        self.after = after
        self.number = [-1] * len(after)
        self.lowest = [0] * len(after)
        self.open: list[int] = []
        self.is_open = [False] * len(after)
        self.found: list[list[int]] = []
        self.seen = 0

    def visit(self, start: int) -> None:
        path = [(start, iter(self._enter(start)))]
        while path:
            node, rest = path[-1]
            for target in rest:
                if self.number[target] < 0:
                    path.append((target, iter(self._enter(target))))
                    break
                if self.is_open[target]:
                    self.lowest[node] = min(self.lowest[node], self.number[target])
            else:
                path.pop()
                self._leave(node)
                if path:
                    above = path[-1][0]
                    self.lowest[above] = min(self.lowest[above], self.lowest[node])

    def _enter(self, node: int) -> list[int]:
        self.number[node] = self.lowest[node] = self.seen
        self.seen += 1
        self.open.append(node)
        self.is_open[node] = True
        return self.after[node]

    def _leave(self, node: int) -> None:
        if self.lowest[node] != self.number[node]:
            return
        component: list[int] = []
        while not component or component[-1] != node:
            component.append(self.open.pop())
            self.is_open[component[-1]] = False
        self.found.append(component)
