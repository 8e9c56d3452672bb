"""Bedrock's model invocation log, as it is delivered to S3 or CloudWatch Logs.

It has every call that was served, with token counts; refused calls are in CloudTrail only.
Prompts and answers stand in it too, and are not read.
"""

from datetime import datetime

import msgspec

from bailiwick.cloud.logs.cloudtrail import ACTIONS
from bailiwick.cloud.logs.names import bedrock_model
from bailiwick.cloud.logs.records import CloudRecord, Outcome, Where
from bailiwick.cloud.regions import Cloud


class _Side(msgspec.Struct):
    inputTokenCount: int | None = None  # noqa: N815 - the names of the fields, here and below
    outputTokenCount: int | None = None  # noqa: N815


class Invocation(msgspec.Struct):
    """The fields that matter."""

    schemaType: str  # noqa: N815
    timestamp: datetime
    operation: str
    modelId: str  # noqa: N815
    accountId: str | None = None  # noqa: N815
    region: str | None = None
    inferenceRegion: str | None = None  # noqa: N815
    requestId: str | None = None  # noqa: N815
    errorCode: str | None = None  # noqa: N815
    input: _Side | None = None
    output: _Side | None = None


decoder = msgspec.json.Decoder(Invocation)


def read(found: Invocation, where: Where) -> CloudRecord | None:
    """Read one invocation; ``None`` if it is no call of a model."""
    action = ACTIONS.get(found.operation)
    if action is None or found.schemaType != "ModelInvocationLog":
        return None
    model, through = bedrock_model(found.modelId)
    return CloudRecord(
        where=where,
        cloud=Cloud.AWS,
        at=found.timestamp,
        operation=found.operation,
        action=action,
        account=found.accountId,
        endpoint=found.region,
        processing=found.inferenceRegion,
        model=model,
        through=through,
        outcome=Outcome.FAILED if found.errorCode else Outcome.SUCCEEDED,
        error=found.errorCode,
        id=found.requestId,
        input_tokens=found.input.inputTokenCount if found.input else None,
        output_tokens=found.output.outputTokenCount if found.output else None,
    )
