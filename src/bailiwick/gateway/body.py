"""Read a request body so strictly that no upstream can read it otherwise.

What goes upstream is our own serialisation of the value that was judged, never the caller's bytes,
so a repeated key further down cannot mean two things: we judged the last one, and only that one is
sent. At the top level repeated keys are refused, and so are keys that some parsers would take for
another one (Go's ``encoding/json`` reads ``Model`` as ``model``).
"""

import json
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import orjson

from bailiwick.front import Refused
from bailiwick.gateway.dialects import ENDPOINTS
from bailiwick.gateway.options import Limits

Json: TypeAlias = Any
"""A parsed JSON value."""

MANY: Final = 1024 * 1024
"""Bodies above this are counted before they are parsed."""
SHORT: Final = 4096
"""Bodies up to this are searched through: that is quicker than to look at each value."""
_ESCAPE: Final = b"\\u"
"""Without it nothing but a plain name stands for a plain name."""

REFUSED_KEYS: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("models", "model_list", "fallbacks", "fallback", "fallback_model", "fallback_models",
         "route", "model_id", "modelid", "target_model", "engine", "deployment", "deployment_id",
         "deployment_name", "assistant_id", "draft_model"),
        "it names a model beside `model`, and only one is judged",
    ),
    **dict.fromkeys(
        ("provider", "api_base", "base_url", "api_key", "custom_llm_provider", "inference_geo"),
        "it chooses where the request is processed, and that is the operator's to say",
    ),
    **dict.fromkeys(
        ("prompt_id", "thread", "fallback_credit_token"),
        "it stands for something stored elsewhere, which cannot be judged",
    ),
}  # fmt: skip
"""Top-level keys that no request may carry, and why."""

SECURITY_KEYS: Final = frozenset(
    {"model", "stream", "tools", "tool_choice", "functions", "messages", "input", "system",
     "instructions", "prompt", "previous_response_id", "conversation", "max_tokens",
     "max_completion_tokens", "max_output_tokens", "mcp_servers", "container", "thinking",
     "reasoning", "modalities", "web_search_options", "response_format", "metadata", "n",
     *REFUSED_KEYS}
)  # fmt: skip
"""Keys that a decision reads; nothing may look like one of them without being it."""

_quoted: Final[dict[str, bytes]] = {
    name: f'"{name}"'.encode()
    for endpoint in ENDPOINTS.values()
    for name in endpoint.keys
    if name not in REFUSED_KEYS and name.isidentifier() and name.isascii() and name.islower()
}
"""Keys that nobody can mistake, as a body writes them."""

_FREE: Final = frozenset(
    {"input_schema", "input_examples", "parameters", "schema", "guided_json", "metadata",
     "arguments", "usage"}
)  # fmt: skip
"""Keys whose value is the caller's own data: a model named in there means nothing upstream."""
_CALLS: Final = ("tool_use", "server_tool_use", "mcp_tool_use", "toolset_tool_use")
"""Content blocks whose ``input`` is the caller's own data."""


class _Key:
    """A key of the top-level object. Not equal to its like, so that repeats are kept apart."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def _key(kind: type[_Key], name: str) -> _Key:
    return kind(name)


_decode = msgspec.json.Decoder(dict[_Key, Any], dec_hook=_key).decode
_decode_plain = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def read(raw: bytes | bytearray, limits: Limits) -> dict[str, Json]:
    """Parse a body into the one value it can mean, in which no second model is named."""
    if len(raw) <= SHORT and _ESCAPE not in raw:
        body = _quick(raw)
        if body is not None:
            # the one name of a model that is there is at the top: a walk would find nothing
            nests = len(raw) - len(raw.translate(None, b"{["))
            if raw.count(b'"model') > 1 or nests > limits.json_depth:
                inspect(body, limits)
            return body
    elif len(raw) > MANY:
        _count(raw, limits.json_items)
    body = _parse(raw)
    inspect(body, limits)
    return body


def _parse(raw: bytes | bytearray) -> dict[str, Json]:
    try:
        pairs = _decode(raw)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except UnicodeDecodeError:
        raise Refused("body_not_utf8", "the body is not UTF-8") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise _malformed(raw, error) from None
    return _unique(pairs)


def _quick(raw: bytes | bytearray) -> dict[str, Json] | None:
    """Parse a short body of plain keys without escapes; ``None``: it takes a closer look.

    A key can be written twice only if its name in quotes is there twice.
    """
    try:
        body = _decode_plain(raw)
        times = sum(map(raw.count, map(_quoted.__getitem__, body)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
        return None
    return body if times == len(body) else None


def serialise(body: dict[str, Json]) -> bytes:
    """Write the body that goes upstream."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:  # deep nesting, numbers beyond 64 bits
        return _serialise_anything(body)


def _serialise_anything(body: dict[str, Json]) -> bytes:
    try:
        return _encode(body)
    except (UnicodeEncodeError, OverflowError, RecursionError):
        raise Refused("body_not_json", "the body cannot be written as JSON again") from None


def _count(raw: bytes | bytearray, most: int) -> None:
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > most:
        raise Refused("body_too_many_values", f"the body may hold at most {most} values")


def _invalid(message: str) -> Refused:
    if "out of range" in message:
        return Refused("body_number", "a number of the body is out of range")
    return Refused("body_not_object", "the body must be a JSON object")


