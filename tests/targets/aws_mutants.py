"""Mutants of service control policies: each has one statement that says a little more or less."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

OPPOSITE = {
    "StringEquals": "StringNotEquals",
    "StringNotEquals": "StringEquals",
    "StringLike": "StringNotLike",
    "StringNotLike": "StringLike",
    "ArnNotLike": "ArnLike",
    "ForAllValues:StringNotLike": "ForAnyValue:StringNotLike",
    "ForAnyValue:StringEquals": "ForAllValues:StringEquals",
}


def mutants(statement: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Give each mutant with what was done to it; ``None``: the statement is gone."""
    yield "without the statement", None
    for key in ("Action", "Resource", "NotResource"):
        values = statement.get(key)
        if isinstance(values, list):
            for index, value in enumerate(values):
                if len(values) > 1:
                    changed = deepcopy(dict(statement))
                    del changed[key][index]
                    yield f"{key} without {value}", changed
                if value.endswith("*") and key == "Action":
                    changed = deepcopy(dict(statement))
                    changed[key][index] = value.removesuffix("*")
                    yield f"{key} {value} without its wildcard", changed
    conditions = statement.get("Condition", {})
    for operator, tests in conditions.items():
        for key, values in tests.items():
            changed = deepcopy(dict(statement))
            del changed["Condition"][operator][key]
            yield f"without {operator} on {key}", changed
            if operator in OPPOSITE:
                changed = deepcopy(dict(statement))
                del changed["Condition"][operator][key]
                block = changed["Condition"].setdefault(OPPOSITE[operator], {})
                block[key] = values
                yield f"{operator} turned round on {key}", changed
            for index, value in enumerate(values if isinstance(values, list) else []):
                if len(values) > 1:
                    changed = deepcopy(dict(statement))
                    del changed["Condition"][operator][key][index]
                    yield f"{operator} on {key} without {value}", changed
