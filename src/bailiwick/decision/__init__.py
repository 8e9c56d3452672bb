"""Decide: the reference evaluator, the compiled table, and the questions asked of them."""

from bailiwick.decision.combine import Match, combine
from bailiwick.decision.table import DecisionTable, Prepared, compile_table
from bailiwick.decision.values import Decision, Effect, Reason
from bailiwick.policy import Obligations, Quota

__all__ = [
    "Decision", "DecisionTable", "Effect", "Match", "Obligations", "Prepared", "Quota", "Reason",
    "combine", "compile_table",
]  # fmt: skip
