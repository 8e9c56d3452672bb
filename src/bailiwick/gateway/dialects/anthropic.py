"""Anthropic Messages: what a request asks for."""

import re
from collections.abc import Mapping
from typing import Any, Final

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

BLOCKS: Final = table(
    text="",
    thinking="",
    redacted_thinking="",
    tool_use="",
    toolset_tool_use="",
    server_tool_use="",
    search_result="",
    tool_reference="",
    tool_search_tool_result="",
    image="image_input",
    document="document_input",
    tool_result="",
    web_search_tool_result="web_search",
    web_fetch_tool_result="web_search",
    code_execution_tool_result="code_execution",
    bash_code_execution_tool_result="code_execution",
    text_editor_code_execution_tool_result="code_execution",
    container_upload="code_execution document_input",
    browser_state="computer_use",
)
"""Content blocks by type. Others, such as tools added in the middle, are unrecognised."""

TOOLS: Final = table(
    custom="",
    bash="",
    text_editor="",
    memory="",
    tool_search_tool_regex="",
    tool_search_tool_bm25="",
    web_search="web_search",
    web_fetch="web_search",
    code_execution="code_execution",
    computer="computer_use",
    computer_toolset="computer_use",
    browser_toolset="computer_use",
)
"""Tools by type, without the date behind it. Each is the feature ``tools`` as well."""

_MESSAGE: Final = frozenset({"role", "content"})
_SOURCES: Final = ("base64", "text", "url", "file", "content")
_without_date = re.compile(r"_\d{8}$").sub


def _content(value: Any, found: set[str]) -> None:
    if type(value) is not str:
        items(value, found, _block)


def _block(block: dict[str, Any], found: set[str]) -> None:
    kind = block.get("type")
    found |= BLOCKS.get(kind, UNRECOGNISED) if type(kind) is str else UNRECOGNISED
    if "source" in block:
        _source(block["source"], found)
    inner = block.get("content")
    if type(inner) is list:
        _content(inner, found)
    elif type(inner) is dict and "content" in inner:
        items([inner["content"]], found, _block)


def _source(source: Any, found: set[str]) -> None:
    if type(source) is str:  # a search result gives a text
        return
    if type(source) is not dict or source.get("type") not in _SOURCES:
        found.add("unrecognised")
    elif source["type"] == "content":
        _content(source.get("content"), found)


def _message(message: dict[str, Any], found: set[str]) -> None:
    if not _MESSAGE.issuperset(message):
        found.add("unrecognised")
    _content(message.get("content"), found)


def _messages(value: Any, found: set[str]) -> None:
    items(value, found, _message)


def _tools(value: Any, found: set[str]) -> None:
    items(value, found, _tool)


def _tool(tool: dict[str, Any], found: set[str]) -> None:
    kind = tool.get("type") or "custom"
    found.add("tools")
    found |= TOOLS.get(_without_date("", kind), UNRECOGNISED) if type(kind) is str else UNRECOGNISED


def _thinking(value: Any, found: set[str]) -> None:
    if type(value) is not dict or value.get("type") != "disabled":
        found.add("reasoning")


def _output_config(value: Any, found: set[str]) -> None:
    if type(value) is not dict or value.get("format") is not None:
        found.add("structured_output")


def _servers(value: Any, found: set[str]) -> None:
    if value != []:
        found.update(("tools", "unrecognised"))


_KEYS: Final[Mapping[str, Reader | None]] = {
    **silent(
        "model max_tokens metadata stop_sequences temperature top_k top_p tool_choice service_tier "
        "speed cache_control context_management compaction diagnostics"
    ),
    "messages": _messages,
    "system": _content,
    "stream": streaming,
    "tools": _tools,
    "thinking": _thinking,
    "output_config": _output_config,
    "output_format": adds("structured_output"),
    "container": adds("code_execution"),
    "mcp_servers": _servers,
    "prefill": unrecognised,
}

_QUERY: Final = frozenset({"beta=true"})

ENDPOINTS: Final = (
    Endpoint("/v1/messages", "anthropic", "infer", _KEYS, ("max_tokens",), _QUERY),
    Endpoint("/v1/messages/count_tokens", "anthropic", "count_tokens", _KEYS, (), _QUERY),
)
