"""What can be used instead of a model: permitted, fitting, and best by what one asks for.

Pure: a table, a catalogue and facts in, ranked candidates out.
"""

from bailiwick.alternatives.compare import (
    BenchmarkGap,
    Comparison,
    Migration,
    compare,
    dialect_notes,
    gaps,
)
from bailiwick.alternatives.find import RESIDENT_FACTS, Candidate, find_alternatives, resident
from bailiwick.alternatives.fit import INPUTS, Fit, Needs, fit, same_kind
from bailiwick.alternatives.rank import Objective, fronts, objectives

__all__ = [
    "INPUTS", "RESIDENT_FACTS",
    "BenchmarkGap", "Candidate", "Comparison", "Fit", "Migration", "Needs", "Objective",
    "compare", "dialect_notes", "find_alternatives", "fit", "fronts", "gaps", "objectives",
    "resident", "same_kind",
]  # fmt: skip
