"""Words to write a JSON Schema of what a command prints: exact, so that a mistake shows."""

from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT: dict[str, Any] = {"type": "string"}
MAYBE: dict[str, Any] = {"type": ["string", "null"]}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
NUMBER: dict[str, Any] = {"type": "number"}
TIME: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}


def document(name: str, **properties: Any) -> dict[str, Any]:
    """Describe a document that says in ``schema`` what it is."""
    described = whole(schema={"const": name}, **properties)
    return {"$schema": DIALECT, "title": name, **described}


def whole(**properties: Any) -> dict[str, Any]:
    """Describe an object that has these properties, all of them and no others."""
    return {
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


def listed(items: Any) -> dict[str, Any]:
    """Describe a list."""
    return {"type": "array", "items": items}


def mapped(values: Any) -> dict[str, Any]:
    """Describe an object with any names."""
    return {"type": "object", "additionalProperties": values}


def rows_schema(used: str) -> dict[str, Any]:
    """Describe the rows that were read: ``read`` is ``used`` plus ``skipped``."""
    reason = whole(reason=TEXT, rows=COUNT, examples=listed(TEXT))
    counts = {"read": COUNT, used: COUNT, "skipped": COUNT}
    return whole(**counts, skipped_by_reason=listed(reason), notes=listed(TEXT))
