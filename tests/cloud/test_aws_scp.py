"""The evaluator of service control policies: what is certain is answered, nothing is guessed."""

import json

import pytest

from bailiwick.cloud import Answer
from bailiwick.cloud.aws import (
    FULL_ACCESS,
    Call,
    Caller,
    Check,
    default_profiles,
    expand,
    guardrails,
    parse_scp,
)
from bailiwick.errors import InvalidInput

WHO = Caller("111111111111", "o-exampleorg1", ("r-ab12", "ou-ab12-aaaaaaaa"))
LEVELS = ("r-ab12", "ou-ab12-aaaaaaaa", "111111111111")
MODEL = "anthropic.claude-x"


def call(
    action: str = "bedrock:InvokeModel", region: str = "us-east-1", model: str = MODEL, **keys
) -> Check:
    context = {key.replace("__", ":"): value for key, value in keys.items()}
    return expand(Call(action, WHO, region, model, context=context), default_profiles())[-1]


def deny(**statement) -> dict:
    given = {"Effect": "Deny", "Action": "bedrock:*", "Resource": "*", "Sid": "S", **statement}
    return {key: value for key, value in given.items() if value is not None}


def decide(statement: dict, check: Check):
    own = parse_scp("test", json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    attached = dict.fromkeys(LEVELS, FULL_ACCESS)
    return guardrails({**attached, "r-ab12": [*FULL_ACCESS, *own]}).decide(check, LEVELS)


YES, NO, UNSURE = Answer.DENY, Answer.ALLOW, Answer.UNDETERMINED
GLOBAL = "arn:aws:bedrock:*::foundation-model/anthropic.*"


@pytest.mark.parametrize(
    ("statement", "check", "want"),
    [
        ({"Action": "bedrock:Invoke*"}, call(), YES),
        ({"Action": "BEDROCK:invokemodel"}, call(), YES),
        ({"Action": "bedrock:Create*"}, call(), NO),
        ({"Action": None, "NotAction": ["s3:*"]}, call(), YES),
        ({"Action": None, "NotAction": ["bedrock:*"]}, call(), NO),
        ({"Resource": GLOBAL}, call(), YES),
        ({"Resource": GLOBAL}, call(model=f"global.{MODEL}"), YES),
        ({"Resource": GLOBAL.replace("*::", "us-east-1::")}, call(model=f"global.{MODEL}"), NO),
        ({"Resource": "arn:aws:bedrock:*:foundation-model/anthropic.*"}, call(), UNSURE),
        ({"Resource": None, "NotResource": [GLOBAL]}, call(), NO),
        ({"Resource": None, "NotResource": [GLOBAL]}, call(model="meta.x"), YES),
        ({"Resource": None, "NotResource": ["arn:aws:bedrock:*"]}, call(), UNSURE),
        ({"Resource": GLOBAL}, call("bedrock:ListFoundationModels", model=""), UNSURE),
        ({"Resource": "*"}, call("bedrock:ListFoundationModels", model=""), YES),
    ],
)
def test_actions_and_resources(statement: dict, check: Check, want: Answer) -> None:
    assert decide(deny(**statement), check).answer is want


@pytest.mark.parametrize(
    ("condition", "check", "want"),
    [
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, call(), YES),
        ({"StringEquals": {"AWS:requestedregion": ["us-east-1", "x"]}}, call(), YES),
        ({"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}, call(), NO),
        ({"StringLike": {"aws:RequestedRegion": "us-*"}}, call(model=f"global.{MODEL}"), NO),
        ({"StringNotLike": {"aws:RequestedRegion": "us-*"}}, call(model=f"global.{MODEL}"), YES),
        ({"StringEqualsIgnoreCase": {"aws:RequestedRegion": "US-EAST-1"}}, call(), YES),
        # A key that is absent: negated operators hold, positive ones do not.
        ({"StringNotLike": {"bedrock-mantle:Model": "x"}}, call(), YES),
        ({"StringLike": {"bedrock-mantle:Model": "x"}}, call(), NO),
        ({"StringLikeIfExists": {"bedrock-mantle:Model": "x"}}, call(), YES),
        ({"Null": {"bedrock-mantle:Model": "true"}}, call(), YES),
        ({"Null": {"bedrock-mantle:Model": "false"}}, call(), NO),
        ({"ForAllValues:StringNotLike": {"aws:TagKeys": ["x"]}}, call(), YES),
        ({"ForAnyValue:StringNotLike": {"aws:TagKeys": ["x"]}}, call(), NO),
        ({"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": ["x"]}}, call(), UNSURE),
        # Several values.
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["b"]}}, call(aws__TagKeys=("a", "b")), YES),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["b"]}}, call(aws__TagKeys=("a", "b")), NO),
        ({"StringEquals": {"aws:TagKeys": ["b"]}}, call(aws__TagKeys=("a", "b")), UNSURE),
        ({"ForAllValues:StringNotLike": {"aws:PrincipalOrgPaths": ["o-exampleorg1/r-ab12/ou-ab12-aaaaaaaa/*"]}}, call(), NO),
        ({"ForAllValues:StringNotLike": {"aws:PrincipalOrgPaths": ["o-exampleorg1/r-ab12/ou-ab12-bbbbbbbb/*"]}}, call(), YES),
        # ARNs, booleans, addresses.
        ({"ArnNotLike": {"aws:PrincipalARN": "arn:aws:iam::*:role/AWSControlTowerExecution"}}, call(), YES),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/exam*"}}, call(), YES),
        ({"Bool": {"aws:ViaAWSService": False}}, call(), YES),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, call(aws__SourceIp=("192.0.2.7",)), YES),
        ({"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}, call(aws__SourceIp=("192.0.2.7",)), NO),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, call(aws__SourceIp=("nonsense",)), UNSURE),
        # What nobody told us, and what we do not know.
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, call(), UNSURE),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01"}}, call(), UNSURE),
        ({"StringSounds": {"aws:RequestedRegion": "us"}}, call(), UNSURE),
        # A condition that fails for certain settles it.
        ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}, "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, call(), NO),
        # Variables.
        ({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}}, call(), YES),
        ({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalTag/x}"}}, call(), UNSURE),
        ({"StringEquals": {"aws:RequestedRegion": "${aws:PrincipalTag/x, 'us-east-1'}"}}, call(), YES),
    ],
)  # fmt: skip
def test_conditions(condition: dict, check: Check, want: Answer) -> None:
    assert decide(deny(Condition=condition), check).answer is want


