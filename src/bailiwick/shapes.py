"""What pydantic finds wrong with a file, in the words of its author and at the author's line."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bailiwick.documents import Document, Path
from bailiwick.errors import Problem

NEEDS: Mapping[str, str] = {
    "string_type": "needs one plain value, not a list or mapping",
    "list_type": "needs a list",
    "tuple_type": "needs a list",
    "dict_type": "needs keys with values, as in `key: value`",
    "model_type": "needs keys with values, as in `key: value`",
    "model_attributes_type": "needs keys with values, as in `key: value`",
    "int_type": "needs a whole number",
    "int_parsing": "needs a whole number",
    "bool_type": "needs `true` or `false`",
    "bool_parsing": "needs `true` or `false`",
    "path_type": "needs a path",
    "time_delta_type": "needs a duration such as 10s",
}
"""What a value of the wrong type should have been."""

SECRET = re.compile(r"^(key|password|token(_sha256)?|(.+_)?secret)$")
"""Names of keys whose values no message repeats."""

Refusals = Mapping[str, tuple[str, str]]
"""For each error code of a schema's own: what the text is not, and what to write instead."""


def shape_problems(
    failed: ValidationError,
    document: Document,
    known: Callable[[Path], Iterable[str]],
    refusals: Refusals | None = None,
) -> list[Problem]:
    """Word every refusal; ``known`` lists the keys that the mapping at a path may have."""
    words = _Words(document, known, refusals or {})
    return [words.problem(one) for one in failed.errors(include_url=False)]


def path_in(document: Document, detail: ErrorDetails) -> Path:
    """Drop the parts of pydantic's location that are its own and not in the file."""
    loc = tuple(part for part in detail["loc"] if part != "[key]")
    ends_in_key = detail["type"] in {"extra_forbidden", "missing"}
    path: Path = ()
    for index, part in enumerate(loc):
        is_key = ends_in_key and index == len(loc) - 1
        if (*path, part) in document.positions or is_key:
            path = (*path, part)
    return path


class _Words:
    def __init__(
        self, document: Document, known: Callable[[Path], Iterable[str]], refusals: Refusals
    ) -> None:
        self.document = document
        self.known = known
        self.refusals = refusals

    def problem(self, detail: ErrorDetails) -> Problem:
        path, kind = path_in(self.document, detail), detail["type"]
        is_key = kind == "extra_forbidden" or "[key]" in detail["loc"]
        at = self.document.key_position if is_key else self.document.position
        message, help_ = self._words(detail, path, is_key)
        return Problem(message, help_, at(path))

    def _words(self, detail: ErrorDetails, path: Path, is_key: bool) -> tuple[str, str | None]:
        kind, name, context = detail["type"], _name(path, self.document), detail.get("ctx", {})
        shown = isinstance(detail["input"], str) and not SECRET.search(name)
        given = f"`{detail['input']}`" if shown else f"`{name}`"
        about = "" if is_key else f"`{name}`: "
        match kind:
            case "extra_forbidden":
                return f"unknown key `{name}`", did_you_mean(name, self.known(path[:-1]))
            case "missing":
                return f"missing key `{detail['loc'][-1]}`", None
            case "too_short":
                return f"`{name}` is empty", "an empty list means nothing here; remove the key"
            case "literal_error" | "enum":
                options = str(context.get("expected", "")).replace("'", "`")
                if is_key:
                    return f"unknown key {given}", f"write one of: {options}"
                return f"{given} is not one of {options}", None
            case "string_pattern_mismatch":
                written = f"it must match {context.get('pattern')}"
                return f"{given} is not written as expected", written
            case "value_error" | "assertion_error":
                message, _, hint = str(context.get("error")).partition("; ")
                return message, hint or None
            case _ if kind in self.refusals:
                what, hint = self.refusals[kind]
                return f"{given} is not {what}", hint
            case _ if kind in NEEDS:
                return f"`{name}` {NEEDS[kind]}", None
        return f"{about}{_plain(detail['msg'])}", None


def did_you_mean(text: str, known: Iterable[str]) -> str | None:
    """Word a hint from near misses, or from the whole list where it is short."""
    options = sorted(set(known))
    near = get_close_matches(text, options, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(f'`{one}`' for one in near)}?"
    return f"known are {', '.join(options)}" if 0 < len(options) <= 30 else None


def keys_at(schema: Mapping[str, Any], path: Path) -> set[str]:
    """List the keys that the mapping at ``path`` of a file with this JSON Schema may have."""
    found: list[Any] = [schema]
    for part in path:
        found = [inner for one in _plainer(found, schema) if (inner := _inside(one, part))]
    return {key for one in _plainer(found, schema) for key in one.get("properties", ())}


def _name(path: Path, document: Document) -> str:
    """Name the key as its author wrote it."""
    return next((part for part in reversed(path) if isinstance(part, str)), document.file)


def _plain(message: str) -> str:
    words = message.removeprefix("Input ").replace("should be", "must be", 1)
    return (words[:1].lower() + words[1:]).replace("datetime.timedelta(0)", "0s")


def _plainer(schemas: Iterable[Any], whole: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Follow references and alternatives down to schemas that say something themselves."""
    for one in schemas:
        inner = [*one.get("anyOf", ()), *one.get("oneOf", ())]
        if "$ref" in one:
            inner.append(whole["$defs"][one["$ref"].rpartition("/")[2]])
        yield one
        yield from _plainer(inner, whole)


def _inside(schema: dict[str, Any], part: str | int) -> dict[str, Any] | None:
    if isinstance(part, int):
        found = schema.get("items")
    else:
        others = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        found = schema.get("properties", {}).get(part) or others[0]
    return found if isinstance(found, dict) else None
