"""Put a graph to an ownership test: yes, no or unknown share for everybody, with the chain."""

import gc
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bailiwick.ownership.aggregate import fixed_point
from bailiwick.ownership.graph import Graph
from bailiwick.ownership.multiplied import product
from bailiwick.ownership.seeds import Seeds, find_seeds
from bailiwick.ownership.shares import ZERO, Share
from bailiwick.ownership.slots import Piece, Prepared, Stakes, prepare
from bailiwick.policy import OwnershipRule

YES, NO, UNKNOWN_SHARE = "yes", "no", "unknown_share"
CYCLE, OVER_WHOLE, NO_HOLDERS = "cycle", "over_100", "no_holders"
FLAGS: Mapping[str, str] = {
    CYCLE: "it holds a part of itself through others: a person should look",
    OVER_WHOLE: "the shares recorded come to more than 100 %, so they prove nothing",
    NO_HOLDERS: "nobody is recorded as a holder, so nothing is known",
}
MOST_STEPS = 200
"""A longer chain is cut."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one holder has, and what that holder is itself."""

    holder: str
    share: Share
    direct: bool
    outcome: str
    counts: bool
    """Whether what this holder has is counted, for certain or possibly."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one node."""

    node: str
    name: str
    outcome: str
    share: Share
    """What holders that count have of it, together."""
    reason: str | None
    """Why it counts by itself, or may; ``None``: it does not."""
    flags: tuple[str, ...]
    parts: tuple[Part, ...]
    """Its holders; if it was proved, only those that led to it."""


class Judgement:
    """The answers of one test about one graph."""

    def __init__(self, graph: Graph, seeds: Seeds, prepared: Prepared, stakes: Stakes) -> None:
        self._graph = graph
        self._seeds = seeds
        self._prepared = prepared
        self._stakes = stakes
        self._number = {name: index for index, name in enumerate(prepared.names)}

    @property
    def rule(self) -> OwnershipRule:
        """The test."""
        return self._prepared.rule

    @property
    def ignored(self) -> int:
        """How many holdings are of an interest that the test does not count."""
        return self._prepared.ignored

    def __contains__(self, node: object) -> bool:
        return node in self._number

    def nodes(self) -> Sequence[str]:
        """List everybody in the graph."""
        return self._prepared.names

    def find(self, text: str) -> Sequence[str]:
        """Find nodes by id, by identifier, or by name if it is exactly the same."""
        if text in self._number:
            return [text]
        nodes = self._graph.nodes.values()
        found = [node.id for node in nodes if text in node.identifiers]
        return found or [node.id for node in nodes if node.name == text]

    def outcome(self, node: str) -> str:
        """Say ``yes``, ``no`` or ``unknown_share``."""
        return self._outcome(self._number[node])

    def verdict(self, node: str) -> Verdict:
        """Give the outcome of one node with what it rests on."""
        number, outcome = self._number[node], self.outcome(node)
        return Verdict(
            node=node,
            name=self._graph.nodes[node].name,
            outcome=outcome,
            share=self._share(number),
            reason=self._seeds.certain.get(node) or self._seeds.possible.get(node),
            flags=tuple(self._flags(number)),
            parts=tuple(self._parts(number)),
        )

    def chain(self, node: str) -> Sequence[Verdict]:
        """Give what leads to the outcome of ``node``: that is last, and what it rests on before."""
        found: dict[str, Verdict] = {}
        waiting = deque([node])
        while waiting and len(found) < MOST_STEPS:
            name = waiting.popleft()
            if name not in found:
                found[name] = self.verdict(name)
                waiting += (one.holder for one in found[name].parts if one.counts)
        return [*found.values()][::-1]

    def _outcome(self, number: int) -> str:
        if number in self._stakes.proved:
            return YES
        if number in self._stakes.open or number in self._prepared.blank:
            return UNKNOWN_SHARE
        return NO

    def _flags(self, number: int) -> Iterator[str]:
        if number in self._prepared.in_circles:
            yield CYCLE
        if any(slot.contradictory for slot in self._prepared.by_subject.get(number, ())):
            yield OVER_WHOLE
        if number in self._prepared.blank and number not in self._stakes.proved:
            yield NO_HOLDERS

    def _parts(self, number: int) -> Iterator[Part]:
        """Give the holders; of one that was proved those that led to it, so no chain goes round."""
        if number in self._prepared.certain:
            return
        rank = self._stakes.proved.get(number)
        for slot in self._prepared.by_subject.get(number, ()):
            for piece in slot.pieces:
                if rank is None or self._multiplies or self._rank(piece.holder) < rank:
                    yield self._part(piece)

    def _part(self, piece: Piece) -> Part:
        bound = self._prepared.scale.bound
        share = Share(bound(piece.low), bound(piece.high))
        name, outcome = self._prepared.names[piece.holder], self._outcome(piece.holder)
        return Part(name, share, piece.direct, outcome, self._counts(piece.holder))

    def _rank(self, number: int) -> int:
        return self._stakes.proved.get(number, len(self._number))

    def _share(self, number: int) -> Share:
        return self._stakes.share(number)

    @property
    def _multiplies(self) -> bool:
        return self.rule.method == "multiplied"

    def _counts(self, number: int) -> bool:
        some = self._multiplies and self._share(number).high > (ZERO, 0)
        return some or number in self._stakes.open


def judge(graph: Graph, rule: OwnershipRule, listed: Mapping[str, str]) -> Judgement:
    """Put ``graph`` to ``rule``; ``listed`` gives each listed identifier its place in a list."""
    method = product if rule.method == "multiplied" else fixed_point
    with _not_collecting():
        seeds = find_seeds(graph, rule, listed)
        prepared = prepare(graph, rule, seeds)
        return Judgement(graph, seeds, prepared, method(prepared))


@contextmanager
def _not_collecting() -> Iterator[None]:
    """Make hundreds of thousands of small values that all stay: looking for garbage among them
    takes as long as all the rest.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
