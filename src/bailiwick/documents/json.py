"""JSON, stricter than Python's reader: no key twice, no NaN, no text that is not UTF-8.

A body is one value, not too deep. A file of statements is values with the line on which each
begins, an array of them or one a line, and its numbers are exact fractions.
"""

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final, NoReturn

from bailiwick.errors import InvalidInput, Position

BLANK: Final = " \t\r\n"
MOST_DIGITS: Final = 40
MAX_DEPTH: Final = 64


class NotJson(ValueError):
    """The text is not JSON, or could be read in two ways."""


def read_json(body: bytes) -> Any:
    """Read a body of one value; raises ``NotJson``."""
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_constant
        )
    except NotJson:
        raise
    except (ValueError, RecursionError):
        raise NotJson("not JSON") from None
    _check_depth(value, MAX_DEPTH)
    return value


def read_values(text: str, file: str) -> Iterator[tuple[Any, Position]]:
    """Give each value of the array, or of the lines, with its position.

    Raises ``InvalidInput`` where the text is not JSON; whatever follows cannot be read.
    """
    text = text.removeprefix("\ufeff")
    lines = _Lines(text, file)
    at = _skip(text, 0)
    is_array = text.startswith("[", at)
    at = _skip(text, at + 1) if is_array else at
    while at < len(text) and not (is_array and text[at] == "]"):
        position = lines.at(at)
        try:
            value, at = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise InvalidInput.of(f"not JSON: {error.msg}", None, lines.at(error.pos)) from None
        except (ValueError, RecursionError) as error:
            raise InvalidInput.of(f"not JSON: {error}", None, position) from None
        yield value, position
        at = _next(text, _skip(text, at), is_array, lines)
    if is_array and _skip(text, at + 1) < len(text):
        raise InvalidInput.of("not JSON: text after the array", None, lines.at(at + 1))
    if is_array and at >= len(text):
        raise InvalidInput.of("not JSON: the array does not end", None, lines.at(len(text)))


class _Lines:
    """Turns offsets, which only grow, into lines and columns."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.line, self.start, self.counted = 1, 0, 0

    def at(self, offset: int) -> Position:
        found = self.text.count("\n", self.counted, offset)
        if found:
            self.line += found
            self.start = self.text.rindex("\n", self.counted, offset) + 1
        self.counted = max(self.counted, offset)
        return Position(self.file, self.line, offset - self.start + 1)


def _next(text: str, at: int, is_array: bool, lines: _Lines) -> int:
    if not is_array or at >= len(text) or text[at] == "]":
        return at
    following = _skip(text, at + 1)
    if text[at] != "," or text.startswith("]", following):
        raise InvalidInput.of("not JSON: expected `,` and a value, or `]`", None, lines.at(at))
    return following


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in BLANK:
        at += 1
    return at


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJson(f"the key `{ascii(twice[:40])[1:-1]}` is given twice")
    return found


def _check_depth(value: Any, left: int) -> None:
    if left < 0:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        if isinstance(one, dict | list):
            _check_depth(one, left - 1)


def _number(text: str) -> Fraction:
    if len(text) > MOST_DIGITS or "e" in text.lower():
        raise ValueError("a number is written with an exponent or too many digits")
    return Fraction(text)


def _constant(text: str) -> NoReturn:
    raise NotJson(f"{text} is not a number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_float=_number,
    parse_int=_number,
    parse_constant=_constant,
)
