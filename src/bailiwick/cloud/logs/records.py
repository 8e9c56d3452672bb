"""One use of a model as a cloud logged it, or the line of the log that is not one.

Cloud region names, model names and account ids are the cloud's own words; nothing is resolved yet.
These are `msgspec` structs and not dataclasses, since a log has millions of them.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from bailiwick.cloud.regions import Cloud
from bailiwick.errors import Position

NOTHING = msgspec.Raw(b"null")
"""What a field holds that a record does not have and that is read later, if at all."""


class Outcome(StrEnum):
    """What the cloud did."""

    SUCCEEDED = "succeeded"
    DENIED = "denied"
    FAILED = "failed"
    """It failed for a reason that is not a refusal, so it says nothing about guardrails."""


class DeniedBy(StrEnum):
    """Who refused, as far as the log says."""

    GUARDRAIL = "guardrail"
    """A policy of the organisation: service or resource control policy, organization policy,
    service perimeter, Azure Policy."""
    PERMISSION = "permission"
    """The caller's own permissions, or a model that was never enabled."""
    PROVIDER = "provider"
    """The model's provider, such as for an unsupported country."""
    UNSAID = "unsaid"


class Where(msgspec.Struct, frozen=True):
    """Where a record stands."""

    file: str
    line: int
    """From 1, of the unpacked text."""
    record: int
    """From 1 in its file: exports put every record on one line."""

    @property
    def position(self) -> Position:
        """The position as messages give it."""
        return Position(self.file, self.line)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: record {self.record}"


class CloudRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a model, or one creation of something that serves one."""

    where: Where
    cloud: Cloud
    at: datetime
    """When the cloud received it (aware UTC)."""
    operation: str
    """As logged: ``InvokeModel``, ``ChatCompletions_Create``, ..."""
    action: str
    """The policy's word for it (``bailiwick.facts.ACTIONS``)."""
    account: str | None = None
    """AWS account, Google Cloud project, or Azure subscription of the caller."""
    resource: str | None = None
    """Azure: the account that was called, as a resource id in lower case."""
    endpoint: str | None = None
    """Cloud region called, in the cloud's words; ``global`` where no region was."""
    processing: str | None = None
    """Cloud region that ran it. ``None``: the log does not say."""
    model: str | None = None
    """As the catalogue may know it: ids, profile ids and ARNs are cut to the model's name."""
    through: str | None = None
    """What stood between caller and model: an inference profile, a deployment, an endpoint."""
    sku: str | None = None
    """Azure: the kind of deployment, which says where it may run."""
    outcome: Outcome
    denied_by: DeniedBy | None = None
    error: str | None = None
    """Error code as logged."""
    address: str | None = None
    """Client address as the cloud saw it. Azure leaves the last part out."""
    id: str | None = None
    """The cloud's id of the request."""
    input_tokens: int | None = None
    output_tokens: int | None = None


class Skipped(msgspec.Struct, frozen=True):
    """What was read and is no use of a model."""

    where: Where
    reason: str | None = None
    """Why it cannot be read. ``None``: a whole record of something else, such as a stored file."""
    rest: bool = False
    """The rest of the file was not read either: where its next record begins is not certain."""

    @property
    def unreadable(self) -> bool:
        """Whether something may have been missed."""
        return self.reason is not None

    def __str__(self) -> str:
        tail = "; the rest of the file was not read" if self.rest else ""
        return f"{self.where}: {self.reason or 'not about a model'}{tail}"
