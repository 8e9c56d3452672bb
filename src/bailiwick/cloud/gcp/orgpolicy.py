"""Evaluate organization policies: list constraints over a path of resources, deny before allow.

Three answers: what cannot be told offline (tag conditions, value groups) is undetermined with the
reason, unless both possibilities lead to the same answer.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bailiwick.cloud.answer import Answer
from bailiwick.errors import InvalidInput, Position

GROUPS = ("in:", "under:")
"""Prefixes of values that stand for many; what is in them is not known offline."""


ONLY_SOME = "a rule counts only where a tag condition holds"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer, and what determined it."""

    answer: Answer
    policy: str = ""
    """Name of the policy that decided; empty where none is set."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OrgRule:
    """One rule of a policy's spec."""

    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    allow_all: bool = False
    deny_all: bool = False
    enforce: bool | None = None
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class OrgPolicy:
    """A policy for one constraint on one resource."""

    name: str
    """``folders/111/policies/vertexai.allowedModels``."""
    rules: tuple[OrgRule, ...]
    inherit: bool = False
    reset: bool = False

    @property
    def resource(self) -> str:
        """The resource it is set on."""
        return self.name.partition("/policies/")[0]

    @property
    def constraint(self) -> str:
        """The constraint without ``constraints/``."""
        return self.name.partition("/policies/")[2]


@dataclass(slots=True)
class OrgPolicies:
    """Every policy that is set, and the answers they give together."""

    policies: Mapping[tuple[str, str], OrgPolicy]
    """``(resource, constraint)`` to the policy."""
    _effective: dict[tuple[tuple[str, ...], str], tuple[OrgPolicy, ...]] = field(
        default_factory=dict
    )

    @classmethod
    def of(cls, policies: Iterable[OrgPolicy]) -> "OrgPolicies":
        """Index policies by where they are set."""
        return cls({(one.resource, one.constraint): one for one in policies})

    def places(self) -> Iterator[tuple[str, str]]:
        """List where policies are set, each with the policy's name."""
        return ((resource, one.name) for (resource, _), one in self.policies.items())

    def effective(self, path: tuple[str, ...], constraint: str) -> tuple[OrgPolicy, ...]:
        """Give the policies that count on the last resource of ``path``, nearest first."""
        key = (path, constraint)
        found = self._effective.get(key)
        if found is None:
            found = self._effective[key] = tuple(self._walk(path, constraint))
        return found

    def _walk(self, path: Sequence[str], constraint: str) -> Iterator[OrgPolicy]:
        for resource in reversed(path):
            one = self.policies.get((resource, constraint))
            if one is None:
                continue
            if not one.reset:
                yield one
            if not one.inherit:
                return

    def check(self, path: tuple[str, ...], constraint: str, value: str) -> Verdict:
        """Say whether ``value`` is allowed on the last resource of ``path``."""
        policies = self.effective(path, constraint)
        if not policies:
            return Verdict(Answer.ALLOW, reason=f"no policy for {constraint}")
        rules = [(one, rule) for one in policies for rule in one.rules]
        certain = [pair for pair in rules if pair[1].condition is None]
        verdicts = {_list(certain, value), _list(rules, value)} if certain != rules else None
        if verdicts is not None and len({one.answer for one in verdicts}) > 1:
            return Verdict(
                Answer.UNDETERMINED, policies[0].name, "a rule counts only for some tags"
            )
        return _list(rules, value)

    def enforced(self, path: tuple[str, ...], constraint: str) -> Verdict:
        """Say whether a yes-or-no constraint (``custom...``) is enforced: ``DENY`` if it is."""
        for one in self.effective(path, constraint):
            for rule in one.rules:
                if rule.condition is not None:
                    return Verdict(Answer.UNDETERMINED, one.name, ONLY_SOME)
                if rule.enforce is not None:
                    return Verdict(Answer.DENY if rule.enforce else Answer.ALLOW, one.name)
        return Verdict(Answer.ALLOW, reason=f"{constraint} is not enforced")


def _list(rules: Sequence[tuple[OrgPolicy, OrgRule]], value: str) -> Verdict:
    """Judge by allowed and denied values together; deny wins, an allow-list denies all else."""
    for policy, rule in rules:
        if rule.deny_all or value in rule.denied:
            return Verdict(
                Answer.DENY, policy.name, "denied by name" if rule.denied else "deny all"
            )
        if any(one.startswith(GROUPS) for one in rule.denied):
            return Verdict(Answer.UNDETERMINED, policy.name, "a group of values is denied")
    for policy, rule in rules:
        if rule.allow_all or value in rule.allowed:
            return Verdict(Answer.ALLOW, policy.name)
    lists = [(policy, rule) for policy, rule in rules if rule.allowed]
    for policy, rule in lists:
        if any(one.startswith(GROUPS) for one in rule.allowed):
            return Verdict(Answer.UNDETERMINED, policy.name, "a group of values is allowed")
    if lists:
        return Verdict(Answer.DENY, lists[0][0].name, "not among the allowed values")
    return Verdict(Answer.ALLOW, rules[0][0].name if rules else "", "not among the denied values")


# -- reading -----------------------------------------------------------------------------------


def read_org_policy(value: Any, file: str, *, dry_run: bool = False) -> OrgPolicy | None:
    """Read one policy as ``gcloud org-policies describe --format=json`` prints it.

    ``dry_run`` reads what is being tried out instead of what is enforced. ``None``: that part is
    not set. Raises ``InvalidInput`` for anything that is no policy.
    """
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str) or "/policies/" not in name:
        raise InvalidInput.of("no organization policy: it has no `name`", None, Position(file))
    spec = value.get("dryRunSpec" if dry_run else "spec")
    if spec is None:
        return None
    try:
        rules = tuple(_rule(one) for one in spec.get("rules", ()))
    except (AttributeError, TypeError, KeyError) as error:
        raise InvalidInput.of(
            f"`{name}`: a rule cannot be read ({error})", None, Position(file)
        ) from None
    return OrgPolicy(name, rules, bool(spec.get("inheritFromParent")), bool(spec.get("reset")))


def _rule(value: dict[str, Any]) -> OrgRule:
    values = value.get("values", {})
    condition = value.get("condition") or {}
    return OrgRule(
        _values(values.get("allowedValues", ())),
        _values(values.get("deniedValues", ())),
        bool(value.get("allowAll")),
        bool(value.get("denyAll")),
        value.get("enforce"),
        condition.get("expression"),
    )


def _values(values: Iterable[str]) -> frozenset[str]:
    return frozenset(str(one).removeprefix("is:") for one in values)
