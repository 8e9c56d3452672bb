"""Evaluate service control policies: allow, deny, or undetermined with the reason.

What is certain is answered, and nothing is guessed. An operator or key that is not known here, a
request resource ``*`` against a named one, an ARN that is too short: all make a statement
undetermined. Source of the rules:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

Statements are bits. For each action, resource and value of a condition key the bits of the
statements that it satisfies are looked up once and remembered, as the decision table does.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from bailiwick.cloud.answer import Answer
from bailiwick.cloud.aws.calls import Check, Values
from bailiwick.errors import InvalidInput, Problem

KNOWN_KEYS = re.compile(
    r"aws:(requestedregion|principalaccount|principalorgid|principalorgpaths|principalarn|"
    r"principalisawsservice|viaawsservice|tagkeys|requesttag/.+|resourcetag/.+)"
    r"|bedrock:(inferenceprofilearn|bearertokentype|promptrouterarn)"
    r"|bedrock-mantle:(model|bearertokentype)|aws-marketplace:productid"
    r"|iam:servicespecificcredentialservicename"
)
"""Keys of which a check says all there is: one that it does not have is absent."""
VARIABLE = re.compile(r"\$\{([^}]*)\}")
LITERALS = {"*", "?", "$"}
ARN_PARTS = 6


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a statement."""

    operator: str
    """Without qualifier and ``IfExists``, in lower case."""
    key: str
    values: Values
    qualifier: str = ""
    """``forallvalues``, ``foranyvalue`` or none."""
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class ScpStatement:
    """One statement of a service control policy."""

    policy: str
    sid: str
    denies: bool
    actions: Values
    not_action: bool
    resources: Values
    not_resource: bool
    conditions: tuple[Condition, ...]

    @property
    def name(self) -> str:
        """Name it for a reader."""
        return f"{self.policy}#{self.sid}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one check, and what gave it."""

    answer: Answer
    statement: ScpStatement | None = None
    reason: str = ""


# -- reading -----------------------------------------------------------------------------------


def parse_scp(name: str, document: str | Mapping[str, Any]) -> tuple[ScpStatement, ...]:
    """Read one policy. Raises ``InvalidInput`` with everything that IAM would refuse."""
    value = loaded(name, document)
    given = value.get("Statement")
    problems: list[Problem] = []
    statements = []
    for index, one in enumerate(given if isinstance(given, list) else [given]):
        where = f"{name}: statement {index + 1}"
        if not isinstance(one, dict):
            problems.append(Problem(f"{where} is not an object"))
            continue
        problems += (Problem(f"{where}: {what}") for what in _wrong(one))
        statements.append(_statement(name, index, one))
    if problems:
        raise InvalidInput(problems)
    return tuple(statements)


def loaded(name: str, document: Any) -> Mapping[str, Any]:
    """Take a policy as text or as parsed. Raises ``InvalidInput`` for what is no object."""
    try:
        value = json.loads(document) if isinstance(document, str) else document
    except ValueError as error:
        raise InvalidInput.of(f"{name}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidInput.of(f"{name}: a policy is an object with `Statement`")
    return value


def _wrong(one: Mapping[str, Any]) -> Iterator[str]:
    if one.get("Effect") not in {"Allow", "Deny"}:
        yield "`Effect` is neither `Allow` nor `Deny`"
    if ("Action" in one) == ("NotAction" in one):
        yield "needs either `Action` or `NotAction`"
    if "Resource" in one and "NotResource" in one:
        yield "has both `Resource` and `NotResource`"
    for action in _list(one.get("Action", one.get("NotAction"))):
        service, colon, _ = action.partition(":")
        if action != "*" and (not colon or "*" in service or "?" in service):
            yield f"`{action}` is no action: the service is written out"
    for resource in _list(one.get("Resource", one.get("NotResource"))):
        parts = resource.split(":", ARN_PARTS - 1)
        kind = parts[-1].partition("/")[0] if len(parts) == ARN_PARTS else ""
        if resource.startswith("arn:") and "/" in parts[-1] and ("*" in kind or "?" in kind):
            yield f"`{resource}` has a wildcard in the type of the resource, which IAM forbids"


def _statement(policy: str, index: int, one: Mapping[str, Any]) -> ScpStatement:
    not_action, not_resource = "NotAction" in one, "NotResource" in one
    return ScpStatement(
        policy,
        str(one.get("Sid") or index + 1),
        one.get("Effect") == "Deny",
        _list(one.get("NotAction" if not_action else "Action")),
        not_action,
        _list(one.get("NotResource" if not_resource else "Resource", "*")),
        not_resource,
        tuple(_conditions(one.get("Condition") or {})),
    )


def _conditions(given: Mapping[str, Mapping[str, Any]]) -> Iterator[Condition]:
    for operator, tests in given.items():
        qualifier, _, plain = operator.rpartition(":")
        name = plain.lower()
        if_exists = name.endswith("ifexists")
        for key, values in tests.items():
            yield Condition(
                name.removesuffix("ifexists"),
                key.lower(),
                _list(values),
                qualifier.lower(),
                if_exists,
            )


def _list(value: Any) -> Values:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in values)


