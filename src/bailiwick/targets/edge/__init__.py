"""Native configuration for proxies: what they refuse by themselves, and whom they ask otherwise."""

from bailiwick.targets.edge.compile import Compiled, Edge, compile_edge, places_of
from bailiwick.targets.edge.options import EdgeOptions
from bailiwick.targets.edge.plan import Coverage, Plan, RuleCoverage, plan

__all__ = [
    "Compiled", "Coverage", "Edge", "EdgeOptions", "Plan", "RuleCoverage", "compile_edge",
    "places_of", "plan",
]  # fmt: skip
