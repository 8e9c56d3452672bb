"""Decide: the reference evaluator, the compiled table, and the questions asked of them."""

from typing import TYPE_CHECKING

from bailiwick.decision.check import check_policy
from bailiwick.decision.combine import Match, combine
from bailiwick.decision.contradictions import (
    Contradiction,
    accepts_place,
    contradictions,
    findings_standing,
)
from bailiwick.decision.document import (
    SCHEMA,
    decision_as_dict,
    decision_schema,
    explanation_as_dict,
    facts_as_dict,
    obligations_as_dict,
)
from bailiwick.decision.examples import ExampleResult, run_examples
from bailiwick.decision.explain import Change, Explanation, RuleView, alternatives, explain
from bailiwick.decision.fallback import permitted_fallbacks
from bailiwick.decision.matrix import (
    DEFAULT_REGIONS,
    Access,
    Cell,
    Coming,
    Level,
    Row,
    coming,
    levels,
    matrix,
)
from bailiwick.decision.table import DecisionTable, Prepared, compile_table
from bailiwick.decision.universe import conditions_on, facts_asked
from bailiwick.decision.values import Decision, Effect, Reason, common
from bailiwick.decision.wording import (
    condition_in_words,
    fact_in_words,
    finding_in_words,
    obligations_in_words,
    ownership_in_words,
    reason_in_words,
    rule_in_words,
)
from bailiwick.later import later
from bailiwick.policy import Obligations, Quota

if TYPE_CHECKING:
    from bailiwick.decision.batch import (
        BatchDecider,
        BatchDecisions,
        Combination,
        Encoded,
        Part,
        Situation,
        decide_batch,
    )
    from bailiwick.decision.diff import Difference, diff_policies
    from bailiwick.decision.leaks import Leak
    from bailiwick.decision.numbering import Numbering

__all__ = [
    "DEFAULT_REGIONS", "SCHEMA",
    "Contradiction", "accepts_place", "contradictions", "findings_standing",
    "Access", "BatchDecisions", "Cell", "Change", "Decision", "DecisionTable", "Difference",
    "Effect", "Encoded", "ExampleResult", "Explanation", "Leak", "Level", "Match", "Obligations",
    "Prepared", "Quota", "Reason", "Row", "RuleView",
    "alternatives", "check_policy", "combine", "coming", "common", "compile_table",
    "condition_in_words", "conditions_on", "decide_batch", "decision_as_dict", "decision_schema",
    "diff_policies", "explain", "explanation_as_dict", "fact_in_words", "facts_as_dict",
    "facts_asked", "finding_in_words", "levels", "matrix", "obligations_as_dict",
    "obligations_in_words",
    "ownership_in_words", "permitted_fallbacks", "reason_in_words", "rule_in_words", "run_examples",
    "BatchDecider", "Combination", "Coming", "Numbering", "Part", "Situation",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = later(
        __name__,
        {
            "batch": (
                "BatchDecider",
                "BatchDecisions",
                "Combination",
                "Encoded",
                "Part",
                "Situation",
                "decide_batch",
            ),
            "diff": ("Difference", "diff_policies"),
            "leaks": ("Leak",),
            "numbering": ("Numbering",),
        },
    )
