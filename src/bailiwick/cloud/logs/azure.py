"""Azure diagnostic logs of Azure OpenAI and AI services, and activity logs of their deployments.

``properties`` is JSON inside a string. The caller's address comes without its last part, so it is
not used as an address. A deployment's SKU, which says where it may run, is not in a request's log:
it comes from the activity log, or from a list of deployments.
"""

from datetime import datetime
from functools import lru_cache

import msgspec

from bailiwick.cloud.logs.records import NOTHING, CloudRecord, DeniedBy, Outcome, Where
from bailiwick.cloud.regions import Cloud

PROVIDER = "/providers/microsoft.cognitiveservices/accounts/"
CALLS = frozenset({"RequestResponse", "AzureOpenAIRequestUsage"})
DISALLOWED = "RequestDisallowedByPolicy"
WRITE = "microsoft.cognitiveservices/accounts/deployments/write"
ACTIONS = {
    **dict.fromkeys(
        (
            "chatcompletions", "completions", "embeddings", "responses", "images",
            "imagegenerations", "audio", "messages", "realtime", "createresponse",
            "createmodelresponse",
        ),
        "infer",
    ),
    "batches": "batch",
    **dict.fromkeys(("finetunes", "finetuning", "finetuningjobs"), "tune"),
}  # fmt: skip
"""The part of an operation's name before ``_``, in lower case, to the policy's word."""


class Entry(msgspec.Struct):
    """The fields that matter, of both logs."""

    time: datetime
    operationName: str  # noqa: N815 - the names of the fields, here and below
    resourceId: str  # noqa: N815
    category: str = ""
    location: str | None = None
    resultSignature: str | int | None = None  # noqa: N815
    resultType: str | None = None  # noqa: N815
    correlationId: str | None = None  # noqa: N815
    properties: msgspec.Raw = NOTHING


class _Properties(msgspec.Struct):
    modelDeploymentName: str | None = None  # noqa: N815
    modelName: str | None = None  # noqa: N815
    statusCode: str | int | None = None  # noqa: N815
    statusMessage: str | None = None  # noqa: N815
    requestbody: str | None = None
    promptTokens: int | None = None  # noqa: N815
    completionTokens: int | None = None  # noqa: N815


class _Model(msgspec.Struct):
    name: str | None = None


class _Sku(msgspec.Struct):
    name: str | None = None


class _Deployment(msgspec.Struct):
    model: _Model | None = None


class _Body(msgspec.Struct):
    sku: _Sku | None = None
    properties: _Deployment | None = None


decoder = msgspec.json.Decoder(Entry)
_properties = msgspec.json.Decoder(_Properties | None)
_body = msgspec.json.Decoder(_Body)


def read(entry: Entry, where: Where) -> CloudRecord | None:
    """Read one entry of either log; ``None`` if it is not about a model."""
    resource = entry.resourceId.lower()
    if PROVIDER not in resource:
        return None
    if entry.operationName.lower() == WRITE:
        return _deployment(entry, resource, where)
    action = ACTIONS.get(entry.operationName.lower().partition("_")[0])
    if action is None or entry.category not in CALLS:
        return None
    return _call(entry, resource, action, where)


def _call(entry: Entry, resource: str, action: str, where: Where) -> CloudRecord:
    details = _details(entry.properties)
    code = str(entry.resultSignature or "")
    return CloudRecord(
        where=where,
        cloud=Cloud.AZURE,
        at=entry.time,
        operation=entry.operationName,
        action=action,
        account=_subscription(resource),
        resource=_account(resource),
        endpoint=entry.location,
        model=details.modelName or None,
        through=_named(details.modelDeploymentName),
        outcome=Outcome.SUCCEEDED if code.startswith("2") else _refused(code),
        denied_by=_refuser(code),
        error=None if code.startswith("2") else code or "unsaid",
        id=entry.correlationId,
        input_tokens=details.promptTokens,
        output_tokens=details.completionTokens,
    )


def _deployment(entry: Entry, resource: str, where: Where) -> CloudRecord | None:
    """Read the making of a deployment; ``None`` for the entry that says it has begun."""
    if entry.resultType in {"Start", "Started", "Accept", "Accepted"}:
        return None
    details = _details(entry.properties)
    body = _body.decode(details.requestbody) if details.requestbody else _Body()
    denied = DISALLOWED in (details.statusMessage or "") or entry.resultSignature == DISALLOWED
    succeeded = entry.resultType in {"Success", "Succeeded"}
    failed = Outcome.DENIED if denied else Outcome.FAILED
    model = body.properties.model if body.properties else None
    return CloudRecord(
        where=where,
        cloud=Cloud.AZURE,
        at=entry.time,
        operation=entry.operationName,
        action="deploy",
        account=_subscription(resource),
        resource=_account(resource),
        endpoint=entry.location,
        model=model.name if model else None,
        through=_named(resource.rpartition("/deployments/")[2]),
        sku=body.sku.name if body.sku else None,
        outcome=Outcome.SUCCEEDED if succeeded else failed,
        denied_by=DeniedBy.GUARDRAIL if denied else None,
        error=None if succeeded else str(entry.resultSignature or "unsaid"),
        id=entry.correlationId,
    )


def _details(raw: msgspec.Raw) -> _Properties:
    """Read ``properties``, which is an object, or an object written into a string."""
    text = msgspec.json.decode(raw, type=str) if bytes(raw).startswith(b'"') else raw
    return _properties.decode(text or b"null") or _Properties()


def _refused(code: str) -> Outcome:
    return Outcome.DENIED if code in {"401", "403"} else Outcome.FAILED


def _refuser(code: str) -> DeniedBy | None:
    return {"401": DeniedBy.PERMISSION, "403": DeniedBy.UNSAID}.get(code)


def _named(deployment: str | None) -> str | None:
    return f"deployments/{deployment}" if deployment else None


@lru_cache(maxsize=8192)
def _account(resource: str) -> str:
    """Cut a resource id to the account in it."""
    before, provider, after = resource.partition(PROVIDER)
    return before + provider + after.partition("/")[0]


@lru_cache(maxsize=8192)
def _subscription(resource: str) -> str | None:
    return resource.split("/")[2] if resource.startswith("/subscriptions/") else None
