"""Compile a policy to organization policies for Vertex AI, and prove them on every cell.

A policy is set only where it differs from what the resource above sets, so projects that are not
listed are held by their folder. What Google cannot express is stricter here, never wider.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bailiwick.catalog import Catalog
from bailiwick.cloud import (
    Cloud,
    Questions,
    Tree,
    coverage_of,
    regions_of,
    require_acknowledged,
)
from bailiwick.cloud.gcp import (
    ENDPOINTS,
    FEATURES,
    MODELS,
    OWN_ENDPOINTS,
    OrgPolicies,
    Perimeters,
    host_of,
    is_perimeter,
    read_org_policy,
    read_perimeters,
    vertex_models,
)
from bailiwick.decision import DecisionTable
from bailiwick.errors import InvalidInput, Problem
from bailiwick.targets.compiled import Compiled, Stage, Statement, escaped, minified, terraform_text
from bailiwick.targets.gcp.features import feature_values
from bailiwick.targets.gcp.levels import Fence, Reach, wants_perimeter
from bailiwick.targets.gcp.matrix import Matrix
from bailiwick.targets.gcp.scopes import Choices, Scope, scopes, values_of
from bailiwick.targets.judged import prove, with_losses

MOST_VALUES = 500
"""Values that Google takes in one policy."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One organization policy, and what it is for."""

    scope: Scope
    constraint: str
    spec: Mapping[str, Any]
    says: str

    @property
    def name(self) -> str:
        """The policy's name in the cloud."""
        return f"{self.scope.resource}/policies/{self.constraint}"

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name.replace('/policies/', '.').replace('/', '-')}.json"


def compile_gcp(
    table: DecisionTable,
    catalog: Catalog,
    tree: Tree,
    at: datetime,
    stage: Stage = Stage.DRY_RUN,
) -> Compiled:
    """Compile for one organization at one moment.

    Raises ``InvalidInput`` where a rule would come out weaker and the policy does not say who
    enforces it, or a policy does not fit; ``BailiwickError`` where the output does not do on every
    cell of its matrix what it must.
    """
    work = _Work(table, catalog, tree, at)
    residues = coverage_of(work.questions, Cloud.GCP, work.offered)
    require_acknowledged(residues, Cloud.GCP)
    placed = list(work.policies())
    key = "dryRunSpec" if stage is Stage.DRY_RUN else "spec"
    files = {one.file: minified({"name": one.name, key: one.spec}) for one in placed}
    dry_run = stage is Stage.DRY_RUN
    reach = Reach(work.choices, tree)
    fences = reach.fences() if wants_perimeter(table.policy) else []
    files |= {f"{one.name}.level.json": minified(one.as_dict()) for one in reach.levels}
    files |= {
        f"{one.name}.perimeter.json": minified(one.as_dict(dry_run=dry_run)) for one in fences
    }
    custom = _custom_constraint(tree)
    if custom:
        files[f"{OWN_ENDPOINTS}.json"] = minified(custom)
    back, perimeters = _read_back(files, dry_run=dry_run)
    cases = list(Matrix(work.choices, tree, back).cases())
    prove(case.judge(back) for case in cases)
    reached = list(reach.judge(perimeters)) if fences else []
    prove(reached)
    lost = ((one.cell, one.scope.resource) for one in cases if one.lost)
    return Compiled(
        Cloud.GCP,
        table.revision,
        files,
        {"bailiwick.tf.json": _terraform(placed, reach, fences, custom, tree, key)},
        tuple(Statement(one.file, one.name, work.rules, one.says) for one in placed)
        + tuple(
            Statement(f"{one.name}.level.json", one.name, work.rules, one.says)
            for one in reach.levels
        )
        + tuple(
            Statement(f"{one.name}.perimeter.json", one.name, work.rules, one.says)
            for one in fences
        ),
        tuple(with_losses(residues, lost, APART)),
        (*work.notes(stage), *_not_fenced(reach, fences)),
        {},
        (*(case.cell for case in cases), *(one.cell for one in reached)),
    )


