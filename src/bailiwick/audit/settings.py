"""How an audit log is kept."""

from dataclasses import dataclass

from bailiwick.audit.intake import ENOUGH
from bailiwick.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Settings:
    """The defaults fit a gateway."""

    segment_bytes: int = 64 << 20
    segment_seconds: float = 86_400.0
    checkpoint_seconds: float = 60.0
    checkpoint_records: int = 10_000
    queue: int = 8192
    """Records that may wait to be written; beyond that, ``AuditUnavailable``."""
    gather_ms: float = 5.0
    """How long a batch may gather, once several callers wait at the same time."""
    linger_ms: float = 7.5
    """How long a record that nobody waits for may wait for company."""
    stall_seconds: float = 1.0
    """A write that takes longer makes the log unavailable until it returns."""
    raw_days: int = 30
    """How long raw values are kept outside the chain; 0: not at all."""
    unsafe_no_fsync: bool = False
    """Do not wait for the disk. For measuring what waiting costs; it forfeits every promise."""

    def __post_init__(self) -> None:
        if not (0 <= self.gather_ms <= 10 and 0 <= self.linger_ms <= 10):
            raise InvalidInput.of("`gather_ms` and `linger_ms` are between 0 and 10")
        if self.raw_days < 0 or self.queue < ENOUGH:
            raise InvalidInput.of(f"`raw_days` is at least 0 and `queue` at least {ENOUGH}")
