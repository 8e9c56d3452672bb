"""Native configuration for proxies: what they refuse by themselves, and whom they ask otherwise."""

from bailiwick.targets.edge.compile import Compiled, Edge, compile_edge
from bailiwick.targets.edge.coverage import Coverage, RuleCoverage
from bailiwick.targets.edge.options import EdgeOptions
from bailiwick.targets.edge.plan import ALL, ASK, ModelClass, Plan, plan

__all__ = [
    "ALL", "ASK", "Compiled", "Coverage", "Edge", "EdgeOptions", "ModelClass", "Plan",
    "RuleCoverage", "compile_edge", "plan",
]  # fmt: skip
