"""Collect every problem of a policy, each with its position in the file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bailiwick.documents import Document, Path
from bailiwick.errors import InvalidInput, Position, Problem, Severity

NEEDS = {
    "string_type": "needs one plain value, not a list or mapping",
    "list_type": "needs a list",
    "dict_type": "needs keys with values, as in `key: value`",
    "model_type": "needs keys with values, as in `key: value`",
}
"""What a value of the wrong type should have been."""


class Problems:
    """What is wrong in one file, in the order found."""

    def __init__(self, document: Document, into: list[Problem]) -> None:
        self.document = document
        self._into = into

    def error(self, path: Path, message: str, help: str | None = None) -> None:  # noqa: A002
        """Report what makes the policy unusable."""
        self._into.append(Problem(message, help, self.document.position(path)))

    def warn(
        self,
        path: Path,
        message: str,
        help: str | None = None,  # noqa: A002
        code: str = "warning",
    ) -> None:
        """Report what is probably not meant."""
        position = self.document.position(path)
        self._into.append(Problem(message, help, position, Severity.WARNING, code))

    def note(
        self,
        path: Path,
        message: str,
        help: str | None = None,  # noqa: A002
        code: str = "note",
    ) -> None:
        """Report what is worth knowing."""
        position = self.document.position(path)
        self._into.append(Problem(message, help, position, Severity.NOTE, code))

    def key(self, path: Path, message: str, help: str | None = None) -> None:  # noqa: A002
        """Report a key that is wrong by itself."""
        self._into.append(Problem(message, help, self.document.key_position(path)))

    def shape(self, failed: ValidationError, known: Callable[[Path], Iterable[str]]) -> None:
        """Report what pydantic found about the shape; ``known`` lists the keys of a mapping."""
        for detail in failed.errors(include_url=False):
            self._shape_detail(detail, failed.title, known)

    def _shape_detail(
        self, detail: ErrorDetails, title: str, known: Callable[[Path], Iterable[str]]
    ) -> None:
        path = self.path(detail["loc"], detail["type"])
        kind, last = detail["type"], str(detail["loc"][-1]) if detail["loc"] else title
        if kind == "extra_forbidden":
            self.key(path, f"unknown key `{last}`", did_you_mean(last, known(path[:-1])))
        elif kind == "missing":
            self.error(path, f"missing key `{last}`")
        elif kind == "too_short":
            self.error(
                path,
                f"`{self._name(path)}` is empty",
                "an empty list means nothing here; remove the key",
            )
        elif kind == "literal_error":
            expected = str(detail.get("ctx", {}).get("expected", "")).replace("'", "`")
            self.error(path, f"`{detail['input']}` is not one of {expected}")
        elif kind == "string_pattern_mismatch":
            pattern = detail.get("ctx", {}).get("pattern")
            self.error(
                path, f"`{detail['input']}` is not written as expected", f"it must match {pattern}"
            )
        elif kind == "value_error":
            text = detail["msg"].removeprefix("Value error, ")
            message, _, hint = text.partition("; ")
            self.error(path, message, hint or None)
        else:
            text = NEEDS.get(kind, detail["msg"].lower())
            self.error(path, f"`{self._name(path)}` {text}")

    def path(self, loc: Path, kind: str) -> Path:
        """Drop the parts of pydantic's location that are its own and not in the file."""
        ends_in_key = kind in {"extra_forbidden", "missing"}
        path: Path = ()
        for index, part in enumerate(loc):
            is_key = ends_in_key and index == len(loc) - 1
            if (*path, part) in self.document.positions or is_key:
                path = (*path, part)
        return path

    def _name(self, path: Path) -> str:
        names = [str(part) for part in path if isinstance(part, str)]
        return names[-1] if names else "the file"


def did_you_mean(text: str, known: Iterable[str]) -> str | None:
    """Word a hint from near misses, or from the whole list where it is short."""
    options = sorted(set(known))
    near = get_close_matches(text, options, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(f'`{one}`' for one in near)}?"
    return f"known are {', '.join(options)}" if 0 < len(options) <= 30 else None


def shape_problems(
    failed: ValidationError, document: Document, schema: Mapping[str, Any]
) -> list[Problem]:
    """Word what pydantic found wrong with a file of the shape that ``schema`` describes."""
    found: list[Problem] = []
    Problems(document, found).shape(failed, lambda path: keys_at(schema, path))
    return found


def keys_at(schema: Mapping[str, Any], path: Path) -> set[str]:
    """List the keys that the mapping at ``path`` of a file with this JSON Schema may have."""
    found: list[Any] = [schema]
    for part in path:
        found = [inner for one in _plain(found, schema) if (inner := _inside(one, part))]
    return {key for one in _plain(found, schema) for key in one.get("properties", ())}


def _plain(schemas: Iterable[Any], whole: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Follow references and alternatives down to schemas that say something themselves."""
    for one in schemas:
        inner = [*one.get("anyOf", ()), *one.get("oneOf", ())]
        if "$ref" in one:
            inner.append(whole["$defs"][one["$ref"].rpartition("/")[2]])
        yield one
        yield from _plain(inner, whole)


def _inside(schema: dict[str, Any], part: str | int) -> dict[str, Any] | None:
    if isinstance(part, int):
        return schema.get("items")
    others = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    found = schema.get("properties", {}).get(part) or others[0]
    return found if isinstance(found, dict) else None


def raise_if_errors(problems: Iterable[Problem]) -> None:
    """Raise ``InvalidInput`` with all problems if one of them is an error."""
    found = sorted(set(problems), key=lambda one: (one.position or Position(""), one.message))
    if any(problem.severity is Severity.ERROR for problem in found):
        raise InvalidInput(found)
