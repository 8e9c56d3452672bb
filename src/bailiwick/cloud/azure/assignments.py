"""Which policies hold a scope: assignments add up, exclusions and exemptions take out.

A resource is refused if any assignment above it refuses it. So a scope that shall have more than
the one above must be excluded there (``notScopes``); an exemption lifts one assignment.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bailiwick.cloud.answer import Answer
from bailiwick.cloud.azure.resources import Resource
from bailiwick.cloud.azure.rules import Rule, check_rule, folded
from bailiwick.errors import InvalidInput, Position

GROUP = "/providers/Microsoft.Management/managementGroups/"
SUBSCRIPTION = "/subscriptions/"
ASSIGNED = "/providers/Microsoft.Authorization/policyAssignments/"
EXEMPTED = "/providers/Microsoft.Authorization/policyExemptions/"
DEFINED = "/providers/Microsoft.Authorization/policyDefinitions/"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer, and the assignment that determined it."""

    answer: Answer
    assignment: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A policy definition."""

    id: str
    condition: Mapping[str, Any]
    effect: str
    defaults: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Assignment:
    """A definition assigned to a scope."""

    id: str
    definition: str
    parameters: Mapping[str, Any]
    excluded: frozenset[str] = frozenset()
    """Scopes below that it does not hold, in lower case."""
    enforced: bool = True
    """``False``: what would be refused is only logged."""

    @property
    def scope(self) -> str:
        """The scope it is assigned to, in lower case."""
        return self.id.lower().partition(ASSIGNED.lower())[0]


@dataclass(frozen=True, slots=True)
class Exemption:
    """A scope that one assignment does not hold."""

    id: str
    assignment: str

    @property
    def scope(self) -> str:
        """The scope that is exempt, in lower case."""
        return self.id.lower().partition(EXEMPTED.lower())[0]


@dataclass(frozen=True, slots=True)
class AzurePolicies:
    """Everything that is assigned."""

    definitions: Mapping[str, Definition]
    """By id, in lower case."""
    assignments: tuple[Assignment, ...]
    exemptions: tuple[Exemption, ...] = ()
    _known: dict[tuple[object, ...], Verdict] = field(default_factory=dict, compare=False)
    _rules: dict[str, Rule] = field(default_factory=dict, compare=False)

    def check(self, path: tuple[str, ...], resource: Resource, *, dry_run: bool = False) -> Verdict:
        """Say whether ``resource`` may be made in the last scope of ``path``.

        ``dry_run`` counts assignments that are not enforced as if they were.
        """
        key = (path, dry_run, *resource.items())
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._check(path, resource, dry_run)
        return found

    def lifted(self) -> Iterator[tuple[str, str]]:
        """List scopes that an assignment is lifted from, each with what lifts it."""
        for assignment in self.assignments:
            yield from ((scope, assignment.id) for scope in sorted(assignment.excluded))
        yield from ((one.scope, one.id) for one in self.exemptions)

    def holding(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Name the assignments on the last scope of ``path``, enforced or not."""
        above = {one.lower() for one in path}
        return tuple(one.id for one in self.assignments if self._holds(one, above, dry_run=True))

    def _holds(self, one: Assignment, above: set[str], *, dry_run: bool) -> bool:
        here = one.scope in above and not one.excluded & above and (one.enforced or dry_run)
        return here and not self._exempt(one, above)

    def _check(self, path: tuple[str, ...], resource: Resource, dry_run: bool) -> Verdict:
        above = {one.lower() for one in path}
        unsure = Verdict(Answer.ALLOW, reason="no assignment refuses it")
        for one in self.assignments:
            if not self._holds(one, above, dry_run=dry_run):
                continue
            definition = self.definitions.get(one.definition.lower())
            if definition is None:
                unsure = Verdict(Answer.UNDETERMINED, one.id, "its definition is not here")
                continue
            denied = self._rule(one, definition).denies(resource)
            if denied:
                return Verdict(Answer.DENY, one.id)
            if denied is None:
                unsure = Verdict(Answer.UNDETERMINED, one.id, "it asks what is not known offline")
        return unsure

    def _rule(self, assignment: Assignment, definition: Definition) -> Rule:
        found = self._rules.get(assignment.id)
        if found is None:
            parameters = {**definition.defaults, **assignment.parameters}
            found = self._rules[assignment.id] = Rule(
                definition.condition,
                definition.effect,
                {key: folded(one) for key, one in parameters.items()},
            )
        return found

    def _exempt(self, assignment: Assignment, above: set[str]) -> bool:
        return any(
            one.assignment.lower() == assignment.id.lower() and one.scope in above
            for one in self.exemptions
        )


def read_policies(values: Iterable[tuple[Any, str]]) -> AzurePolicies:
    """Read definitions, assignments and exemptions, each as ``(value, file)``.

    As ``az policy definition list``, ``assignment list`` and ``exemption list`` print them, or as
    ARM resources. Raises ``InvalidInput`` for anything else.
    """
    definitions: dict[str, Definition] = {}
    assignments: list[Assignment] = []
    exemptions: list[Exemption] = []
    for value, file in values:
        if not isinstance(value, dict) or not isinstance(value.get("id"), str):
            raise InvalidInput.of("no Azure policy: it has no `id`", None, Position(file))
        inner = value.get("properties") or value
        name = value["id"].lower()
        try:
            if DEFINED.lower() in name:
                definitions[name] = _definition(value["id"], inner, file)
            elif ASSIGNED.lower() in name:
                assignments.append(_assignment(value["id"], inner))
            elif EXEMPTED.lower() in name:
                exemptions.append(Exemption(value["id"], inner["policyAssignmentId"]))
            else:
                raise InvalidInput.of(
                    f"`{value['id']}` is no definition, assignment or exemption",
                    None,
                    Position(file),
                )
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput.of(
                f"`{value['id']}` cannot be read: {error}", None, Position(file)
            ) from None
    return AzurePolicies(definitions, tuple(assignments), tuple(exemptions))


def _definition(name: str, inner: Mapping[str, Any], file: str) -> Definition:
    rule = inner["policyRule"]
    check_rule(rule["if"], file)
    defaults = {
        key: one["defaultValue"]
        for key, one in (inner.get("parameters") or {}).items()
        if "defaultValue" in one
    }
    return Definition(name, rule["if"], rule["then"]["effect"], defaults)


def _assignment(name: str, inner: Mapping[str, Any]) -> Assignment:
    return Assignment(
        name,
        inner["policyDefinitionId"],
        {key: one["value"] for key, one in (inner.get("parameters") or {}).items()},
        frozenset(str(one).lower() for one in inner.get("notScopes") or ()),
        inner.get("enforcementMode", "Default") == "Default",
    )
