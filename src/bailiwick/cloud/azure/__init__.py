"""Azure: what is checked when accounts and deployments are made, and what policies answer."""

from bailiwick.cloud.azure.assignments import (
    ASSIGNED,
    DEFINED,
    EXEMPTED,
    GROUP,
    SUBSCRIPTION,
    Assignment,
    AzurePolicies,
    Definition,
    Exemption,
    Verdict,
    read_policies,
)
from bailiwick.cloud.azure.models import AzureModel, azure_models
from bailiwick.cloud.azure.resources import (
    ACCOUNTS,
    DEPLOYMENTS,
    FORMAT,
    KINDS,
    MACHINE_LEARNING,
    NAME,
    OTHER_KINDS,
    SKU,
    Resource,
    account,
    deployment,
)
from bailiwick.cloud.azure.rules import OPERATORS, Rule, check_rule

__all__ = [
    "ACCOUNTS", "ASSIGNED", "DEFINED", "DEPLOYMENTS", "EXEMPTED", "FORMAT", "GROUP", "KINDS",
    "MACHINE_LEARNING", "NAME", "OPERATORS", "OTHER_KINDS", "SKU", "SUBSCRIPTION",
    "Assignment", "AzureModel", "AzurePolicies", "Definition", "Exemption", "Resource",
    "Rule", "Verdict",
    "account", "azure_models", "check_rule", "deployment", "read_policies",
]  # fmt: skip
