"""What would answer in place of a denied model: the same facts, another model, decided anew."""

from bailiwick.decision.table import DecisionTable
from bailiwick.facts import Facts


def permitted_fallbacks(table: DecisionTable, facts: Facts) -> tuple[str, ...]:
    """List the candidates of the policy's fallback that are permitted, in its order.

    Empty where the model itself is permitted, or where the policy has no fallback for it.
    """
    model = facts.model
    found = table.policy.fallback(model) if model is not None else None
    if found is None or "denied" not in found.when or table.decide(facts).permitted:
        return ()
    return tuple(
        one
        for one in found.candidates
        if one != model and table.decide(Facts(one, facts.at, facts.values)).permitted
    )
