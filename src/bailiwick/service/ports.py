"""What a service works with; a worker makes it when it starts."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bailiwick.gateway import Quotas
from bailiwick.pipeline import Pipeline
from bailiwick.policy import Refusal as RefusalStyle


@dataclass(frozen=True, slots=True)
class Parts:
    """The same pipeline as the gateway's, and what is around it."""

    pipeline: Callable[[], Pipeline]
    """Gives the pipeline; raises ``Unavailable`` while there is none."""
    record: Callable[[Mapping[str, Any]], None]
    style: Callable[[], RefusalStyle]
    status: Callable[[], Mapping[str, Any]]
    stop: Callable[[], Awaitable[None]]
    reload: Callable[[], None]
    """Has whatever is read from files read again, soon."""
    quotas: Quotas | None = None
    """Where requests are counted together with somebody else's; ``None``: on its own."""
