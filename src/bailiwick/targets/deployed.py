"""Judge what is deployed in each cloud by the cells that prove our own output."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from bailiwick.catalog import Catalog
from bailiwick.cloud import Answer, Cloud, Questions, Tree, regions_of
from bailiwick.cloud.aws import (
    Deployed,
    at_root,
    default_profiles,
    parse_scp,
    rails_of,
    read_deployed,
)
from bailiwick.cloud.azure import azure_models, read_policies
from bailiwick.cloud.gcp import (
    OrgPolicies,
    is_perimeter,
    read_org_policy,
    read_perimeters,
    vertex_models,
)
from bailiwick.decision import DecisionTable
from bailiwick.errors import InvalidInput, Position
from bailiwick.targets import aws, azure, gcp
from bailiwick.targets.compiled import Cell
from bailiwick.targets.judged import Audit, Judged, Progress, audit

Values = Iterable[tuple[Any, str]]
"""Parsed JSON values with the names of their files."""


def audit_exports(
    cloud: Cloud,
    table: DecisionTable,
    catalog: Catalog,
    tree: Tree,
    at: datetime,
    values: Values,
    progress: Progress[Any] = iter,
) -> Audit:
    """Judge what a cloud's own commands print of its policies.

    Raises ``InvalidInput`` for what is none. What is not enforced (dry-run specs, assignments that
    are only logged) counts for nothing.
    """
    known = table.policy.models
    questions = Questions(table, regions_of(cloud), at)
    match cloud:
        case Cloud.AWS:
            work = aws.AwsWork(table, catalog, tree, at, aws.Options(default_profiles()))
            return audit_aws(work, deployed_in(values, tree), progress)
        case Cloud.GCP:
            given = list(values)
            read = (read_org_policy(value, file) for value, file in given if _is_policy(value))
            around = read_perimeters(pair for pair in given if is_perimeter(pair[0]))
            set_ = OrgPolicies.of(one for one in read if one is not None)
            vertex = [one for one in vertex_models(catalog) if known.issuperset(one.models)]
            choices = gcp.Choices(questions, vertex)
            cells = list(gcp.Matrix(choices, tree, set_).cases())
            reach = gcp.Reach(choices, tree)
            reached = reach.judge(around) if gcp.wants_perimeter(table.policy) else ()
            elsewhere = _elsewhere(set_.places(), (one.resource for one in gcp.scopes(tree)))
            return audit(
                cloud, chain((one.judge(set_) for one in progress(cells)), reached, elsewhere)
            )
        case Cloud.AZURE:
            assigned = read_policies(values)
            named = [one for one in azure_models(catalog) if known.issuperset(one.models)]
            made = list(azure.Matrix(azure.Choices(questions, named), tree, assigned).cases())
            elsewhere = _elsewhere(assigned.lifted(), (one.id for one in azure.scopes(tree)))
            return audit(cloud, chain((one.judge(assigned) for one in progress(made)), elsewhere))


def audit_aws(work: aws.AwsWork, deployed: Deployed, progress: Progress[Any] = iter) -> Audit:
    """Judge service control policies where they are attached."""
    rails = rails_of(deployed, work.tree, aws.NEW_ACCOUNT)
    cases = work.cases(rails.statements.statements)
    profiles = work.options.profiles
    return audit(Cloud.AWS, (aws.judge(one, rails, profiles) for one in progress(cases)))


def deployed_in(values: Values, tree: Tree) -> Deployed:
    """Find one export of an organisation in values, or take them for policies at the root."""
    given = list(values)
    exports = [pair for pair in given if isinstance(pair[0], dict) and "attached" in pair[0]]
    if exports:
        if len(given) > 1:
            raise InvalidInput.of(
                f"an export, and {len(given) - 1} more policies or exports beside it",
                "an export has everything that is attached: give it alone",
                Position(exports[0][1]),
            )
        return read_deployed(exports[0][1], exports[0][0])
    named: dict[str, Any] = {}
    for value, file in given:
        parse_scp(file, value)  # so that what is wrong in it is said with its file
        name = Path(file).stem
        named[f"{name}-{len(named) + 1}" if name in named else name] = value
    return at_root(named, tree)


def _elsewhere(places: Iterable[tuple[str, str]], listed: Iterable[str]) -> Iterator[Judged]:
    """Take ``(scope, policy)`` where the organisation file has no such scope for undetermined.

    What is set there may open what is closed above, and nothing is known of who works there.
    """
    known = {one.lower() for one in listed}
    for scope, policy in places:
        if scope.lower() not in known:
            cell = Cell(scope, "use", "any model", "", "", "", permit=False)
            reason = f"{policy}: the organisation file does not list `{scope}`"
            yield Judged(cell, Answer.UNDETERMINED, reason)


def _is_policy(value: Any) -> bool:
    """Pass over what comes beside policies: custom constraints, levels and perimeters."""
    name = value.get("name", "") if isinstance(value, dict) else ""
    return "/customConstraints/" not in name and not is_perimeter(value)
