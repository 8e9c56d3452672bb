"""A decision as JSON: a documented, versioned shape (``docs/decision.md``)."""

from typing import Any

from bailiwick.decision.explain import Explanation
from bailiwick.decision.values import Decision
from bailiwick.facts import Absent, Fact, Facts
from bailiwick.policy import Obligations, RuleEffect

SCHEMA = "bailiwick.decision/1"


def decision_as_dict(decision: Decision) -> dict[str, Any]:
    """Give a decision alone: effect, rules, reasons, obligations, revision."""
    return {
        "effect": decision.effect.value,
        "determining": list(decision.determining),
        "reasons": [
            {
                key: value
                for key, value in (
                    ("code", reason.code),
                    ("rule", reason.rule),
                    ("authority", reason.authority),
                    ("dimension", reason.dimension),
                    ("detail", reason.detail),
                )
                if value is not None
            }
            for reason in decision.reasons
        ],
        "obligations": obligations_as_dict(decision.obligations),
        "contested": decision.contested,
        "revision": decision.revision,
    }


def obligations_as_dict(obligations: Obligations) -> dict[str, Any]:
    """Give obligations; keys that ask nothing are left out."""
    found: dict[str, Any] = {
        "quotas": [
            {
                "rule": quota.rule,
                "per": quota.per,
                "by": quota.by,
                **({"requests": quota.requests} if quota.requests else {}),
                **({"tokens": quota.tokens} if quota.tokens else {}),
            }
            for quota in obligations.quotas
        ],
        "headers": dict(obligations.headers),
        "denied_features": sorted(obligations.denied_features),
        "max_output_tokens": obligations.max_output_tokens,
        "max_input_tokens": obligations.max_input_tokens,
        "max_body_bytes": obligations.max_body_bytes,
    }
    return {key: value for key, value in found.items() if value}


def facts_as_dict(facts: Facts) -> dict[str, Any]:
    """Give facts: a list of candidates or elements, or ``unknown`` or ``pending``."""
    values = {name: _fact(fact) for name, fact in sorted(facts.values.items())}
    return {"model": facts.model, "time": facts.at.isoformat(), **values}


def _fact(fact: Fact) -> str | list[str]:
    return fact.value if isinstance(fact, Absent) else sorted(fact)


def explanation_as_dict(explanation: Explanation) -> dict[str, Any]:
    """Give the evidence by rule and the changes that would permit."""
    return {
        "rules": [
            {
                "id": view.rule.id,
                "effect": view.rule.effect.value
                if view.rule.detail is None
                else RuleEffect.DENY.value,
                "authority": view.rule.authority,
                "state": view.state,
                "ways": [
                    [
                        {
                            "dimension": one.dimension,
                            "wanted": one.wanted,
                            "have": one.have,
                            "holds": one.holds,
                        }
                        for one in way
                    ]
                    for way in view.conditions
                ],
            }
            for view in explanation.rules
        ],
        "changes": [
            [
                {"dimension": name, "value": _fact(fact), "values": list(values)}
                for name, fact, values in change.facts
            ]
            for change in explanation.changes
        ],
    }


def decision_schema() -> dict[str, Any]:
    """Give the JSON Schema of what ``bailiwick decide --json`` prints."""
    text = {"type": "string"}
    texts = {"type": "array", "items": text}
    reason = {
        "type": "object",
        "required": ["code"],
        "additionalProperties": False,
        "properties": dict.fromkeys(("code", "rule", "authority", "dimension", "detail"), text),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "type": "object",
        "required": [
            "schema", "effect", "determining", "reasons", "obligations", "contested", "revision",
            "facts", "alternatives",
        ],
        "properties": {
            "schema": {"const": SCHEMA},
            "effect": {"enum": ["permit", "deny", "undetermined"]},
            "determining": texts,
            "reasons": {"type": "array", "items": reason},
            "obligations": {"type": "object"},
            "contested": {"type": "boolean"},
            "revision": text,
            "facts": {"type": "object"},
            "alternatives": texts,
            "fallback": texts,
            "location": {"type": ["object", "null"]},
            "explanation": {"type": "object"},
        },
    }  # fmt: skip
