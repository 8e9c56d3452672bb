"""Bounds as whole numbers: exact like fractions, and quick to add up and to compare.

All shares of a graph have a common denominator. A bound is its numerator, shifted, with the sign
(just above, just below) in the low bits, so that sums and comparisons come out right by themselves.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import lcm

from bailiwick.ownership.shares import Bound

BITS = 40
"""Room for the signs of up to 2^39 holders."""
HALF = 1 << (BITS - 1)


class Scale:
    """The common denominator of one graph and one test."""

    def __init__(self, shares: Iterable[Fraction]) -> None:
        self.denominator = lcm(*{share.denominator for share in shares})
        self.whole = self.number((Fraction(1), 0))

    def number(self, bound: Bound) -> int:
        """Turn a bound into a whole number."""
        value, sign = bound
        return (value.numerator * (self.denominator // value.denominator) << BITS) + sign

    def bound(self, number: int) -> Bound:
        """Turn a whole number back into a bound."""
        value, sign = split(number)
        return Fraction(value, self.denominator), sign


def split(number: int) -> tuple[int, int]:
    """Take the numerator and the sign apart."""
    value = (number + HALF) >> BITS
    sign = number - (value << BITS)
    return value, (sign > 0) - (sign < 0)
