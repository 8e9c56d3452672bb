"""Judge what is deployed in each cloud by the cells that prove our own output."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from bailiwick.catalog import Catalog
from bailiwick.cloud import Cloud, Questions, Tree, regions_of
from bailiwick.cloud.aws import at_root, default_profiles, rails_of, read_deployed
from bailiwick.cloud.azure import azure_models, read_policies
from bailiwick.cloud.gcp import OrgPolicies, read_org_policy, vertex_models
from bailiwick.decision import DecisionTable
from bailiwick.targets import aws, azure, gcp
from bailiwick.targets.gaps import Gap, Judged, gaps

Values = Iterable[tuple[Any, str]]
"""Parsed JSON values with the names of their files."""


def audit_aws(
    table: DecisionTable, catalog: Catalog, tree: Tree, at: datetime, values: Values
) -> list[Gap]:
    """Judge service control policies: one export of an organisation, or policies at the root."""
    given = {file: json.dumps(value) for value, file in values}
    export = next((file for file, text in given.items() if '"attached"' in text), None)
    deployed = (
        read_deployed(export, given[export])
        if export
        else at_root({Path(file).stem: text for file, text in given.items()}, tree)
    )
    work = aws.AwsWork(table, catalog, tree, at, aws.Options(default_profiles()))
    rails = rails_of(deployed, work.tree, aws.NEW_ACCOUNT)
    cases = work.cases(rails.statements.statements)
    found = aws.compare(cases, rails, work.options.profiles)
    answers = {"allow": "allow", "deny": "deny"}
    return gaps(
        Cloud.AWS,
        (
            Judged(
                one.case.cell,
                one.case.cell.permit,
                answers.get(one.verdict.answer.value, "undetermined"),
                one.by,
            )
            for one in found
            if one is not None
        ),
    )


def audit_gcp(
    table: DecisionTable, catalog: Catalog, tree: Tree, at: datetime, values: Values
) -> list[Gap]:
    """Judge organization policies as ``gcloud org-policies describe`` prints them.

    Dry-run specs count for nothing. Raises ``InvalidInput`` for what is no policy.
    """
    read = (read_org_policy(value, file) for value, file in values if _is_policy(value))
    policies = OrgPolicies.of(one for one in read if one is not None)
    known = table.policy.models
    models = [one for one in vertex_models(catalog) if known.issuperset(one.models)]
    choices = gcp.Choices(Questions(table, regions_of(Cloud.GCP), at), models)
    return gaps(Cloud.GCP, _gcp(gcp.Matrix(choices, tree).cases(), policies))


def _is_policy(value: Any) -> bool:
    """Pass over what comes beside policies: custom constraints and access levels."""
    name = value.get("name", "") if isinstance(value, dict) else ""
    return "/customConstraints/" not in name and "/accessLevels/" not in name


def _gcp(cases: Iterable[gcp.Case], policies: OrgPolicies) -> Iterator[Judged]:
    for case in cases:
        answer, by = case.judge(policies)
        yield Judged(case.cell, case.cell.permit or case.lost, answer.value, by)


def audit_azure(
    table: DecisionTable, catalog: Catalog, tree: Tree, at: datetime, values: Values
) -> list[Gap]:
    """Judge definitions, assignments and exemptions as ``az policy ... list`` prints them.

    Assignments that are not enforced count for nothing.
    """
    policies = read_policies(values)
    known = table.policy.models
    models = [one for one in azure_models(catalog) if known.issuperset(one.models)]
    choices = azure.Choices(Questions(table, regions_of(Cloud.AZURE), at), models)
    cases = azure.Matrix(choices, tree).cases()
    return gaps(
        Cloud.AZURE,
        (
            Judged(case.cell, case.cell.permit or case.lost, answer.value, by)
            for case in cases
            for answer, by in [case.judge(policies)]
        ),
    )
