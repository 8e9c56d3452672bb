"""What is compiled for Azure is what the policy says, never wider, and every part of it is needed."""

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from bailiwick.bootstrap import read_catalog
from bailiwick.cloud import Answer, Cloud, Coverage, Questions, read_organisation, regions_of
from bailiwick.cloud.azure import (
    AzurePolicies,
    Rule,
    account,
    azure_models,
    check_rule,
    deployment,
    read_policies,
)
from bailiwick.decision import compile_table
from bailiwick.documents import parse_document
from bailiwick.errors import BailiwickError, InvalidInput
from bailiwick.policy import read_policy
from bailiwick.targets import Compiled, Stage
from bailiwick.targets.azure import Case, Choices, Matrix, compile_azure
from bailiwick.targets.judged import prove

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ONE, TWO, EXEMPT = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2, 3))
POLICY = """\
bailiwick: 1
name: x
places: {us: {include: [US], territories: inherit}, eu: {use: EU}}
rules:
  - {id: frontier, permit: "openai/gpt-5*", where: {endpoint: us, processing: us, labels: frontier}}
  - {id: open, permit: [meta/llama-*, openai/gpt-oss-*]}
  - {id: residency, permit: openai/gpt-4o, where: {endpoint: eu, processing: eu, labels: residency}}
"""
ORGANISATION = f"""\
organisation: 1
name: x
azure:
  id: root
  groups:
    - {{id: us, labels: [frontier], subscriptions: [{ONE}]}}
    - {{id: eu, labels: [residency], subscriptions: [{TWO}, {{id: {EXEMPT}, exempt: agreed}}]}}
"""
ROOT = "/providers/Microsoft.Management/managementGroups/root"
GROUPS = "/providers/Microsoft.Management/managementGroups/"
US = (ROOT, GROUPS + "us", f"/subscriptions/{ONE}")
EU = (ROOT, GROUPS + "eu", f"/subscriptions/{TWO}")
OUT = (ROOT, GROUPS + "eu", f"/subscriptions/{EXEMPT}")
NEW = (ROOT, "/subscriptions/00000000-0000-0000-0000-000000000009")
GPT5, GPT4O, OSS = "OpenAI/gpt-5", "OpenAI/gpt-4o", "OpenAI/gpt-oss-120b"


def parts(policy: str = POLICY, organisation: str = ORGANISATION) -> tuple[Any, Any, Any]:
    catalog = read_catalog()
    table = compile_table(read_policy(policy, "policy.yaml", catalog), catalog)
    tree = read_organisation(parse_document(organisation, "org.yaml")).tree(Cloud.AZURE)
    return table, catalog, tree


@cache
def compiled(policy: str = POLICY, stage: Stage = Stage.ENFORCE, **more: str) -> Compiled:
    table, catalog, tree = parts(policy, **more)
    return compile_azure(table, catalog, tree, NOW, stage)


def read(values: dict[str, Any]) -> AzurePolicies:
    return read_policies((value, name) for name, value in values.items())


def values(made: Compiled) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in made.files.items()}


def answer(
    policies: AzurePolicies, path: tuple[str, ...], location: str, model: str, sku: str
) -> str:
    made = (account("AIServices", location), deployment(model, sku))
    answers = {policies.check(path, one).answer for one in made}
    return "deny" if Answer.DENY in answers else "allow"


@pytest.mark.parametrize(
    ("path", "location", "model", "sku", "want"),
    [
        (US, "eastus2", GPT5, "Standard", "allow"),
        (US, "eastus2", "openai/GPT-5", "Standard", "allow"),
        (US, "eastus2", GPT5, "DataZoneStandard", "allow"),
        (US, "eastus2", GPT5, "DataZoneBatch", "allow"),
        (US, "eastus2", GPT5, "GlobalStandard", "deny"),
        (US, "eastus2", GPT5, "GlobalBatch", "deny"),
        (US, "eastus2", GPT5, "GlobalProvisionedManaged", "deny"),
        (US, "eastus2", GPT5, "SomethingNew", "deny"),
        (US, "swedencentral", GPT5, "Standard", "deny"),
        (US, "newregion", GPT5, "Standard", "deny"),
        (US, "eastus2", OSS, "GlobalStandard", "allow"),
        (US, "eastus2", GPT4O, "Standard", "deny"),
        (US, "eastus2", "OpenAI/model-router", "GlobalStandard", "deny"),
        (US, "eastus2", "Nobody/gpt-5", "Standard", "deny"),
        (US, "eastus2", "OpenAI/gpt-5.ft-abc", "Standard", "deny"),
        (EU, "swedencentral", GPT4O, "Standard", "allow"),
        (EU, "swedencentral", GPT4O, "DataZoneStandard", "allow"),
        (EU, "uksouth", GPT4O, "Standard", "deny"),
        (EU, "eastus2", GPT4O, "Standard", "deny"),
        (EU, "swedencentral", GPT5, "Standard", "deny"),
        (OUT, "eastus2", GPT5, "GlobalStandard", "allow"),
        (NEW, "eastus2", GPT5, "Standard", "deny"),
        (NEW, "uksouth", OSS, "GlobalStandard", "allow"),
    ],
)
def test_the_example_is_held_as_the_policy_says(
    path: tuple[str, ...], location: str, model: str, sku: str, want: str
) -> None:
    assert answer(read(values(compiled())), path, location, model, sku) == want