def _malformed(raw: bytes | bytearray, error: Exception) -> Refused:
    if isinstance(error, RecursionError):
        return Refused("body_too_deep", "the body is nested too deeply")
    if not _is_utf8(raw):
        return Refused("body_not_utf8", "the body is not UTF-8")
    return Refused("body_not_json", f"the body is not JSON: {error}")


def _is_utf8(raw: bytes | bytearray) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unique(pairs: dict[_Key, Json]) -> dict[str, Json]:
    body = {key.name: value for key, value in pairs.items()}
    if len(body) != len(pairs):
        repeated = _shown(_repeated([key.name for key in pairs]))
        raise Refused("body_duplicate_key", f"the key `{repeated}` is given twice", repeated)
    together = "".join(body)
    if not (together.isascii() and together.islower()):
        _distinguish(body)
    if not REFUSED_KEYS.keys().isdisjoint(body):
        name = next(name for name in body if name in REFUSED_KEYS)
        raise Refused("body_refused_key", f"`{name}` is refused: {REFUSED_KEYS[name]}", name)
    return body


def refuse_repeats(raw: bytes | bytearray, body: dict[str, Json]) -> None:
    """Refuse a key that is given twice anywhere, for whoever forwards the caller's own bytes.

    ``body`` is what was parsed: of two keys it holds the last one only. Written again it shows
    whether there was another; only where it may be so the bytes are read a second time.
    """
    if _holds_all(raw, body):
        return
    try:
        json.loads(raw, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise _malformed(raw, error) from None


def _holds_all(raw: bytes | bytearray, body: dict[str, Json]) -> bool:
    """Whether a body shows at once that nothing of its bytes was dropped.

    Either it is written again as it came, or with as many colons: a key that was dropped took its
    colon along. No other colon can stand in for it, unless one was written with an escape.
    """
    try:
        written = orjson.dumps(body)
    except orjson.JSONEncodeError:
        return False
    return written == raw or (_colons(written) == _colons(raw) and not _escapes_a_colon(raw))


def _colons(raw: bytes | bytearray) -> int:
    if len(raw) <= SHORT:
        return raw.count(b":")
    return int(np.count_nonzero(np.frombuffer(raw, np.uint8) == ord(":")))


def _escapes_a_colon(raw: bytes | bytearray) -> bool:
    r"""Whether there may be one: `\u003a`. The bytes are JSON, so no backslash is their last."""
    if len(raw) <= SHORT:
        return b"\\u003" in raw
    codes = np.frombuffer(raw, np.uint8)
    at = np.flatnonzero(codes == ord("\\"))
    at = at[codes[at + 1] == ord("u")]
    return bool((codes[np.minimum(at + 4, codes.size - 1)] == ord("3")).any())


def _distinct(pairs: list[tuple[str, Json]]) -> None:
    if len(dict(pairs)) < len(pairs):
        repeated = _shown(_repeated([name for name, _ in pairs]))
        raise Refused("body_duplicate_key", f"the key `{repeated}` is given twice", repeated)


def _repeated(names: list[str]) -> str:
    return next((name for name in names if names.count(name) > 1), "")


def _shown(name: str) -> str:
    """Write a key so that it can neither hide nor move a cursor."""
    return ascii(name[:64])[1:-1]


def _distinguish(body: dict[str, Json]) -> None:
    """Refuse keys that a careless parser would take for another key of this body."""
    for name in body:
        folded = name.casefold()
        if folded != name and (folded in SECURITY_KEYS or folded in body):
            message = f"the key `{_shown(name)}` can be mistaken for `{_shown(folded)}`"
            raise Refused("body_confusable_key", message, _shown(name))


def inspect(body: dict[str, Json], limits: Limits) -> None:
    """Walk the whole body once: no deeper than allowed, and no second model anywhere in it.

    Tools can name a model of their own (an advisor, an image generator, a moderation), and only the
    one at the top is judged.
    """
    level = [value for key, value in body.items() if type(value) in _NESTED and key not in _FREE]
    free = [value for key, value in body.items() if type(value) in _NESTED and key in _FREE]
    for _ in range(limits.json_depth - 1):
        if not level and not free:
            return
        deeper: list[Json] = []
        aside = _children(free) if free else []
        for node in level:
            if type(node) is list:
                deeper += [child for child in node if type(child) in _NESTED]
            else:
                _step(node, deeper, aside)
        level, free = deeper, aside
    if level or free:
        message = f"the body is nested more than {limits.json_depth} levels deep"
        raise Refused("body_too_deep", message)


_NESTED: Final = frozenset({dict, list})


def _step(node: dict[str, Json], deeper: list[Json], aside: list[Json]) -> None:
    if ("model" in node and node["model"] is not None) or "models" in node:
        raise Refused("model_ambiguous", "the body names a second model further down", "model")
    for key, child in node.items():
        if type(child) in _NESTED:
            free = key in _FREE or (key == "input" and node.get("type") in _CALLS)
            (aside if free else deeper).append(child)


def _children(nodes: list[Json]) -> list[Json]:
    return [
        child
        for node in nodes
        for child in (node.values() if type(node) is dict else node)
        if type(child) in _NESTED
    ]
