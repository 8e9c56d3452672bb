"""The three policy definitions; what differs between scopes is a parameter of the assignment."""

from collections.abc import Mapping, Sequence
from typing import Any

from bailiwick.cloud.azure import (
    ACCOUNTS,
    DEPLOYMENTS,
    FORMAT,
    MACHINE_LEARNING,
    NAME,
    OTHER_KINDS,
    SKU,
)
from bailiwick.cloud.zones import SKUS

LOCATIONS = "allowedLocations"
NOTHING = "none"
"""Stands in a list that would be empty: no location and no model is called so."""

Rule = Mapping[str, Any]


def parameter_of(sku: str) -> str:
    """Name the parameter with the models that a SKU may serve."""
    return f"allowed{sku}"


def accounts_rule() -> Rule:
    """Refuse accounts with model deployments in other locations; an unknown kind is held too."""
    return _deny(
        {"field": "type", "equals": ACCOUNTS},
        {"field": "kind", "notIn": list(OTHER_KINDS)},
        {"field": "location", "notIn": f"[parameters('{LOCATIONS}')]"},
    )


def deployments_rule() -> Rule:
    """Refuse deployments of an unknown SKU, and of models that are not allowed with theirs."""
    model = f"[concat(field('{FORMAT}'),'/',field('{NAME}'))]"
    others = {"field": SKU, "notIn": list(SKUS)}
    by_sku = [
        {
            "allOf": [
                {"field": SKU, "equals": sku},
                {"value": model, "notIn": f"[parameters('{parameter_of(sku)}')]"},
            ]
        }
        for sku in SKUS
    ]
    return _deny({"field": "type", "equals": DEPLOYMENTS}, {"anyOf": [others, *by_sku]})


def machine_learning_rule() -> Rule:
    """Refuse endpoints of Azure Machine Learning: nothing there says which model they serve."""
    return _deny({"field": "type", "in": list(MACHINE_LEARNING)})


def _deny(*conditions: Mapping[str, Any]) -> Rule:
    return {"if": {"allOf": list(conditions)}, "then": {"effect": "deny"}}


def definition(name: str, says: str, rule: Rule, parameters: Sequence[str]) -> Mapping[str, Any]:
    """Write one definition; every parameter is a list."""
    return {
        "displayName": says,
        "policyType": "Custom",
        "mode": "All",
        "metadata": {"category": "Bailiwick", "name": name},
        "parameters": {one: {"type": "Array"} for one in parameters},
        "policyRule": rule,
    }
