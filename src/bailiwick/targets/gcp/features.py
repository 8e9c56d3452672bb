"""Which features of partners' models a scope may use: ``vertexai.allowedPartnerModelFeatures``."""

from bailiwick.cloud import Account
from bailiwick.decision import Effect
from bailiwick.facts import PENDING, UNKNOWN, Fact
from bailiwick.targets.gcp.scopes import Choices

PARTNER_FEATURES = ("web_search",)
"""Features that the constraint knows, with the policy's word for each (the same)."""


def feature_values(choices: Choices, account: Account) -> list[str]:
    """List ``MODEL:FEATURE`` that the policy permits in every location the scope may use."""
    choice = choices.of(account)
    return sorted(
        f"{model.name}:{feature}"
        for model in choices.models
        if (model.name, "predict") in choice.items
        and not model.name.startswith("publishers/google/")
        for feature in PARTNER_FEATURES
        if all(
            _permits(choices, account, one, feature, place)
            for one in model.models
            for place in sorted(choice.places)
        )
    )


def _permits(choices: Choices, account: Account, model: str, feature: str, place: str) -> bool:
    questions, where = choices.questions, choices.wheres[place]
    table = questions.table
    facts: dict[str, Fact] = {
        name: account.facts.get(name, UNKNOWN) if name in account.facts else PENDING
        for name in table.asked
    }
    facts |= {
        "action": frozenset({"infer"}),
        "endpoint": where.endpoint,
        "processing": where.processing,
        "features": frozenset({feature}),
    }
    parts = table.prepare(facts)
    return table.decide_prepared(model, questions.at, parts).effect is not Effect.DENY
