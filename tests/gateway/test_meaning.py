"""What a head means: said once, shared by requests with the same head, and dropped with it."""

import gc
from typing import Any

import pytest

from bailiwick.front.heads import Heads
from bailiwick.gateway.meaning import Meaning

NONE: frozenset[str] = frozenset()


def head(more: str = "", path: str = "/v1/messages", method: str = "POST") -> Any:
    text = f"{method} {path} HTTP/1.1\r\nhost: g\r\nx-api-key: k{more}"
    return Heads().read(text.encode())[0]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (head("\r\ncontent-encoding: gzip"), "content_encoding"),
        (head("\r\ncontent-encoding: Identity"), None),
        (head(path="/v1/other"), "path_unknown"),
        (head(method="GET"), "method_not_allowed"),
        (head(path="/v1/models"), "method_not_allowed"),
        (head(path="/v1/models/x", method="GET"), None),
        (head(path="/v1/messages?model=x"), "query_unexpected"),
        (head(path="/v1/messages?beta=true"), None),
        (head("\r\nauthorization: Bearer other"), "key_ambiguous"),
    ],
)
def test_what_the_head_alone_says_is_refused_before_the_body(given: Any, code: str | None) -> None:
    refused = Meaning(given).refused

    assert (refused.code if refused is not None else None) == code


def test_the_same_question_is_one() -> None:
    one, body = head(), {"model": "a"}
    meaning = Meaning(one)

    first = meaning.question(one, "192.0.2.1", body, NONE)

    assert meaning.question(one, "192.0.2.1", body, NONE) is first
    for other in (
        meaning.question(one, "192.0.2.2", body, NONE),
        meaning.question(one, "192.0.2.1", {"model": "b"}, NONE),
        meaning.question(one, "192.0.2.1", body, frozenset({"tools"})),
    ):
        assert other.alike is not first.alike


def test_a_body_that_was_denied_counts_for_its_sender_only() -> None:
    one = head()
    meaning = Meaning(one)
    question = meaning.question(one, "192.0.2.1", {"model": "a"}, NONE)
    assert meaning.denied_before("192.0.2.1", b"") is None

    meaning.remember_denied(question, b'{"model":"a"}')

    assert meaning.denied_before("192.0.2.1", b'{"model":"a"}') is question
    assert meaning.denied_before("192.0.2.2", b'{"model":"a"}') is None
    assert meaning.denied_before("192.0.2.1", b'{"model":"b"}') is None


def test_a_head_that_is_dropped_is_gone_at_once() -> None:
    one = head()
    one.meaning = Meaning(one)
    one.meaning.question(one, "192.0.2.1", {"model": "a"}, NONE)

    held = gc.get_referents(one.meaning, *gc.get_referents(one.meaning))

    assert not any(thing is one for thing in held)
