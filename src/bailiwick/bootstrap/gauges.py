"""Metrics of what a worker rests on. Imported in a worker only, as ``gateway.metrics`` says."""

from typing import Final

from prometheus_client import Gauge

from bailiwick.accounts import AccountStore
from bailiwick.bootstrap.keeper import KeeperStatus
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
HELD: Final = Gauge(
    "bailiwick_sweep_held",
    "Accounts that automation would restrict or suspend, and that wait for a person's agreement.",
    multiprocess_mode="livemax",
)
CAPPED: Final = Gauge(
    "bailiwick_sweep_capped",
    "Suspensions that wait because automation has made as many as it may in an hour.",
    multiprocess_mode="livemax",
)
UNSENT: Final = Gauge(
    "bailiwick_notices_unsent",
    "Notices that could not leave in the last round.",
    multiprocess_mode="livemax",
)


def report(
    reload: ReloadStatus,
    accounts: AccountStore | None,
    pipeline: Pipeline | None,
) -> None:
    """Write down what a worker rests on."""
    REFUSED.set(reload.failed_at is not None)
    if accounts is not None:
        ACCOUNTS_AGE.set(accounts.status().age.total_seconds())
    if pipeline is not None:
        UNGUARDED.set(pipeline.unguarded)
        LOST.set(pipeline.lost)


def report_keeper(keeper: KeeperStatus) -> None:
    """Write down how accounts are looked after."""
    HELD.set(keeper.held)
    CAPPED.set(keeper.capped)
    UNSENT.set(keeper.unsent)
