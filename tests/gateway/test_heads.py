"""What the front takes for a request: what it accepts, llhttp reads in the same way."""

import time
from contextlib import suppress
from typing import Any

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bailiwick.front import Refused
from bailiwick.front.bodies import Chunked, Counted
from bailiwick.front.heads import HEAD_BYTES, MOST_HEADS, Heads, read_head

TEXT = "GET POST / v1 messages HTTP/1.1 HTTP/1.0 host: content-length: Content-Length: transfer-encoding: chunked "
PIECES = [
    *TEXT.split(" "),
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    ",",
    "0",
    "5",
    "x-a",
    "\x00",
    "\xff",
    "%2F",
    "x-request-id: ",
    "X-Request-ID: ",
    "connection: close",
]
BODY_PIECES = [
    "0",
    "1",
    "a",
    "5",
    ";",
    "=",
    " ",
    "\r\n",
    "\n",
    "\r",
    "hello",
    "x: y",
    "00",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
]


class Peer:
    """Collects what llhttp reads."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


def read_by_llhttp(data: bytes) -> tuple[Peer, Any]:
    peer = Peer()
    parser = httptools.HttpRequestParser(peer)
    with suppress(httptools.HttpParserUpgrade):
        parser.feed_data(data)
    return peer, parser


def head(lines: list[str]) -> str:
    return "\r\n".join(lines)


@settings(max_examples=600)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.booleans())
def test_an_accepted_head_is_read_by_llhttp_in_the_same_way(middle: str, modern: bool) -> None:
    text = head([f"POST /v1/messages HTTP/1.{int(modern)}", "host: g", middle]).encode("latin-1")
    try:
        found, length, id_ = Heads().read(text)
    except Refused:
        return

    peer, parser = read_by_llhttp(text + b"\r\n\r\n")

    assert peer.url.decode() == found.path + (f"?{found.query}" if found.query else "")
    assert parser.get_method().decode() == found.method
    left = list(peer.headers)
    if id_ is not None:
        left.remove(("x-request-id", id_))
    if left != list(found.lines):  # a plain length is cut out as well
        (size,) = [value for name, value in left if name == "content-length"]
        assert int(size) == length
        left.remove(("content-length", size))
    assert left == list(found.lines)
    assert peer.complete == (length == 0)


@settings(max_examples=600)
@given(st.lists(st.sampled_from(BODY_PIECES), max_size=14).map("".join))
def test_an_accepted_chunked_body_is_read_by_llhttp_in_the_same_way(text: str) -> None:
    body = Chunked()
    try:
        rest = body.feed(text.encode())
    except Refused:
        return
    if not body.complete:
        return

    opening = b"POST / HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n"
    peer, _ = read_by_llhttp(opening + text.encode()[: len(text) - len(rest)])

    assert peer.complete
    assert peer.body == bytes(body.received)


@given(st.lists(st.integers(1, 9), max_size=30))
def test_a_body_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    whole = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nPOST"
    body = Chunked()
    rest, at = b"", 0
    for cut in [*cuts, len(whole)]:
        rest += body.feed(whole[at : at + cut])
        at += cut

    assert bytes(body.received) == b"hello world"
    assert rest == b"POST"


def test_a_counted_body_leaves_what_follows() -> None:
    body = Counted(5)

    assert body.feed(b"hel") == b""
    assert body.feed(b"loPOST") == b"POST"
    assert body.complete
    assert bytes(body.received) == b"hello"


@pytest.mark.parametrize(
    ("connection", "modern", "keeps"),
    [
        (None, True, True),
        (None, False, False),
        ("close", True, False),
        ("keep-alive", False, True),
        ("Keep-Alive, x", False, True),
        ("x, Close", True, False),
        ("keep-alive, close", False, False),
    ],
)
def test_a_connection_is_kept_as_both_sides_say(
    connection: str | None, modern: bool, keeps: bool
) -> None:
    more = [f"connection: {connection}"] if connection else []

    found = read_head(head([f"GET / HTTP/1.{int(modern)}", "host: g", *more]).encode())

    assert found.keeps is keeps


OPENING = "POST /v1/messages HTTP/1.1\r\nhost: g\r\nx-api-key: k"


def test_heads_that_differ_by_the_length_only_are_read_once() -> None:
    heads = Heads()

    first = heads.read(f"{OPENING}\r\nContent-Length: 5\r\nx-a: b".encode())
    second = heads.read(f"{OPENING}\r\nContent-Length: 0\r\nx-a: b\r\nX-Request-Id: i-2 ".encode())
    third = heads.read(f"{OPENING}\r\nx-request-id: i 3\r\nContent-Length: 7\r\nx-a: b".encode())
    other = heads.read(f"{OPENING}\r\ncontent-length: 6\r\nx-a: c".encode())

    assert first[0] is second[0] is third[0]
    assert other[0] is not first[0]
    assert [one[1:] for one in (first, second, third, other)] == [
        (5, None), (0, "i-2"), (7, "i 3"), (6, None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "cut", "left"),
    [
        ("x-request-id: ", "", None),
        ("x-request-id:a", None, "a"),
        ("x-my-request-id: a", None, None),
        ("user-agent: request-bot\r\nx-request-id: a", None, "a"),
        ("x-request-id: a\r\nx-request-id: b", "a", "b"),
    ],
)
def test_the_first_plain_id_is_cut_out(line: str, cut: str | None, left: str | None) -> None:
    head, _, id_ = Heads().read(f"{OPENING}\r\n{line}".encode())

    assert id_ == cut
    assert head.headers.get("x-request-id") == left


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\x00", "\xe9", "a\x7f"])
def test_an_id_that_no_head_may_hold_is_refused(value: str) -> None:
    with pytest.raises(Refused):
        Heads().read(f"{OPENING}\r\nx-request-id: {value}".encode("latin-1"))


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("Content-Length: 5\r\nContent-Length: 5", "header_invalid"),
        ("content-length: 5\r\nContent-Length: 6", "header_invalid"),
        ("content-length:5\r\nContent-Length: 5", "header_invalid"),
        ("Content-Length: 5\r\ncontent-length: ", "request_invalid"),
        ("Content-Length: 5\r\ntransfer-encoding: chunked", "transfer_encoding"),
        ("transfer-encoding: chunked\r\ncontent-length: 0", "transfer_encoding"),
        ("Content-Length: +5", "request_invalid"),
        ("Content-Length: 5 5", "request_invalid"),
        ("Content-Length: 1234567890123456", "request_invalid"),
        ("Content-Length: 5\n", "request_invalid"),
        ("Content-Length: \xb2", "header_invalid"),
    ],
)
def test_a_length_is_said_once_and_plainly(lines: str, code: str) -> None:
    heads = Heads()
    heads.read(f"{OPENING}\r\nContent-Length: 5".encode())

    for _ in range(2):
        with pytest.raises(Refused) as refused:
            heads.read(f"{OPENING}\r\n{lines}".encode("latin-1"))

        assert refused.value.code == code


def test_a_head_that_is_not_used_again_is_forgotten() -> None:
    heads, now = Heads(), time.monotonic()
    used, unused, unique = (
        f"{OPENING}\r\n{line}: 1".encode() for line in ("x-a", "x-b", "traceparent")
    )
    first, *_ = heads.read(used)
    dropped, *_ = heads.read(unused)
    heads.read(unique)

    for _ in range(3):
        now += 6
        heads.kept.forget(now)
        assert heads.read(used)[0] is first

    assert list(heads.kept.fresh) == [used]
    assert len(heads.kept) == 1
    assert heads.read(unused)[0] is not dropped
    assert heads.read(unique)[0] is not heads.read(unique)[0]


def test_no_more_heads_are_remembered_than_there_is_room_for() -> None:
    heads = Heads()

    for number in range(3 * MOST_HEADS):
        heads.read(f"{OPENING}\r\nx-a: {number}".encode())
    heads.read(f"{OPENING}\r\nx-a: {'long' * HEAD_BYTES}".encode())

    assert len(heads.kept) == MOST_HEADS


@pytest.mark.parametrize("cut", ["", "\r\nContent-Length: 5", "\r\nx-request-id: i"])
def test_what_is_cut_out_counts_as_a_line(cut: str) -> None:
    lines = 98 - cut.count("\r\n")

    for more, fits in ((0, True), (1, False), (0, True)):
        filled = "".join(f"\r\nx-{number}: a" for number in range(lines + more))
        for text in (OPENING + filled + cut, OPENING + cut + filled):
            if fits:
                Heads().read(text.encode())
            else:
                with pytest.raises(Refused, match="at most 100"):
                    Heads().read(text.encode())
