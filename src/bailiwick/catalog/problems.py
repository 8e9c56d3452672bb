"""What the schema refuses, said in the author's words and at the author's line."""

from typing import Any

from pydantic import ValidationError

from bailiwick.catalog.schema import REFUSALS
from bailiwick.documents import Document, Path
from bailiwick.errors import Position, Problem


def problems_of(error: ValidationError, document: Document) -> list[Problem]:
    """Turn each refusal into a problem with position and help."""
    return [_problem(dict(one), document) for one in error.errors(include_url=False)]


def _problem(error: dict[str, Any], document: Document) -> Problem:
    path = tuple(part for part in error["loc"] if part != "[key]")
    message, help_ = _words(error, _key(error, path, document))
    return Problem(message, help_, _position(error, path, document))


def _key(error: dict[str, Any], path: Path, document: Document) -> str:
    """Name the key as its author wrote it: a figure that stands alone has no key ``value``."""
    written = path if path in document.positions or error["type"] == "missing" else path[:-1]
    named = path if error["type"] == "extra_forbidden" else written
    return next((f"`{part}`" for part in reversed(named) if isinstance(part, str)), "a file")


def _words(error: dict[str, Any], key: str) -> tuple[str, str | None]:
    given = f"`{error['input']}`" if isinstance(error["input"], str) else "this"
    options = str(error.get("ctx", {}).get("expected")).replace("'", "`")
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key {key}", "docs/catalog.md lists every key"
        case "missing":
            return f"key {key} is missing", None
        case "dict_type" | "model_type":
            return f"{key} must have keys of its own", None
        case "list_type":
            return f"{key} must be a list", "write it as `[a, b]`"
        case "literal_error" | "enum" if "[key]" in error["loc"]:
            return f"unknown key {key}", f"write one of: {options}"
        case "literal_error" | "enum":
            return f"{key}: unknown value {given}", f"write one of: {options}"
        case code:
            what, help_ = REFUSALS[code]
            about = "" if "[key]" in error["loc"] else f"{key}: "
            return f"{about}{given} is not {what}", help_


def _position(error: dict[str, Any], path: Path, document: Document) -> Position:
    if error["type"] == "extra_forbidden" or "[key]" in error["loc"]:
        return document.key_position(path)
    return document.position(path)
