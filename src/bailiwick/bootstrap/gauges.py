"""Metrics of what a worker rests on. Imported in a worker only, as ``gateway.metrics`` says."""

from typing import Final

from prometheus_client import Gauge

from bailiwick.accounts import AccountStore
from bailiwick.bootstrap.reload import ReloadStatus
from bailiwick.pipeline import Pipeline

REFUSED: Final = Gauge(
    "bailiwick_reload_refused",
    "1 while the newest policy, catalogue, location or settings files are refused.",
    multiprocess_mode="livemax",
)
ACCOUNTS_AGE: Final = Gauge(
    "bailiwick_accounts_age_seconds",
    "Since the snapshot of accounts was last known to be complete, of the worst worker.",
    multiprocess_mode="livemax",
)
UNGUARDED: Final = Gauge(
    "bailiwick_unguarded_permits",
    "Permits of models that are not controlled, given before their record was durable.",
    multiprocess_mode="livesum",
)
LOST: Final = Gauge(
    "bailiwick_lost_records",
    "Records that nobody waited for and that could not be kept.",
    multiprocess_mode="livesum",
)


def report(reload: ReloadStatus, accounts: AccountStore | None, pipeline: Pipeline | None) -> None:
    """Write everything down."""
    REFUSED.set(reload.failed_at is not None)
    if accounts is not None:
        ACCOUNTS_AGE.set(accounts.status().age.total_seconds())
    if pipeline is not None:
        UNGUARDED.set(pipeline.unguarded)
        LOST.set(pipeline.lost)
