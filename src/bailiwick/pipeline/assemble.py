"""Assemble facts from evidence: what a location, an account and a request say becomes facts."""

from collections.abc import Mapping

from bailiwick.accounts import AccountView
from bailiwick.facts import UNKNOWN, Fact
from bailiwick.location import Located

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


def request_facts(action: str, features: frozenset[str]) -> Mapping[str, Fact]:
    """Turn what is asked into facts."""
    return {"action": frozenset({action}), "features": features}
