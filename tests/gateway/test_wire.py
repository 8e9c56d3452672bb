from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.gateway.wire import Malformed, Response

COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n03;a=b\r\nllo\r\n0\r\nx-trailer: 1\r\n\r\n"
)
UNTIL_END = b"HTTP/1.0 200 OK\r\n\r\nhello"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + COUNTED
EMPTY = b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n"
NOTHING = b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n"
WHOLE = {
    "counted": (COUNTED, b"hello", True),
    "chunked": (CHUNKED, b"hello", True),
    "until the end": (UNTIL_END, b"hello", False),
    "interim responses first": (INTERIM, b"hello", True),
    "no content": (EMPTY, b"", True),
    "nothing": (NOTHING, b"", True),
    "to be closed": (COUNTED.replace(b"X-A:", b"Connection: Close\r\nX-A:"), b"hello", False),
    "HTTP/1.0": (COUNTED.replace(b"HTTP/1.1", b"HTTP/1.0"), b"hello", False),
    "the same length twice": (
        COUNTED.replace(b"X-A:", b"content-length: 5\r\nX-A:"),
        b"hello",
        True,
    ),
}


def read(data: bytes, cuts: list[int], *, ended: bool) -> Response:
    response = Response()
    at = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, stop in pairwise(at):
        response.feed(data[start:stop])
    if ended:
        response.end()
    return response


@pytest.mark.parametrize("row", WHOLE.values(), ids=WHOLE.keys())
@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_a_response_reads_alike_however_it_is_cut(
    row: tuple[bytes, bytes, bool], cuts: list[int]
) -> None:
    data, body, reusable = row

    response = read(data, cuts, ended=data is UNTIL_END)

    assert response.complete
    assert response.take() == body
    assert response.reusable is reusable
    assert 200 <= response.status < 300


@pytest.mark.parametrize("row", WHOLE.values(), ids=WHOLE.keys())
def test_a_response_that_is_cut_short_is_never_complete(row: tuple[bytes, bytes, bool]) -> None:
    data = row[0]
    for length in range(1, len(data)):
        response = Response()
        response.feed(data[:length])
        if response.complete:
            continue
        if data is UNTIL_END and b"\r\n\r\n" in data[:length]:
            continue  # nothing can tell that this one is cut

        with pytest.raises(Malformed):
            response.end()


def test_what_was_read_before_a_cut_is_there() -> None:
    response = read(CHUNKED[:-20], [], ended=False)

    assert response.take() == b"hello"
    assert response.take() == b""
    assert not response.complete


def test_headers_are_kept_in_order_and_in_lower_case() -> None:
    assert read(COUNTED, [], ended=False).headers == [("content-length", "5"), ("x-a", "b")]


def test_something_behind_the_end_spoils_the_connection_and_not_the_response() -> None:
    for data in (COUNTED, CHUNKED, EMPTY):
        response = read(data + b"HTTP/1.1 200 OK\r\n", [], ended=True)

        assert response.complete
        assert not response.reusable


HEAD = b"HTTP/1.1 200 OK\r\n"
MALFORMED = [
    b"SSH-2.0-OpenSSH\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 099 OK\r\n\r\n",
    b"HTTP/1.1 200OK\r\n\r\n",
    b"HTTP/1.1  200 OK\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\n\r\n",
    b"\r\n\r\n",
    HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n",
    HEAD + b"content-length: 5, 5\r\n\r\n",
    HEAD + b"content-length: -5\r\n\r\n",
    HEAD + b"content-length: +5\r\n\r\n",
    HEAD + b"content-length: 0x5\r\n\r\n",
    HEAD + b"content-length: \r\n\r\n",
    HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
    HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n",
    HEAD + b"transfer-encoding: identity\r\n\r\n",
    HEAD + b"transfer-encoding: chunked\r\n\r\n-5\r\n",
    HEAD + b"transfer-encoding: chunked\r\n\r\n0x5\r\n",
    HEAD + b"transfer-encoding: chunked\r\n\r\n\r\n",
    HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\nabc",
    HEAD + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"1" * 5000,
    HEAD + b"x-a : b\r\n\r\n",
    HEAD + b"x-a: b\r\n c\r\n\r\n",
    HEAD + b"x-a\r\n\r\n",
    HEAD + b": b\r\n\r\n",
    HEAD + b"x-a: " + b"a" * 70_000,
]


@pytest.mark.parametrize("data", MALFORMED)
def test_what_is_not_plainly_a_response_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        Response().feed(data)


@given(st.binary(max_size=300))
def test_nothing_makes_it_fail_otherwise(data: bytes) -> None:
    for start in (b"", HEAD, HEAD + b"\r\n", CHUNKED[:45]):
        response = Response()
        try:
            response.feed(start + data)
            response.end()
        except Malformed:
            continue
        assert response.complete
