"""What the gateway needs of the rest: somebody who judges, somebody who records.

``bailiwick.pipeline`` fits ``Judge``. A worker process makes its own ``Services`` when it starts.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from bailiwick.gateway.quotas import Quotas
from bailiwick.pipeline import Alike, Arrangement, Asked, Judged, Outcome, Pending
from bailiwick.policy import Refusal as RefusalStyle


class Judge(Protocol):
    """One request: locate, assemble, decide, record."""

    def judge_now(
        self, asked: Asked, at: datetime, size: int = 0, alike: Alike | None = None
    ) -> Judged | Pending:
        """Judge a request of so many bytes: a deny stands at once, a permit when it is durable."""

    def alike(self, asked: Asked) -> Alike:
        """Find what is kept of others that asked the same."""

    def outcome(self, judged: Judged, outcome: Outcome) -> None:
        """Record what became of a judged request, once."""

    def arrangement(self, asked: Asked) -> Arrangement | None:
        """Say what the policy has in place of the model asked for; ``None``: nothing."""

    def permitted_models(self, asked: Asked, at: datetime) -> tuple[str, ...]:
        """List the catalogue ids that this caller may use."""

    def ended(self, asked: Asked, judged: Judged, at: datetime) -> str | None:
        """Say why a permit given earlier is withdrawn, if it is."""

    def version(self) -> object:
        """Give something that differs whenever a permit may have been withdrawn."""


Recorder = Callable[[Mapping[str, Any]], None]
"""Takes the record of a request that was refused before anybody could judge it."""


async def _nothing() -> None:
    return None


def _keep() -> None:
    return None


def _default_style() -> RefusalStyle:
    return RefusalStyle()


def _ready() -> Mapping[str, Any]:
    return {"ready": True}


def _forget(event: Mapping[str, Any]) -> None:
    del event


@dataclass(frozen=True, slots=True)
class Services:
    """What a worker works with."""

    judge: Judge
    record: Recorder = _forget
    style: Callable[[], RefusalStyle] = _default_style
    """How the policy in force words a refusal; asked for each refusal."""
    status: Callable[[], Mapping[str, Any]] = _ready
    """What ``/readyz`` shows of this worker; ``ready`` says whether it may be sent requests. JSON
    values: revision of the policy, dates of the data, the last reload error, the audit's state."""
    start: Callable[[], Awaitable[None]] = _nothing
    """Called on the worker's event loop before its first request."""
    stop: Callable[[], Awaitable[None]] = _nothing
    """Called after its last one."""
    reload: Callable[[], None] = _keep
    """Called on SIGHUP: whatever is read from files is to be read again, soon."""
    quotas: Quotas | None = None
    """Where requests are counted together with somebody else's; ``None``: on its own."""


Factory: TypeAlias = Callable[[], Services]
"""Makes the services of one worker, in the worker."""
