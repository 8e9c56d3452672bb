"""Go on reading a file whose shape is wrong, so that one run finds the wrong names as well.

What has been reported is taken out, or replaced by something harmless of the same name. The result
is only ever read for more problems: there is an error already, so it never becomes a policy.
"""

from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from bailiwick.documents import Document, Path
from bailiwick.policy.shape import PolicyShape
from bailiwick.shapes import path_in

ROUNDS = 20
REQUIRED = {"bailiwick": "1", "name": "unnamed"}
NAMED = {
    "places": {"include": ["US"], "territories": "listed-only"},
    "models": {"ids": ["*"]},
    "ownership": {"threshold": ">= 50%", "seeds": {"listed": "none.yaml"}},
}
"""Sections whose names are used elsewhere, and what stands in for an entry that is wrong."""


def mended(document: Document, failed: ValidationError) -> PolicyShape | None:
    """Take what ``failed`` names out until the rest has the right shape; ``None``: it never has."""
    rest: Any = deepcopy(document.value)
    for _ in range(ROUNDS):
        for detail in failed.errors(include_url=False):
            path = path_in(document, detail)
            if detail["type"] == "extra_forbidden":
                _remove(rest, path)
            else:
                _replace(rest, path)
        try:
            return PolicyShape.model_validate(rest)
        except ValidationError as again:
            failed = again
    return None


def _remove(rest: Any, path: Path) -> None:
    for part in path[:-1]:
        rest = rest[part] if _has(rest, part) else {}
    if isinstance(rest, dict):
        rest.pop(path[-1], None)


def _replace(rest: dict[str, Any], path: Path) -> None:
    section = str(path[0]) if path else ""
    if section in REQUIRED:
        rest[section] = REQUIRED[section]
    elif section in NAMED and len(path) > 1 and _has(rest.get(section), path[1]):
        rest[section][path[1]] = NAMED[section]
    elif section == "rules" and len(path) > 1 and _has(rest.get("rules"), path[1]):
        rest["rules"][path[1]] = _harmless(rest["rules"][path[1]], path)
    else:
        rest.pop(section, None)


def _harmless(rule: Any, path: Path) -> dict[str, Any]:
    """Stand in for a rule that is wrong; exemptions that name it must still find a deny."""
    given = rule if isinstance(rule, dict) else {}
    name = given.get("id")
    effect = "deny" if given.keys() & {"deny", "restrict"} else "permit"
    fits = isinstance(name, str) and path[2:] != ("id",)
    return {"id": name if fits else f"rule-{path[1]}", effect: "*"}


def _has(value: Any, part: Any) -> bool:
    return (isinstance(value, dict) and part in value) or (
        isinstance(value, list) and isinstance(part, int) and part < len(value)
    )