# -- matching ----------------------------------------------------------------------------------

Sure = bool | None
"""Yes, no, or ``None``: it cannot be told here."""


@lru_cache(maxsize=65536)
def _like(pattern: str) -> re.Pattern[str]:
    parts = ("." if one == "?" else ".*" if one == "*" else re.escape(one) for one in pattern)
    return re.compile("".join(parts), re.DOTALL)


def like(pattern: str, value: str) -> bool:
    """Whether ``value`` matches a pattern with ``*`` and ``?``."""
    return pattern == "*" or _like(pattern).fullmatch(value) is not None


def arn_like(pattern: str, value: str) -> Sure:
    """Match an ARN part by part; a wildcard never reaches over a colon of the first five."""
    return arns_like((pattern,), value)


@lru_cache(maxsize=4096)
def _arns(patterns: Values) -> tuple[re.Pattern[str], bool]:
    """Make one expression of many ARN patterns; say whether one of them is too short to tell."""
    whole = [one.split(":", ARN_PARTS - 1) for one in patterns if one != "*"]
    sources = [
        ":".join(_part(part, "[^:]") for part in parts[:-1]) + ":" + _part(parts[-1], ".")
        for parts in whole
        if len(parts) == ARN_PARTS
    ]
    if "*" in patterns:
        sources.append(".*")
    return re.compile("|".join(sources) or "(?!)", re.DOTALL), len(sources) < len(set(patterns))


def _part(pattern: str, any_character: str) -> str:
    wild = {"?": any_character, "*": f"{any_character}*"}
    return "".join(wild.get(one) or re.escape(one) for one in pattern)


def arns_like(patterns: Values, value: str) -> Sure:
    """Whether an ARN matches one of many patterns."""
    if "*" in patterns:
        return True
    if value.count(":") < ARN_PARTS - 1:
        return None
    expression, unsure = _arns(patterns)
    return True if expression.fullmatch(value) else None if unsure else False


def _any(answers: Iterable[Sure]) -> Sure:
    found = list(answers)
    return True if True in found else None if None in found else False


def _not(answer: Sure) -> Sure:
    return None if answer is None else not answer


def _action(statement: ScpStatement, action: str) -> Sure:
    inside = any(like(one.lower(), action.lower()) for one in statement.actions)
    return inside != statement.not_action


def _resource(statement: ScpStatement, resource: str) -> Sure:
    inside = arns_like(statement.resources, resource)
    return _not(inside) if statement.not_resource else inside


def _ip(pattern: str, value: str) -> Sure:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return None


TESTS: Mapping[str, tuple[Callable[[str, str], Sure], bool]] = {
    "stringequals": (lambda one, other: one == other, False),
    "stringnotequals": (lambda one, other: one == other, True),
    "stringequalsignorecase": (lambda one, other: one.lower() == other.lower(), False),
    "stringnotequalsignorecase": (lambda one, other: one.lower() == other.lower(), True),
    "stringlike": (like, False),
    "stringnotlike": (like, True),
    "arnequals": (arn_like, False),
    "arnlike": (arn_like, False),
    "arnnotequals": (arn_like, True),
    "arnnotlike": (arn_like, True),
    "bool": (lambda one, other: one.lower() == other.lower(), False),
    "ipaddress": (_ip, False),
    "notipaddress": (_ip, True),
}
"""Operator to the comparison of one value with one pattern, and whether it is negated."""


