"""Azure's activity log as ``az monitor activity-log list`` and the REST interface print it.

The same events as in the exported log, under other names: values stand beside their translations,
and the location of the account is left out. Source: Microsoft, "Activity Logs - List" (2015-04-01),
as reported 2026-11.
"""

from datetime import datetime

import msgspec

from bailiwick.cloud.logs import azure
from bailiwick.cloud.logs.records import NOTHING, CloudRecord, Where


class _Value(msgspec.Struct):
    value: str | None = None


class Event(msgspec.Struct):
    """The fields that matter."""

    eventTimestamp: datetime  # noqa: N815 - the names of the fields, here and below
    operationName: _Value  # noqa: N815
    resourceId: str  # noqa: N815
    status: _Value | None = None
    subStatus: _Value | None = None  # noqa: N815
    category: _Value | None = None
    correlationId: str | None = None  # noqa: N815
    properties: msgspec.Raw = NOTHING


decoder = msgspec.json.Decoder(Event)


def read(event: Event, where: Where) -> CloudRecord | None:
    """Read one event; ``None`` if it is not about a model."""
    entry = azure.Entry(
        time=event.eventTimestamp,
        operationName=event.operationName.value or "",
        resourceId=event.resourceId,
        category=(event.category.value if event.category else None) or "",
        resultType=event.status.value if event.status else None,
        resultSignature=event.subStatus.value if event.subStatus else None,
        correlationId=event.correlationId,
        properties=event.properties,
    )
    return azure.read(entry, where)
