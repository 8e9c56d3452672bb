"""Read the head of a request, from bytes to values, so strictly that it means one thing only.

What HTTP/1.1 (RFC 9112) lets a server repair or guess is refused instead: folded lines, bare CR or
LF, blanks before a colon, two lengths, a length beside chunks, escapes in a path. ``bodies`` does
the same for bodies. No I/O in here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bailiwick.front.values import Refused
from bailiwick.kept import Kept

MOST_HEADERS: Final = 100
MOST_HEADS: Final = 4096
"""Heads that are kept, each of at most so many bytes, for so many seconds or twice that."""
HEAD_BYTES: Final = 2048
HEADS_S: Final = 2.5
_REMEMBERED: Final = 4096
_REMEMBERED_BYTES: Final = 200

_PLAIN: Final = bytes(range(0x20, 0x7F)) + b"\t"
_ALLOWED: Final = _PLAIN + b"\r\n"
_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([!-~]+) HTTP/1\.([01])")
_PATH = re.compile(r"/[0-9A-Za-z._:@/-]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NAMING: Final = ("/v1/models/", "/check/v1/models/")
_LENGTH = re.compile(r"[0-9]{1,15}")
_HOST = re.compile(r"(?:[0-9A-Za-z._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_SINGLE: Final = frozenset(
    {"host", "authorization", "x-api-key", "content-type", "content-length", "content-encoding",
     "transfer-encoding", "anthropic-version", "expect"}
)  # fmt: skip
_CHECKED: Final = frozenset({"host", "content-length", "transfer-encoding", "expect"})
_SECRET: Final = frozenset(
    {"authorization", "x-api-key", "cookie", "proxy-authorization", "x-bailiwick-token",
     "x-bailiwick-end-user"}
)  # fmt: skip
_UNIQUE: Final = frozenset({"x-request-id", "traceparent", "tracestate", "idempotency-key"})
"""What no two requests share."""
_NOT_KEPT: Final = _SECRET | _UNIQUE
_ID_LINES: Final = frozenset({b"\r\nx-request-id: ", b"\r\nX-Request-Id: ", b"\r\nX-Request-ID: "})
_ID_AT: Final = len(b"\r\nx-request-id: ")
_ID_FROM: Final = len(b"\r\nx-r")
_LENGTH_LINES: Final = (b"\r\nContent-Length: ", b"\r\ncontent-length: ")
_SIZE_AT: Final = len(_LENGTH_LINES[0])
_MOST_DIGITS: Final = 15

_Value = TypeVar("_Value")


def _cut(data: bytes, at: int, size: int) -> tuple[bytes, bytes]:
    """Cut a line out that begins at ``at`` with so many bytes; give its value, and what is left."""
    end = data.find(b"\r\n", at + size)
    if end < 0:
        return data[at + size :], data[:at]
    return data[at + size : end], data[:at] + data[end:]


@dataclass(slots=True, eq=False)
class Head:
    """The head of a request, but for what no two share: the length of its body, and its id."""

    method: str
    path: str
    query: str
    lines: Sequence[tuple[str, str]]
    """Header lines in order, names in lower case; what is cut out is left out."""
    headers: Mapping[str, str]
    """The same by name, the last line of a name winning. Those that count are there once."""
    length: int | None
    """Bytes of the body, as far as ``lines`` say; ``None``: it comes in chunks."""
    keeps: bool
    """Whether the connection may be used again."""
    expects: bool
    """Whether the sender waits to be told that the body is wanted."""
    chunks: bool
    """Whether the sender understands an answer in chunks (HTTP/1.1)."""
    kept: bool = False
    """Whether it is kept, for others that are the same."""
    meaning: Any = None
    """What those who answer make of it: for them to set, once."""


NO_HEAD: Final = Head("", "", "", (), {}, 0, False, False, True)
"""Of a request whose head is not understood."""


class Heads:
    """Reads heads. Those of one client are alike but for the length and an id, which proxies give:
    both are cut out, if they are written plainly, and what is left is read once.

    Heads hold secrets: one that is not used again is forgotten after a moment.
    """

    def __init__(self) -> None:
        self.kept: Kept[bytes, Head] = Kept(MOST_HEADS, HEADS_S)

    def read(self, data: bytes) -> tuple[Head, int | None, str | None]:
        """Read a head, without the empty line at its end.

        Gives with it the bytes of the body (``None``: it comes in chunks) and the ``x-request-id``,
        if it is cut out. Raises ``Refused``.
        """
        whole, id_ = data, None
        at = data.find(b"equest-") - _ID_FROM
        if at >= 0 and data[at : at + _ID_AT] in _ID_LINES:
            value, rest = _cut(data, at, _ID_AT)
            if not value.translate(None, _PLAIN):
                data, id_ = rest, value.strip(b" \t").decode("ascii")
        at = data.find(_LENGTH_LINES[0])
        if at < 0:
            at = data.find(_LENGTH_LINES[1])
        if at >= 0:
            size, shared = _cut(data, at, _SIZE_AT)
            if size.isdigit() and len(size) <= _MOST_DIGITS:
                head = self.kept.fresh.get(shared) or self._find(shared)
                alone = head.length == 0 and "content-length" not in head.headers
                if alone and len(head.lines) < MOST_HEADERS - 1:
                    return head, int(size), id_
                read_head(whole)  # refuses a second length, chunks beside it, too many lines
        head = self.kept.fresh.get(data) or self._find(data)
        if len(head.lines) == MOST_HEADERS:
            read_head(whole)  # the id may be one too many
        return head, head.length, id_

    def _find(self, data: bytes) -> Head:
        head = self.kept.find(data)
        if head is None:
            head = read_head(data)
            if len(data) <= HEAD_BYTES and _UNIQUE.isdisjoint(head.headers):
                self.kept.keep(data, head)
                head.kept = True
        return head


def check_bytes(data: bytes) -> None:
    """Refuse what no head may hold. ``data`` may be a part of one that ends anywhere."""
    if data.translate(None, _ALLOWED):
        raise Refused("header_invalid", "the head of the request holds something other than ASCII")
    ends = data.count(b"\r\n")
    if data.count(b"\n") != ends or data.count(b"\r", 0, -1) != ends:
        raise Refused("request_invalid", "lines of the head end in CR and LF, and hold neither")


def read_head(data: bytes) -> Head:
    """Read a head, without the empty line at its end."""
    opening, *rest = data.split(b"\r\n")
    count = len(rest)
    if data.translate(None, _PLAIN) != b"\r\n" * count:
        check_bytes(data)
        raise Refused("request_invalid", "lines of the head end in CR and LF, and hold neither")
    if count > MOST_HEADERS:
        raise Refused("head_too_large", f"the request may have at most {MOST_HEADERS} headers")
    method, path, query, modern = _openings.get(opening) or _opening(opening)
    lines = _read_lines(rest)
    headers = dict(lines)
    if len(headers) != count:
        _check_repeats(lines)
    if modern and "host" not in headers:
        raise Refused("request_invalid", "there is no `host`")
    return Head(
        method,
        path,
        query,
        lines,
        headers,
        _length(headers, modern),
        _keeps(headers["connection"], modern) if "connection" in headers else modern,
        modern and "expect" in headers,
        modern,
    )


_openings: dict[bytes, tuple[str, str, str, bool]] = {}
_names: dict[bytes, str] = {}
"""Names of headers, as they are written, in lower case."""
_known: dict[bytes, tuple[str, str]] = {}
"""Lines that many requests share."""


def _read_lines(rest: list[bytes]) -> list[tuple[str, str]]:
    return [known or _header(line) for known, line in zip(map(_known.get, rest), rest, strict=True)]


def _opening(line: bytes) -> tuple[str, str, str, bool]:
    match = _REQUEST_LINE.fullmatch(line.decode("ascii"))
    if match is None:
        raise Refused("request_invalid", "the first line is not one of HTTP/1.1")
    method, target, minor = match.groups()
    path, _, query = target.partition("?")
    _check_target(path, query)
    return _remember(_openings, line, (method, path, query, minor == "1"))


def _header(line: bytes) -> tuple[str, str]:
    written, colon, rest = line.partition(b":")
    name, value = _names.get(written) or _name(written), rest.strip(b" \t").decode("ascii")
    if not colon:
        raise Refused("request_invalid", "a line of the head is not a header")
    if name in _NOT_KEPT:
        return name, value
    if name in _CHECKED:
        _check_value(name, value)
    return _remember(_known, line, (name, value))


def _name(written: bytes) -> str:
    name = written.decode("ascii")
    if not _NAME.fullmatch(name):
        raise Refused("request_invalid", "a line of the head is not a header")
    return _remember(_names, written, name.lower())


def _remember(memory: dict[bytes, _Value], line: bytes, value: _Value) -> _Value:
    if len(line) <= _REMEMBERED_BYTES:
        if len(memory) >= _REMEMBERED:
            memory.clear()
        memory[line] = value
    return value


def _check_value(name: str, value: str) -> None:
    if name == "host" and not _HOST.fullmatch(value):
        raise Refused("request_invalid", "`host` is not a name or an address")
    if name == "content-length" and not _LENGTH.fullmatch(value):
        raise Refused("request_invalid", "`content-length` is not a number")
    if name == "transfer-encoding" and value.lower() != "chunked":
        raise Refused("transfer_encoding", "the only `transfer-encoding` is `chunked`")
    if name == "expect" and value.lower() != "100-continue":
        raise Refused("expectation_failed", "the only `expect` is `100-continue`")


def _check_repeats(lines: Sequence[tuple[str, str]]) -> None:
    names = [name for name, _ in lines]
    for name in _SINGLE:
        if names.count(name) > 1:
            raise Refused("header_invalid", f"the header `{name}` is given twice")


def _check_target(path: str, query: str) -> None:
    """Refuse a path that somebody could read otherwise; escapes are not undone.

    The official clients write the ``/`` of a model's id as ``%2F``; where models are named, that is
    read, and so it is where somebody asks about such a request.
    """
    if not _PATH.fullmatch(path) and not (
        path.startswith(_NAMING) and _PATH.fullmatch(path.replace("%2F", "/"))
    ):
        message = "name a path in the request line, in plain letters and without escapes"
        raise Refused("target_invalid", message)
    if "#" in query:
        raise Refused("target_invalid", "a request line holds no `#`")


def _length(headers: Mapping[str, str], modern: bool) -> int | None:
    length = headers.get("content-length")
    if "transfer-encoding" in headers:
        if length is not None or not modern:
            message = "a body has a length or, in HTTP/1.1, chunks; not both"
            raise Refused("transfer_encoding", message)
        return None
    return 0 if length is None else int(length)


def _keeps(connection: str, modern: bool) -> bool:
    asked = [option.strip() for option in connection.lower().split(",")]
    return "close" not in asked and (modern or "keep-alive" in asked)
