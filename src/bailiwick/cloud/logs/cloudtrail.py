"""CloudTrail records of Amazon Bedrock and of what else runs or enables models on AWS.

Source of the field names: AWS, "CloudTrail record contents" and "Log Amazon Bedrock API calls
with CloudTrail", as reported 2026-11. Denials are recorded in the source region of a call.
"""

from datetime import datetime

import msgspec

from bailiwick.cloud.logs.names import bedrock_model
from bailiwick.cloud.logs.records import NOTHING, CloudRecord, DeniedBy, Outcome, Where
from bailiwick.cloud.regions import Cloud

SOURCES = frozenset(
    f"{name}.amazonaws.com"
    for name in (
        "bedrock", "bedrock-runtime", "bedrock-mantle", "bedrock-agent-runtime",
        "bedrock-agentcore",
    )
)  # fmt: skip
ACTIONS = {
    **dict.fromkeys(
        (
            "InvokeModel", "InvokeModelWithResponseStream", "InvokeModelWithBidirectionalStream",
            "Converse", "ConverseStream", "StartAsyncInvoke", "CreateInference",
            "InvokeAgent", "InvokeInlineAgent", "InvokeFlow", "InvokeHarness", "InvokeGateway",
            "RetrieveAndGenerate", "RetrieveAndGenerateStream", "Rerank", "OptimizePrompt",
        ),
        "infer",
    ),
    "CountTokens": "count_tokens",
    "CreateModelInvocationJob": "batch",
    **dict.fromkeys(
        (
            "CreateModelCustomizationJob", "CreateFineTuningJob",
            "CreateAdvancedPromptOptimizationJob",
        ),
        "tune",
    ),
    **dict.fromkeys(
        (
            "CreateProvisionedModelThroughput", "UpdateProvisionedModelThroughput",
            "CreateInferenceProfile", "CreatePromptRouter", "CreateModelCopyJob",
            "CreateCustomModel", "CreateCustomModelDeployment", "CreateModelImportJob",
            "CreateMarketplaceModelEndpoint", "RegisterMarketplaceModelEndpoint",
            "CreateEvaluationJob", "CreateModelEvaluationJob",
        ),
        "deploy",
    ),
    **dict.fromkeys(
        ("CreateFoundationModelAgreement", "PutFoundationModelEntitlement"), "subscribe"
    ),
}  # fmt: skip
"""Events that use a model or make something that does, with the policy's word for each."""

MODEL_KEYS = ("modelId", "model", "baseModelIdentifier", "modelIdentifier", "modelArn")


class _Identity(msgspec.Struct):
    accountId: str | None = None  # noqa: N815 - the name of the field, here and below


class Event(msgspec.Struct):
    """The fields of a record that matter; what differs between services stays unread."""

    eventSource: str  # noqa: N815
    eventName: str  # noqa: N815
    eventTime: datetime  # noqa: N815
    awsRegion: str | None = None  # noqa: N815
    sourceIPAddress: str | None = None  # noqa: N815
    recipientAccountId: str | None = None  # noqa: N815
    userIdentity: _Identity | None = None  # noqa: N815
    requestParameters: msgspec.Raw = NOTHING  # noqa: N815
    additionalEventData: msgspec.Raw = NOTHING  # noqa: N815
    errorCode: str | None = None  # noqa: N815
    errorMessage: str | None = None  # noqa: N815
    requestID: str | None = None  # noqa: N815
    eventID: str | None = None  # noqa: N815


class _Additional(msgspec.Struct):
    inferenceRegion: str | None = None  # noqa: N815


decoder = msgspec.json.Decoder(Event)
_parameters = msgspec.json.Decoder(dict[str, object] | None)
_additional = msgspec.json.Decoder(_Additional | None)


def read(event: Event, where: Where) -> CloudRecord | None:
    """Read one event; ``None`` if no model is used or served by it."""
    action = ACTIONS.get(event.eventName)
    if action is None or event.eventSource not in SOURCES:
        return None
    named = _model_of(event.requestParameters)
    model, through = bedrock_model(named) if named else (None, None)
    more = _additional.decode(event.additionalEventData)
    outcome, denied_by = _outcome(event.errorCode, event.errorMessage or "")
    identity = event.userIdentity
    return CloudRecord(
        where=where,
        cloud=Cloud.AWS,
        at=event.eventTime,
        operation=event.eventName,
        action=action,
        account=(identity and identity.accountId) or event.recipientAccountId,
        endpoint=event.awsRegion,
        processing=more.inferenceRegion if more else None,
        model=model,
        through=through,
        outcome=outcome,
        denied_by=denied_by,
        error=event.errorCode,
        address=event.sourceIPAddress,
        id=event.requestID or event.eventID,
    )


def _model_of(raw: msgspec.Raw) -> str | None:
    parameters = _parameters.decode(raw) or {}
    found = next((parameters[key] for key in MODEL_KEYS if key in parameters), None)
    return found if isinstance(found, str) else None


def _outcome(code: str | None, message: str) -> tuple[Outcome, DeniedBy | None]:
    if code is None:
        return Outcome.SUCCEEDED, None
    if "from unsupported countries" in message:
        return Outcome.DENIED, DeniedBy.PROVIDER
    if "AccessDenied" not in code and "Unauthorized" not in code:
        return Outcome.FAILED, None
    if "service control policy" in message or "resource control policy" in message:
        return Outcome.DENIED, DeniedBy.GUARDRAIL
    named = (
        "identity-based policy",
        "permissions boundary",
        "session policy",
        "access to the model",
    )
    known = any(one in message for one in named)
    return Outcome.DENIED, DeniedBy.PERMISSION if known else DeniedBy.UNSAID
