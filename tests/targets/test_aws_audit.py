"""What is deployed against the policy: published mistakes are found, each with its statement."""

import json
from collections.abc import Mapping

import boto3
import pytest
from moto import mock_aws

from bailiwick.cloud.aws import (
    at_root,
    default_profiles,
    fetch_deployed,
    opaque_resources,
    rails_of,
    read_deployed,
)
from bailiwick.errors import InvalidInput
from bailiwick.targets.aws import NEW_ACCOUNT, Finding, compare
from targets.aws_compiling import work_on

WORK = work_on()
US = ["us-east-1", "us-east-2", "us-west-1", "us-west-2"]


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


def audit(documents: Mapping[str, str]):
    rails = rails_of(at_root(documents, WORK.tree), WORK.tree, NEW_ACCOUNT)
    cases = WORK.cases(rails.statements.statements)
    return [one for one in compare(cases, rails, default_profiles()) if one is not None]


def has(found, finding: Finding, **where: str) -> bool:
    return any(
        one.finding is finding
        and all(getattr(one.case.cell, key) == value for key, value in where.items())
        for one in found
    )


OPUS, LLAMA, INVOKE = "anthropic/claude-opus-4-1", "meta/llama-3.1-405b", "bedrock:InvokeModel"
FRONTIER = "anthropic/claude-3-5-haiku"


def test_what_the_compiler_writes_has_no_difference() -> None:
    assert audit({one.name: one.text for one in WORK.placed()}) == []


def test_a_region_deny_sees_no_models_and_no_accounts() -> None:
    found = audit(
        {
            "regions": scp(
                Action=None,
                NotAction=["iam:*", "sts:*"],
                Condition={"StringNotEquals": {"aws:RequestedRegion": US}},
            )
        }
    )

    assert has(
        found, Finding.LETS_THROUGH, account="222222222222", model=FRONTIER, region="us-east-1"
    )
    assert has(found, Finding.BLOCKS, model=LLAMA, region="eu-central-1")
    assert not has(
        found,
        Finding.LETS_THROUGH,
        action=INVOKE,
        model=FRONTIER,
        region="eu-central-1",
        profile="direct",
    )


def test_exempting_bedrock_from_a_region_deny_removes_the_guardrail() -> None:
    found = audit(
        {
            "regions": scp(
                Action=None,
                NotAction=["iam:*", "bedrock:*"],
                Condition={"StringNotEquals": {"aws:RequestedRegion": US}},
            )
        }
    )

    assert has(
        found,
        Finding.LETS_THROUGH,
        account="111111111111",
        model=FRONTIER,
        region="af-south-1",
        action=INVOKE,
    )


def test_approving_models_by_not_resource_denies_every_inference_profile() -> None:
    found = audit(
        {
            "approved": scp(
                Action="bedrock:InvokeModel*",
                Resource=None,
                NotResource=[
                    "arn:aws:bedrock:*::foundation-model/meta.*",
                    "arn:aws:bedrock:*::foundation-model/anthropic.*",
                ],
            )
        }
    )

    assert has(
        found,
        Finding.BLOCKS,
        account="111111111111",
        model=FRONTIER,
        region="us-east-1",
        profile="us",
    )


def test_permitting_any_profile_lets_profiles_of_other_geographies_through() -> None:
    found = audit(
        {
            "any-profile": scp(
                Condition={
                    "StringNotEquals": {"aws:RequestedRegion": US},
                    "Null": {"bedrock:InferenceProfileArn": "true"},
                },
                Action="bedrock:InvokeModel*",
                Resource="arn:aws:bedrock:*::foundation-model/*",
            )
        }
    )

    assert has(
        found, Finding.LETS_THROUGH, account="111111111111", model=FRONTIER, profile="global"
    )


def test_denying_global_profiles_by_name_misses_application_profiles_over_them() -> None:
    found = audit(
        {
            "no-global": scp(
                Action="bedrock:InvokeModel*",
                Condition={
                    "ArnLike": {
                        "bedrock:InferenceProfileArn": "arn:aws:bedrock:*:*:inference-profile/global.*"
                    }
                },
            )
        }
    )

    assert has(
        found,
        Finding.LETS_THROUGH,
        account="111111111111",
        model=FRONTIER,
        region="us-east-1",
        profile="application:global",
    )
    assert not has(
        found,
        Finding.LETS_THROUGH,
        account="111111111111",
        action=INVOKE,
        model=FRONTIER,
        region="us-east-1",
        profile="global",
    )


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

    assert found
    assert {one.case.cell.action.partition(":")[0] for one in found} == {"bedrock-mantle"}
    assert {one.finding for one in found} == {Finding.LETS_THROUGH}


def test_what_cannot_be_told_is_undetermined_and_never_right() -> None:
    found = audit({"addresses": scp(Condition={"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}})})

    assert has(
        found, Finding.UNDETERMINED, account="111111111111", model=FRONTIER, region="us-east-1"
    )
    assert any("aws:sourceip" in one.by for one in found)


def test_an_export_that_leaves_a_unit_out_is_refused() -> None:
    text = json.dumps({"policies": {}, "attached": {"r-ab12": ["FullAWSAccess"]}})

    with pytest.raises(InvalidInput, match="ou-ab12-aaaaaaaa"):
        rails_of(read_deployed("export.json", text), WORK.tree, NEW_ACCOUNT)
    for text in ("{}", "nonsense", json.dumps({"policies": {}, "attached": {"r-ab12": ["p-1"]}})):
        with pytest.raises(InvalidInput, match=r"export.json"):
            read_deployed("export.json", text)


def test_opaque_resources_that_exist_are_listed() -> None:
    text = json.dumps(
        {
            "provisionedModelSummaries": [
                {"provisionedModelArn": "arn:p", "foundationModelArn": "arn:m"}
            ]
        }
    )

    assert opaque_resources([("list.json", text)]) == [("arn:p", "arn:m")]
    with pytest.raises(InvalidInput, match="no list of Bedrock resources"):
        opaque_resources([("list.json", "{}")])


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
    assert read_deployed("again.json", json.dumps(deployed.as_dict())) == deployed
