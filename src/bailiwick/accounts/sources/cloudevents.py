"""Events of any other system: CloudEvents 1.0 in structured mode, with evidence in ``data``.

    {"specversion": "1.0", "id": "e-1", "source": "/kyc", "type": "bailiwick.evidence",
     "time": "2026-07-01T12:00:00Z", "subject": "acme",
     "data": {"statements": [{"kind": "document", "values": ["US"], "tier": "T1"}]}}

``subject`` is the id of the account, ``time`` is when the sender saw it. A sender has one voice for
each account: its last event says all that it knows, so a kind that is left out is withdrawn.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bailiwick.accounts.sources.addresses import address_link, read_address
from bailiwick.accounts.sources.events import BadEvent, Event, Said, is_plain
from bailiwick.accounts.sources.phones import phone_place
from bailiwick.accounts.values import PLACE_KINDS, TIERS, Checks
from bailiwick.errors import InvalidInput

TYPE = "bailiwick.evidence"
MOST_STATEMENTS = 32
KEYS = frozenset({"kind", "values", "tier", "address", "number"})


def read_cloud_event(body: Any, sender: str, best_tier: str) -> Event:
    """Say what an event means; of another type it says nothing. Raises ``BadEvent``.

    ``best_tier``: the best tier that this sender may give; better ones are taken for it.
    """
    if not isinstance(body, dict) or body.get("specversion") != "1.0":
        raise BadEvent("not a CloudEvent of version 1.0")
    identity, kind, at = _text(body, "id", 100), _text(body, "type", 100), _time(body)
    _text(body, "source", 200)
    if kind != TYPE:
        return Event(sender, identity, kind, at)
    account = _text(body, "subject", 64)
    data = body.get("data")
    statements = data.get("statements") if isinstance(data, dict) else None
    if not isinstance(statements, list) or len(statements) > MOST_STATEMENTS:
        raise BadEvent(f"`data.statements` is not a list of at most {MOST_STATEMENTS}")
    said = [one for given in statements for one in read_said(given, best_tier)]
    links = tuple(_links(data, statements))
    if len({one.kind for one in said}) < len(said):
        raise BadEvent("a kind is stated twice")
    return Event(sender, identity, kind, at, object=account, account=account,
                 said=tuple(said), links=links)  # fmt: skip


def read_said(given: Any, best_tier: str) -> Iterator[Said]:
    """Read one statement: ``values``, or an ``address`` or phone ``number`` that has a place."""
    if not isinstance(given, dict) or given.keys() - KEYS:
        raise BadEvent(f"a statement has keys of {', '.join(sorted(KEYS))}")
    kind, tier = given.get("kind"), given.get("tier", "T3")
    if not isinstance(kind, str) or tier not in TIERS:
        raise BadEvent("a statement needs a `kind`, and a `tier` of T1 to T4")
    tier = max(tier, best_tier)
    if len(given.keys() & {"values", "address", "number"}) != 1:
        raise BadEvent("a statement has one of `values`, `address` and `number`")
    if "address" in given:
        yield from _address(kind, given["address"], tier)
        return
    values = _values(kind, given)
    checks = Checks()
    checks.kind(kind)
    checks.few(f"`{kind}`", values)
    canonical = tuple(sorted({checks.value(kind, one) for one in values}))
    try:
        checks.finish()
    except InvalidInput as error:
        raise BadEvent(error.problems[0].message) from None
    yield Said(kind, canonical, tier)


def _links(data: Any, statements: list[Any]) -> Iterator[str]:
    """Name what other accounts may have too: addresses, and ``card`` and ``payer`` of ``links``."""
    for given in statements:
        if "address" in given and (link := address_link(given["address"])):
            yield link
    links = data.get("links", {})
    if not isinstance(links, dict) or links.keys() - {"card", "payer"}:
        raise BadEvent("`data.links` has `card` and `payer`, and nothing else")
    for kind, value in links.items():
        if not is_plain(value, 200):
            raise BadEvent(f"`data.links.{kind}` is no text of at most 200 characters")
        yield f"{kind}:{value}"


def _values(kind: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    if "number" in given:
        number = given["number"]
        if kind != "phone" or not isinstance(number, str):
            raise BadEvent("`number` is the text of a statement of the kind `phone`")
        place = phone_place(number)
        return (place,) if place else ()
    values = given.get("values")
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise BadEvent(f"`values` of `{kind[:40]}` is not a list of texts")
    return tuple(values)


def _address(kind: str, given: Any, tier: str) -> Iterator[Said]:
    if kind not in PLACE_KINDS or not isinstance(given, dict):
        raise BadEvent("`address` is an object, in a statement of a kind that is a place")
    address = read_address(given)
    yield Said(kind, address.places, tier)
    if address.check:
        yield Said("address_check", (address.check,), "T4")


def _text(body: Mapping[str, Any], key: str, longest: int) -> str:
    text = body.get(key)
    if not is_plain(text, longest):
        raise BadEvent(f"`{key}` is missing or is no plain text of at most {longest} characters")
    return text


def _time(body: Mapping[str, Any]) -> datetime:
    try:
        at = datetime.fromisoformat(_text(body, "time", 40))
        if at.tzinfo is None:
            raise BadEvent("`time` has no time zone")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadEvent("`time` is not a time such as 2026-07-01T12:00:00Z") from None
