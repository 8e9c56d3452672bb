"""Assemble facts from evidence: what a location, an account and a request say becomes facts."""

from collections.abc import Mapping

from bailiwick.accounts import AccountView
from bailiwick.facts import UNKNOWN, Fact
from bailiwick.location import Located
from bailiwick.pipeline.values import Said

NOBODY: Mapping[str, Fact] = {
    "status": frozenset({"none"}),
    "labels": frozenset(),
    "principal": frozenset(),
}
"""Facts of a request that no account stands behind: known to be nobody's."""


def location_facts(located: Located) -> Mapping[str, Fact]:
    """Turn a location into facts. An address that is nowhere has a network class and no place."""
    network = "non_routable" if located.non_routable else located.network
    return {
        "address": frozenset(located.places) if located.places else UNKNOWN,
        "network": frozenset({network}) if network else UNKNOWN,
        "holder": frozenset({located.holder}) if located.holder else UNKNOWN,
    }


def account_facts(account: AccountView | None) -> Mapping[str, Fact]:
    """Turn an account, or nobody, into facts."""
    if account is None:
        return NOBODY
    return {**account.values, "principal": account.principals}


def request_facts(
    action: str, features: frozenset[str], said: Said | None = None
) -> Mapping[str, Fact]:
    """Turn what is asked into facts; ``said``: what is attested of the end user."""
    return {"action": frozenset({action}), "features": features, **end_user_facts(said)}


def end_user_facts(said: Said | None) -> Mapping[str, Fact]:
    """Turn what is attested into facts; what is not claimed is unknown."""
    facts: dict[str, Fact] = {}
    if said is not None and said.place is not None:
        facts["end_user.place"] = frozenset({said.place})
    if said is not None and said.labels is not None:
        facts["end_user.labels"] = said.labels
    return facts
