"""Records as the clouds log them, for tests: the published samples, with made-up accounts."""

import json
from typing import Any

LLAMA = "meta.llama3-3-70b-instruct-v1:0"
CLAUDE = "anthropic.claude-opus-4-1-20250805-v1:0"


def cloudtrail(**changed: Any) -> dict[str, Any]:
    return {
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "IAMUser",
            "arn": "arn:aws:iam::111111111111:user/x",
            "accountId": "111111111111",
        },
        "eventTime": "2026-10-01T11:52:37Z",
        "eventSource": "bedrock.amazonaws.com",
        "eventName": "InvokeModel",
        "awsRegion": "us-west-2",
        "sourceIPAddress": "203.0.113.9",
        "userAgent": "Boto3/1.40",
        "requestParameters": {"modelId": f"us.{CLAUDE}"},
        "responseElements": None,
        "additionalEventData": {"inferenceRegion": "us-east-2"},
        "requestID": "request-1",
        "eventID": "event-1",
        "readOnly": True,
        "recipientAccountId": "111111111111",
        "tlsDetails": {"clientProvidedHostHeader": "bedrock-runtime.us-west-2.amazonaws.com"},
        **changed,
    }


def denied(resource: str, by: str = "with an explicit deny in a service control policy") -> str:
    user = "User: arn:aws:sts::111111111111:assumed-role/app/s"
    return f"{user} is not authorized to perform: bedrock:InvokeModel on resource: {resource} {by}"


def invocation(**changed: Any) -> dict[str, Any]:
    return {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": "2026-10-01T11:52:37Z",
        "accountId": "111111111111",
        "identity": {"arn": "arn:aws:sts::111111111111:assumed-role/app/s"},
        "region": "eu-central-1",
        "requestId": "request-2",
        "operation": "Converse",
        "modelId": f"arn:aws:bedrock:eu-central-1::foundation-model/{LLAMA}",
        "input": {"inputContentType": "application/json", "inputTokenCount": 120},
        "output": {"outputContentType": "application/json", "outputTokenCount": 40},
        **changed,
    }


MODEL = "projects/acme-project/locations/us-central1/publishers/anthropic/models/claude-opus-4-1@20250805"


def google(resource: str = MODEL, **changed: Any) -> dict[str, Any]:
    return {
        "logName": "projects/acme-project/logs/cloudaudit.googleapis.com%2Fdata_access",
        "timestamp": "2026-10-01T11:52:37.123456Z",
        "insertId": "insert-1",
        "resource": {"type": "audited_resource", "labels": {"project_id": "acme-project"}},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "aiplatform.googleapis.com",
            "methodName": "google.cloud.aiplatform.v1.PredictionService.GenerateContent",
            "resourceName": resource,
            "authenticationInfo": {"principalEmail": "app@example.com"},
            "requestMetadata": {"callerIp": "203.0.113.9"},
            "status": {},
            **changed,
        },
    }


ACCOUNT = (
    "/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000001/RESOURCEGROUPS/RG"
    "/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/ACME"
)


def azure(**changed: Any) -> dict[str, Any]:
    return {
        "time": "2026-10-01T11:52:37.0000000Z",
        "resourceId": ACCOUNT,
        "category": "RequestResponse",
        "operationName": "ChatCompletions_Create",
        "location": "swedencentral",
        "resultSignature": "200",
        "callerIPAddress": "203.0.113.***",
        "correlationId": "correlation-1",
        "properties": json.dumps(
            {"modelDeploymentName": "chat", "modelName": "gpt-4o", "requestLength": 90}
        ),
        **changed,
    }


def deployment(sku: str, model: str = "gpt-4o", **changed: Any) -> dict[str, Any]:
    body = {"sku": {"name": sku}, "properties": {"model": {"format": "OpenAI", "name": model}}}
    return {
        "time": "2026-10-01T11:50:00.0000000Z",
        "resourceId": f"{ACCOUNT}/DEPLOYMENTS/CHAT",
        "operationName": "MICROSOFT.COGNITIVESERVICES/ACCOUNTS/DEPLOYMENTS/WRITE",
        "category": "Administrative",
        "resultType": "Success",
        "resultSignature": "Succeeded.OK",
        "correlationId": "correlation-2",
        "properties": {"requestbody": json.dumps(body)},
        **changed,
    }


def activity(sku: str, model: str = "gpt-4o", **changed: Any) -> dict[str, Any]:
    """The same as ``deployment``, as ``az monitor activity-log list`` prints it."""
    body = {"sku": {"name": sku}, "properties": {"model": {"format": "OpenAI", "name": model}}}

    def named(value: str) -> dict[str, str]:
        return {"localizedValue": value, "value": value}

    return {
        "authorization": {"action": "Microsoft.CognitiveServices/accounts/deployments/write"},
        "caller": "somebody@example.com",
        "category": named("Administrative"),
        "correlationId": "correlation-2",
        "eventDataId": "event-1",
        "eventName": named("EndRequest"),
        "eventTimestamp": "2026-10-01T11:50:00.0000000Z",
        "level": "Informational",
        "operationName": named("Microsoft.CognitiveServices/accounts/deployments/write"),
        "properties": {"requestbody": json.dumps(body), "statusCode": "Created"},
        "resourceId": f"{ACCOUNT}/deployments/chat",
        "resourceProviderName": named("Microsoft.CognitiveServices"),
        "status": named("Succeeded"),
        "subStatus": named("Created (HTTP Status Code: 201)"),
        "subscriptionId": ACCOUNT.split("/")[2],
        **changed,
    }
