"""What the audit log is told of a decision and of its outcome.

Nothing personal is in it: the key by its id, the address by its network and a keyed hash.
``docs/audit.md`` describes every field.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Protocol

from bailiwick.accounts import AccountView
from bailiwick.audit import canonical, encoded, form
from bailiwick.decision import Decision, Reason, obligations_as_dict
from bailiwick.facts import Absent, Fact
from bailiwick.location import ClientAddress, Freshness, Invalid, Located, SourceAnswer
from bailiwick.pipeline.values import Asked, EndUser, Judged, Outcome

MOST_CLIENTS = 8192
"""Addresses whose name of the day is remembered."""


MOST_BUILD = 300
"""Characters of a user agent that name its build."""


class Naming(Protocol):
    """Stands in for addresses and for clients' programs."""

    def address(self, address: str, at: datetime) -> Mapping[str, str]:
        """Give the network and the keyed hash of an address."""

    def value(self, kind: str, value: str, at: datetime) -> str:
        """Give the keyed hash of a value."""


NOWHERE: dict[str, Any] = {"address": None, "address_from": None}
"""Describes a client of whom no address is known."""


class Clients:
    """Describes where requests come from, without their addresses."""

    def __init__(self, names: Naming) -> None:
        self._names = names
        self._known: dict[tuple[str, int], Mapping[str, str]] = {}

    def fields(self, client: ClientAddress | Invalid, at: datetime) -> dict[str, Any]:
        """Describe one client."""
        if isinstance(client, Invalid):
            return NOWHERE
        key = (client.address, at.toordinal())  # names change at midnight at the earliest
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MOST_CLIENTS:
                self._known.clear()
            found = self._known[key] = self._names.address(client.address, at)
        return {"address": found, "address_from": client.source}

    def end_user(self, end_user: EndUser, account: str, at: datetime) -> dict[str, Any]:
        """Describe an end user, without who it is: the same ``sub`` elsewhere is another one."""
        sub, (place, labels) = end_user.sub, end_user.said
        name = None if sub is None else self._names.value("end_user", f"{account}\0{sub}", at)
        listed = None if labels is None else sorted(labels)
        return {"kid": end_user.kid, "sub": name, "place": place, "labels": listed}

    def build(self, agent: str, at: datetime) -> str:
        """Stand in for the build of a program, by its user agent."""
        return self._names.value("build", agent[:MOST_BUILD], at)


def shared_fields(
    decision: Decision,
    model: str | None,
    controlled: bool,
    layer: str,
    evidence: Mapping[str, Any],
) -> dict[str, Any]:
    """Describe what the records of many decisions have in common; nested values are encoded."""
    held = decision.obligations
    return {
        "kind": "decision",
        "revision": decision.revision,
        "model": model,
        "controlled": controlled,
        "effect": decision.effect.value,
        "determining": encoded(decision.determining),
        "reasons": encoded([_reason(reason) for reason in decision.reasons]),
        "obligations": encoded({} if held.is_empty else obligations_as_dict(held)),
        "contested": decision.contested,
        "layer": layer,
        "evidence": encoded(evidence),
    }


def decision_event(
    judged: Judged,
    asked: Asked,
    shared: Mapping[str, Any],
    client: Mapping[str, Any],
    latency_us: int,
) -> dict[str, Any]:
    """Describe a judgement: what was asked, what was known, what follows and why."""
    return {
        **shared,
        **client,
        **data_fields(judged.located),
        "id": judged.id,
        "model_asked": asked.model,
        "action": asked.action,
        "features": sorted(asked.features) if asked.features else (),
        **({"fallback_from": asked.fallback_from} if asked.fallback_from else {}),
        "dialect": asked.dialect,
        "path": asked.path,
        **({"asker": asked.asker} if asked.asker else {}),
        **account_fields(judged.account),
        "latency_us": latency_us,
    }


def refused_fields(status: int, bytes_in: int) -> dict[str, Any]:
    """Describe what becomes of a deny, which is answered at once and has no outcome of its own."""
    return {"status": status, "result": "refused", "bytes_in": bytes_in}


_OUTCOME_BLANKS: Final = {
    "bytes_in": b"%d",
    "bytes_out": b"%d",
    "first_byte_ms": b"%b",
    "id": b'"%b"',
    "result": b'"%b"',
    "status": b"%d",
    "total_ms": b"%b",
    "upstream": b"%b",
}
_OUTCOME: Final = form({"kind": "outcome", **dict.fromkeys(_OUTCOME_BLANKS)}, _OUTCOME_BLANKS)


def outcome_event(judged: Judged, outcome: Outcome) -> bytes:
    """Describe what became of it."""
    first_ms = outcome.first_byte_ms
    return _OUTCOME % (
        outcome.bytes_in,
        outcome.bytes_out,
        b"null" if first_ms is None else b"%a" % round(first_ms, 3),
        judged.id.encode(),
        outcome.kind.encode(),
        outcome.status,
        b"%a" % round(outcome.total_ms, 3),
        name_written(outcome.upstream),
    )


@lru_cache(maxsize=4096)
def name_written(name: str | None) -> bytes:
    """Write a name as a record does: of an account, a key, an upstream."""
    return canonical(name or None)


def account_fields(account: AccountView | None) -> dict[str, Any]:
    """Name the account and the key."""
    if account is None:
        return {"account": None, "key": None}
    return {"account": account.id, "key": account.key_id or None}


def shadow_fields(decision: Decision, other: Decision) -> dict[str, Any]:
    """Describe what a policy that is only tried says: why, if it is not what was decided."""
    same = (decision.effect, decision.obligations) == (other.effect, other.obligations)
    said = {"effect": other.effect.value} if same else decision_fields(other)
    return {"revision": other.revision, **said}


def decision_fields(decision: Decision) -> dict[str, Any]:
    """Describe a decision alone."""
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


def data_fields(located: Located | None) -> dict[str, Any]:
    """Name the data that a location rests on."""
    if located is None:
        return {"data": [], "stale": []}
    return {"data": [_source(one) for one in located.sources], "stale": located.stale}


def _source(source: SourceAnswer) -> dict[str, Any]:
    return _source_written(source.source, source.built_at, source.freshness)


@lru_cache(maxsize=256)
def _source_written(
    name: str, built_at: datetime | None, freshness: Freshness
) -> dict[str, str | None]:
    """Write a source once; nobody changes what this returns."""
    return {
        "source": name,
        "built_at": built_at.isoformat() if built_at else None,
        "freshness": freshness.value,
    }


def fact_written(fact: Fact) -> str | list[str]:
    """Write a fact: its candidates or elements, or why there are none."""
    return fact.value if isinstance(fact, Absent) else sorted(fact)
