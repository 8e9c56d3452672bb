"""Hold what clouds logged, and what exists there, against the policy."""

from bailiwick.cloud.watch.existing import Existing, Standing, judge_existing
from bailiwick.cloud.watch.inventory import Inventory, read_inventory
from bailiwick.cloud.watch.judge import Judge, Judgement, Verdict
from bailiwick.cloud.watch.report import Finding, WatchReport, watch

__all__ = [
    "Existing", "Finding", "Inventory", "Judge", "Judgement", "Standing", "Verdict", "WatchReport",
    "judge_existing", "read_inventory", "watch",
]  # fmt: skip