class _Work:
    """Everything that is made once for a compilation."""

    def __init__(self, table: DecisionTable, catalog: Catalog, tree: Tree, at: datetime) -> None:
        known = table.policy.models
        models = [one for one in vertex_models(catalog) if known.issuperset(one.models)]
        self.tree = tree
        self.questions = Questions(table, regions_of(Cloud.GCP), at)
        self.choices = Choices(self.questions, models)
        self.offered = {model for one in models for model in one.models}
        self.rules = tuple(one.rule for one in coverage_of(self.questions, Cloud.GCP, self.offered))

    def policies(self) -> Iterator[Placed]:
        """Write the policies that differ from those of the resource above."""
        above: dict[tuple[str, str], Mapping[str, Any]] = {}
        for scope in scopes(self.tree):
            parent = scope.path[-2] if len(scope.path) > 1 else ""
            for constraint, spec, says in self._wanted(scope):
                above[scope.resource, constraint] = spec
                if above.get((parent, constraint), NOTHING_SET[constraint]) != spec:
                    yield Placed(scope, constraint, spec, says)

    def _wanted(self, scope: Scope) -> Iterator[tuple[str, Mapping[str, Any], str]]:
        if scope.account.exempt is not None:
            for constraint in self._constraints():
                open_ = NOT_ENFORCED if constraint == OWN_ENDPOINTS else ALLOW_ALL
                yield constraint, open_, f"exempt: {scope.account.exempt}"
            return
        choice = self.choices.of(scope.account)
        values = values_of(choice)
        yield MODELS, _allowed(values, scope), f"{len(values)} values: models and actions"
        denied = [] if not choice.places else [
            host_of(one) for one in self.choices.locations if one not in choice.places
        ]  # fmt: skip
        yield ENDPOINTS, _denied(denied, scope), f"no host of {len(denied)} locations"
        if FEATURES in self._constraints():
            features = feature_values(self.choices, scope.account)
            yield FEATURES, _allowed(features, scope), "features of partners' models"
        if OWN_ENDPOINTS in self._constraints():
            yield OWN_ENDPOINTS, ENFORCED, "no endpoints of one's own"

    def _constraints(self) -> tuple[str, ...]:
        features = (FEATURES,) if "features" in self.questions.table.asked else ()
        own = () if "endpoints" in self.tree.leave_open else (OWN_ENDPOINTS,)
        return (MODELS, ENDPOINTS, *features, *own)

    def notes(self, stage: Stage) -> Iterator[str]:
        """Say what these policies do not reach."""
        if stage is Stage.DRY_RUN:
            yield "anything yet: these are dry-run specs, compile with `--stage enforce` when ready"
        for account in self.tree.accounts():
            if account.exempt is not None:
                yield f"project {account.id}: exempt ({account.exempt})"
        for part, reason in sorted(self.tree.leave_open.items()):
            yield f"{part}: left open ({reason})"
        regions = self.questions.regions
        yield (
            f"a region that Google opened after {regions.as_of}: hosts are denied by name, "
            "so compile again when there is one"
        )
        yield "hosts of other forms (mTLS, private), as far as Google serves the same models there"
        yield "endpoints and jobs that exist already, and models of the Model Registry on them"
        yield "new models: they are denied until the policy is compiled again"


APART = "give what is to differ a folder of its own"

ALLOW_ALL: Mapping[str, Any] = {"inheritFromParent": False, "rules": [{"allowAll": True}]}
ENFORCED: Mapping[str, Any] = {"rules": [{"enforce": True}]}
NOT_ENFORCED: Mapping[str, Any] = {"rules": [{"enforce": False}]}
NOTHING_SET: Mapping[str, Mapping[str, Any]] = {
    OWN_ENDPOINTS: NOT_ENFORCED,
    MODELS: {},
    FEATURES: {},
    ENDPOINTS: ALLOW_ALL,
}
"""What holds where nothing is set above: hosts are open, and so is a list that must be written."""


def _allowed(values: Sequence[str], scope: Scope) -> Mapping[str, Any]:
    _check_size(values, scope)
    rule = {"values": {"allowedValues": list(values)}} if values else {"denyAll": True}
    return {"inheritFromParent": False, "rules": [rule]}


def _denied(values: Sequence[str], scope: Scope) -> Mapping[str, Any]:
    _check_size(values, scope)
    if not values:
        return ALLOW_ALL
    return {"inheritFromParent": False, "rules": [{"values": {"deniedValues": list(values)}}]}


