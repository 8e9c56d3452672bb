"""The catalogue of AWS actions: nothing that leads to a model is without a class."""

import botocore.session
import pytest

from bailiwick.cloud.aws import MANTLE, NAMES_MODEL, POLICY_ACTIONS, aws_actions
from bailiwick.facts import ACTIONS

SERVICES = {
    "bedrock": "bedrock",
    "bedrock-agent": "bedrock",
    "bedrock-agent-runtime": "bedrock",
    "bedrock-agentcore": "bedrock-agentcore",
    "bedrock-agentcore-control": "bedrock-agentcore",
    "bedrock-data-automation": "bedrock",
    "bedrock-data-automation-runtime": "bedrock",
    "bedrock-runtime": "bedrock",
}
ALL = [
    name for name in botocore.session.get_session().get_available_services() if "bedrock" in name
]


@pytest.mark.parametrize("service", ALL)
def test_every_operation_of_the_installed_botocore_has_a_class(service: str) -> None:
    model = botocore.session.get_session().get_service_model(service)

    unknown = [
        name
        for name in model.operation_names
        if aws_actions().authorized_as(f"{SERVICES[service]}:{name}") is None
    ]

    assert unknown == [], "give each a class in tools/build_aws_actions.py"


def test_conversations_are_authorized_as_invocations() -> None:
    actions = aws_actions()

    assert actions.authorized_as("bedrock:Converse") == "bedrock:InvokeModel"
    assert (
        actions.authorized_as("bedrock:ConverseStream") == "bedrock:InvokeModelWithResponseStream"
    )
    assert "bedrock:Converse" not in actions.classes
    assert actions.authorized_as("bedrock:invokemodel") == "bedrock:InvokeModel"
    assert actions.authorized_as("bedrock:Hallucinate") is None


def test_the_catalogue_holds_both_front_doors_and_what_leads_to_them() -> None:
    classes = aws_actions().classes

    assert len([one for one in classes if one.startswith("bedrock:")]) >= 262
    assert len([one for one in classes if one.startswith("bedrock-mantle:")]) >= 38
    assert classes["bedrock-mantle:CreateInference"] == "mantle-invoke"
    assert classes["sagemaker:CreateEndpoint"] == "blind-sagemaker"
    assert classes["aws-marketplace:Subscribe"] == "subscribe"


def test_every_class_that_runs_a_model_is_an_action_of_the_policy() -> None:
    assert {POLICY_ACTIONS[one] for one in (*NAMES_MODEL, *MANTLE)} <= set(ACTIONS)


def test_an_action_with_a_model_in_its_resource_says_which_types_it_is_checked_on() -> None:
    resources = aws_actions().resources

    for action in aws_actions().of_class(*NAMES_MODEL):
        assert {"foundation-model", "custom-model", "inference-profile"} & set(resources[action])
