"""Compile a policy to Azure Policy, and prove it on every cell.

Assignments add up, so a scope that differs from the one above gets its own and is excluded above
(``notScopes``). Subscriptions that are not listed are held by their management group.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from bailiwick.cloud.azure import (
    ASSIGNED,
    DEFINED,
    EXEMPTED,
    GROUP,
    SUBSCRIPTION,
    AzurePolicies,
    azure_models,
    read_policies,
)
from bailiwick.cloud.zones import SKUS
from bailiwick.decision import DecisionTable
from bailiwick.errors import InvalidInput, Problem
from bailiwick.targets.azure.definitions import (
    LOCATIONS,
    NOTHING,
    accounts_rule,
    definition,
    deployments_rule,
    machine_learning_rule,
    parameter_of,
)
from bailiwick.targets.azure.matrix import Matrix
from bailiwick.targets.azure.scopes import Choices, Scope, scopes
from bailiwick.targets.compiled import Compiled, Stage, Statement, escaped, minified, terraform_text
from bailiwick.targets.judged import prove, with_losses

ACCOUNTS, DEPLOYMENTS, LEARNING = "bw-accounts", "bw-deployments", "bw-machine-learning"
SAYS = {
    ACCOUNTS: "Accounts with model deployments only in these locations",
    DEPLOYMENTS: "Deployments only of these models, by SKU",
    LEARNING: "No Machine Learning endpoints, which do not say what they serve",
}
MOST_EXCLUDED = 400
"""Exclusions that Azure takes in one assignment."""
APART = "give what is to differ a management group of its own"


@dataclass(slots=True)
class Assigned:
    """One definition assigned to one scope."""

    scope: Scope
    definition: str
    parameters: Mapping[str, Sequence[str]]
    excluded: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its id in the cloud."""
        return f"{self.scope.id}{ASSIGNED}{self.definition}"

    @property
    def label(self) -> str:
        """A name for files and Terraform."""
        return f"{_short(self.scope.id)}.{self.definition}"


@dataclass(frozen=True, slots=True)
class Exempted:
    """A subscription that one assignment does not hold."""

    scope: Scope
    assigned: Assigned

    @property
    def id(self) -> str:
        """Its id in the cloud."""
        return f"{self.scope.id}{EXEMPTED}{self.assigned.definition}"

    @property
    def label(self) -> str:
        """A name for files and Terraform."""
        return f"{_short(self.scope.id)}.{self.assigned.definition}"


def compile_azure(
    table: DecisionTable,
    catalog: Catalog,
    tree: Tree,
    at: datetime,
    stage: Stage = Stage.DRY_RUN,
) -> Compiled:
    """Compile for one tenant at one moment.

    Raises ``InvalidInput`` where a rule would come out weaker and the policy does not say who
    enforces it, or an assignment does not fit; ``BailiwickError`` where the output does not do on
    every cell of its matrix what it must.
    """
    enforced = stage is Stage.ENFORCE
    known = table.policy.models
    models = [one for one in azure_models(catalog) if known.issuperset(one.models)]
    questions = Questions(table, regions_of(Cloud.AZURE), at)
    choices = Choices(questions, models)
    residues = coverage_of(
        questions, Cloud.AZURE, {model for one in models for model in one.models}
    )
    require_acknowledged(residues, Cloud.AZURE)
    definitions = _definitions(tree)
    assigned, exempted = _assign(choices, tree, list(definitions))
    files = {
        **{f"{name}.definition.json": minified(one) for name, one in definitions.items()},
        **{
            f"{one.label}.assignment.json": minified(_assignment(one, tree, enforced))
            for one in assigned
        },
        **{f"{one.label}.exemption.json": minified(_exemption(one)) for one in exempted},
    }
    back = _read_back(files)
    cases = list(Matrix(choices, tree, back).cases())
    prove(case.judge(back, dry_run=not enforced) for case in cases)
    lost = ((one.cell, _short(one.scope.id)) for one in cases if one.lost)
    rules = tuple(one.rule for one in residues)
    return Compiled(
        Cloud.AZURE,
        table.revision,
        files,
        {"bailiwick.tf.json": _terraform(definitions, assigned, exempted, tree, enforced)},
        tuple(
            Statement(f"{one.label}.assignment.json", one.id, rules, SAYS[one.definition])
            for one in assigned
        ),
        tuple(with_losses(residues, lost, APART)),
        tuple(_notes(tree, stage, choices)),
        {},
        tuple(case.cell for case in cases),
    )


# -- what is assigned where --------------------------------------------------------------------


def _definitions(tree: Tree) -> dict[str, Mapping[str, Any]]:
    """Write the definitions, at the root management group."""
    rules = {
        ACCOUNTS: (accounts_rule(), (LOCATIONS,)),
        DEPLOYMENTS: (deployments_rule(), tuple(map(parameter_of, SKUS))),
    }
    if "machine-learning" not in tree.leave_open:
        rules[LEARNING] = (machine_learning_rule(), ())
    return {
        name: {
            "id": f"{GROUP}{tree.root.id}{DEFINED}{name}",
            "properties": definition(name, SAYS[name], rule, parameters),
        }
        for name, (rule, parameters) in rules.items()
    }


