"""General policy engines, given the same ten rules; each is used as fast as it can be used.

What can be prepared is: policies are parsed once, and the facts of each request are in the form
that the engine takes, before the clock starts.
"""

import importlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bailiwick.facts import Absent
from benchmarks.traffic import Plain, Request

FACTS = ("address", "network", "billing", "card", "registered", "labels")


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to ask one engine."""

    name: str
    package: str
    prepare: Callable[[Request], Any]
    """Put a request into the engine's form."""
    permits: Callable[[Any], bool]
    """Ask the engine."""


def engines(rules: Sequence[Plain]) -> tuple[list[Engine], list[str]]:
    """Set up every engine that is installed; and name those that are not."""
    found, missing = [], []
    for package, make in (
        ("cedarpy", _cedar),
        ("cel_expr_python", _cel_cpp),
        ("cel", _cel_rust),
    ):
        try:
            importlib.import_module(package)
        except ImportError:
            missing.append(f"{package} is not installed: skipped")
            continue
        found += make(rules)
    return found, missing


def flat(request: Request) -> dict[str, Any]:
    """Write the facts of a request as plain values."""
    facts: dict[str, Any] = {"model": request.model}
    for name in FACTS:
        fact = request.values[name]
        if isinstance(fact, Absent):
            raise TypeError(f"{name} is unknown, which these engines have no word for")
        facts[name] = sorted(fact) if name == "labels" else min(fact)
    return facts


# -- Cedar -------------------------------------------------------------------------------------


def _cedar(rules: Sequence[Plain]) -> list[Engine]:
    import cedarpy

    policies = cedarpy.PolicySet.from_str("\n".join(map(_cedar_rule, rules)))
    nothing = cedarpy.Entities.from_json_str("[]")

    def prepare(request: Request) -> dict[str, str]:
        return {
            "principal": f'Account::"{request.account.number}"',
            "action": 'Action::"infer"',
            "resource": f'Model::"{request.model}"',
            "context": json.dumps(flat(request)),
        }

    def permits(request: dict[str, str]) -> bool:
        return bool(cedarpy.is_authorized(request, policies, nothing).allowed)

    return [Engine("cedarpy, PolicySet and Entities reused", "cedarpy", prepare, permits)]


def _cedar_rule(rule: Plain) -> str:
    tests = [f"{json.dumps(rule.models)}.contains(context.model)"]
    for name, values in rule.where.items():
        verb = "containsAny" if name == "labels" else "contains"
        tests.append(f"{json.dumps(values)}.{verb}(context.{name})")
    effect = "permit" if rule.permits else "forbid"
    return f"{effect}(principal, action, resource) when {{ {' && '.join(tests)} }};"


# -- CEL ---------------------------------------------------------------------------------------


def _cel(rules: Sequence[Plain]) -> str:
    permits = " || ".join(_cel_rule(rule) for rule in rules if rule.permits)
    denies = " || ".join(_cel_rule(rule) for rule in rules if not rule.permits)
    return f"!({denies}) && ({permits})"


def _cel_rule(rule: Plain) -> str:
    tests = [f"model in {json.dumps(rule.models)}"]
    for name, values in rule.where.items():
        if name == "labels":
            tests.append(f"labels.exists(label, label in {json.dumps(values)})")
        else:
            tests.append(f"{name} in {json.dumps(values)}")
    return f"({' && '.join(tests)})"


def _cel_cpp(rules: Sequence[Plain]) -> list[Engine]:
    from cel_expr_python import cel

    text = cel.Type.STRING
    names = {name: text for name in FACTS if name != "labels"}
    environment = cel.NewEnv(variables={"model": text, **names, "labels": cel.Type.List(text)})
    expression = environment.compile(_cel(rules))

    def of_activation(activation: Any) -> bool:
        return bool(expression.eval(activation).value())

    def of_facts(facts: dict[str, Any]) -> bool:
        return bool(expression.eval(data=facts).value())

    def prepare(request: Request) -> Any:
        return environment.Activation(flat(request))

    return [
        Engine("cel-expr-python (C++), activation prepared", "cel-expr-python", prepare,
               of_activation),
        Engine("cel-expr-python (C++), facts as a dict", "cel-expr-python", flat, of_facts),
    ]  # fmt: skip


def _cel_rust(rules: Sequence[Plain]) -> list[Engine]:
    import cel

    program = cel.compile(_cel(rules))

    def of_context(context: Any) -> bool:
        return bool(program.execute(context))

    def prepare(request: Request) -> Any:
        return cel.Context(variables=flat(request))

    package = "common-expression-language"
    return [Engine("common-expression-language (Rust), context prepared", package, prepare,
                   of_context)]  # fmt: skip