def test_a_kind_of_account_that_nobody_knows_is_held_like_one_with_deployments() -> None:
    policies = read(values(compiled()))

    assert policies.check(US, account("BrandNew", "uksouth")).answer is Answer.DENY
    assert policies.check(US, account("SpeechServices", "uksouth")).answer is Answer.ALLOW


def test_machine_learning_endpoints_are_refused_unless_left_open() -> None:
    endpoint = {"type": "Microsoft.MachineLearningServices/workspaces/serverlessEndpoints"}
    left = ORGANISATION + '  leave_open: {machine-learning: "reviewed by hand"}\n'
    open_ = compiled(organisation=left)

    assert read(values(compiled())).check(US, endpoint).answer is Answer.DENY
    assert read(values(open_)).check(US, endpoint).answer is Answer.ALLOW
    assert any("reviewed by hand" in note for note in open_.notes)


def test_what_azure_cannot_tell_apart_is_stricter_and_said() -> None:
    residues = {one.rule: one for one in compiled().residues}

    assert residues["frontier"].coverage is Coverage.EXACT
    assert residues["open"].coverage is Coverage.STRICTER
    assert "us" in residues["open"].note


def test_an_exempt_subscription_is_named_with_its_reason_in_an_exemption() -> None:
    found = [one for name, one in values(compiled()).items() if name.endswith("exemption.json")]

    assert {one["properties"]["description"] for one in found} == {"agreed"}
    assert all(one["id"].startswith(f"/subscriptions/{EXEMPT}") for one in found)


def test_a_dry_run_refuses_nothing_and_is_proved_all_the_same() -> None:
    made = compiled(stage=Stage.DRY_RUN)
    policies = read(values(made))

    assert answer(policies, US, "uksouth", GPT5, "GlobalStandard") == "allow"
    refused = policies.check(US, deployment(GPT5, "GlobalStandard"), dry_run=True)
    assert refused.answer is Answer.DENY
    assert any("--stage enforce" in note for note in made.notes)


def test_the_same_input_gives_the_same_bytes() -> None:
    one, two = compiled(), compiled.__wrapped__()

    assert (one.files, one.terraform, one.reports()) == (two.files, two.terraform, two.reports())


def test_terraform_gets_the_rules_as_text_and_nothing_as_a_template() -> None:
    resources = json.loads(compiled().terraform["bailiwick.tf.json"])["resource"]
    rule = resources["azurerm_policy_definition"]["bw_deployments"]["policy_rule"]

    assert json.loads(rule)["then"] == {"effect": "deny"}
    assert "${" not in rule
    assert set(resources) == {
        "azurerm_policy_definition",
        "azurerm_management_group_policy_assignment",
        "azurerm_subscription_policy_exemption",
    }


def cases() -> list[Case]:
    table, catalog, tree = parts()
    models = [one for one in azure_models(catalog) if table.row(one.models[0], NOW)]
    return list(
        Matrix(
            Choices(Questions(table, regions_of(Cloud.AZURE), NOW), models),
            tree,
            read(values(compiled())),
        ).cases()
    )


def mutants(found: dict[str, Any]) -> Any:
    """Give outputs with one thing less: a file, a value, an exclusion, a condition."""
    for name, value in found.items():
        if not name.endswith("definition.json"):
            yield f"{name} whole", {key: one for key, one in found.items() if key != name}
        inner = value["properties"]
        lists = [one["value"] for one in (inner.get("parameters") or {}).values() if "value" in one]
        lists.append(inner.get("notScopes") or [])
        if "policyRule" in inner:
            conditions = inner["policyRule"]["if"]["allOf"]
            lists += [conditions, *(one["anyOf"] for one in conditions if "anyOf" in one)]
        for index, one in enumerate(lists):
            for at in sorted({0, len(one) - 1} if one else ()):
                kept = one.pop(at)
                yield f"{name} list {index} without {kept}", found
                one.insert(at, kept)


SAME = f"root.bw-accounts.assignment.json list 1 without {GROUPS}us"
"""The root allows every location, so this exclusion changes nothing."""


