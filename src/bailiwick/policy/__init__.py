"""The policy language: from YAML text to rules whose names are resolved."""

from bailiwick.policy.builtin import AUTHORITY as BUILTIN
from bailiwick.policy.builtin import Order
from bailiwick.policy.conditions import DEFAULT_ANONYMIZERS
from bailiwick.policy.findings import NOT_COMPARED, compared
from bailiwick.policy.names import matching
from bailiwick.policy.read import Loader, extended_catalog, no_files, read_policy
from bailiwick.policy.rules import (
    COUNTABLE,
    FINDING_KINDS,
    HIDDEN,
    NO_OBLIGATIONS,
    Acknowledgement,
    Condition,
    Example,
    Fallback,
    Finding,
    Obligations,
    OwnershipRule,
    Policy,
    Quota,
    Refusal,
    Review,
    Rule,
    RuleEffect,
    RuleSet,
)
from bailiwick.policy.shape import policy_schema

__all__ = [
    "FINDING_KINDS", "NOT_COMPARED", "Review", "compared",
    "BUILTIN", "COUNTABLE", "DEFAULT_ANONYMIZERS", "HIDDEN", "Acknowledgement", "Condition",
    "Example", "Fallback", "Finding", "Loader", "NO_OBLIGATIONS", "Obligations", "Order",
    "OwnershipRule", "Policy",
    "Quota", "Refusal", "Rule", "RuleEffect", "RuleSet", "extended_catalog",
    "matching", "no_files", "policy_schema", "read_policy",
]  # fmt: skip
