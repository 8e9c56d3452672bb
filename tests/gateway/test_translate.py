"""Between dialects: tools, pictures and system text survive; what cannot be said is not sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("litellm", reason="needs the extra `translate`")

from bailiwick.gateway.translate import Untranslatable, error_in, events, translation

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
"""LiteLLM's own types make pydantic warn."""
PNG = "aaaa"
ANTHROPIC = {
    "model": "x", "max_tokens": 50, "system": "be brief", "stop_sequences": ["X"],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "hi"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]},
    ],
    "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}],
}  # fmt: skip
CALL = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
OPENAI = {
    "model": "x", "max_completion_tokens": 50, "stop": ["X"],
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [
            {"type": "text", "text": "hi"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        ]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "t1", "content": "ok"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}}],
}  # fmt: skip


async def stream_of(rows: list[Any]) -> AsyncIterator[bytes]:
    text = "".join(f"data: {row if isinstance(row, str) else json.dumps(row)}\n\n" for row in rows)
    for at in range(0, len(text), 7):
        yield text[at : at + 7].encode()


def collected(said: AsyncIterator[bytes]) -> str:
    async def read() -> str:
        return b"".join([piece async for piece in said]).decode()

    return asyncio.run(read())


def test_an_anthropic_request_is_said_in_openai() -> None:
    made = translation("anthropic").request(ANTHROPIC, "up")

    roles = [one["role"] for one in made["messages"]]
    assert made["model"] == "up"
    assert roles == ["system", "user", "assistant", "tool"]
    assert made["messages"][1]["content"][1]["image_url"]["url"] == f"data:image/png;base64,{PNG}"
    assert made["messages"][2]["tool_calls"][0]["function"]["name"] == "f"
    assert made["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert made["stop"] == ["X"]


def test_an_openai_request_is_said_in_anthropic() -> None:
    made = translation("openai").request({**OPENAI, "stream": True}, "up")

    assert made["model"] == "up"
    assert made["stream"] is True
    assert made["max_tokens"] == 50
    assert made["system"][0]["text"] == "be brief"
    assert [one["role"] for one in made["messages"]] == ["user", "assistant", "user"]
    assert made["messages"][0]["content"][1]["source"]["data"] == PNG
    assert made["messages"][2]["content"][0]["tool_use_id"] == "t1"
    assert made["stop_sequences"] == ["X"]


@pytest.mark.parametrize(
    ("dialect", "part"),
    [
        ("openai", {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/x.png"}}),
        ("openai", {"type": "image_url", "image_url": "https://example.com/x.png"}),
        ("anthropic", {"type": "image", "source": {"type": "url", "url": "https://example.com/x"}}),
        ("anthropic", {"type": "document", "source": {"type": "url", "url": "file:///etc/passwd"}}),
    ],
)
def test_content_by_address_is_not_said(dialect: str, part: dict[str, Any]) -> None:
    base = ANTHROPIC if dialect == "anthropic" else OPENAI

    with pytest.raises(Untranslatable, match="inline"):
        translation(dialect).request(
            {**base, "messages": [{"role": "user", "content": [part]}]}, "up"
        )


def test_a_parameter_without_an_equal_is_not_dropped_in_silence() -> None:
    with pytest.raises(Untranslatable):
        translation("openai").request({**OPENAI, "logit_bias": {"1": 2}}, "up")


def test_whole_answers_are_said_in_the_callers_dialect() -> None:
    message = {"role": "assistant", "content": "hello", "tool_calls": [CALL]}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    chat = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}  # fmt: skip
    there = json.loads(translation("anthropic").whole(json.dumps(chat).encode()))
    back = json.loads(translation("openai").whole(json.dumps(there).encode()))

    assert there["stop_reason"] == "tool_use"
    assert there["content"][1] == {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
    assert back["choices"][0]["finish_reason"] == "tool_calls"
    assert json.loads(back["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]) == {
        "a": 1
    }
    assert back["usage"] == usage


def test_an_answer_that_makes_no_sense_is_not_passed_on() -> None:
    for dialect in ("anthropic", "openai"):
        with pytest.raises(Untranslatable):
            translation(dialect).whole(b"[1, 2")


def test_streamed_tool_calls_arrive_whole() -> None:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[Any] = [
        {"role": "assistant", "content": "he"}, {"content": "llo"},
        {"tool_calls": [{"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1}'}}]},
    ]  # fmt: skip
    rows = [
        {**head, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas
    ]
    rows.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    made = translation("anthropic")
    made.request({**ANTHROPIC, "stream": True}, "up")

    text = collected(made.stream(stream_of([*rows, "[DONE]"])))

    said = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert said[0]["type"] == "message_start"
    assert said[-1]["type"] == "message_stop"
    words = [one["delta"].get("text", "") for one in said if one["type"] == "content_block_delta"]
    assert "".join(words) == "hello"
    inputs = [
        one["delta"].get("partial_json", "") for one in said if one["type"] == "content_block_delta"
    ]
    assert json.loads("".join(inputs)) == {"a": 1}


def test_events_are_cut_wherever_the_pieces_end() -> None:
    async def read() -> list[bytes]:
        return [one async for one in events(stream_of([{"a": 1}, {"b": 2}, "[DONE]"]))]

    assert asyncio.run(read()) == [b'{"a": 1}', b'{"b": 2}', b"[DONE]"]


def test_errors_have_the_callers_shape() -> None:
    said = json.loads(error_in("anthropic", 429, b'{"error": {"message": "slow"}}'))
    plain = json.loads(error_in("openai", 500, b"oops"))

    assert said == {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}
    assert plain["error"]["message"] == "the upstream answered 500"
