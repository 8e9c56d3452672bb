import json
from itertools import pairwise

import pytest
from gateway_upstream import events
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.gateway.usage import Meter

STREAM = b"".join(events(3))
CHAT = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":4}}\n\ndata: [DONE]\n\n'
RESPONSE = b'data: {"type":"response.completed","response":{"usage":{"input_tokens":3,"output_tokens":2}}}\n\n'


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_usage_is_read_however_the_stream_is_cut(cuts: list[int]) -> None:
    meter = Meter()
    at = [0, *sorted(cuts), len(STREAM)]

    for start, stop in pairwise(at):
        meter.feed(STREAM[start:stop])

    assert meter.tokens(1000, 1000, whole=True) == 15


@pytest.mark.parametrize(("stream", "tokens"), [(CHAT, 11), (RESPONSE, 5)])
def test_every_dialect_s_stream_is_read(stream: bytes, tokens: int) -> None:
    meter = Meter()

    meter.feed(stream)

    assert meter.tokens(1000, 1000, whole=True) == tokens


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input_tokens": 10, "output_tokens": 5}, 15),
        ({"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 7}, 122),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, 15),
        ({"prompt_tokens": 3, "total_tokens": 3}, 3),
    ],
)  # fmt: skip
def test_a_whole_answer_is_read(usage: dict[str, int], tokens: int) -> None:
    meter = Meter()

    meter.whole(json.dumps({"usage": usage}).encode())

    assert meter.tokens(1000, 1000, whole=True) == tokens


@pytest.mark.parametrize(
    "stream", [b"", b'data: {"usage": null}\n', b'data: {"usage"\n', b'data: "usage"\n']
)
def test_the_length_stands_in_where_nothing_is_reported(stream: bytes) -> None:
    meter = Meter()

    meter.feed(stream)

    assert meter.tokens(400, 400, whole=True) == 201


def test_leaving_before_the_last_report_does_not_make_an_answer_cheap() -> None:
    meter = Meter()

    meter.feed(events(1)[0])  # it reports the input, and an output of one token

    assert meter.tokens(400, 4000, whole=False) == 1101
    assert meter.tokens(4, 4, whole=False) == 11
