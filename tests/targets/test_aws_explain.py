"""Explaining a call, a record and a message: which check, which statement, which rule."""

import json

import pytest

from bailiwick.cloud.aws import at_root, default_profiles, rails_of, read_described
from bailiwick.errors import InvalidInput
from bailiwick.targets.aws import NEW_ACCOUNT, explain_call
from targets.aws_compiling import work_on

WORK = work_on()
RAILS = rails_of(
    at_root({one.name: one.text for one in WORK.placed()}, WORK.tree), WORK.tree, NEW_ACCOUNT
)
MODEL = "anthropic.claude-opus-4-1-20250805-v1:0"


def words(text: str) -> str:
    return explain_call(read_described(text), WORK, RAILS, default_profiles()).words


def record(**changes: object) -> str:
    return json.dumps(
        {
            "eventSource": "bedrock.amazonaws.com",
            "eventName": "Converse",
            "awsRegion": "us-east-1",
            "userIdentity": {"type": "AssumedRole", "accountId": "111111111111"},
            "requestParameters": {"modelId": f"global.{MODEL}"},
            **changes,
        }
    )


MESSAGE = (
    "User: arn:aws:sts::111111111111:assumed-role/example/x is not authorized to perform: "
    "bedrock:InvokeModel on resource: arn:aws:bedrock:{region}::foundation-model/{model} "
    "with an explicit deny in a service control policy"
)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (f"bedrock:InvokeModel {MODEL} in us-east-1 by 111111111111", "all 1 checks are allowed"),
        (f"bedrock:Converse us.{MODEL} in us-east-1 by 111111111111", "all 4 checks are allowed"),
        (f"bedrock:InvokeModel {MODEL} in eu-central-1 by 111111111111", "check 1 of 1, eu-central-1, denied by bailiwick-1#BwRegion1, because of no match with rule `frontier` of your policy"),
        (f"bedrock:InvokeModel us.{MODEL} in ca-central-1 by 111111111111", "check 1 of 5, ca-central-1, denied by bailiwick-1#BwRegion1"),
        (f"bedrock:InvokeModel {MODEL} in us-east-1 by 222222222222", "check 1 of 1, us-east-1, denied by bailiwick-1#BwRegion2"),
        (f"bedrock-mantle:CreateInference {MODEL} in eu-west-1 by 111111111111", "denied by bailiwick-1#BwMantleRegion1"),
        ("bedrock:InvokeModel acme.new-v1 in us-east-1 by 111111111111", "because no rule permits a model that the catalogue does not know"),
        (f"bedrock:InvokeModel application-inference-profile/x in us-east-1 by 111111111111 over global.{MODEL}", "check 3 of 3, unspecified, denied by bailiwick-1#BwRegion1"),
        (record(), "check 3 of 3, unspecified, denied by bailiwick-1#BwRegion1, because of no match with rule `frontier`"),
        (MESSAGE.format(region="eu-west-3", model=MODEL), "a check, eu-west-3, denied by bailiwick-1#BwRegion1"),
        (MESSAGE.format(region="", model=MODEL), "a check, unspecified, denied by bailiwick-1#BwRegion1"),
        (MESSAGE.format(region="us-east-1", model=MODEL) + ": arn:aws:organizations::9:policy/o-x/service_control_policy/p-old", "a check, us-east-1, allowed by these guardrails; AWS says it was denied by arn:aws:organizations::9:policy/o-x/service_control_policy/p-old, though your policy does not deny the call"),
    ],
)  # fmt: skip
def test_an_explanation_names_check_region_statement_and_rule(text: str, want: str) -> None:
    assert want in words(text)


def test_a_record_with_its_message_names_the_check_that_failed() -> None:
    message = MESSAGE.format(region="us-east-2", model=MODEL)
    text = record(requestParameters={"modelId": f"us.{MODEL}"}, errorMessage=message)

    assert words(text).startswith("check 3 of 4, us-east-2, allowed by these guardrails")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("what happened?", "neither a call nor a record"),
        ("{", "not a JSON record"),
        ('{"eventSource": "bedrock.amazonaws.com"}', "has no"),
        (MESSAGE.format(region="x", model="y").replace("a service control", "an identity-based"), "the identity-based policy"),
        ("bedrock:Hallucinate x.y in us-east-1 by 111111111111", "unknown action"),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_said(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        words(text)
