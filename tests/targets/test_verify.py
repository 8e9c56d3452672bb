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
from bailiwick.targets.deployed import audit_exports
from bailiwick.targets.judged import Audit, Kind
from bailiwick.targets.verify import Hole, HoleKind, verify
from targets.every_cloud import NOW, ORGANISATION, POLICY, SUBSCRIPTION, compiled, parts


def holes(
    policy: str = POLICY, organisation: str = ORGANISATION, deployed: Any = None
) -> list[Hole]:
    return verify(*parts(policy, organisation), NOW, deployed)


def output(cloud: Cloud, stage: Stage = Stage.ENFORCE) -> Mapping[str, str]:
    return compiled(cloud, stage=stage).files


def audit(cloud: Cloud, files: Mapping[str, str]) -> Audit:
    table, catalog, organisation = parts()
    values = [(json.loads(text), name) for name, text in files.items()]
    return audit_exports(cloud, table, catalog, organisation.tree(cloud), NOW, values)


@pytest.mark.parametrize("cloud", Cloud)
def test_what_we_compile_has_no_gap(cloud: Cloud) -> None:
    found = audit(cloud, output(cloud))

    assert found.gaps == ()
    assert found.cells > 100


@pytest.mark.parametrize("cloud", [Cloud.GCP, Cloud.AZURE])
def test_a_dry_run_is_no_guardrail(cloud: Cloud) -> None:
    found = audit(cloud, output(cloud, Stage.DRY_RUN))

    assert {gap.kind for gap in found.gaps} == {Kind.LETS_THROUGH}


def test_tag_conditions_are_undetermined_and_never_a_guardrail() -> None:
    files = dict(output(Cloud.GCP))
    name = "organizations-1.vertexai.allowedModels.json"
    policy = json.loads(files[name])
    policy["spec"]["rules"][0]["condition"] = {"expression": "resource.matchTag('1/env', 'prod')"}
    files[name] = json.dumps(policy)

    assert any(gap.kind is Kind.UNDETERMINED for gap in audit(Cloud.GCP, files).gaps)


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
    witnesses = [one.examples[0] for one in (*unseen, *left) if "address" in one.says]
    assert witnesses
    assert all("called from" in one and "called from US" not in one for one in witnesses)
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
    def deployed(cloud: Cloud, tree: Tree) -> Audit | None:
        if cloud is Cloud.AWS:
            return None
        return audit(cloud, output(cloud) if cloud is Cloud.GCP else output(cloud, Stage.DRY_RUN))

    found = holes(deployed=deployed)

    assert {(one.kind, one.cloud) for one in found if one.kind.is_open} == {
        (HoleKind.NO_GUARDRAIL, Cloud.AWS),
        (HoleKind.CLOUD_PERMITS, Cloud.AZURE),
    }
    assert all(one.examples and one.change for one in found if one.kind.is_open)


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
            "audit",
            cloud,
            "policy.yaml",
            f"exports/{cloud}",
            "--org",
            "org.yaml",
        )
        assert compiled.returncode == 0, compiled.stderr
        assert ", 0 differ from the policy" in audited.stdout, audited.stdout

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

    done = run(tmp_path, "cloud", "audit", "gcp", "policy.yaml", "exports", "--org", "org.yaml")

    assert done.returncode == status
    assert "exports" in done.stderr


def test_a_folder_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    done = run(tmp_path, "verify", "policy.yaml", "--org", "org.yaml", "--deployed", "nowhere")

    assert done.returncode == 2
    assert "`nowhere` is no folder" in done.stderr


def test_files_of_an_earlier_output_are_named(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "folders-9.vertexai.allowedModels.json").write_text("{}")

    done = run(tmp_path, "compile", "gcp", "policy.yaml", "--org", "org.yaml", "--out", "out")

    assert done.returncode == 0, done.stderr
    assert "folders-9.vertexai.allowedModels.json" in done.stderr.replace("\n", "")


# -- what is set where nobody looks ------------------------------------------------------------


def test_a_policy_on_a_project_that_is_not_listed_is_undetermined() -> None:
    open_ = {
        "name": "projects/side-project/policies/vertexai.allowedModels",
        "spec": {"rules": [{"allowAll": True}]},
    }

    (gap,) = audit(Cloud.GCP, {**output(Cloud.GCP), "side.json": json.dumps(open_)}).gaps

    assert gap.kind is Kind.UNDETERMINED
    assert "side-project" in gap.by


@pytest.mark.parametrize("scope", ["/subscriptions/00000000-0000-0000-0000-000000000009",
                                   f"/subscriptions/{SUBSCRIPTION}/resourceGroups/side"])  # fmt: skip
def test_an_exemption_below_or_beside_what_is_listed_is_undetermined(scope: str) -> None:
    root = "/providers/Microsoft.Management/managementGroups/root/providers/Microsoft.Authorization"
    exemption = {
        "id": f"{scope}/providers/Microsoft.Authorization/policyExemptions/side",
        "properties": {
            "policyAssignmentId": f"{root}/policyAssignments/bw-deployments",
            "exemptionCategory": "Waiver",
        },
    }

    (gap,) = audit(Cloud.AZURE, {**output(Cloud.AZURE), "side.json": json.dumps(exemption)}).gaps

    assert gap.kind is Kind.UNDETERMINED
    assert scope.lower() in gap.by.lower()
