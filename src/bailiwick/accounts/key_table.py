"""Which account a key belongs to, for a million keys in 20 MB that processes can share.

Half a digest is 16 random bytes, so its first bits say where to look: about sixteen halves stand
there side by side, and one search through these few bytes finds the right one. Numbers of accounts
stand beside in an array. What is added later is in a dict; what dies is marked in place.
"""

from array import array
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain
from typing import Final, Literal

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

    def __init__(self, count: int) -> None:
        """``count``: about how many there will be."""
        bits = min((count // TOGETHER).bit_length(), _BITS)
        self._shift = _BITS - bits
        self._halves = [bytearray() for _ in range(1 << bits)]
        self._numbers = [array("I") for _ in range(1 << bits)]
        self._expiries = [array("q") for _ in range(1 << bits)]
        self._expire = False

    def add(self, half: bytes, number: int, expires_at: int | None) -> None:
        """Take in one key."""
        bucket = (half[0] << 8 | half[1]) >> self._shift
        self._halves[bucket] += half
        self._numbers[bucket].append(number)
        self._expiries[bucket].append(NEVER if expires_at is None else expires_at)
        self._expire = self._expire or expires_at is not None

    def table(self) -> KeyTable:
        """Give the table."""
        begins = array("I", accumulate(map(len, self._halves), initial=0))
        made = KeyTable(b"".join(self._halves), begins, _joined("I", self._numbers), self._shift)
        if self._expire:
            made.expiries = _joined("q", self._expiries)
        return made


def _joined(kind: Literal["I", "q"], parts: Iterable["array[int]"]) -> "array[int]":
    whole = array(kind)
    for part in parts:
        whole.extend(part)
    return whole
