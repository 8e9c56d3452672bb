"""What is written for Azure has the shape that Microsoft publishes: its own types read it, and its
JSON schemas accept it where a copy of them is at hand."""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource
from referencing.jsonschema import DRAFT4

from bailiwick.cloud import Cloud
from bailiwick.targets import Stage
from targets import peers
from targets.every_cloud import ORGANISATION, POLICY, SUBSCRIPTION, compiled

EXEMPT = ORGANISATION.replace(
    f"azure: {{id: root, subscriptions: [{SUBSCRIPTION}]}}",
    f"""azure:
  id: root
  groups:
    - {{id: frontier, labels: [frontier], subscriptions: [{{id: {SUBSCRIPTION}, exempt: agreed}}]}}
""",
)
UNITS = POLICY.replace("processing: us}", "processing: us, labels: frontier}")
TYPES = {
    "definition": "PolicyDefinition",
    "assignment": "PolicyAssignment",
    "exemption": "PolicyExemption",
}


def written() -> dict[str, tuple[str, Any]]:
    """Every file by name, with what it is."""
    files = {
        f"{stage.value} {name}": text
        for stage in Stage
        for name, text in compiled(Cloud.AZURE, UNITS, EXEMPT, stage).files.items()
    }
    found = {name: (name.split(".")[-2], json.loads(text)) for name, text in files.items()}
    assert {kind for kind, _ in found.values()} == set(TYPES)
    return found


# -- types -------------------------------------------------------------------------------------


@peers.needs("@azure/arm-policy")
def test_microsofts_types_know_every_part() -> None:
    found = written()

    again = peers.ask("azure.mjs", [(TYPES[kind], value) for kind, value in found.values()])

    for (name, (_, value)), one in zip(found.items(), again, strict=True):
        assert one == {"properties": value["properties"]}, name


@peers.needs("@azure/arm-policy")
def test_microsofts_types_find_what_is_misspelt_or_missing() -> None:
    found = written()
    kind, exemption = next(one for one in found.values() if one[0] == "exemption")
    misspelt, lacking = copy.deepcopy(exemption), copy.deepcopy(exemption)
    misspelt["properties"]["expiresAt"] = "2027-01-01"
    del lacking["properties"]["exemptionCategory"]

    one, two = peers.ask("azure.mjs", [(TYPES[kind], misspelt), (TYPES[kind], lacking)])

    assert "expiresAt" not in one["properties"]
    assert "exemptionCategory" in two["error"]


# -- schemas -----------------------------------------------------------------------------------

HOST = "https://schema.management.azure.com/schemas/"
RULE = "2020-10-01/policyDefinition.json"
RESOURCES = {
    "definition": ("2023-04-01/Microsoft.Authorization.json", "PolicyDefinitionProperties"),
    "assignment": ("2023-04-01/Microsoft.Authorization.json", "PolicyAssignmentProperties"),
    "exemption": ("2022-07-01-preview/Microsoft.Authorization.json", "PolicyExemptionProperties"),
}
"""The versions of the API that the documentation names."""


@pytest.fixture(scope="module")
def schemas() -> Path:
    folder = Path(os.environ.get("AZURE_SCHEMAS", "")) / "schemas"
    if not (folder / RULE).is_file():
        pytest.skip(
            "AZURE_SCHEMAS names no copy of the repository Azure/azure-resource-manager-schemas"
        )
    return folder


def validator(folder: Path, file: str, part: str = "") -> Draft4Validator:
    def retrieve(uri: str) -> Resource[Any]:
        path = folder / uri.partition("#")[0].removeprefix(HOST)
        if not path.is_file():
            raise NoSuchResource(uri)
        return Resource.from_contents(json.loads(path.read_text()), DRAFT4)

    registry: Registry[Any] = Registry(retrieve=retrieve)
    return Draft4Validator({"$ref": f"{HOST}{file}#{part}"}, registry=registry)


def test_the_published_schemas_accept_every_file_and_every_rule(schemas: Path) -> None:
    rules = validator(schemas, RULE)
    for name, (kind, value) in written().items():
        file, part = RESOURCES[kind]
        wrong = list(
            validator(schemas, file, f"/definitions/{part}").iter_errors(value["properties"])
        )
        if kind == "definition":
            wrong += rules.iter_errors(value["properties"]["policyRule"])
        assert wrong == [], name


def test_the_published_schema_refuses_rules_that_are_changed(schemas: Path) -> None:
    rules = validator(schemas, RULE)
    (rule,) = {
        name: value["properties"]["policyRule"]
        for name, (kind, value) in written().items()
        if name == "enforce bw-deployments.definition.json"
    }.values()

    for what, changed in broken(rule):
        assert not rules.is_valid(changed), what


def broken(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for what, change in (
        ("an effect that is none", lambda one: one["then"].update(effect="refuse")),
        ("no effect", lambda one: one["then"].clear()),
        ("no condition", lambda one: one.pop("if")),
        ("an operator that is none", lambda one: one["if"]["allOf"].append({"field": "a", "is": "b"})),
        ("nothing in a list", lambda one: one["if"].update(allOf=[])),
        ("two operators", lambda one: one["if"]["allOf"][0].update(notEquals="x")),
    ):  # fmt: skip
        changed = copy.deepcopy(rule)
        change(changed)
        yield what, changed
