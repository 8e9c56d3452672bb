"""The fixed point: who passes the threshold counts whole, and hands on all that it holds.

"Owned 50 % or more in the aggregate, directly or indirectly, by one or more blocked persons", where
indirectly means through entities that are themselves so owned (OFAC, FAQ 398 to 401). It is no
product of percentages: a chain of halves stays owned at every depth.

Two sets grow from the seeds and never shrink, so that one look at each holding is enough: the one
by what is certain, the other by what is possible. Who is in the second only is undecided.
"""

from collections.abc import Iterable, Sequence

from bailiwick.ownership.shares import Share
from bailiwick.ownership.slots import Piece, Prepared, Slot, Stakes


class Tally:
    """How much of one slot those who count hold for certain."""

    __slots__ = ("direct", "indirect", "slot")

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.direct = self.indirect = 0

    def add(self, piece: Piece) -> int:
        """Count one more holder; give the total."""
        if piece.direct:
            self.direct += piece.low
        else:
            self.indirect += piece.low
        return self.total()

    def total(self) -> int:
        """Give the larger of both sums; nothing, if the statements contradict each other."""
        return 0 if self.slot.contradictory else max(self.direct, self.indirect)


class Room(Tally):
    """How much of one slot those who may count can hold: never what others have for certain."""

    __slots__ = ("held", "rest", "undisclosed", "whole")

    def __init__(self, slot: Slot, whole: int, undisclosed: bool) -> None:
        self.slot = slot
        self.direct = self.indirect = 0
        self.whole, self.undisclosed = whole, undisclosed
        self.held, self.rest = 0, whole - slot.taken

    def add(self, piece: Piece) -> int:
        """Count one more holder, and no longer as one of the others; give the total."""
        self.held += piece.high
        if piece.direct:
            self.rest += piece.low
        return self.total()

    def total(self) -> int:
        """Give the most that is possible."""
        rest = self.whole if self.slot.contradictory else self.rest
        return rest if self.undisclosed else min(self.held, rest)


def fixed_point(prepared: Prepared) -> Stakes:
    """Find who counts when holdings are handed on whole."""
    undisclosed = prepared.rule.undisclosed == "unknown"
    tallies = [Tally(slot) for slot in prepared.slots]
    rooms = [Room(slot, prepared.scale.whole, undisclosed) for slot in prepared.slots]
    blank = prepared.blank if undisclosed else frozenset()
    proved = _grow(prepared, prepared.certain, tallies)
    possible = _grow(prepared, prepared.possible | blank, rooms)

    def share(node: int) -> Share:
        slots = [slot.number for slot in prepared.by_subject.get(node, ())]
        low = max((tallies[number].total() for number in slots), default=0)
        high = max((rooms[number].total() for number in slots), default=0)
        return Share(prepared.scale.bound(low), prepared.scale.bound(high))

    return Stakes(proved, possible, share)


def _grow(prepared: Prepared, seeds: Iterable[int], tallies: Sequence[Tally]) -> dict[int, int]:
    """Let in the seeds, and then everybody of whom those inside hold enough; give the order."""
    passes, held = prepared.passes, prepared.held_by
    inside: dict[int, int] = {}
    waiting = [*sorted(seeds), *(one.slot.subject for one in tallies if passes(one.total()))]
    for node in waiting:
        if node in inside:
            continue
        inside[node] = len(inside)
        for piece in held.get(node, ()):
            tally = tallies[piece.slot]
            if passes(tally.add(piece)) and tally.slot.subject not in inside:
                waiting.append(tally.slot.subject)
    return inside
