"""Events that differ in a few values only: what they share is encoded once, the rest filled in."""

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from bailiwick.audit.records import canonical

_MARK = secrets.token_hex(16)
"""Stands where a value is to be filled in; nobody outside can write it."""


def form(event: Mapping[str, Any], blanks: Mapping[str, bytes], fillings: int = 1) -> bytes:
    """Write an event with blanks, to be filled by ``%`` in the alphabetical order of their names.

    ``fillings``: how often, as what fills a blank may leave one.

    ``blanks`` gives the conversion of each, such as ``%d``; a value that is filled in must be
    encoded already. A blank that the event does not have is left out.
    """
    names = sorted(event.keys() & blanks)
    marks = {name: f"{_MARK}-{number}" for number, name in enumerate(names)}
    text = canonical({**event, **marks}).replace(b"%", b"%" * 2**fillings)
    for name, mark in marks.items():
        text = text.replace(b'"%b"' % mark.encode(), blanks[name])
    return text


def reread(event: bytes) -> dict[str, Any]:
    """Give the values of an event that is written already."""
    found: dict[str, Any] = msgspec.json.decode(event)
    return found
