"""Which model a request names, and that it names only one.

Path, query, headers and body must agree before anybody judges; a name that is not plain is refused
and never folded into one that is.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from bailiwick.front import Refused

NAME: Final = re.compile(r"[A-Za-z0-9._:/@-]{1,200}")
_PLAIN_NAME: Final = NAME.fullmatch
_MODEL_WORDS: Final = frozenset(
    {"model", "models", "engine", "deployment", "fallback", "fallbacks"}
)


def model_named(body: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Read the one model that a request names, or refuse it."""
    name = body.get("model")
    if type(name) is not str:
        if name is None:
            raise Refused("model_missing", "the body names no `model`", "model")
        raise Refused("model_invalid", "`model` must be a string", "model")
    check_name(name)
    if not headers.keys() <= _silent:
        _agree(name, headers)
    return name


def check_name(name: str) -> None:
    """Refuse a model's name that is not plain ASCII of the kind that catalogues use."""
    if _PLAIN_NAME(name) is None:
        message = "`model` may hold letters, digits and . _ : / @ - only, at most 200 of them"
        raise Refused("model_invalid", message, "model")


FALLBACK_HEADER: Final = "x-bailiwick-fallback"
WISHES: Final = ("allow", "none")
"""Whether another model may answer; ours, and no name of a model."""


def _check_wish(value: str) -> None:
    if value not in WISHES:
        raise Refused("header_invalid", f"`{FALLBACK_HEADER}` is `allow` or `none`")


_silent: set[str] = set()
"""Names of headers that name no model."""
_MOST_SILENT: Final = 4096


def _agree(name: str, headers: Mapping[str, str]) -> None:
    for header, value in headers.items():
        if header == FALLBACK_HEADER:
            _check_wish(value)
        elif not tells_of_a_model(header):
            if len(_silent) < _MOST_SILENT:
                _silent.add(header)
        elif value.strip() != name:
            raise Refused("model_ambiguous", f"the header `{header}` names another model", "model")


def tells_of_a_model(header: str) -> bool:
    """Whether a header of this name says which model is meant."""
    return not _MODEL_WORDS.isdisjoint(re.split("[-_.]", header))


def check_query(query: str, allowed: frozenset[str]) -> None:
    """Refuse a query with anything in it that this path has no use for, such as ``?model=``."""
    for part in query.split("&"):
        if part and part not in allowed and part.partition("=")[0] not in allowed:
            shown = ascii(part.partition("=")[0])[1:-1][:64]
            raise Refused("query_unexpected", f"the query may not hold `{shown}`", shown)


def key_presented(headers: Mapping[str, str]) -> str | None:
    """Read the caller's API key; two different ones are refused."""
    api_key = headers.get("x-api-key")
    bearer = _bearer(headers.get("authorization"))
    if api_key and bearer and api_key != bearer:
        message = "`x-api-key` and `authorization` carry different keys"
        raise Refused("key_ambiguous", message)
    return api_key or bearer or None


def _bearer(value: str | None) -> str | None:
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
