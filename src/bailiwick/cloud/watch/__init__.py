"""Hold what clouds logged against the policy: ok, drift, or undetermined with the reason."""

from bailiwick.cloud.watch.inventory import Inventory, read_inventory
from bailiwick.cloud.watch.judge import Judge, Judgement, Verdict
from bailiwick.cloud.watch.report import Finding, WatchReport, watch

__all__ = [
    "Finding", "Inventory", "Judge", "Judgement", "Verdict", "WatchReport",
    "read_inventory", "watch",
]  # fmt: skip
