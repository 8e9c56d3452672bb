"""The catalogue of AWS actions: what each does for a model, pinned and dated.

A new action is not known here until somebody has given it a class (``tools/build_aws_actions.py``),
and a test holds it against every operation of the installed botocore.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

FRONT_DOORS = ("bedrock", "bedrock-mantle")
POLICY_ACTIONS: Mapping[str, str] = {
    "invoke": "infer",
    "evaluate": "infer",
    "batch": "batch",
    "tune": "tune",
    "deploy": "deploy",
    "count": "count_tokens",
    "mantle-invoke": "infer",
    "mantle-tune": "tune",
    "mantle-count": "count_tokens",
    "enable": "subscribe",
    "subscribe": "subscribe",
    "key": "create_key",
    "key-create": "create_key",
}
"""Class of an action to the action that a policy speaks of."""
NAMES_MODEL = ("invoke", "evaluate", "batch", "tune", "deploy", "count")
"""Classes of ``bedrock:`` actions whose resource is the model."""
MANTLE = ("mantle-invoke", "mantle-tune", "mantle-count")
"""Classes whose model is in the condition key ``bedrock-mantle:Model`` alone."""


@dataclass(frozen=True, slots=True)
class Actions:
    """Every action of the services that lead to a model."""

    as_of: date
    source: str
    classes: Mapping[str, str]
    """``service:Action`` to its class."""
    resources: Mapping[str, tuple[str, ...]]
    """Types of resources that an action is checked on, for those that lead to a model."""
    operations: Mapping[str, str]
    """Operations of the API that are authorized as another action."""

    def of_class(self, *groups: str) -> tuple[str, ...]:
        """List the actions of some classes, sorted."""
        return tuple(sorted(name for name, group in self.classes.items() if group in groups))

    def authorized_as(self, operation: str) -> str | None:
        """Give the IAM action that an operation or action is; ``None`` if nobody knows it."""
        name = self.operations.get(operation, operation)
        if name in self.classes:
            return name
        folded = {one.lower(): one for one in (*self.classes, *self.operations)}
        found = folded.get(operation.lower())
        return self.operations.get(found, found) if found else None


@cache
def aws_actions() -> Actions:
    """Read the catalogue that comes with the package."""
    path = files("bailiwick") / "data" / "cloud" / "aws_actions.json"
    value = json.loads(path.read_text(encoding="utf-8"))
    classes = {
        f"{service}:{name}": group
        for service, groups in value["actions"].items()
        for group, names in groups.items()
        for name in names
    }
    resources = {name: tuple(types) for name, types in value["resources"].items()}
    when = date.fromisoformat(value["as_of"])
    return Actions(when, value["source"], classes, resources, value["operations"])
