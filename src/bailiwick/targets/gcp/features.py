"""Which features of partners' models a scope may use: ``vertexai.allowedPartnerModelFeatures``."""

from collections.abc import Mapping

from bailiwick.cloud import Account
from bailiwick.decision import Effect
from bailiwick.facts import Fact
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
    where = choices.wheres[place]
    used: Mapping[str, Fact] = {"features": frozenset({feature})}
    return choices.questions.decide_with(account, where, model, used).effect is not Effect.DENY
