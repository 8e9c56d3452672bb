"""A graph made ready for one test: numbers for nodes, and a slot for each kind of interest in each.

Within a slot shares add up. Direct and indirect statements may tell of the same shares, so what is
certain is the larger of the two sums, and what is possible is both together.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from bailiwick.ownership.graph import Graph, Holding, Kind, cycles
from bailiwick.ownership.scale import Scale
from bailiwick.ownership.seeds import Seeds
from bailiwick.ownership.shares import UNKNOWN, Share
from bailiwick.policy import OwnershipRule

UNSPOKEN = frozenset({"unknownInterest", "unpublishedInterest"})
"""Interests of which it is not said what they are: they may be the kind that counts."""


class Piece(NamedTuple):
    """What one holder has of a slot, in numbers of the scale."""

    holder: int
    slot: int
    low: int
    high: int
    direct: bool


@dataclass(slots=True)
class Slot:
    """One kind of interest in one subject."""

    number: int
    subject: int
    pieces: list[Piece] = field(default_factory=list)
    taken: int = 0
    """What all direct holders have for certain."""
    contradictory: bool = False
    """That is more than the whole, so it proves nothing."""


@dataclass(frozen=True)
class Prepared:
    """What a method works on."""

    rule: OwnershipRule
    scale: Scale
    names: Sequence[str]
    kinds: Sequence[Kind]
    slots: Sequence[Slot]
    certain: frozenset[int]
    possible: frozenset[int]
    """Nodes that may be counted by themselves, the certain ones included."""
    ignored: int
    """Holdings of interests that this test does not count."""

    @cached_property
    def passes(self) -> Callable[[int], bool]:
        """Ask whether a number of the scale passes the threshold."""
        threshold = self.scale.number((self.rule.threshold, 0))
        return threshold.__lt__ if self.rule.strict else threshold.__le__

    @cached_property
    def held_by(self) -> Mapping[int, list[Piece]]:
        """Find what somebody holds."""
        found: dict[int, list[Piece]] = defaultdict(list)
        for slot in self.slots:
            for piece in slot.pieces:
                found[piece.holder].append(piece)
        return dict(found)

    @cached_property
    def by_subject(self) -> Mapping[int, list[Slot]]:
        """Find the slots of a subject."""
        found: dict[int, list[Slot]] = defaultdict(list)
        for slot in self.slots:
            found[slot.subject].append(slot)
        return dict(found)

    @cached_property
    def components(self) -> list[list[int]]:
        """List the circles, and the nodes in none as circles of one; owners come first."""
        edges = ((piece.holder, slot.subject) for slot in self.slots for piece in slot.pieces)
        return cycles(len(self.names), edges)

    @cached_property
    def in_circles(self) -> frozenset[int]:
        """Find nodes that hold a part of themselves, directly or not."""
        many = {node for one in self.components if len(one) > 1 for node in one}
        selves = {
            slot.subject
            for slot in self.slots
            if any(piece.holder == slot.subject for piece in slot.pieces)
        }
        return frozenset(many | selves)

    @cached_property
    def blank(self) -> frozenset[int]:
        """Find what has holders, and none that is recorded."""
        without = {Kind.PERSON, Kind.UNSPECIFIED}
        return frozenset(
            node
            for node, kind in enumerate(self.kinds)
            if kind not in without and node not in self.by_subject
        )


@dataclass(frozen=True, slots=True)
class Stakes:
    """What a method found: who counts, and how much of each node those who count hold."""

    proved: Mapping[int, int]
    """Nodes that count for certain, with a rank: whoever they count through has a lower one."""
    open: Mapping[int, int]
    """Nodes that may count, the proved ones included, ranked alike."""
    share: Callable[[int], Share]
    """Say of a subject what those who count hold, of its largest slot."""


def prepare(graph: Graph, rule: OwnershipRule, seeds: Seeds) -> Prepared:
    """Give the nodes numbers and sort the holdings that ``rule`` counts into slots."""
    names = list(graph.nodes)
    numbers = {name: index for index, name in enumerate(names)}
    ends = (bound[0] for holding in graph.holdings for bound in holding.share)
    scale = Scale([rule.threshold, *ends])
    slots, ignored = _slots(graph, rule, numbers, scale)
    certain = frozenset(numbers[name] for name in seeds.certain)
    possible = certain | {numbers[name] for name in seeds.possible}
    kinds = [graph.nodes[name].kind for name in names]
    return Prepared(rule, scale, names, kinds, slots, certain, possible, ignored)


def _slots(
    graph: Graph, rule: OwnershipRule, numbers: Mapping[str, int], scale: Scale
) -> tuple[list[Slot], int]:
    slots: dict[tuple[str, str], Slot] = {}
    known: dict[int, tuple[int, int]] = {}  # by identity: most shares are the same few objects
    ignored = 0
    for holding in graph.holdings:
        counted = _counted(holding, rule)
        ignored += not counted
        for interest, share, direct in counted:
            slot = slots.get((holding.subject, interest))
            if slot is None:
                slot = Slot(len(slots), numbers[holding.subject])
                slots[holding.subject, interest] = slot
            ends = known.get(id(share))
            if ends is None:
                ends = known[id(share)] = (scale.number(share.low), scale.number(share.high))
            slot.pieces.append(Piece(numbers[holding.holder], slot.number, *ends, direct))
            slot.taken += ends[0] if direct else 0
    for slot in slots.values():
        slot.contradictory = slot.taken > scale.whole
    return list(slots.values()), ignored


def _counted(holding: Holding, rule: OwnershipRule) -> Sequence[tuple[str, Share, bool]]:
    """Say in which slots a holding counts, and how."""
    if holding.interest in rule.interests:
        return ((holding.interest, holding.share, holding.direct),)
    if holding.interest in UNSPOKEN:
        return [(interest, UNKNOWN, False) for interest in rule.interests]
    return ()
