"""Google Cloud audit logs of Vertex AI (``aiplatform.googleapis.com``).

Data Access logs are off until somebody turns them on, so an empty log is no proof of no use. The
host that was called is not logged: the location in the resource's name is all there is.
"""

from datetime import datetime

import msgspec

from bailiwick.cloud.logs.names import google_location, google_project, vertex_model
from bailiwick.cloud.logs.records import NOTHING, CloudRecord, DeniedBy, Outcome, Where
from bailiwick.cloud.regions import Cloud

SERVICE = "aiplatform.googleapis.com"
ACTIONS = {
    **dict.fromkeys(
        (
            "GenerateContent", "StreamGenerateContent", "RawPredict", "StreamRawPredict", "Predict",
            "ServerStreamingPredict", "StreamingPredict", "StreamDirectPredict", "DirectPredict",
            "StreamingRawPredict", "StreamDirectRawPredict", "DirectRawPredict", "ChatCompletions",
            "PredictLongRunning", "EmbedContent", "BidiGenerateContent",
        ),
        "infer",
    ),
    **dict.fromkeys(("CountTokens", "ComputeTokens"), "count_tokens"),
    "CreateBatchPredictionJob": "batch",
    **dict.fromkeys(("CreateTuningJob", "CreateCustomJob", "CreateTrainingPipeline"), "tune"),
    **dict.fromkeys(("Deploy", "DeployModel", "DeployPublisherModel", "CreateEndpoint"), "deploy"),
}  # fmt: skip
"""Last part of a method's name to the policy's word."""

PERMISSION_DENIED, FAILED_PRECONDITION = 7, 9
GUARDRAILS = ("constraints/", "organization's policy", "organization policy", "vpcServiceControls")


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Metadata(msgspec.Struct):
    callerIp: str | None = None  # noqa: N815 - the names of the fields, here and below


class _Payload(msgspec.Struct):
    serviceName: str = ""  # noqa: N815
    methodName: str = ""  # noqa: N815
    resourceName: str = ""  # noqa: N815
    status: _Status | None = None
    requestMetadata: _Metadata | None = None  # noqa: N815
    request: msgspec.Raw = NOTHING


class _Resource(msgspec.Struct):
    labels: dict[str, str] | None = None


class Entry(msgspec.Struct):
    """The fields that matter."""

    logName: str  # noqa: N815
    timestamp: datetime
    protoPayload: _Payload | None = None  # noqa: N815
    insertId: str | None = None  # noqa: N815
    resource: _Resource | None = None


class _BatchJob(msgspec.Struct):
    model: str | None = None


class _TuningJob(msgspec.Struct):
    baseModel: str | None = None  # noqa: N815


class _Request(msgspec.Struct):
    batchPredictionJob: _BatchJob | None = None  # noqa: N815
    tuningJob: _TuningJob | None = None  # noqa: N815
    publisherModelName: str | None = None  # noqa: N815
    model: str | None = None

    @property
    def named(self) -> str:
        jobs = (
            self.batchPredictionJob and self.batchPredictionJob.model,
            self.tuningJob and self.tuningJob.baseModel,
        )
        return next((one for one in (*jobs, self.publisherModelName, self.model) if one), "")


decoder = msgspec.json.Decoder(Entry)
_request = msgspec.json.Decoder(_Request | None)


def read(entry: Entry, where: Where) -> CloudRecord | None:
    """Read one entry; ``None`` if it is not about a model."""
    payload = entry.protoPayload or _Payload()
    method = payload.methodName.rpartition(".")[2]
    action = ACTIONS.get(method)
    if action is None or payload.serviceName != SERVICE:
        return None
    labels = (entry.resource and entry.resource.labels) or {}
    location = google_location(payload.resourceName) or labels.get("location")
    outcome, denied_by = _outcome(payload.status or _Status())
    return CloudRecord(
        where=where,
        cloud=Cloud.GCP,
        at=entry.timestamp,
        operation=method,
        action=action,
        account=labels.get("project_id") or google_project(payload.resourceName),
        endpoint=location,
        processing=None if location == "global" else location,
        model=_model(payload),
        through=_endpoint(payload.resourceName),
        outcome=outcome,
        denied_by=denied_by,
        error=str(payload.status.code) if payload.status and payload.status.code else None,
        address=payload.requestMetadata.callerIp if payload.requestMetadata else None,
        id=entry.insertId,
    )


def _model(payload: _Payload) -> str | None:
    found = vertex_model(payload.resourceName)
    if found is None and (request := _request.decode(payload.request)):
        named = request.named
        found = vertex_model(named) or (named if named and "/" not in named else None)
    return found


def _endpoint(resource: str) -> str | None:
    _, found, name = resource.rpartition("/endpoints/")
    return f"endpoints/{name}" if found else None


def _outcome(status: _Status) -> tuple[Outcome, DeniedBy | None]:
    if status.code == 0:
        return Outcome.SUCCEEDED, None
    if any(one in status.message for one in GUARDRAILS):
        return Outcome.DENIED, DeniedBy.GUARDRAIL
    if "location is not supported" in status.message:
        return Outcome.DENIED, DeniedBy.PROVIDER
    if status.code != PERMISSION_DENIED:
        return Outcome.FAILED, None
    known = "Permission '" in status.message
    return Outcome.DENIED, DeniedBy.PERMISSION if known else DeniedBy.UNSAID
