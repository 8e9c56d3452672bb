"""A share of a whole, as far as it is known: exact fractions, never floats.

A bound is a fraction and a sign: ``(1/4, 1)`` is just above a quarter, ``(1/4, -1)`` just below.
So "more than 25 %" and "25 % or more" stay two things through every sum.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from bailiwick.errors import InvalidInput

Bound = tuple[Fraction, int]

ZERO, ONE = Fraction(0), Fraction(1)
NUMBER = r"([0-9]{1,3}(?:\.[0-9]{1,30})?)"
_EXACT = re.compile(rf"={{0,2}} ?{NUMBER} ?%?")
_FRACTION = re.compile(r"([0-9]{1,4})/([0-9]{1,3})")
_RANGE = re.compile(rf"{NUMBER} ?%? ?(?:-|\.\.|to) ?{NUMBER} ?%?")
_BOUND = re.compile(rf"(>=|>|<=|<) ?{NUMBER} ?%?")
HELP = (
    "write a percentage as 50 or 33.3%, a fraction as 1/3, a range as 25-50, a bound as >25, "
    ">=25, <50, <=50, both as >25 <=50, or unknown"
)


class Share(NamedTuple):
    """What is certain, and what is possible."""

    low: Bound
    high: Bound


UNKNOWN = Share((ZERO, 0), (ONE, 0))


def exact(share: Fraction) -> Share:
    """Make a share that is known."""
    return Share((share, 0), (share, 0))


@lru_cache(maxsize=65536)
def read_share(text: str) -> Share:
    """Read a percentage, a fraction or a range as people write them; empty is unknown."""
    text = text.strip()
    if text.casefold() in {"", "unknown", "?"}:
        return UNKNOWN
    if match := _EXACT.fullmatch(text):
        return checked(exact(_percent(match[1])), text)
    if (match := _FRACTION.fullmatch(text)) and int(match[2]):
        return checked(exact(Fraction(int(match[1]), int(match[2]))), text)
    if match := _RANGE.fullmatch(text):
        return checked(Share((_percent(match[1]), 0), (_percent(match[2]), 0)), text)
    return checked(_bounded(text), text)


def _bounded(text: str) -> Share:
    """Read one or two bounds, as in ``>25 <=50``."""
    low, high = UNKNOWN
    parts = _BOUND.findall(text)
    if not parts or len(parts) > 2 or _BOUND.sub("", text).strip(" ,"):
        raise _wrong(text)
    for sign, number in parts:
        if sign[0] == ">":
            low = (_percent(number), 1 if sign == ">" else 0)
        else:
            high = (_percent(number), -1 if sign == "<" else 0)
    return Share(low, high)


def checked(share: Share, text: str) -> Share:
    """Refuse what is no part of a whole, and ranges that hold nothing."""
    if share.low[0] < 0 or share.high[0] > 1:
        raise InvalidInput.of(f"share `{text[:40]}` is not between 0 and 100 %", HELP)
    if share.low > share.high:
        raise InvalidInput.of(f"share `{text[:40]}` begins above its end", HELP)
    return share


def _percent(text: str) -> Fraction:
    return Fraction(text) / 100


def _wrong(text: str) -> InvalidInput:
    return InvalidInput.of(f"`{ascii(text[:40])[1:-1]}` is not a share", HELP)


def percent(bound: Bound) -> str:
    """Write a bound for people, to at most six digits; ``~`` marks what was rounded."""
    value = bound[0] * 100
    rounded = Fraction(round(value * 10**6), 10**6)
    digits = f"{int(rounded)}.{int(rounded % 1 * 10**6):06d}".rstrip("0").rstrip(".")
    return f"{'' if rounded == value else '~'}{digits} %"


def in_words(share: Share) -> str:
    """Write a share for people: ``60 %``, ``25 % to 50 %``, ``over 25 %``, ``unknown``."""
    low, high = share
    if low == high:
        return percent(low)
    if share == UNKNOWN:
        return "unknown"
    begin = f"{'over ' if low[1] > 0 else ''}{percent(low)}"
    if high == (ONE, 0):
        return begin if low[1] else f"at least {begin}"
    return f"{begin} to {'under ' if high[1] < 0 else ''}{percent(high)}"
