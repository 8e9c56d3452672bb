"""What is deployed in AWS against the policy; test_published.py has what others published."""

import json
from collections.abc import Mapping
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from bailiwick.cloud.aws import (
    at_root,
    fetch_deployed,
    organizations_client,
    rails_of,
    read_deployed,
)
from bailiwick.errors import BailiwickError, InvalidInput
from bailiwick.targets.aws import NEW_ACCOUNT
from bailiwick.targets.deployed import audit_aws
from bailiwick.targets.judged import Gap, Kind
from targets.aws_compiling import work_on

WORK = work_on()


def scp(**statement: object) -> str:
    given = {
        "Sid": "Published",
        "Effect": "Deny",
        "Action": "bedrock:*",
        "Resource": "*",
        **statement,
    }
    body = {key: value for key, value in given.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [body]})


def audit(documents: Mapping[str, str]) -> tuple[Gap, ...]:
    return audit_aws(WORK, at_root(documents, WORK.tree)).gaps


FRONTIER = "anthropic/claude-3-5-haiku"


def test_what_the_compiler_writes_has_no_difference() -> None:
    assert audit({one.name: one.text for one in WORK.placed()}) == ()


def test_a_policy_that_names_one_front_door_lets_the_second_through() -> None:
    only_bedrock = {
        one.name: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    each
                    for each in json.loads(one.text)["Statement"]
                    if "Mantle" not in each["Sid"]
                ],
            }
        )
        for one in WORK.placed()
    }

    found = audit(
        {name: text for name, text in only_bedrock.items() if json.loads(text)["Statement"]}
    )

    cells = [cell for gap in found for cell in gap.cells]
    assert {cell.action.partition(":")[0] for cell in cells} == {"bedrock-mantle"}
    assert {gap.kind for gap in found} == {Kind.LETS_THROUGH}


def test_what_cannot_be_told_is_undetermined_and_never_right() -> None:
    found = audit({"addresses": scp(Condition={"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}})})

    unsure = [gap for gap in found if gap.kind is Kind.UNDETERMINED]
    assert any("aws:sourceip" in gap.by for gap in unsure)
    assert any(cell.model == FRONTIER for gap in unsure for cell in gap.cells)


def test_an_export_that_leaves_a_unit_out_is_refused() -> None:
    without = {"policies": {}, "attached": {"r-ab12": ["FullAWSAccess"]}}

    with pytest.raises(InvalidInput, match="ou-ab12-aaaaaaaa"):
        rails_of(read_deployed("export.json", without), WORK.tree, NEW_ACCOUNT)
    for value in ({}, "nonsense", {"policies": {}, "attached": {"r-ab12": ["p-1"]}}):
        with pytest.raises(InvalidInput, match=r"export.json"):
            read_deployed("export.json", value)


def test_without_credentials_a_live_audit_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(BailiwickError, match="cannot be read") as caught:
        fetch_deployed(organizations_client())
    assert "credentials" in (caught.value.help or "")


@mock_aws
def test_policies_and_targets_are_read_live(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("organizations", region_name="us-east-1")
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    client.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    unit = client.create_organizational_unit(ParentId=root, Name="frontier")["OrganizationalUnit"][
        "Id"
    ]
    made = client.create_policy(
        Content=scp(), Description="x", Name="mine", Type="SERVICE_CONTROL_POLICY"
    )
    policy = made["Policy"]["PolicySummary"]["Id"]
    client.attach_policy(PolicyId=policy, TargetId=unit)

    deployed = fetch_deployed(client)

    assert deployed.attached[unit] == [policy] or policy in deployed.attached[unit]
    assert root in deployed.attached
    assert deployed.policies[policy]["Statement"][0]["Sid"] == "Published"
    assert read_deployed("again.json", json.loads(json.dumps(deployed.as_dict()))) == deployed
