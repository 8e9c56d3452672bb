"""List every key with what it takes, its default and what it is for; the documentation is checked
against it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

_ISO_DURATION = re.compile(r"^PT?([0-9]+)([DHMS])$")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the settings file."""

    path: str
    """Dotted; ``[]`` stands for each entry of a list."""
    takes: str
    default: str | None
    """As the file would write it; ``None``: it must be given."""
    description: str


def describe(model: type[BaseModel]) -> tuple[Key, ...]:
    """List every key of a settings model, sections before their keys."""
    schema = model.model_json_schema()
    return tuple(_walk(schema, schema.get("$defs", {}), ""))


def _walk(schema: Mapping[str, Any], definitions: Mapping[str, Any], at: str) -> Iterator[Key]:
    required = schema.get("required", ())
    for name, given in schema.get("properties", {}).items():
        one = _resolved(given, definitions)
        path = f"{at}{name}"
        inner = _resolved(one.get("items", {}), definitions)
        default = None if name in required else _spelled(given.get("default"), one)
        if "properties" in one:
            if "default" in given and given["default"] is None:
                yield Key(path, "section", "none", _said(given, one))
            yield from _walk(one, definitions, f"{path}.")
        else:
            yield Key(path, _takes(one, inner), default, _said(given, one))
            yield from _walk(inner, definitions, f"{path}[].")


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference, and of something that may be absent take what it is otherwise."""
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return _resolved(one, definitions)
    reference = schema.get("$ref")
    return definitions[reference.rpartition("/")[2]] if reference else schema


def _takes(schema: Mapping[str, Any], inner: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        if "prefixItems" in inner or "properties" in inner:
            return "list"
        return f"list of {_takes(inner, {})}"
    words = {
        "string": "text",
        "boolean": "flag",
        "integer": "number",
        "number": "number",
        "object": "mapping",
    }
    return str(schema.get("format") or words.get(str(schema.get("type")), "text"))


def _said(given: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    return " ".join(str(given.get("description", one.get("description", ""))).split())


def _spelled(value: Any, schema: Mapping[str, Any]) -> str:
    match value:
        case None:
            return "{}" if schema.get("type") == "object" else "none"
        case bool():
            return "true" if value else "false"
        case [dict(), *_]:
            return f"[{', '.join(_kind(one) for one in value)}]"
        case _:
            return _ISO_DURATION.sub(lambda found: found[1] + found[2].lower(), str(value))


def _kind(value: Mapping[str, Any]) -> str:
    """Write an entry of a list with what tells it apart."""
    return f"{{kind: {value['kind']}}}"
