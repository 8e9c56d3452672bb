"""Recognise an upstream's refusal by region. Statuses do not tell: it may be 400, 403 or 451.

Each row is what a provider was seen to answer (docs/fallback.md has the sources). Other refusals of
the same status, such as a permission that the gateway's own key lacks, are none of these.
"""

from typing import Any, Final

import msgspec

STATUSES: Final = frozenset({400, 403, 451})
_CODES: Final = frozenset({"unsupported_country_region_territory", "country_not_allowed"})
_PHRASES: Final = (
    "country, region, or territory not supported",
    "user location is not supported for the api use",
    "free tier is not available in your country",
    "not allowed from unsupported countries, regions, or territories",
    "not available in your region",
    "not available from this data center",
)
_EDGE: Final = {"type": "forbidden", "message": "Request not allowed"}
"""Anthropic's edge says this, without the outer ``type`` that all its own errors have."""
MOST_NESTED: Final = 3


def is_region_refusal(status: int, body: bytes) -> bool:
    """Tell whether an answer of an upstream refuses for the place it sees."""
    if status == 451:
        return True
    if status not in STATUSES:
        return False
    return _says(_decoded(body), 0)


def _says(value: Any, depth: int) -> bool:
    if depth > MOST_NESTED:
        return False
    if isinstance(value, list):  # Google puts some errors in a list
        return any(_says(one, depth + 1) for one in value[:4])
    if not isinstance(value, dict):
        return isinstance(value, str) and _is_phrase(value)
    error = value.get("error")
    if error == _EDGE and "type" not in value:
        return True
    if isinstance(error, dict) and _names(error):
        return True
    wrapped = error.get("metadata") if isinstance(error, dict) else None
    raw = wrapped.get("raw") if isinstance(wrapped, dict) else None
    if isinstance(raw, str) and _says(_decoded(raw.encode()), depth + 1):
        return True
    return _names(value)


def _names(error: dict[str, Any]) -> bool:
    """Whether an error object has one of the codes, or says one of the phrases."""
    named = (error.get(key) for key in ("code", "type", "error"))
    if any(isinstance(one, str) and one in _CODES for one in named):
        return True
    texts = (error.get(key) for key in ("message", "Message", "detail"))
    return any(isinstance(text, str) and _is_phrase(text) for text in texts)


def _is_phrase(text: str) -> bool:
    folded = text.casefold()
    return any(phrase in folded for phrase in _PHRASES)


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")
