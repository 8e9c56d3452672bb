import re
from contextlib import suppress
from pathlib import Path
from typing import Any, get_type_hints

import anthropic
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bailiwick.facts import ACTIONS, FEATURES
from bailiwick.front import Refused
from bailiwick.gateway.body import REFUSED_KEYS, inspect
from bailiwick.gateway.dialects import ENDPOINTS, dialect_of
from bailiwick.gateway.dialects import anthropic as anthropic_dialect
from bailiwick.gateway.dialects import openai as openai_dialect
from bailiwick.gateway.options import Limits

MESSAGES, CHAT, RESPONSES, EMBEDDINGS = (
    ENDPOINTS[path]
    for path in ("/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/embeddings")
)
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
DOCUMENT = {"type": "document", "source": {"type": "url", "url": "https://x"}}


def user(*content: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}]}


def items(*rows: object) -> dict[str, Any]:
    return {"input": list(rows)}


def parts(*rows: object) -> dict[str, Any]:
    return items({"role": "user", "content": list(rows)})


CASES = [
    (MESSAGES, {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}, ""),
    (MESSAGES, {"stream": True}, "streaming"),
    (MESSAGES, {"stream": False}, ""),
    (MESSAGES, {"stream": None, "tools": None, "system": None}, ""),
    (MESSAGES, user({"type": "text", "text": "x"}), ""),
    (MESSAGES, user(IMAGE), "image_input"),
    (MESSAGES, user(DOCUMENT), "document_input"),
    (MESSAGES, user({"type": "tool_result", "tool_use_id": "t", "content": [IMAGE, DOCUMENT]}), "image_input document_input"),
    (MESSAGES, user({"type": "tool_result", "content": [{"type": "tool_result", "content": [IMAGE]}]}), "image_input"),
    (MESSAGES, user({"type": "tool_result", "content": "x"}), ""),
    (MESSAGES, user({"type": "document", "source": {"type": "content", "content": [IMAGE]}}), "document_input image_input"),
    (MESSAGES, user({"type": "document", "source": {"type": "hologram"}}), "document_input unrecognised"),
    (MESSAGES, user({"type": "document", "source": None}), "document_input unrecognised"),
    (MESSAGES, user({"type": "hologram"}), "unrecognised"),
    (MESSAGES, user({"type": ["text"]}), "unrecognised"),
    (MESSAGES, user({"text": "x"}), "unrecognised"),
    (MESSAGES, user("x"), "unrecognised"),
    (MESSAGES, user({"type": "tool_addition", "tool": {"type": "web_search_20250305"}}), "unrecognised"),
    (MESSAGES, user({"type": "mcp_tool_use", "input": {}}), "unrecognised"),
    (MESSAGES, user({"type": "container_upload", "file_id": "f"}), "code_execution document_input"),
    (MESSAGES, user({"type": "search_result", "source": "https://x", "title": "t", "content": [{"type": "text"}]}), ""),
    (MESSAGES, user({"type": "web_fetch_tool_result", "content": {"type": "web_fetch_result", "content": DOCUMENT}}), "web_search document_input"),
    (MESSAGES, {"messages": [{"role": "user", "content": "x", "images": ["AA"]}]}, "unrecognised"),
    (MESSAGES, {"messages": {"role": "user"}}, "unrecognised"),
    (MESSAGES, {"messages": ["x"]}, "unrecognised"),
    (MESSAGES, {"system": "x"}, ""),
    (MESSAGES, {"system": [{"type": "text", "text": "x"}]}, ""),
    (MESSAGES, {"system": [IMAGE]}, "image_input"),
    (MESSAGES, {"tools": []}, ""),
    (MESSAGES, {"tools": [{"name": "f", "input_schema": {}}]}, "tools"),
    (MESSAGES, {"tools": [{"type": "custom", "name": "f"}]}, "tools"),
    (MESSAGES, {"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools"),
    (MESSAGES, {"tools": [{"type": "web_search_20250305"}]}, "tools web_search"),
    (MESSAGES, {"tools": [{"type": "web_search_20991231"}]}, "tools web_search"),
    (MESSAGES, {"tools": [{"type": "web_fetch_20250910"}]}, "tools web_search"),
    (MESSAGES, {"tools": [{"type": "code_execution_20250825"}]}, "tools code_execution"),
    (MESSAGES, {"tools": [{"type": "computer_20250124"}]}, "tools computer_use"),
    (MESSAGES, {"tools": [{"type": "advisor_20260301"}]}, "tools unrecognised"),
    (MESSAGES, {"tools": [{"type": "mcp_toolset"}]}, "tools unrecognised"),
    (MESSAGES, {"tools": [{"type": 7}]}, "tools unrecognised"),
    (MESSAGES, {"tools": [7]}, "unrecognised"),
    (MESSAGES, {"thinking": {"type": "enabled", "budget_tokens": 9}}, "reasoning"),
    (MESSAGES, {"thinking": {"type": "adaptive"}}, "reasoning"),
    (MESSAGES, {"thinking": {"type": "disabled"}}, ""),
    (MESSAGES, {"output_config": {"effort": "low"}}, ""),
    (MESSAGES, {"output_config": {"format": {"type": "json_schema"}}}, "structured_output"),
    (MESSAGES, {"output_format": {"type": "json_schema"}}, "structured_output"),
    (MESSAGES, {"mcp_servers": [{"url": "https://x"}]}, "tools unrecognised"),
    (MESSAGES, {"mcp_servers": []}, ""),
    (MESSAGES, {"container": "c1"}, "code_execution"),
    (MESSAGES, {"prefill": "x"}, "unrecognised"),
    (MESSAGES, {"hologram": 1}, "unrecognised"),
    (CHAT, {"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": 1}, ""),
    (CHAT, {"messages": [{"role": "assistant", "content": None, "tool_calls": []}]}, ""),
    (CHAT, user({"type": "text", "text": "x"}), ""),
    (CHAT, user({"type": "image_url", "image_url": {"url": "x"}}), "image_input"),
    (CHAT, user({"type": "input_audio"}), "audio_input"),
    (CHAT, user({"type": "file"}), "document_input"),
    (CHAT, user({"type": "video_url"}), "video_input"),
    (CHAT, user({"type": "hologram"}), "unrecognised"),
    (CHAT, {"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "audio_input"),
    (CHAT, {"messages": [{"role": "user", "content": "x", "images": ["AA"]}]}, "unrecognised"),
    (CHAT, {"messages": [{"role": "user", "content": {"type": "image_url"}}]}, "unrecognised"),
    (CHAT, {"tools": [{"type": "function", "function": {}}]}, "tools"),
    (CHAT, {"tools": [{"type": "hologram"}]}, "tools unrecognised"),
    (CHAT, {"functions": [{"name": "f"}]}, "tools"),
    (CHAT, {"response_format": {"type": "text"}}, ""),
    (CHAT, {"response_format": {"type": "json_object"}}, "structured_output"),
    (CHAT, {"reasoning_effort": "high"}, "reasoning"),
    (CHAT, {"reasoning_effort": "none"}, ""),
    (CHAT, {"modalities": ["text"]}, ""),
    (CHAT, {"modalities": ["text", "audio"], "audio": {"voice": "x"}}, "audio_output"),
    (CHAT, {"modalities": ["smell"]}, "unrecognised"),
    (CHAT, {"web_search_options": {}}, "web_search"),
    (CHAT, {"stream": True, "stream_options": {"include_usage": True}}, "streaming"),
    (CHAT, {"plugins": []}, "unrecognised"),
    (RESPONSES, {"model": "m", "input": "x", "instructions": "y"}, ""),
    (RESPONSES, items({"role": "user", "content": "x"}), ""),
    (RESPONSES, parts({"type": "input_text", "text": "x"}), ""),
    (RESPONSES, parts({"type": "input_image"}), "image_input"),
    (RESPONSES, parts({"type": "input_file"}), "document_input"),
    (RESPONSES, parts({"type": "input_audio"}), "audio_input"),
    (RESPONSES, parts({"type": "hologram"}), "unrecognised"),
    (RESPONSES, items({"type": "function_call_output", "call_id": "c", "output": "x"}), ""),
    (RESPONSES, items({"type": "function_call_output", "output": [{"type": "input_image"}]}), "image_input"),
    (RESPONSES, items({"type": "computer_call_output", "output": {"type": "computer_screenshot"}}), "computer_use image_input"),
    (RESPONSES, items({"type": "shell_call_output", "output": [{"stdout": "x"}]}), ""),
    (RESPONSES, items({"type": "reasoning", "summary": []}), ""),
    (RESPONSES, items({"type": "item_reference", "id": "i"}), "unrecognised"),
    (RESPONSES, items({"type": "file_search_call"}), "unrecognised"),
    (RESPONSES, items({"type": "mcp_call"}), "unrecognised"),
    (RESPONSES, items({"type": "additional_tools", "tools": []}), "unrecognised"),
    (RESPONSES, items({"id": "x"}), "unrecognised"),
    (RESPONSES, {"input": {"role": "user"}}, "unrecognised"),
    (RESPONSES, {"tools": [{"type": "function"}]}, "tools"),
    (RESPONSES, {"tools": [{"type": "web_search"}]}, "tools web_search"),
    (RESPONSES, {"tools": [{"type": "code_interpreter"}]}, "tools code_execution"),
    (RESPONSES, {"tools": [{"type": "computer_use_preview"}]}, "tools computer_use"),
    (RESPONSES, {"tools": [{"type": "image_generation"}]}, "tools image_output"),
    (RESPONSES, {"tools": [{"type": "mcp", "server_url": "https://x"}]}, "tools unrecognised"),
    (RESPONSES, {"tools": [{"type": "file_search"}]}, "tools unrecognised"),
    (RESPONSES, {"tools": [{"type": "namespace", "tools": []}]}, "tools unrecognised"),
    (RESPONSES, {"text": {"format": {"type": "text"}}}, ""),
    (RESPONSES, {"text": {"format": {"type": "json_schema"}}}, "structured_output"),
    (RESPONSES, {"text": "x"}, "unrecognised"),
    (RESPONSES, {"reasoning": {"effort": "low"}}, "reasoning"),
    (RESPONSES, {"reasoning": {"effort": "none"}}, ""),
    (RESPONSES, {"previous_response_id": "r"}, "unrecognised"),
    (RESPONSES, {"previous_response_id": None}, ""),
    (RESPONSES, {"conversation": "c"}, "unrecognised"),
    (RESPONSES, {"background": True}, "unrecognised"),
    (RESPONSES, {"background": False}, ""),
    (EMBEDDINGS, {"model": "m", "input": "x"}, ""),
    (EMBEDDINGS, {"input": ["x", "y"]}, ""),
    (EMBEDDINGS, {"input": [1, 2]}, ""),
    (EMBEDDINGS, {"input": [[1, 2], [3]]}, ""),
    (EMBEDDINGS, {"input": [{"type": "image_url"}]}, "unrecognised"),
    (EMBEDDINGS, {"messages": []}, "unrecognised"),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "body", "features"), CASES)
def test_a_body_asks_for_these_features(endpoint: Any, body: dict[str, Any], features: str) -> None:
    assert endpoint.features(body) == frozenset(features.split())


STREAMING = [endpoint for endpoint in ENDPOINTS.values() if "stream" in endpoint.keys]


@pytest.mark.parametrize("endpoint", STREAMING, ids=lambda endpoint: endpoint.path)
@pytest.mark.parametrize("value", ["true", 1, 0, "", [], {}])
def test_stream_is_true_or_false_and_nothing_like_it(endpoint: Any, value: object) -> None:
    with pytest.raises(Refused):
        endpoint.features({"stream": value})


def test_a_stored_prompt_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        RESPONSES.features({"prompt": {"id": "pmpt_1"}})

    assert refused.value.code == "body_refused_key"


def test_features_and_actions_are_those_that_policies_know() -> None:
    tables = (
        anthropic_dialect.BLOCKS, anthropic_dialect.TOOLS,
        openai_dialect.PARTS, openai_dialect.ITEMS, openai_dialect.TOOLS,
    )  # fmt: skip
    named = {feature for table in tables for row in table.values() for feature in row}

    assert named <= set(FEATURES)
    assert {endpoint.action for endpoint in ENDPOINTS.values()} <= set(ACTIONS)


def test_the_parameters_of_the_official_clients_are_known() -> None:
    """What is not known is called unrecognised, never harmless; this says which those are."""
    from anthropic.types import message_create_params as messages
    from openai.types import embedding_create_params as embeddings
    from openai.types.chat import completion_create_params as chat
    from openai.types.responses import response_create_params as responses

    asked = [
        (MESSAGES, get_type_hints(messages.MessageCreateParamsBase)),
        (CHAT, get_type_hints(chat.CompletionCreateParamsBase)),
        (RESPONSES, get_type_hints(responses.ResponseCreateParamsBase)),
        (EMBEDDINGS, get_type_hints(embeddings.EmbeddingCreateParams)),
    ]
    unknown = {
        name
        for endpoint, hints in asked
        for name in set(hints) - set(endpoint.keys) - REFUSED_KEYS.keys()
    }

    assert {"model", "messages", "input", "stream"}.isdisjoint(unknown)
    assert unknown <= {
        "access_programs", "background_options", "image", "user_profile_id", "workspace_id",
    }  # fmt: skip


def test_the_types_of_content_of_the_official_clients_are_known_or_unrecognised_on_purpose() -> (
    None
):
    folder = Path(anthropic.__file__).parent / "types"
    union = (folder / "content_block_param.py").read_text()
    modules = re.findall(r"from \.(\w+_param) import", union)
    kinds = {
        kind
        for module in modules
        for kind in re.findall(
            r'^    type: Required\[Literal\["(\w+)"\]\]',
            (folder / f"{module}.py").read_text(),
            re.MULTILINE,
        )
    }

    unknown = kinds - set(anthropic_dialect.BLOCKS)

    assert {"text", "image", "document", "tool_result"} <= kinds
    assert unknown == set()
    assert Path(openai.__file__).exists()


@pytest.mark.parametrize(
    ("path", "headers", "dialect"),
    [
        ("/v1/messages", {}, "anthropic"),
        ("/v1/messages/batches", {}, "anthropic"),
        ("/v1/chat/completions", {"x-api-key": "a"}, "openai"),
        ("/v1/models", {}, "openai"),
        ("/v1/models", {"authorization": "Bearer a"}, "openai"),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, "anthropic"),
        ("/v1/models", {"x-api-key": "a"}, "anthropic"),
        ("/elsewhere", {}, "openai"),
    ],
)
def test_a_caller_is_answered_in_its_own_dialect(
    path: str, headers: dict[str, str], dialect: str
) -> None:
    assert dialect_of(path, headers) == dialect


WORDS = st.sampled_from(
    ["type", "input", "source", "content", "image_url", "format", "name", "text", "tool_use",
     "document", "message", "function", "base64", "url", ""]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=400)
@given(st.sampled_from(list(ENDPOINTS.values())), st.data())
def test_whatever_a_known_key_holds_is_read_or_refused(endpoint: Any, data: st.DataObject) -> None:
    """What stands where a word belongs may be anything, and is no fault of ours."""
    known = st.sampled_from(sorted(endpoint.keys))
    body = data.draw(st.dictionaries(known, VALUES, max_size=4))
    body["messages"] = [{"role": "user", "content": [data.draw(VALUES), {"source": {"type": []}}]}]

    with suppress(Refused):
        inspect(body, Limits())
        endpoint.features(body)


def test_a_type_that_is_no_word_is_unrecognised() -> None:
    content = [{"type": "image", "source": {"type": ["base64"]}}]
    body = {"messages": [{"role": "user", "content": content}]}

    inspect({"tools": [{"type": ["tool_use"], "input": {"a": [1]}}]}, Limits())

    assert "unrecognised" in ENDPOINTS["/v1/messages"].features(body)
