"""The product: shares are multiplied along each chain of holders, and the chains are added up.

A node's stake is what the seeds hold of it so, between what is certain and what is possible. Nodes
are worked out owners first, in whole numbers of a grid on which products of eight shares are exact;
beyond that what is certain is rounded down and what is possible up. In a circle of owners the stake
is approached from both sides, so it may stay undecided where it is all but equal to the threshold.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from bailiwick.ownership.scale import split
from bailiwick.ownership.shares import Share
from bailiwick.ownership.slots import Prepared, Slot, Stakes

LEVELS = 8
ROUNDS = 200
WORK = 500_000
"""Most holdings to look at in one circle; a larger circle gets fewer rounds, but at least four."""
NEAR = 10**15

Number = tuple[int, int]
"""A numerator on the grid, and a sign: just above or below."""
NOTHING: tuple[Number, Number] = ((0, 0), (0, 0))


def product(prepared: Prepared) -> Stakes:
    """Find who counts when shares are multiplied."""
    work = _Product(prepared)
    for component in prepared.components:
        work.component(component)
    proved, possible = {}, {}
    for rank, node in enumerate(node for one in prepared.components for node in one):
        low, high = work.held.get(node, NOTHING)
        if node in prepared.certain or work.passes(low):
            proved[node] = rank
        if node in work.open or work.passes(high):
            possible[node] = rank
    return Stakes(proved, possible, work.share)


class _Product:
    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.denominator = prepared.scale.denominator
        self.whole = self.denominator**LEVELS
        self.undisclosed = prepared.rule.undisclosed == "unknown"
        self.open = prepared.possible | (prepared.blank if self.undisclosed else frozenset())
        self.held: dict[int, tuple[Number, Number]] = {}
        """What the seeds have of each subject, through others."""

    def passes(self, number: Number) -> bool:
        return self.prepared.rule.is_passed(*self.bound(number))

    def bound(self, number: Number) -> tuple[Fraction, int]:
        return Fraction(number[0], self.whole), number[1]

    def share(self, node: int) -> Share:
        """Give the stake for people."""
        low, high = self.held.get(node, NOTHING)
        return Share(self.bound(low), self.bound(high))

    def component(self, nodes: Sequence[int]) -> None:
        """Work out one circle, or one node in none."""
        if self.prepared.in_circles.isdisjoint(nodes):
            self._step(nodes)
            return
        for node in nodes:
            self.held[node] = ((0, 0), (self.whole, 0))
        slots = (slot for node in nodes for slot in self.prepared.by_subject.get(node, ()))
        rounds = WORK // max(1, sum(len(slot.pieces) for slot in slots))
        for _ in range(min(ROUNDS, max(4, rounds))):
            if self._step(nodes) * NEAR <= self.whole:
                return

    def _step(self, nodes: Iterable[int]) -> int:
        """Work out each node from its holders; give the largest doubt that is left."""
        doubt = 0
        for node in nodes:
            slots = self.prepared.by_subject.get(node)
            if slots:
                low = max(self._low(slot) for slot in slots)
                high = max(self._high(slot) for slot in slots)
                self.held[node] = (low, high)
                doubt = max(doubt, high[0] - low[0])
        return doubt

    def _least(self, node: int) -> Number:
        """Say how much of ``node`` counts for certain: all of a seed, else what seeds have."""
        if node in self.prepared.certain:
            return self.whole, 0
        return self.held.get(node, NOTHING)[0]

    def _most(self, node: int) -> Number:
        return (self.whole, 0) if node in self.open else self.held.get(node, NOTHING)[1]

    def _low(self, slot: Slot) -> Number:
        sums = {True: (0, 0), False: (0, 0)}
        for piece in slot.pieces:
            value, sign = self._times(piece.low, self._least(piece.holder), up=False)
            before = sums[piece.direct]
            sums[piece.direct] = (before[0] + value, before[1] + sign)
        most = (0, 0) if slot.contradictory else (self.whole, 0)
        return _plain(min(most, max(sums.values())))

    def _high(self, slot: Slot) -> Number:
        """Give what counts of each holder at most, and never what is certainly not theirs."""
        held, held_sign, others, others_sign = 0, 0, 0, 0
        for piece in slot.pieces:
            value, sign = most = self._most(piece.holder)
            if value:
                add = self._times(piece.high, most, up=True)
                held, held_sign = held + add[0], held_sign + add[1]
            if piece.direct:
                add = self._times(piece.low, (self.whole - value, -sign), up=False)
                others, others_sign = others + add[0], others_sign + add[1]
        if slot.contradictory:
            others, others_sign = 0, 0
        rest = (self.whole - others, -others_sign)
        return _plain(rest if self.undisclosed else min((held, held_sign), rest))

    def _times(self, share: int, stake: Number, *, up: bool) -> Number:
        if not share or not stake[0]:
            return 0, int(bool(share > 0 and stake[1] > 0))
        value, above = split(share)
        sign = value * stake[1] + stake[0] * above
        number = value * stake[0]
        rounded = -(-number // self.denominator) if up else number // self.denominator
        return rounded, (sign > 0) - (sign < 0)


def _plain(number: Number) -> Number:
    return number[0], (number[1] > 0) - (number[1] < 0)