def _assign(
    choices: Choices, tree: Tree, names: Sequence[str]
) -> tuple[list[Assigned], list[Exempted]]:
    """Assign where parameters differ from above, excluding there; exempt where all is open."""
    nearest: dict[tuple[str, str], Assigned] = {}
    assigned: list[Assigned] = []
    exempted: list[Exempted] = []
    for scope in scopes(tree):
        parent = scope.path[-2] if len(scope.path) > 1 else ""
        for name in names:
            above = nearest.get((parent, name))
            if scope.account.exempt is not None and above is not None:
                exempted.append(Exempted(scope, above))
                continue
            wanted = _parameters(choices, scope, name)
            if above is not None and above.parameters == wanted:
                nearest[scope.id, name] = above
                continue
            nearest[scope.id, name] = mine = Assigned(scope, name, wanted)
            assigned.append(mine)
            if above is not None:
                _exclude(above, scope)
    return assigned, exempted


def _exclude(above: Assigned, scope: Scope) -> None:
    above.excluded.append(scope.id)
    if len(above.excluded) > MOST_EXCLUDED:
        raise InvalidInput(
            [
                Problem(
                    f"`{above.scope.id}` would need more than {MOST_EXCLUDED} exclusions",
                    "put subscriptions that are alike into a management group of their own",
                    scope.account.position,
                )
            ]
        )


def _parameters(choices: Choices, scope: Scope, name: str) -> dict[str, list[str]]:
    choice = choices.of(scope.account)
    if name == ACCOUNTS:
        return {LOCATIONS: sorted(choice.places) or [NOTHING]}
    if name == DEPLOYMENTS:
        return {
            parameter_of(sku): sorted(model for model, one in choice.items if one == sku)
            or [NOTHING]
            for sku in SKUS
        }
    return {}


def _assignment(one: Assigned, tree: Tree, enforced: bool) -> Mapping[str, Any]:
    return {
        "id": one.id,
        "properties": {
            "displayName": SAYS[one.definition],
            "policyDefinitionId": f"{GROUP}{tree.root.id}{DEFINED}{one.definition}",
            "parameters": {key: {"value": list(value)} for key, value in one.parameters.items()},
            "notScopes": one.excluded,
            "enforcementMode": "Default" if enforced else "DoNotEnforce",
        },
    }


def _exemption(one: Exempted) -> Mapping[str, Any]:
    return {
        "id": one.id,
        "properties": {
            "policyAssignmentId": one.assigned.id,
            "exemptionCategory": "Waiver",
            "description": one.scope.account.exempt,
        },
    }


# -- proof and reports -------------------------------------------------------------------------


def _read_back(files: Mapping[str, str]) -> AzurePolicies:
    import json

    return read_policies((json.loads(text), name) for name, text in files.items())


def _notes(tree: Tree, stage: Stage, choices: Choices) -> Iterator[str]:
    if stage is Stage.DRY_RUN:
        yield "anything yet: compile with `--stage enforce` when what would be refused is right"
    for account in tree.accounts():
        if account.exempt is not None:
            yield f"subscription {account.id}: exempt ({account.exempt})"
    for part, reason in sorted(tree.leave_open.items()):
        yield f"{part}: left open ({reason})"
    yield "deployments and accounts that exist already: they keep serving until they are deleted"
    yield "calls: Azure checks what is made, and never who calls a deployment or from where"
    yield "`spilloverDeploymentName`: overflow goes to another deployment, which is held by itself"
    yield "new models and SKUs: they are denied until the policy is compiled again"
    yield f"locations: {choices.questions.regions.source}, as of {choices.questions.regions.as_of}"


# -- Terraform ---------------------------------------------------------------------------------


def _terraform(
    definitions: Mapping[str, Mapping[str, Any]],
    assigned: Sequence[Assigned],
    exempted: Sequence[Exempted],
    tree: Tree,
    enforced: bool,
) -> str:
    resources: dict[str, dict[str, Any]] = {"azurerm_policy_definition": {}}
    for name, one in definitions.items():
        inner = one["properties"]
        resources["azurerm_policy_definition"][_label(name)] = {
            "name": name,
            "policy_type": "Custom",
            "mode": "All",
            "display_name": inner["displayName"],
            "management_group_id": GROUP + tree.root.id,
            "policy_rule": escaped(minified(inner["policyRule"])),
            "parameters": escaped(minified(inner["parameters"])),
        }
    for mine in assigned:
        kind, key = _kind_of(mine.scope.id)
        resources.setdefault(f"azurerm_{kind}_policy_assignment", {})[_label(mine.label)] = {
            "name": mine.definition,
            "display_name": SAYS[mine.definition],
            key: mine.scope.id,
            "policy_definition_id": f"${{azurerm_policy_definition.{_label(mine.definition)}.id}}",
            "parameters": escaped(
                minified({name: {"value": list(one)} for name, one in mine.parameters.items()})
            ),
            "not_scopes": mine.excluded,
            "enforce": enforced,
        }
    for exempt in exempted:
        kind, _ = _kind_of(exempt.assigned.scope.id)
        above = f"azurerm_{kind}_policy_assignment.{_label(exempt.assigned.label)}.id"
        resources.setdefault("azurerm_subscription_policy_exemption", {})[_label(exempt.label)] = {
            "name": exempt.assigned.definition,
            "subscription_id": exempt.scope.id,
            "policy_assignment_id": f"${{{above}}}",
            "exemption_category": "Waiver",
            "description": escaped(exempt.scope.account.exempt or ""),
        }
    return terraform_text({"resource": resources})


def _kind_of(scope: str) -> tuple[str, str]:
    if scope.startswith(SUBSCRIPTION):
        return "subscription", "subscription_id"
    return "management_group", "management_group_id"


def _short(scope: str) -> str:
    return scope.rpartition("/")[2]


def _label(name: str) -> str:
    text = "".join(one if one.isalnum() else "_" for one in name)
    return text if text[:1].isalpha() else f"_{text}"
