"""Published guardrails have holes for our policy, and an audit and `verify` find each of them."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bailiwick.cloud import Cloud, Tree
from bailiwick.targets.compiled import Cell
from bailiwick.targets.deployed import audit_exports
from bailiwick.targets.judged import Audit
from bailiwick.targets.verify import KINDS, verify
from targets.every_cloud import NOW, parts

FILE = Path(__file__).with_name("published.yaml")
CASES: list[dict[str, Any]] = YAML(typ="safe").load(FILE)
US, OTHER = (f"00000000-0000-0000-0000-00000000000{n}" for n in (2, 1))
POLICY = """\
bailiwick: 1
name: x
places: {us: {include: [US], territories: inherit}}
rules:
  - id: frontier
    permit: [anthropic/claude-*, "openai/gpt-5*"]
    where: {endpoint: us, processing: us, labels: frontier}
  - {id: open, permit: [meta/llama-*, openai/gpt-oss-*]}
"""
ORGANISATION = f"""\
organisation: 1
name: x
aws:
  id: o-exampleorg1
  root: r-ab12
  units:
    - {{id: ou-ab12-aaaaaaaa, labels: [frontier], accounts: ["111111111111"]}}
    - {{id: ou-ab12-bbbbbbbb, accounts: ["222222222222"]}}
gcp:
  id: organizations/1
  folders: [{{id: folders/111, labels: [frontier], projects: [us-project]}}]
  projects: [my-project]
azure:
  id: root
  groups: [{{id: us, labels: [frontier], subscriptions: [{US}]}}]
  subscriptions: [{OTHER}]
"""
GROUP = "others in /providers/Microsoft.Management/managementGroups"
ALIKE = {
    "222222222222": ("222222222222", "*"),
    "my-project": ("my-project", "others in organizations/1"),
    "us-project": ("us-project", "others in folders/111"),
    OTHER: (OTHER, f"{GROUP}/root"),
    US: (US, f"{GROUP}/us"),
}
"""Accounts of which nothing tells them apart: any of them may stand for the others."""
ROOT = "/providers/Microsoft.Management/managementGroups/root/providers/Microsoft.Authorization"


def values(case: dict[str, Any]) -> list[tuple[Any, str]]:
    """What a cloud would print of the guardrails, with the names of files."""
    if "rule" not in case:
        return [(one, f"{name}.json") for name, one in case["policies"].items()]
    definition = f"{ROOT}/policyDefinitions/published"
    assignment = f"{ROOT}/policyAssignments/published"
    return [
        ({"id": definition, "properties": {"policyRule": case["rule"]}}, "definition.json"),
        ({"id": assignment, "properties": {"policyDefinitionId": definition}}, "assignment.json"),
    ]


@cache
def audited(note: str) -> Audit:
    case = next(one for one in CASES if one["note"] == note)
    cloud = Cloud(case["cloud"])
    table, catalog, organisation = parts(POLICY, ORGANISATION)
    return audit_exports(cloud, table, catalog, organisation.tree(cloud), NOW, values(case))


def matching(found: Audit, wanted: dict[str, str]) -> list[tuple[str, Cell]]:
    """The cells that an audit found and that a case asks for, with what they were decided by."""
    where = {key: value for key, value in wanted.items() if key != "kind"}
    return [
        (gap.by, cell)
        for gap in found.gaps
        if gap.kind == wanted["kind"]
        for cell in gap.cells
        if all(getattr(cell, key) in ALIKE.get(value, (value,)) for key, value in where.items())
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["note"])
def test_the_hole_of_a_published_guardrail_is_found(case: dict[str, Any]) -> None:
    found = audited(case["note"])

    for wanted in case["finds"]:
        assert matching(found, wanted), wanted
    for wanted in case.get("not", ()):
        assert not matching(found, wanted), wanted


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["note"])
def test_verify_prints_the_hole_with_an_example_and_what_to_change(case: dict[str, Any]) -> None:
    cloud, found = Cloud(case["cloud"]), audited(case["note"])

    def deployed(asked: Cloud, _: Tree) -> Audit | None:
        return found if asked is cloud else None

    holes = [
        one for one in verify(*parts(POLICY, ORGANISATION), NOW, deployed) if one.cloud is cloud
    ]

    for gap in found.gaps:
        (hole,) = [one for one in holes if one.kind is KINDS[gap.kind] and one.says == gap.by]
        assert hole.examples
        assert hole.change
        assert hole.count == len(gap.cells)
    assert any(hole.kind.is_open for hole in holes)


def test_the_cases_are_about_every_cloud_and_say_where_they_come_from() -> None:
    assert {case["cloud"] for case in CASES} == set(Cloud)
    assert all(case["source"].startswith("https://") for case in CASES)
    assert len({case["note"] for case in CASES}) == len(CASES)
