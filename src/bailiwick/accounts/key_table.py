"""Which account a key belongs to, for a million keys in 20 MB that processes can share.

Half a digest is 16 random bytes, so its first bits say where to look: about sixteen halves stand
there side by side, and one search through these few bytes finds the right one. Numbers of accounts
stand beside in an array. What is added later is in a dict; what dies is marked in place.
"""

from array import array
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import numpy as np

HALF: Final = 16
"""Bytes of a digest that find a key."""
TOGETHER: Final = 16
"""Halves that begin alike, about."""
DEAD: Final = 0xFFFFFFFF
"""In place of an account's number: the key counts no more."""
NEVER: Final = 2**63 - 1
_BITS: Final = 16
"""Bits at the beginning that can say where a half stands."""


class KeyTable:
    """Keys by half their digest. A key's place never changes."""

    def __init__(
        self, halves: bytes, begins: "array[int]", numbers: "array[int]", shift: int
    ) -> None:
        """``begins``: where the halves of each beginning stand, and their end at last."""
        self._halves = halves
        self._begins = begins
        self._shift = shift
        self._added: dict[bytes, int] = {}
        self.numbers = numbers
        """The account of every place, or ``DEAD``."""
        self.expiries: array[int] | None = None
        """Milliseconds for every place, or ``NEVER``; ``None``: no key expires."""
        self.live = len(numbers)
        """How many keys count."""

    @property
    def added(self) -> int:
        """How many keys were added since the table was made."""
        return len(self._added)

    def find(self, half: bytes) -> int:
        """Find a key's place; -1: nobody has it."""
        bucket = (half[0] << 8 | half[1]) >> self._shift
        end = self._begins[bucket + 1]
        at = self._halves.find(half, self._begins[bucket], end)
        while at % HALF and at > 0:  # across two halves
            at = self._halves.find(half, at + 1, end)
        return at // HALF if at >= 0 else self._added.get(half, -1)

    def add(self, half: bytes, number: int, expires_at: int | None) -> None:
        """Add a key, or say of one that is here when it expires."""
        place = self.find(half)
        if place >= 0:
            self.expire(place, expires_at)
            return
        place = len(self.numbers)
        self.numbers.append(number)
        if self.expiries is not None:
            self.expiries.append(NEVER)
        self.expire(place, expires_at)
        self.live += 1
        self._added[half] = place  # last, when everything that a lookup needs is here

    def expire(self, place: int, at: int | None) -> None:
        """Say when a key expires (milliseconds; ``None``: never)."""
        if self.expiries is None:
            if at is None:
                return
            self.expiries = array("q", [NEVER]) * len(self.numbers)
        self.expiries[place] = NEVER if at is None else at

    def end(self, half: bytes) -> None:
        """Make a key count no more, for good."""
        place = self.find(half)
        if place >= 0 and self.numbers[place] != DEAD:
            self.numbers[place] = DEAD
            self.live -= 1

    def __iter__(self) -> Iterator[tuple[bytes, int, int | None]]:
        """Give every key that counts: half its digest, its account's number, its expiry."""
        stood = len(self._halves) // HALF
        halves = (self._halves[at * HALF : (at + 1) * HALF] for at in range(stood))
        for place, half in enumerate(chain(halves, self._added)):
            number = self.numbers[place]
            if number != DEAD:
                ends = NEVER if self.expiries is None else self.expiries[place]
                yield half, number, None if ends == NEVER else ends


class KeyFilling:
    """Makes a table out of keys that come in any order."""

    def __init__(self, together: int = TOGETHER) -> None:
        """``together``: how many halves begin alike, about."""
        self._together = together
        self._halves = bytearray()
        self._numbers = array("I")
        self._expiries = array("q")

    def extend(
        self, halves: Iterable[bytes], numbers: Iterable[int], expiries: Iterable[int | None]
    ) -> None:
        """Take in keys: half of each digest, their accounts' numbers, when they expire."""
        self._halves += b"".join(halves)
        self._numbers.extend(numbers)
        self._expiries.extend([NEVER if at is None else at for at in expiries])

    def table(self) -> KeyTable:
        """Give the table."""
        count = len(self._numbers)
        bits = min((count // self._together).bit_length(), _BITS)
        halves = np.frombuffer(self._halves, np.dtype((np.void, HALF)))
        beginnings = np.frombuffer(self._halves, ">u2")[:: HALF // 2] >> (_BITS - bits)
        order = np.argsort(beginnings.astype(np.uint16), kind="stable")
        each = np.bincount(beginnings, minlength=1 << bits)
        begins = np.concatenate(([0], np.cumsum(each))) * HALF
        made = KeyTable(
            halves[order].tobytes(),
            array("I", begins.astype(np.uint32).tobytes()),
            array("I", np.frombuffer(self._numbers, np.uint32)[order].tobytes()),
            _BITS - bits,
        )
        expiries = np.frombuffer(self._expiries, np.int64)
        if (expiries != NEVER).any():
            made.expiries = array("q", expiries[order].tobytes())
        return made
