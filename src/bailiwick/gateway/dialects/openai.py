"""OpenAI Chat Completions, Responses and Embeddings: what a request asks for."""

from collections.abc import Mapping
from typing import Any, Final

from bailiwick.front import Refused
from bailiwick.gateway.dialects.endpoint import (
    UNRECOGNISED,
    Endpoint,
    Reader,
    adds,
    items,
    silent,
    streaming,
    table,
    unrecognised,
)

PARTS: Final = table(
    text="",
    refusal="",
    input_text="",
    output_text="",
    summary_text="",
    reasoning_text="",
    image_url="image_input",
    input_image="image_input",
    computer_screenshot="image_input computer_use",
    input_audio="audio_input",
    video_url="video_input",
    input_video="video_input",
    file="document_input",
    input_file="document_input",
)
"""Parts of a message's content by type, in chats and in responses."""

ITEMS: Final = table(
    message="",
    function_call="",
    function_call_output="",
    custom_tool_call="",
    custom_tool_call_output="",
    reasoning="",
    compaction="",
    local_shell_call="",
    local_shell_call_output="",
    shell_call="",
    shell_call_output="",
    apply_patch_call="",
    apply_patch_call_output="",
    web_search_call="web_search",
    code_interpreter_call="code_execution",
    computer_call="computer_use",
    computer_call_output="computer_use",
    image_generation_call="image_output",
)
"""Items of a response's input by type. Others are unrecognised: what is stored elsewhere, what
files a search finds, what a remote server says, tools that come with an item."""

TOOLS: Final = table(
    function="",
    custom="",
    local_shell="",
    shell="",
    apply_patch="",
    web_search="web_search",
    web_search_2025_08_26="web_search",
    web_search_preview="web_search",
    web_search_preview_2025_03_11="web_search",
    code_interpreter="code_execution",
    computer="computer_use",
    computer_use_preview="computer_use",
    image_generation="image_output",
)
"""Tools by type. Each is the feature ``tools`` as well."""

_MESSAGE: Final = frozenset(
    {"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio",
     "annotations", "reasoning", "reasoning_content"}
)  # fmt: skip
_MODALITIES: Final = table(text="", audio="audio_output", image="image_output")


def _typed(item: dict[str, Any], found: set[str], kinds: Mapping[str, frozenset[str]]) -> None:
    kind = item.get("type")
    found |= kinds.get(kind, UNRECOGNISED) if type(kind) is str else UNRECOGNISED


def _part(part: dict[str, Any], found: set[str]) -> None:
    _typed(part, found, PARTS)


def _content(value: Any, found: set[str]) -> None:
    if value is not None and type(value) is not str:
        items(value, found, _part)


def _message(message: dict[str, Any], found: set[str]) -> None:
    if not _MESSAGE.issuperset(message):
        found.add("unrecognised")
    _content(message.get("content"), found)
    if message.get("audio") is not None:
        found.add("audio_input")


def _messages(value: Any, found: set[str]) -> None:
    items(value, found, _message)


def _tools(value: Any, found: set[str]) -> None:
    items(value, found, _tool)


def _tool(tool: dict[str, Any], found: set[str]) -> None:
    found.add("tools")
    _typed(tool, found, TOOLS)


def _input(value: Any, found: set[str]) -> None:
    if type(value) is not str:
        items(value, found, _item)


def _item(item: dict[str, Any], found: set[str]) -> None:
    if "type" in item or "role" not in item:
        _typed(item, found, ITEMS)
    _content(item.get("content"), found)
    _output(item.get("output"), found)


def _output(value: Any, found: set[str]) -> None:
    if type(value) is list:
        items(value, found, _any_output)
    elif type(value) is dict:
        _part(value, found)


def _any_output(part: dict[str, Any], found: set[str]) -> None:
    if part.get("type") is not None:  # the lines that a shell printed have no type
        _part(part, found)


def _response_format(value: Any, found: set[str]) -> None:
    if type(value) is not dict or value.get("type") != "text":
        found.add("structured_output")


def _text(value: Any, found: set[str]) -> None:
    if type(value) is not dict:
        found.add("unrecognised")
    elif value.get("format") is not None:
        _response_format(value["format"], found)


def _modalities(value: Any, found: set[str]) -> None:
    for kind in value if type(value) is list else [value]:
        found |= _MODALITIES.get(kind, UNRECOGNISED) if type(kind) is str else UNRECOGNISED


def _reasoning(value: Any, found: set[str]) -> None:
    if type(value) is not dict or value.get("effort") != "none":
        found.add("reasoning")


def _prompt(value: Any, found: set[str]) -> None:
    del value, found
    message = (
        "`prompt` is refused: it stands for something stored elsewhere, which cannot be judged"
    )
    raise Refused("body_refused_key", message, "prompt")


def _embedded(value: Any, found: set[str]) -> None:
    """Read texts, token numbers, or lists of either."""
    for item in value if type(value) is list else [value]:
        plain = type(item) in {str, int} or (
            type(item) is list and all(type(number) is int for number in item)
        )
        if not plain:
            found.add("unrecognised")
            return


_COMMON: Final = silent(
    "model metadata user store safety_identifier service_tier prompt_cache_key "
    "prompt_cache_retention prompt_cache_options temperature top_p top_logprobs verbosity "
    "parallel_tool_calls tool_choice stream_options moderation"
)

_CHAT: Final[Mapping[str, Reader | None]] = {
    **_COMMON,
    **silent(
        "frequency_penalty presence_penalty logit_bias logprobs max_tokens max_completion_tokens n "
        "seed stop prediction function_call"
    ),
    "messages": _messages,
    "stream": streaming,
    "tools": _tools,
    "functions": adds("tools"),
    "response_format": _response_format,
    "reasoning_effort": adds("reasoning"),
    "modalities": _modalities,
    "audio": adds("audio_output"),
    "web_search_options": lambda _, found: found.add("web_search"),
}

_RESPONSES: Final[Mapping[str, Reader | None]] = {
    **_COMMON,
    **silent("include instructions max_output_tokens max_tool_calls truncation context_management"),
    "input": _input,
    "stream": streaming,
    "tools": _tools,
    "text": _text,
    "reasoning": _reasoning,
    "prompt": _prompt,
    "background": adds("unrecognised"),
    "previous_response_id": unrecognised,
    "conversation": unrecognised,
}

_EMBEDDINGS: Final[Mapping[str, Reader | None]] = {
    **silent("model encoding_format dimensions user"),
    "input": _embedded,
}

ENDPOINTS: Final = (
    Endpoint(
        "/v1/chat/completions", "openai", "infer", _CHAT, ("max_completion_tokens", "max_tokens")
    ),
    Endpoint("/v1/responses", "openai", "infer", _RESPONSES, ("max_output_tokens",)),
    Endpoint("/v1/embeddings", "openai", "infer", _EMBEDDINGS),
)
