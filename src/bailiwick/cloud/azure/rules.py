"""Evaluate Azure Policy rules: conditions over one resource, as far as they can be told offline.

Strings compare without regard to case, and a field that is missing satisfies the negated
operators, as in Azure. An operator that is not known is refused; a function that is not known
makes the answer undetermined.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bailiwick.cloud.azure.resources import TYPES, Resource
from bailiwick.errors import InvalidInput, Position


class Undetermined(Exception):
    """What a rule asks cannot be told offline."""


def _like(value: str, pattern: str) -> bool:
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), value) is not None


ONE: Mapping[str, Callable[[str, Any], bool]] = {
    "equals": lambda value, want: value == want,
    "in": lambda value, want: value in want,
    "like": _like,
    "contains": lambda value, want: want in value,
}
NEGATED = {
    "notEquals": "equals", "notIn": "in", "notLike": "like", "notContains": "contains",
}  # fmt: skip
OPERATORS = frozenset({*ONE, *NEGATED, "exists"})
UNREAD = frozenset(
    {
        "match", "matchInsensitively", "notMatch", "notMatchInsensitively", "containsKey",
        "notContainsKey", "less", "lessOrEquals", "greater", "greaterOrEquals",
    }
)  # fmt: skip
"""Operators that Azure knows and that make an answer undetermined here."""
PLAIN = frozenset({"type", "location", "kind"})
"""Fields of which a resource here says all there is."""
FUNCTION = re.compile(r"\s*(\w+)\s*\(")
TEXT = re.compile(r"\s*'((?:[^']|'')*)'\s*")


@dataclass(frozen=True, slots=True)
class Rule:
    """The ``policyRule`` of a definition with its parameters' values."""

    condition: Mapping[str, Any]
    effect: str
    parameters: Mapping[str, Any]

    def denies(self, resource: Resource) -> bool | None:
        """Whether the rule refuses to make the resource; ``None`` if that cannot be told."""
        try:
            if _expand(self.effect, self, resource) != "deny":
                return False
            return self._holds(self.condition, resource)
        except Undetermined:
            return None

    def _holds(self, condition: Mapping[str, Any], resource: Resource) -> bool:
        if "allOf" in condition:
            return self._all(condition["allOf"], resource, stop=False)
        if "anyOf" in condition:
            return self._all(condition["anyOf"], resource, stop=True)
        if "not" in condition:
            return not self._holds(condition["not"], resource)
        return self._compares(condition, resource)

    def _all(self, parts: Any, resource: Resource, *, stop: bool) -> bool:
        """Join parts: ``stop`` is the answer of one part that settles it, as ``or`` does."""
        unsure = False
        for part in parts:
            try:
                if self._holds(part, resource) is stop:
                    return stop
            except Undetermined:
                unsure = True
        if unsure:
            raise Undetermined
        return not stop

    def _compares(self, condition: Mapping[str, Any], resource: Resource) -> bool:
        if "field" in condition:
            value = _field(str(condition["field"]), resource)
        elif "value" in condition:
            value = _expand(condition["value"], self, resource)
        else:
            raise Undetermined
        if not OPERATORS & condition.keys():
            raise Undetermined
        (operator,) = OPERATORS & condition.keys()
        want = _expand(condition[operator], self, resource)
        if operator == "exists":
            return (value is not None) is (str(want).lower() == "true")
        plain = NEGATED.get(operator, operator)
        if value is None:
            return plain != operator
        return ONE[plain](folded(value), folded(want)) is (plain == operator)


def folded(value: Any) -> Any:
    """Prepare a value for comparison without regard to case; a list becomes a set."""
    if isinstance(value, frozenset):
        return value
    if isinstance(value, list):
        return frozenset(folded(one) for one in value)
    return value.lower() if isinstance(value, str) else str(value).lower()


def _field(name: str, resource: Resource) -> str | None:
    """Give the value of a field, ``None`` where a resource of this type has no such field.

    A field that it may have, and of which nothing is known here, cannot be told.
    """
    folded_name = name.lower()
    if folded_name in resource:
        return resource[folded_name]
    if folded_name in PLAIN or ("/" in name and not _is_of(folded_name, resource)):
        return None
    raise Undetermined


def _is_of(name: str, resource: Resource) -> bool:
    """Whether an alias is of the type of the resource, and not of a type below it."""
    mine = resource.get("type", "").lower()
    types = (one for one in (mine, *TYPES) if name.startswith(f"{one}/"))
    return max(types, key=len, default="") == mine


def _expand(value: Any, rule: Rule, resource: Resource) -> Any:
    """Work out a template expression; text without brackets stands for itself."""
    if not (isinstance(value, str) and value.startswith("[") and value.endswith("]")):
        return value
    if value.startswith("[["):
        return value[1:]
    result, rest = _call(value[1:-1], rule, resource)
    if rest.strip():
        raise Undetermined
    return result


def _call(text: str, rule: Rule, resource: Resource) -> tuple[Any, str]:
    if literal := TEXT.match(text):
        return literal[1].replace("''", "'"), text[literal.end() :]
    found = FUNCTION.match(text)
    if found is None:
        raise Undetermined
    arguments, rest = [], text[found.end() :]
    while not rest.lstrip().startswith(")"):
        argument, rest = _call(rest.lstrip().removeprefix(","), rule, resource)
        arguments.append(argument)
    return _apply(found[1].lower(), arguments, rule, resource), rest.lstrip()[1:]


def _apply(name: str, arguments: list[Any], rule: Rule, resource: Resource) -> Any:
    match name, arguments:
        case "parameters", [key] if key in rule.parameters:
            return rule.parameters[key]
        case "field", [key]:
            return _field(key, resource) or ""
        case "concat", _:
            return "".join(map(str, arguments))
        case "tolower", [text]:
            return str(text).lower()
        case _:
            raise Undetermined


def check_rule(condition: Any, file: str, path: str = "if") -> None:
    """Refuse a condition with an operator that Azure does not know, or with none or several.

    Azure's published schema does not find a misspelt one.
    """
    if not isinstance(condition, Mapping):
        raise InvalidInput.of(f"`{path}` is no condition", None, Position(file))
    for key in ("allOf", "anyOf"):
        if key in condition:
            for index, part in enumerate(condition[key]):
                check_rule(part, file, f"{path}.{key}[{index}]")
            return
    if "not" in condition:
        check_rule(condition["not"], file, f"{path}.not")
        return
    others = sorted(condition.keys() - {"field", "value", "count"})
    if len(others) != 1 or others[0] not in OPERATORS | UNREAD:
        raise InvalidInput.of(
            f"`{path}`: `{', '.join(others) or 'nothing'}` is no operator",
            f"known are {', '.join(sorted(OPERATORS | UNREAD))}",
            Position(file),
        )
