r"""Turn an event into the bytes of one record; whatever is in it, it stays one line of ASCII.

Canonical form: JSON with the keys of every object sorted by code point, no spaces, and every
character beyond printable ASCII written ``\uXXXX``. So nothing in a value can end a line, move a
terminal's cursor or turn its text around, and one event has one spelling.

A value that is too long is cut, and the record says so in ``capped``: which value (a JSON pointer)
and how long it was. Only an event that is longer than one value may be is looked at for that.
"""

import re
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import msgspec

VALUE_CHARS: Final = 4096
"""A longer text is cut to this."""
EVENT_CHARS: Final = 16_384
"""All texts of one event together are cut to this."""
NAME_CHARS: Final = 200
ENTRIES: Final = 256
"""A longer list or object is cut to this."""
DEPTH: Final = 16
MARKS: Final = 32
"""``capped`` names at most so many values; ``more`` counts the rest."""

_encode = msgspec.json.Encoder(order="deterministic").encode
_BEYOND_ASCII = re.compile("[\x7f-\U0010ffff]")


Event: TypeAlias = Mapping[str, Any] | bytes
"""What is to be recorded. Bytes are an event in the canonical form already."""


def record_head(at: datetime, event: Event, commitments: Mapping[str, str] | None = None) -> bytes:
    """Encode the part of a record that its caller knows, without the closing brace."""
    if type(event) is bytes:
        if len(event) <= VALUE_CHARS and not commitments:
            quick = at.microsecond and at.tzinfo is UTC  # the encoder writes it as we do
            return b'{"at":%b,"event":%b' % (_encode(at if quick else timestamp(at)), event)
        event = msgspec.json.decode(event)
    fields: dict[str, Any] = {"at": timestamp(at), "event": event}
    if commitments:
        fields["commitments"] = commitments
    try:
        text = _encode(fields)
    except (ValueError, TypeError, RecursionError):
        text = b""
    if not 0 < len(text) <= VALUE_CHARS:  # shorter than one cut text: nothing can need a cut
        text = _encode(_cut(fields))
    return _ascii(text)[:-1]


def timestamp(at: datetime) -> str:
    """Write a time in the one form of the log: UTC with microseconds."""
    if at.tzinfo is not UTC:
        if at.tzinfo is None:
            raise ValueError("the clock of an audit log must give aware times")
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:-6] + "Z"


def encoded(value: object) -> msgspec.Raw:
    """Encode a value that is a part of many events, once."""
    return msgspec.Raw(canonical(value))


def canonical(value: object) -> bytes:
    """Encode one value in the canonical form."""
    return _ascii(_encode(value))


def _ascii(text: bytes) -> bytes:
    """Escape everything beyond printable ASCII; in JSON it can only stand inside strings."""
    if text.isascii() and b"\x7f" not in text:
        return text
    return _BEYOND_ASCII.sub(_escape, text.decode()).encode("ascii")


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _cut(fields: dict[str, Any]) -> dict[str, Any]:
    cutter = _Cutter()
    event = cutter.value(fields["event"], "", 0)
    return {**fields, "event": event, **({"capped": cutter.capped} if cutter.capped else {})}


class _Cutter:
    """Walks one event; keeps what is left of its budget and what was cut."""

    def __init__(self) -> None:
        self.left = EVENT_CHARS
        self.capped: dict[str, int] = {}

    def value(self, value: object, where: str, depth: int) -> object:
        match value:
            case str():
                return self._text(value, where, VALUE_CHARS)
            case None | bool() | float():
                return value
            case msgspec.Raw():
                return self.value(msgspec.json.decode(value), where, depth)
            case int():
                return value if value.bit_length() < 64 else self._text(hex(value), where, 32)
        if depth >= DEPTH:
            self._mark(where, 0)
            return None
        match value:
            case Mapping():
                return self._mapping(value, where, depth + 1)
            case list() | tuple():
                return self._list(value, where, depth + 1)
            case Set():
                return self._list(sorted(value, key=str), where, depth + 1)
        return self.value(msgspec.to_builtins(value, str_keys=True), where, depth + 1)

    def _text(self, text: str, where: str, most: int) -> str:
        if len(text) <= most and len(text) <= self.left and text.isascii():
            self.left -= len(text)
            return text
        room = min(most, max(self.left, 0))
        kept = text[:room]
        self.left -= len(kept)
        if len(kept) < len(text):
            self._mark(where, len(text))
        return _without_surrogates(kept)

    def _mapping(self, mapping: Mapping[Any, Any], where: str, depth: int) -> dict[str, object]:
        kept: dict[str, object] = {}
        for key, value in list(mapping.items())[:ENTRIES]:
            name = self._name(str(key), where, kept)
            kept[name] = self.value(value, f"{where}/{_pointer(name)}", depth)
        if len(mapping) > ENTRIES:
            self._mark(where, len(mapping))
        return kept

    def _name(self, key: str, where: str, taken: Mapping[str, object]) -> str:
        """Cut a name; two names that become equal stay two."""
        name = self._text(key, f"{where}/{_pointer(key[:NAME_CHARS])}", NAME_CHARS)
        while name in taken:
            name += "~"
        return name

    def _list(self, values: Sequence[object], where: str, depth: int) -> list[object]:
        if len(values) > ENTRIES:
            self._mark(where, len(values))
        kept = values[:ENTRIES]
        return [self.value(value, f"{where}/{place}", depth) for place, value in enumerate(kept)]

    def _mark(self, where: str, length: int) -> None:
        if len(self.capped) < MARKS:
            self.capped[_without_surrogates(where[-VALUE_CHARS:])] = length
        else:
            self.capped["more"] = self.capped.get("more", 0) + 1


def _pointer(name: str) -> str:
    """Escape a name for a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _without_surrogates(text: str) -> str:
    """Spell lone surrogates out; UTF-8 has no bytes for them."""
    return text.encode("utf-8", "backslashreplace").decode()
