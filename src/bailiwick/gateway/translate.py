"""Say a request in the other dialect, and its answer in the caller's: Anthropic and OpenAI.

The conversion is that of LiteLLM's SDK (extra ``translate``), imported when it is first needed.
Nothing is sent by it: requests go out through the gateway's own client. Content that it would have
to fetch from somewhere is not translated.
"""

import os
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Protocol

import msgspec

from bailiwick.errors import BailiwickError

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

PATHS: Final[Mapping[str, str]] = {
    "/v1/messages": "/v1/chat/completions",
    "/v1/chat/completions": "/v1/messages",
}
"""Each path that can be translated, and the path that serves it in the other dialect."""
OTHER: Final[Mapping[str, str]] = {"anthropic": "openai", "openai": "anthropic"}


class Untranslatable(Exception):
    """A request that cannot be said in the other dialect."""


class Translation(Protocol):
    """One request between two dialects."""

    def request(self, body: Mapping[str, Any], model: str) -> dict[str, Any]:
        """Say the request in the upstream's dialect. Raises ``Untranslatable``."""

    def whole(self, body: bytes) -> bytes:
        """Say a whole answer in the caller's dialect. Raises ``Untranslatable``."""

    def stream(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Say a streamed answer in the caller's dialect, as it comes."""


def translation(dialect: str) -> Translation:
    """Make the translation for a caller who speaks ``dialect``."""
    return _ToOpenAI() if dialect == "anthropic" else _ToAnthropic()


def require_sdk() -> None:
    """Import LiteLLM's SDK once, with everything off that would reach for the network."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        import litellm
    except ImportError:
        raise BailiwickError(
            "fallback between dialects needs LiteLLM's SDK", "pip install 'bailiwick[translate]'"
        ) from None
    litellm.telemetry = False
    litellm.suppress_debug_info = True


class _ToOpenAI:
    """The caller speaks Anthropic, the upstream OpenAI."""

    def __init__(self) -> None:
        require_sdk()
        from litellm.llms.anthropic.messages.adapters.transformation import AnthropicAdapter

        self._adapter = AnthropicAdapter()
        self._model = ""
        self._names: dict[str, str] = {}

    def request(self, body: Mapping[str, Any], model: str) -> dict[str, Any]:
        _check_inline(body)
        self._model = model
        try:
            made, names = self._adapter.translate_completion_input_params_with_tool_mapping(
                {**body, "model": model}
            )
        except Exception as error:
            raise Untranslatable(type(error).__name__) from error
        self._names = dict(names)
        found: dict[str, Any] = _plain(dict(made or {}))
        if found.get("stream"):
            found["stream_options"] = {"include_usage": True}
        return found

    def whole(self, body: bytes) -> bytes:
        from litellm.types.utils import ModelResponse

        try:
            answer = ModelResponse(**_decode(body))
            said = self._adapter.translate_completion_output_params(answer, self._names)
        except Exception as error:
            raise Untranslatable(type(error).__name__) from error
        return _encode(_plain(said))

    async def stream(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        from litellm.types.utils import ModelResponseStream

        async def chunks() -> AsyncIterator[Any]:
            async for data in events(pieces):
                if data != b"[DONE]":
                    yield ModelResponseStream(**_decode(data))

        said = self._adapter.translate_completion_output_params_streaming(
            chunks(), self._model, self._names
        )
        async for piece in said:  # type: ignore[union-attr]  # a stream was asked for
            yield piece if isinstance(piece, bytes) else str(piece).encode()


class _ToAnthropic:
    """The caller speaks OpenAI, the upstream Anthropic."""

    def __init__(self) -> None:
        require_sdk()
        from litellm.llms.anthropic.chat.transformation import AnthropicConfig

        self._config = AnthropicConfig()

    def request(self, body: Mapping[str, Any], model: str) -> dict[str, Any]:
        _check_inline(body)
        given = {name: one for name, one in body.items() if name not in _NOT_PARAMETERS}
        unknown = given.keys() - {*self._config.get_supported_openai_params(model), "stream"}
        if unknown:
            raise Untranslatable(f"`{min(unknown)}` has no equal")
        try:
            options = self._config.map_openai_params(given, {}, model, False)
            made = self._config.transform_request(model, [*body["messages"]], options, {}, {})
        except Exception as error:
            raise Untranslatable(type(error).__name__) from error
        streamed = {"stream": True} if body.get("stream") else {}
        found: dict[str, Any] = _plain({**made, "model": model, **streamed})
        return found

    def whole(self, body: bytes) -> bytes:
        import httpx
        from litellm.types.utils import ModelResponse

        try:
            answer = _decode(body)
            said = self._config.transform_parsed_response(
                completion_response=answer,
                raw_response=httpx.Response(200, content=body),
                model_response=ModelResponse(),
            )
        except Exception as error:
            raise Untranslatable(type(error).__name__) from error
        return _encode(_tidied(_plain(said)))

    async def stream(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        from litellm.llms.anthropic.chat.handler import ModelResponseIterator

        reader = ModelResponseIterator(None, sync_stream=False)
        async for data in events(pieces):
            event = _decode(data)
            if event.get("type") == "ping":
                continue
            said = _tidied(_plain(reader.chunk_parser(event)))
            if _has_news(said):
                yield b"data: " + _encode(said) + b"\n\n"
        yield b"data: [DONE]\n\n"


_NOT_PARAMETERS: Final = frozenset({"model", "messages", "stream_options"})


async def events(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut a stream of server-sent events into the data of each."""
    buffer = b""
    data: list[bytes] = []
    async for piece in pieces:
        *lines, buffer = (buffer + piece).split(b"\n")
        for line in lines:
            bare = line.rstrip(b"\r")
            if bare.startswith(b"data:"):
                data.append(bare[5:].lstrip())
            elif not bare and data:
                yield b"\n".join(data)
                data = []
    if data:
        yield b"\n".join(data)


def _check_inline(body: Mapping[str, Any]) -> None:
    """Refuse content by address: turning it into the other dialect may mean to fetch it."""
    if any(_is_address(one) for one in _urls(body.get("messages"))):
        raise Untranslatable("content by address is not translated; send it inline")


def _is_address(url: object) -> bool:
    return not (isinstance(url, str) and url.startswith("data:"))


def _urls(value: Any) -> list[object]:
    """Collect every URL of content blocks, at any depth."""
    found: list[object] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            for key, inner in one.items():
                if key in {"url", "file_url", "image_url"} and not isinstance(inner, dict):
                    found.append(inner)
                elif key == "type" and inner == "url":
                    found.append(None)
                else:
                    waiting.append(inner)
    return found


def _tidied(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is LiteLLM's own and no part of the dialect."""
    for choice in answer.get("choices", ()):
        for key in ("message", "delta"):
            if isinstance(choice.get(key), dict):
                choice[key].pop("provider_specific_fields", None)
        choice.setdefault("finish_reason", None)
        choice.setdefault("logprobs", None)
    usage = answer.get("usage")
    if isinstance(usage, dict):
        names = ("prompt_tokens", "completion_tokens", "total_tokens")
        answer["usage"] = {name: usage[name] for name in names if name in usage}
    return _plain(answer)  # type: ignore[no-any-return]  # a mapping stays one


def _has_news(chunk: Mapping[str, Any]) -> bool:
    """Leave out chunks that say nothing."""
    for choice in chunk.get("choices", ()):
        delta = choice.get("delta") or {}
        if choice.get("finish_reason") or delta.get("content") or delta.get("tool_calls"):
            return True
        if delta.get("role") or delta.get("reasoning_content"):
            return True
    return bool(chunk.get("usage"))


def _plain(value: Any) -> Any:
    """Turn models and typed mappings into plain values that can be encoded."""
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(exclude_none=True))
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.value if hasattr(value, "value") else value


def error_in(dialect: str, status: int, body: bytes) -> bytes:
    """Say an upstream's error in a dialect: its message, and the dialect's own kind of error."""
    message = _message(body) or f"the upstream answered {status}"
    if dialect == "anthropic":
        kind = _ANTHROPIC.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return _encode({"type": "error", "error": {"type": kind, "message": message}})
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return _encode({"error": {"message": message, "type": kind, "param": None, "code": None}})


_ANTHROPIC: Final[Mapping[int, str]] = {
    403: "permission_error", 404: "not_found_error", 413: "request_too_large",
    429: "rate_limit_error", 529: "overloaded_error",
}  # fmt: skip


def _message(body: bytes) -> str | None:
    try:
        error = _decode(body).get("error")
    except (msgspec.DecodeError, AttributeError):
        return None
    said = error.get("message") if isinstance(error, dict) else error
    return said if isinstance(said, str) else None
