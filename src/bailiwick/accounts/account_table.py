"""What counts of every account, for a million of them in 40 MB that processes can share.

An account is a number here. Its state is one too: which standing it has (a status and a layout,
which accounts of which the same counts share), and where its moments begin. So a change is one word
that changes, and whoever reads sees all of it or nothing. Accounts added later are in a dict.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from heapq import merge
from itertools import accumulate, chain, islice, pairwise, repeat
from operator import lt
from typing import Final, NamedTuple

from bailiwick.accounts.derive import Layout, Moments
from bailiwick.accounts.values import milliseconds

NOBODY: Final = -1
"""In place of the number of an account or of a parent: there is none."""
LASTING: Final = 0xFFFFFFFF
"""In the low half of a state, in place of where its moments begin: nothing of it expires."""
_TOGETHER: Final = 4096
"""Texts that are decoded at a time."""


class Standing(NamedTuple):
    """What counts of an account, but for the times at which it ends."""

    status: str
    layout: Layout


class Texts:
    """Texts side by side in one block of memory."""

    __slots__ = ("_block", "_ends")

    def __init__(self) -> None:
        self._block = bytearray()
        self._ends = array("I", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, place: int) -> str:
        return str(self._block[self._ends[place] : self._ends[place + 1]], "ascii")

    def __iter__(self) -> Iterator[str]:
        for begin in range(0, len(self), _TOGETHER):
            ends = self._ends[begin : begin + _TOGETHER + 1]
            block = str(self._block[ends[0] : ends[-1]], "ascii")
            for start, end in pairwise(end - ends[0] for end in ends):
                yield block[start:end]

    def extend(self, texts: Sequence[str]) -> None:
        """Add some at the end."""
        begin = len(self._block)
        self._block += "".join(texts).encode("ascii")
        self._ends.extend(islice(accumulate(map(len, texts), initial=begin), 1, None))


class AccountTable:
    """Accounts and organisations by id. Neither a number nor a parent ever changes."""

    def __init__(self) -> None:
        self._ids = Texts()
        self._added: dict[str, int] = {}
        self._added_ids: list[str] = []
        self._standings: list[Standing] = []
        self._known: dict[tuple[str, int, bool], int] = {}
        self._moments = array("q")
        self.parents = array("i")
        """The number of every account's parent, or ``NOBODY``."""
        self.states = array("Q")
        """The state of every account. Equal ones: the same counts, and either all of them have an
        organisation or none has."""
        self.left = 0
        """Moments that no account uses any more."""

    def __len__(self) -> int:
        return len(self.states)

    @property
    def added(self) -> int:
        """How many accounts are in the dict."""
        return len(self._added)

    def number(self, identity: str) -> int:
        """Find an account's number, or ``NOBODY``."""
        found = self._added.get(identity)
        if found is not None:
            return found
        at = bisect_left(self._ids, identity)
        return at if at < len(self._ids) and self._ids[at] == identity else NOBODY

    def identity(self, number: int) -> str:
        """Give an account's id."""
        if number < len(self._ids):
            return self._ids[number]
        return self._added_ids[number - len(self._ids)]

    def numbers(self) -> Iterator[int]:
        """Give the numbers of all accounts, in the order of their ids."""
        if not self._added:
            return iter(range(len(self._ids)))
        added = sorted(self._added.values(), key=self.identity)
        return merge(range(len(self._ids)), added, key=self.identity)

    def identities(self) -> Iterator[str]:
        """Give the ids that ``numbers`` gives numbers of; quickest where nothing was added."""
        return map(self.identity, self.numbers()) if self._added else iter(self._ids)

    def above(self, number: int) -> Iterator[int]:
        """Give the numbers of an account's organisations, nearest first."""
        while (number := self.parents[number]) != NOBODY:
            yield number

    def standing(self, state: int) -> Standing:
        """Say what counts in a state."""
        return self._standings[state >> 32]

    def step(self, state: int, at: datetime) -> tuple[int, int | None]:
        """Say which profile of its layout a state has at ``at``, and until when (milliseconds)."""
        begin = state & LASTING
        if begin == LASTING:
            return 0, None
        count = len(self._standings[state >> 32].layout) - 1
        end = begin + count
        place = bisect_right(self._moments, milliseconds(at), begin, end)
        return place - begin, self._moments[place] if place < end else None

    def moments(self, state: int) -> Moments:
        """Say when the profiles of a state end."""
        begin, count = state & LASTING, len(self._standings[state >> 32].layout) - 1
        return self._moments[begin : begin + count]

    def set(self, identity: str, parent: str | None, standing: Standing, moments: Moments) -> None:
        """Take in an account as it is now; its organisations before it."""
        number = self.number(identity)
        if number == NOBODY:
            above = NOBODY if parent is None else self.number(parent)
            self.parents.append(above)
            self.states.append(self._state(standing, moments, lone=parent is None))
            self._added_ids.append(identity)
            self._added[identity] = len(self._ids) + len(self._added)  # last: readers begin here
            return
        before = self.states[number]
        if self.standing(before) != standing or list(self.moments(before)) != list(moments):
            self.left += len(self.moments(before))
            lone = self.parents[number] == NOBODY
            self.states[number] = self._state(standing, moments, lone=lone)

    def _state(self, standing: Standing, moments: Moments, *, lone: bool) -> int:
        # a layout stays, since its standing does, and so does the number that names it
        key = (standing.status, id(standing.layout), lone)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self._standings)
            self._standings.append(standing)
        if not moments:
            return found << 32 | LASTING
        begin = len(self._moments)
        self._moments.extend(moments)
        return found << 32 | begin


class AccountFilling:
    """Makes a table out of accounts that come in the order of their ids."""

    def __init__(self) -> None:
        self._table = AccountTable()
        self._last = ""
        self._children = array("I")
        self._parents = Texts()

    def state(self, standing: Standing, moments: Moments, *, lone: bool) -> int:
        """Make the state of an account; ``lone``: it has no organisation. What lasts (``LASTING``)
        has one state, however often it is made.
        """
        return self._table._state(standing, moments, lone=lone)

    def add(self, identity: str, parent: str | None, standing: Standing, moments: Moments) -> int:
        """Take in one account; returns its number."""
        number = len(self._table)
        self.extend([identity], [parent], [self.state(standing, moments, lone=parent is None)])
        return number

    def extend(
        self, ids: Sequence[str], parents: Sequence[str | None], states: Iterable[int]
    ) -> None:
        """Take in accounts."""
        table, number = self._table, len(self._table)
        if not all(map(lt, chain([self._last], ids), ids)):
            raise ValueError(f"accounts come out of order after `{self._last}`")
        self._last = ids[-1]
        children = [place for place, parent in enumerate(parents) if parent is not None]
        self._children.extend(number + place for place in children)
        self._parents.extend([str(parents[place]) for place in children])
        table._ids.extend(ids)
        table.parents.extend(repeat(NOBODY, len(ids)))
        table.states.extend(states)

    def table(self) -> AccountTable:
        """Give the table, now that every parent is known."""
        number = lru_cache(4096)(self._table.number)
        for place, child in enumerate(self._children):
            self._table.parents[child] = number(self._parents[place])
        return self._table