@pytest.mark.timeout(500)
def test_no_part_of_the_output_can_go_unnoticed() -> None:
    every, survivors = cases(), []
    for what, changed in mutants(values(compiled())):
        try:
            policies = read(changed)
            prove(case.judge(policies) for case in every)
        except (BailiwickError, InvalidInput):
            continue
        survivors.append(what)

    assert survivors == [SAME]


def test_a_rule_that_azure_cannot_see_needs_somebody_who_enforces_it() -> None:
    with pytest.raises(InvalidInput, match="address"):
        compiled(POLICY.replace("labels: frontier}", "labels: frontier, address: us}"))


# -- the evaluator -----------------------------------------------------------------------------

RESOURCE = {"type": "A", "location": "EastUS", "a/name": "gpt"}


@pytest.mark.parametrize(
    ("condition", "want"),
    [
        ({"field": "type", "equals": "a"}, True),
        ({"field": "type", "notEquals": "a"}, False),
        ({"field": "location", "in": ["westus", "eastus"]}, True),
        ({"field": "location", "notIn": "[parameters('list')]"}, False),
        ({"field": "b/missing", "equals": "x"}, False),
        ({"field": "b/missing", "notEquals": "x"}, True),
        ({"field": "kind", "notIn": ["x"]}, True),
        ({"field": "kind", "exists": "false"}, True),
        ({"field": "a/version", "equals": "x"}, None),
        ({"field": "name", "notEquals": "x"}, None),
        (
            {"allOf": [{"field": "type", "equals": "b"}, {"field": "a/version", "exists": True}]},
            False,
        ),
        ({"field": "A/name", "exists": True}, True),
        ({"field": "location", "like": "east*"}, True),
        ({"field": "location", "notLike": "*west*"}, True),
        ({"field": "location", "contains": "US"}, True),
        ({"value": "[concat(field('a/name'), '/', 'it''s')]", "equals": "GPT/it's"}, True),
        ({"value": "[toLower('ABC')]", "equals": "abc"}, True),
        ({"not": {"field": "type", "equals": "a"}}, False),
        ({"allOf": [{"field": "type", "equals": "a"}, {"field": "x", "match": "##"}]}, None),
        ({"allOf": [{"field": "type", "equals": "b"}, {"field": "x", "match": "##"}]}, False),
        ({"anyOf": [{"field": "type", "equals": "a"}, {"field": "x", "match": "##"}]}, True),
        ({"value": "[utcNow()]", "equals": "x"}, None),
        ({"value": "[parameters('unset')]", "equals": "x"}, None),
        ({"field": "tags[x]", "equals": "x"}, None),
        ({"count": {"field": "x[*]"}, "greater": 0}, None),
    ],
)
def test_a_condition_holds_fails_or_cannot_be_told(condition: Any, want: bool | None) -> None:
    check_rule(condition, "x.json")

    assert Rule(condition, "deny", {"list": ["EASTUS"]}).denies(RESOURCE) is want


@pytest.mark.parametrize(
    "condition",
    [
        {"field": "type", "equal": "a"},
        {"field": "type"},
        {"field": "type", "equals": "a", "in": ["b"]},
        {"allOf": [{"field": "type", "equals": "a"}, {"field": "type", "notin": ["a"]}]},
        {"not": {"field": "type", "isIn": ["a"]}},
        [],
    ],
)
def test_a_misspelt_operator_is_refused(condition: Any) -> None:
    with pytest.raises(InvalidInput, match=r"x\.json"):
        check_rule(condition, "x.json")


@pytest.mark.parametrize("effect", ["audit", "disabled", "[parameters('effect')]"])
def test_only_a_deny_denies(effect: str) -> None:
    rule = Rule({"field": "type", "equals": "a"}, effect, {"effect": "Audit"})

    assert rule.denies(RESOURCE) is False


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"id": "/x"},
        {"id": f"{ROOT}/providers/Microsoft.Authorization/policyAssignments/a"},
        {"id": f"{ROOT}/providers/Microsoft.Authorization/policyDefinitions/a", "properties": {"policyRule": 1}},
    ],
)  # fmt: skip
def test_what_is_no_policy_is_named(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"x\.json"):
        read_policies([(value, "x.json")])


def test_an_assignment_whose_definition_is_not_here_is_undetermined() -> None:
    one = {
        "id": f"{ROOT}/providers/Microsoft.Authorization/policyAssignments/a",
        "properties": {"policyDefinitionId": "/providers/x/policyDefinitions/elsewhere"},
    }

    found = read_policies([(one, "x.json")]).check(US, account("OpenAI", "uksouth"))

    assert found.answer is Answer.UNDETERMINED
