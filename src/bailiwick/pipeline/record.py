"""What the audit log is told of a decision and of its outcome.

Nothing personal is in it: the key by its id, the address by its network and a keyed hash.
``docs/audit.md`` describes every field.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from bailiwick.accounts import AccountView
from bailiwick.decision import Decision, Reason, obligations_as_dict
from bailiwick.facts import Absent, Fact
from bailiwick.location import ClientAddress, Invalid, Located
from bailiwick.pipeline.values import Asked, Judged, Outcome


class Naming(Protocol):
    """Stands in for addresses."""

    def address(self, address: str, at: datetime) -> Mapping[str, str]:
        """Give the network and the keyed hash of an address."""


def client_fields(client: ClientAddress | Invalid, names: Naming, at: datetime) -> dict[str, Any]:
    """Describe where a request comes from, without the address."""
    if isinstance(client, Invalid):
        return {"address": None, "address_from": None}
    return {"address": names.address(client.address, at), "address_from": client.source}


def decision_event(
    judged: Judged,
    asked: Asked,
    evidence: Mapping[str, Fact],
    client: Mapping[str, Any],
    latency_us: int,
) -> dict[str, Any]:
    """Describe a decision: what was asked, what was known, what follows and why."""
    return {
        "kind": "decision",
        "id": judged.id,
        "revision": judged.revision,
        "model": judged.model,
        "model_asked": asked.model,
        "controlled": judged.controlled,
        "action": asked.action,
        "features": sorted(asked.features),
        "dialect": asked.dialect,
        "path": asked.path,
        **client,
        **_account(judged.account),
        **_decision(judged.decision),
        "layer": judged.layer,
        "evidence": {name: _fact(fact) for name, fact in evidence.items()},
        **_data(judged.located),
        "latency_us": latency_us,
    }


def outcome_event(judged: Judged, outcome: Outcome) -> dict[str, Any]:
    """Describe what became of it."""
    return {
        "kind": "outcome",
        "id": judged.id,
        "status": outcome.status,
        "result": outcome.kind,
        "bytes_in": outcome.bytes_in,
        "bytes_out": outcome.bytes_out,
        "first_byte_ms": _rounded(outcome.first_byte_ms),
        "total_ms": _rounded(outcome.total_ms),
        "upstream": outcome.upstream,
    }


def _account(account: AccountView | None) -> dict[str, Any]:
    if account is None:
        return {"account": None, "key": None}
    return {"account": account.id, "key": account.key_id}


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "effect": decision.effect.value,
        "determining": decision.determining,
        "reasons": [_reason(reason) for reason in decision.reasons],
        "obligations": (
            {} if decision.obligations.is_empty else obligations_as_dict(decision.obligations)
        ),
        "contested": decision.contested,
    }


def _reason(reason: Reason) -> dict[str, str]:
    parts = {
        "code": reason.code,
        "rule": reason.rule,
        "authority": reason.authority,
        "dimension": reason.dimension,
        "detail": reason.detail,
    }
    return {name: part for name, part in parts.items() if part is not None}


def _data(located: Located | None) -> dict[str, Any]:
    if located is None:
        return {"data": [], "stale": []}
    return {"data": [_source(one) for one in located.sources], "stale": located.stale}


def _source(source: Any) -> dict[str, Any]:
    built_at = source.built_at
    return {
        "source": source.source,
        "built_at": built_at.isoformat() if built_at else None,
        "freshness": source.freshness.value,
    }


def _fact(fact: Fact) -> str | list[str]:
    return fact.value if isinstance(fact, Absent) else sorted(fact)


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 3)