def test_a_variable_in_a_resource_is_filled_in() -> None:
    own = "arn:aws:bedrock:*:${aws:PrincipalAccount}:provisioned-model/*"

    assert decide(deny(Resource=own), call(model="provisioned-model/x")).answer is YES
    assert decide(deny(Resource=own), call()).answer is NO


def test_an_undetermined_answer_says_why() -> None:
    verdict = decide(deny(Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}), call())

    assert verdict.statement is not None
    assert verdict.reason == "`ipaddress` on `aws:sourceip` in `test#S`"


def test_every_level_needs_an_allow() -> None:
    attached = dict.fromkeys(LEVELS, FULL_ACCESS)

    for level in LEVELS:
        verdict = guardrails({**attached, level: ()}).decide(call(), LEVELS)
        assert verdict.answer is Answer.DENY
        assert verdict.reason == f"nothing attached to `{level}` allows it"


def test_a_deny_anywhere_on_the_way_wins() -> None:
    own = parse_scp("p", json.dumps({"Statement": deny()}))
    attached = dict.fromkeys(LEVELS, FULL_ACCESS)

    for level in LEVELS:
        rails = guardrails({**attached, level: [*FULL_ACCESS, *own]})
        assert rails.decide(call(), LEVELS).answer is Answer.DENY
    other = guardrails({**attached, "ou-ab12-bbbbbbbb": own})
    assert other.decide(call(), LEVELS).answer is Answer.ALLOW


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("nonsense", "not JSON"),
        ("[]", "a policy is an object"),
        ({"Statement": [deny(Effect="deny")]}, "neither `Allow` nor `Deny`"),
        ({"Statement": [deny(NotAction="s3:*")]}, "either `Action` or `NotAction`"),
        ({"Statement": [deny(NotResource="*")]}, "both `Resource` and `NotResource`"),
        ({"Statement": [deny(Action="bed*:InvokeModel")]}, "the service is written out"),
        ({"Statement": [deny(Resource="arn:aws:bedrock:*:*:*prompt-router/*")]}, "wildcard in the type"),
        ({"Statement": ["x"]}, "is not an object"),
    ],
)  # fmt: skip
def test_what_iam_refuses_is_named(document, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_scp("test", document if isinstance(document, str) else json.dumps(document))