def _check_size(values: Sequence[str], scope: Scope) -> None:
    if len(values) > MOST_VALUES:
        raise InvalidInput(
            [
                Problem(
                    f"`{scope.resource}` would need {len(values)} values in one policy, and Google "
                    f"takes {MOST_VALUES}",
                    "let the policy permit fewer models there",
                    scope.account.position,
                )
            ]
        )


def _custom_constraint(tree: Tree) -> Mapping[str, Any] | None:
    if "endpoints" in tree.leave_open:
        return None
    return {
        "name": f"{tree.id}/customConstraints/{OWN_ENDPOINTS}",
        "resourceTypes": ["aiplatform.googleapis.com/Endpoint"],
        "methodTypes": ["CREATE"],
        "condition": "resource.displayName.matches('.*')",
        "actionType": "DENY",
        "displayName": "No endpoints for models that no constraint sees",
    }


def _read_back(files: Mapping[str, str], *, dry_run: bool) -> tuple[OrgPolicies, Perimeters]:
    import json

    values = [(json.loads(text), name) for name, text in files.items()]
    read = (
        read_org_policy(value, name, dry_run=dry_run)
        for value, name in values
        if "/policies/" in value["name"]
    )
    around = (pair for pair in values if is_perimeter(pair[0]))
    policies = OrgPolicies.of(one for one in read if one is not None)
    return policies, read_perimeters(around, dry_run=dry_run)


def _not_fenced(reach: Reach, fences: Sequence[Fence]) -> Iterator[str]:
    if reach.levels and not fences:
        yield (
            "the caller's country: access levels do nothing until a perimeter has them; "
            "`acknowledge` address `by: perimeter` compiles one"
        )
    if fences:
        yield "projects that are not listed: a perimeter holds only those it names"
        yield "the caller's network: a perimeter does not see anonymizers"


CUSTOM = "google_org_policy_custom_constraint.own_endpoints"
"""The constraint must be there before the policies that enforce it."""


def _terraform(
    placed: Sequence[Placed],
    reach: Reach,
    fences: Sequence[Fence],
    custom: Mapping[str, Any] | None,
    tree: Tree,
    key: str,
) -> str:
    part = "dry_run_spec" if key == "dryRunSpec" else "spec"
    resources: dict[str, Any] = {
        "google_org_policy_policy": {
            _label(one.name): {
                "name": escaped(one.name),
                "parent": one.scope.resource,
                part: {
                    **({"inherit_from_parent": False} if "inheritFromParent" in one.spec else {}),
                    "rules": [_snake(rule) for rule in one.spec["rules"]],
                },
                **({"depends_on": [CUSTOM]} if one.constraint == OWN_ENDPOINTS else {}),
            }
            for one in placed
        }
    }
    if reach.levels:
        resources["google_access_context_manager_access_level"] = {
            one.name: one.terraform() for one in reach.levels
        }
    if fences:
        resources["google_access_context_manager_service_perimeter"] = {
            one.name: one.terraform(dry_run=key == "dryRunSpec") for one in fences
        }
    if custom:
        resources[CUSTOM.partition(".")[0]] = {
            CUSTOM.rpartition(".")[2]: {
                "name": OWN_ENDPOINTS,
                "parent": tree.id,
                "display_name": custom["displayName"],
                "action_type": custom["actionType"],
                "condition": escaped(custom["condition"]),
                "method_types": custom["methodTypes"],
                "resource_types": custom["resourceTypes"],
            }
        }
    document: dict[str, Any] = {"resource": resources}
    if reach.levels or fences:
        document["variable"] = {"access_policy": {"type": "string"}}
    return terraform_text(document)


def _snake(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    if "allowAll" in rule:
        return {"allow_all": "TRUE"}
    if "denyAll" in rule:
        return {"deny_all": "TRUE"}
    if "enforce" in rule:
        return {"enforce": "TRUE" if rule["enforce"] else "FALSE"}
    names = {"allowedValues": "allowed_values", "deniedValues": "denied_values"}
    return {"values": {names[key]: list(map(escaped, one)) for key, one in rule["values"].items()}}


def _label(name: str) -> str:
    return "".join(one if one.isalnum() else "_" for one in name)