def holds(condition: Condition, given: Values | None) -> Sure:
    """Whether a condition holds for the values of its key; ``None`` given: the key is absent."""
    if condition.operator == "null" and not condition.qualifier:
        return (given is None) == (condition.values == ("true",))
    test = TESTS.get(condition.operator)
    if test is None or condition.qualifier not in {"", "forallvalues", "foranyvalue"}:
        return None
    compare, negated = test
    if given is None:
        return _absent(condition, negated)
    if not condition.qualifier and len(given) != 1:
        return None
    each = [
        _not(_any(compare(one, value) for one in condition.values))
        if negated
        else _any(compare(one, value) for one in condition.values)
        for value in given
    ]
    if condition.qualifier == "foranyvalue":
        return _any(each)
    return _not(_any(_not(one) for one in each))


def _absent(condition: Condition, negated: bool) -> Sure:
    if condition.qualifier == "foranyvalue":
        return None if condition.if_exists else False
    return condition.qualifier == "forallvalues" or condition.if_exists or negated


# -- evaluating --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Facet:
    """Bits of the statements that one value satisfies for certain, and perhaps."""

    sure: int
    perhaps: int


@dataclass(slots=True)
class Statements:
    """Every statement of an organisation, ready to be asked."""

    statements: tuple[ScpStatement, ...]
    _keys: dict[str, list[tuple[int, Condition]]] = field(default_factory=dict)
    _variable: int = 0
    _every: int = 0
    _cache: dict[tuple[str, object], _Facet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._every = (1 << len(self.statements)) - 1
        for index, one in enumerate(self.statements):
            if any(_has_variable(text) for text in _texts(one)):
                self._variable |= 1 << index
                continue
            for condition in one.conditions:
                self._keys.setdefault(condition.key, []).append((index, condition))

    def mask(self, wanted: Callable[[ScpStatement], bool]) -> int:
        """Give the bits of some statements."""
        return sum(1 << index for index, one in enumerate(self.statements) if wanted(one))

    def matching(self, check: Check) -> tuple[int, int]:
        """Give the bits of the statements that match for certain, and of those that may."""
        action = self._facet("action", check.action, self._actions)
        resource = self._facet("resource", check.resource, self._resources)
        sure, perhaps = action.sure & resource.sure, action.perhaps & resource.perhaps
        for key in self._keys:
            if not perhaps:
                break
            given = check.context.get(key)
            facet = self._facet(key, given, partial(self._values, key))
            sure, perhaps = sure & facet.sure, perhaps & facet.perhaps
        if perhaps & self._variable:
            sure, perhaps = self._with_variables(check, sure, perhaps)
        return sure, perhaps

    def why_unsure(self, index: int, check: Check) -> str:
        """Say what of a statement cannot be told for a check."""
        one = self.statements[index]
        if _resource(one, check.resource) is None:
            return f"`{check.resource}` against the resources of `{one.name}`"
        for condition in one.conditions:
            given = check.context.get(condition.key)
            if self._condition(condition, given) is None:
                return f"`{condition.operator}` on `{condition.key}` in `{one.name}`"
        return f"a variable in `{one.name}`"

    def _facet(self, name: str, value: Any, make: Callable[[Any], _Facet]) -> _Facet:
        found = self._cache.get((name, value))
        if found is None:
            found = self._cache[name, value] = make(value)
        return found

    def _actions(self, action: str) -> _Facet:
        return self._each(lambda one: _action(one, action))

    def _resources(self, resource: str) -> _Facet:
        return self._each(lambda one: _resource(one, resource))

    def _values(self, key: str, given: Values | None) -> _Facet:
        sure = perhaps = self._every
        for index, condition in self._keys[key]:
            answer = self._condition(condition, given)
            if answer is not True:
                sure &= ~(1 << index)
            if answer is False:
                perhaps &= ~(1 << index)
        return _Facet(sure, perhaps)

    def _condition(self, condition: Condition, given: Values | None) -> Sure:
        if given is None and not KNOWN_KEYS.fullmatch(condition.key):
            return None
        return holds(condition, given)

    def _each(self, answer: Callable[[ScpStatement], Sure]) -> _Facet:
        sure = perhaps = 0
        for index, one in enumerate(self.statements):
            found = True if self._variable >> index & 1 else answer(one)
            sure |= (found is True) << index
            perhaps |= (found is not False) << index
        return _Facet(sure, perhaps)

    def _with_variables(self, check: Check, sure: int, perhaps: int) -> tuple[int, int]:
        for index in bits(perhaps & self._variable):
            filled = _filled(self.statements[index], check)
            answer = None if filled is None else self._whole(filled, check)
            if answer is not True:
                sure &= ~(1 << index)
            if answer is False:
                perhaps &= ~(1 << index)
        return sure, perhaps

    def _whole(self, one: ScpStatement, check: Check) -> Sure:
        answers = [_action(one, check.action), _resource(one, check.resource)]
        answers += [self._condition(each, check.context.get(each.key)) for each in one.conditions]
        return False if False in answers else None if None in answers else True


def bits(mask: int) -> Iterator[int]:
    """List the numbers of the bits that are set, lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _texts(one: ScpStatement) -> Iterator[str]:
    yield from one.resources
    for condition in one.conditions:
        yield from condition.values


def _has_variable(text: str) -> bool:
    return any(name not in LITERALS for name in VARIABLE.findall(text))


def _filled(one: ScpStatement, check: Check) -> ScpStatement | None:
    """Put values in for variables; ``None`` where one has none, which AWS calls no match at all."""
    try:
        return ScpStatement(
            one.policy,
            one.sid,
            one.denies,
            one.actions,
            one.not_action,
            tuple(_fill(text, check) for text in one.resources),
            one.not_resource,
            tuple(
                Condition(
                    each.operator,
                    each.key,
                    tuple(_fill(text, check) for text in each.values),
                    each.qualifier,
                    each.if_exists,
                )
                for each in one.conditions
            ),
        )
    except LookupError:
        return None


def _fill(text: str, check: Check) -> str:
    def value(found: re.Match[str]) -> str:
        name, _, default = found[1].partition(",")
        if name.strip() in LITERALS:
            return name.strip()
        given = check.context.get(name.strip().lower())
        if given is not None and len(given) == 1:
            return given[0]
        if default.strip():
            return default.strip().strip("'")
        raise LookupError(name)

    return VARIABLE.sub(value, text)


@dataclass(slots=True)
class Guardrails:
    """The policies of an organisation and where they are attached."""

    statements: Statements
    attached: Mapping[str, int]
    """Id of a root, unit or account to the bits of the statements attached there."""
    _denies: int = 0

    def __post_init__(self) -> None:
        self._denies = self.statements.mask(lambda one: one.denies)

    def decide(self, check: Check, levels: Sequence[str]) -> Verdict:
        """Decide one check for an account; ``levels`` are the ids from the root to the account."""
        sure, perhaps = self.statements.matching(check)
        masks = [self.attached.get(level, 0) for level in levels]
        whole = 0
        for mask in masks:
            whole |= mask
        if denies := sure & whole & self._denies:
            return Verdict(Answer.DENY, self.statements.statements[next(bits(denies))])
        if unsure := perhaps & whole & self._denies:
            index = next(bits(unsure))
            reason = self.statements.why_unsure(index, check)
            return Verdict(Answer.UNDETERMINED, self.statements.statements[index], reason)
        return self._allowed(check, levels, masks, sure & ~self._denies, perhaps & ~self._denies)

    def _allowed(
        self, check: Check, levels: Sequence[str], masks: Sequence[int], sure: int, perhaps: int
    ) -> Verdict:
        """Each level needs an Allow of its own."""
        for level, mask in zip(levels, masks, strict=True):
            if sure & mask:
                continue
            if unsure := perhaps & mask:
                index = next(bits(unsure))
                reason = self.statements.why_unsure(index, check)
                return Verdict(Answer.UNDETERMINED, self.statements.statements[index], reason)
            return Verdict(Answer.DENY, None, f"nothing attached to `{level}` allows it")
        return Verdict(Answer.ALLOW)


FULL_ACCESS = (ScpStatement("FullAWSAccess", "1", False, ("*",), False, ("*",), False, ()),)
"""What AWS attaches everywhere unless somebody takes it away."""


def guardrails(attached: Mapping[str, Iterable[ScpStatement]]) -> Guardrails:
    """Index the statements that are attached to each root, unit and account."""
    known: dict[ScpStatement, int] = {}
    masks = {}
    for level, statements in attached.items():
        masks[level] = 0
        for one in statements:
            masks[level] |= 1 << known.setdefault(one, len(known))
    return Guardrails(Statements(tuple(known)), masks)
