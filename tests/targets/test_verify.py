"""No way around one layer to what it denies: deployed guardrails, gaps and exemptions are found."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bailiwick.cloud import Cloud, Tree
from bailiwick.targets import Stage
from bailiwick.targets.aws import compile_aws
from bailiwick.targets.deployed import audit_aws, audit_azure, audit_gcp
from bailiwick.targets.gaps import Gap, Kind
from bailiwick.targets.verify import Hole, HoleKind, verify
from targets.every_cloud import NOW, ORGANISATION, POLICY, SUBSCRIPTION, compiled, parts


def holes(
    policy: str = POLICY, organisation: str = ORGANISATION, deployed: Any = None
) -> list[Hole]:
    return verify(*parts(policy, organisation), NOW, deployed)


def output(cloud: Cloud, stage: Stage = Stage.ENFORCE) -> Mapping[str, str]:
    return compiled(cloud, stage=stage).files


def audit(cloud: Cloud, files: Mapping[str, str]) -> list[Gap]:
    table, catalog, organisation = parts(POLICY, ORGANISATION)
    values = [(json.loads(text), name) for name, text in files.items()]
    judge = audit_gcp if cloud is Cloud.GCP else audit_azure
    return judge(table, catalog, organisation.tree(cloud), NOW, values)


CLOUDS = [Cloud.GCP, Cloud.AZURE]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_we_compile_has_no_gap(cloud: Cloud) -> None:
    assert audit(cloud, output(cloud)) == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_dry_run_is_no_guardrail(cloud: Cloud) -> None:
    found = audit(cloud, output(cloud, Stage.DRY_RUN))

    assert {gap.kind for gap in found} == {Kind.LETS_THROUGH}


def test_the_restriction_of_resource_locations_does_not_hold_models() -> None:
    """The published way to keep Google resources in the US says nothing about inference."""
    locations = {
        "name": "organizations/1/policies/gcp.resourceLocations",
        "spec": {"rules": [{"values": {"allowedValues": ["in:us-locations"]}}]},
    }
    found = audit(Cloud.GCP, {"locations.json": json.dumps(locations)})

    assert any(gap.kind is Kind.LETS_THROUGH and "claude" in gap.cell.model for gap in found)


def test_denying_the_global_host_alone_leaves_the_regions_open() -> None:
    files = dict(output(Cloud.GCP))
    name = "organizations-1.gcp.restrictEndpointUsage.json"
    policy = json.loads(files[name])
    policy["spec"]["rules"] = [{"values": {"deniedValues": ["aiplatform.googleapis.com"]}}]
    files[name] = json.dumps(policy)

    found = audit(Cloud.GCP, files)

    assert any(gap.cell.region == "africa-south1" for gap in found if gap.kind is Kind.LETS_THROUGH)


def test_denying_global_standard_alone_leaves_other_global_deployments_open() -> None:
    root = "/providers/Microsoft.Management/managementGroups/root"
    sku = "Microsoft.CognitiveServices/accounts/deployments/sku.name"
    made = {
        "definition": {
            "id": f"{root}/providers/Microsoft.Authorization/policyDefinitions/d",
            "properties": {
                "policyRule": {
                    "if": {"field": sku, "equals": "GlobalStandard"},
                    "then": {"effect": "deny"},
                }
            },
        },
        "assignment": {
            "id": f"{root}/providers/Microsoft.Authorization/policyAssignments/a",
            "properties": {
                "policyDefinitionId": f"{root}/providers/Microsoft.Authorization/policyDefinitions/d"
            },
        },
    }
    found = audit(Cloud.AZURE, {name: json.dumps(one) for name, one in made.items()})

    through = {gap.cell.profile for gap in found if gap.kind is Kind.LETS_THROUGH}
    assert through
    assert any("claude" in gap.cell.model or "gpt-5" in gap.cell.model for gap in found)


def test_tag_conditions_are_undetermined_and_never_a_guardrail() -> None:
    files = dict(output(Cloud.GCP))
    name = "organizations-1.vertexai.allowedModels.json"
    policy = json.loads(files[name])
    policy["spec"]["rules"][0]["condition"] = {"expression": "resource.matchTag('1/env', 'prod')"}
    files[name] = json.dumps(policy)

    assert any(gap.kind is Kind.UNDETERMINED for gap in audit(Cloud.GCP, files))


def test_aws_policies_at_the_root_are_judged_too() -> None:
    table, catalog, organisation = parts(POLICY, ORGANISATION)
    tree = organisation.tree(Cloud.AWS)
    ours = compile_aws(table, catalog, tree, NOW).files
    nothing = {"x.json": '{"Version":"2012-10-17","Statement":[]}'}
    nothing["x.json"] = nothing["x.json"].replace("[]", json.dumps([REGION_DENY]))

    def judged(files: Any) -> list[Gap]:
        values = [(json.loads(text), name) for name, text in files.items()]
        return audit_aws(table, catalog, tree, NOW, values)

    assert judged(ours) == []
    assert any(gap.kind is Kind.LETS_THROUGH for gap in judged(nothing))


REGION_DENY = {
    "Sid": "Regions",
    "Effect": "Deny",
    "NotAction": ["iam:*", "bedrock:*"],
    "Resource": "*",
    "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "us-west-2"]}},
}
"""The common region guardrail with Bedrock exempted from it."""


# -- verify ------------------------------------------------------------------------------------


def test_a_policy_that_clouds_can_hold_has_no_open_hole() -> None:
    assert [hole for hole in holes() if hole.kind.is_open] == []


def test_a_cloud_that_the_organisation_file_leaves_out_is_a_hole() -> None:
    without = "\n".join(line for line in ORGANISATION.split("\n") if not line.startswith("gcp"))
    (hole,) = [one for one in holes(organisation=without) if one.kind.is_open]

    assert (hole.kind, hole.cloud) == (HoleKind.NO_GUARDRAIL, Cloud.GCP)
    assert "organisation file" in hole.change


def test_what_a_cloud_cannot_see_is_open_until_somebody_is_named() -> None:
    address = POLICY.replace("processing: us}", "processing: us, address: us}")
    named = (
        address + "acknowledge: [{cloud: [aws, gcp, azure], of: [address, network], by: edge}]\n"
    )

    unseen = [one for one in holes(address) if one.kind is HoleKind.UNSEEN]
    left = [one for one in holes(named) if one.kind is HoleKind.LEFT]

    assert {one.cloud for one in unseen} == set(Cloud)
    assert not any(one.kind.is_open for one in holes(named))
    assert any("edge enforces it" in one.says for one in left)


def test_exempt_accounts_and_the_management_account_are_named_every_time() -> None:
    changed = ORGANISATION.replace(
        'accounts: ["111111111111"]',
        'management: "999999999999", accounts: [{id: "111111111111", exempt: "agreed"}]',
    )
    says = " ".join(one.says for one in holes(organisation=changed) if one.kind is HoleKind.LEFT)

    assert "111111111111 is exempt: agreed" in says
    assert "999999999999" in says


def test_deployed_guardrails_are_judged_and_missing_ones_are_holes() -> None:
    def deployed(cloud: Cloud, tree: Tree) -> list[Gap] | None:
        if cloud is Cloud.AWS:
            return None
        return audit(cloud, output(cloud) if cloud is Cloud.GCP else output(cloud, Stage.DRY_RUN))

    found = holes(deployed=deployed)

    assert {(one.kind, one.cloud) for one in found if one.kind.is_open} == {
        (HoleKind.NO_GUARDRAIL, Cloud.AWS),
        (HoleKind.CLOUD_PERMITS, Cloud.AZURE),
    }
    assert all(one.example and one.change for one in found if one.kind.is_open)


# -- from the command line ---------------------------------------------------------------------


def run(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "org.yaml").write_text(ORGANISATION)
    command = [sys.executable, "-m", "bailiwick", *words]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


@pytest.mark.timeout(500)
def test_compile_then_audit_then_verify(tmp_path: Path) -> None:
    for cloud in ("gcp", "azure"):
        compiled = run(
            tmp_path, "compile", cloud, "policy.yaml", "--org", "org.yaml",
            "--out", f"exports/{cloud}", "--stage", "enforce", "--at", "2026-11-28",
        )  # fmt: skip
        audited = run(
            tmp_path,
            "cloud",
            f"audit-{cloud}",
            "policy.yaml",
            f"exports/{cloud}",
            "--org",
            "org.yaml",
        )
        assert compiled.returncode == 0, compiled.stderr
        assert "does on every cell what the policy says" in audited.stdout, audited.stdout

    verified = run(tmp_path, "verify", "policy.yaml", "--org", "org.yaml", "--deployed", "exports")

    assert verified.returncode == 1
    assert "no guardrail  aws" in verified.stdout
    assert "gcp" not in verified.stdout


def test_verify_without_exports_says_what_it_judged(tmp_path: Path) -> None:
    done = run(tmp_path, "verify", "policy.yaml", "--org", "org.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "--deployed judges what is there" in done.stdout


@pytest.mark.parametrize(("text", "status"), [("{", 2), ("[{}]", 2), (None, 2)])
def test_exports_that_cannot_be_read_are_bad_input(
    text: str | None, status: int, tmp_path: Path
) -> None:
    (tmp_path / "exports").mkdir()
    if text is not None:
        (tmp_path / "exports" / "x.json").write_text(text)

    done = run(tmp_path, "cloud", "audit-gcp", "policy.yaml", "exports", "--org", "org.yaml")

    assert done.returncode == status
    assert "exports" in done.stderr


def test_what_exists_already_is_listed(tmp_path: Path) -> None:
    account = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/a"
    listing = [
        {
            "id": f"{account}/deployments/old",
            "sku": {"name": "GlobalStandard"},
            "properties": {"model": {"name": "gpt-4o"}},
        }
    ]
    (tmp_path / "deployments.json").write_text(json.dumps(listing))
    (tmp_path / "exports").mkdir()
    for name, text in output(Cloud.AZURE).items():
        (tmp_path / "exports" / name).write_text(text)

    done = run(
        tmp_path, "cloud", "audit-azure", "policy.yaml", "exports", "--org", "org.yaml",
        "--inventory", "deployments.json",
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "deployments/old (gpt-4o, GlobalStandard)" in done.stdout.replace("\n", "")
