"""Events of Stripe as evidence: the countries in them, and nothing that names a person.

Fields and their meaning are those of the public API, as reported in its reference (2026):
a card's country is its issuer's (T2; T3 for prepaid cards, which anybody can buy), an address is
self-declared (T3) until the issuer confirms its postcode (T2), a checked document is T1. An address
of the network is no evidence, and a tax place that was inferred from an address or card that we
already have is not counted again.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bailiwick.accounts.sources.addresses import address_link, read_address
from bailiwick.accounts.sources.events import BadEvent, Event, Said, is_plain
from bailiwick.accounts.sources.phones import phone_place
from bailiwick.places import canonical

SENDER = "stripe"
ACCOUNT_KEY = "bailiwick_account"
"""The key of ``metadata`` that names the account."""
GONE = frozenset({"customer.deleted", "payment_method.detached", "customer.tax_id.deleted"})
BANKS = ("us_bank_account", "sepa_debit", "bacs_debit", "au_becs_debit", "acss_debit")
"""Payment methods that draw on a bank account, with a fingerprint of it."""
MOST_ID = 56
"""Longest id that still fits behind ``stripe:`` in the name of a source."""

_OBJECT = re.compile(r"[A-Za-z0-9._:@-]+")

Object = Mapping[str, Any]


def read_stripe_event(body: Any) -> Event:
    """Say what one event means; an event of a type that we do not know says nothing.

    Raises ``BadEvent`` for what is no event.
    """
    identity, kind, created = (_field(body, key) for key in ("id", "type", "created"))
    if not is_plain(identity, 100):
        raise BadEvent("the event has no id")
    if not is_plain(kind, 100):
        raise BadEvent("the event has no type")
    if not (type(created) is int and 0 < created < 1 << 33):
        raise BadEvent("the event does not say when it was created")
    at = datetime.fromtimestamp(created, UTC)
    read = next((one for prefix, one in READERS.items() if kind.startswith(prefix)), None)
    if read is None:
        return Event(SENDER, identity, kind, at)
    data = _mapping(_field(body, "data"))
    found = _mapping(data.get("object"))
    target = found.get("id")
    if not (is_plain(target, MOST_ID) and _OBJECT.fullmatch(target)):
        raise BadEvent("the event has no object")
    before = _mapping(data.get("previous_attributes"))
    return Event(
        sender=SENDER,
        id=identity,
        type=kind,
        created_at=at,
        object=target,
        owner=_owner(found, kind) or _id(before.get("customer")),
        account=_account(found),
        said=() if kind in GONE else tuple(read(found)),
        links=() if kind in GONE else tuple(_links(found)),
        note=_note(kind, found),
    )


def _customer(found: Object) -> Iterator[Said]:
    yield from _address("billing", found.get("address"), "T3")
    place = phone_place(found.get("phone") or "") if isinstance(found.get("phone"), str) else None
    if place:
        yield Said("phone", (place,), "T3")
    tax = _mapping(_mapping(found.get("tax")).get("location"))
    if tax.get("source") == "shipping_destination" and (place := _place(tax.get("country"))):
        yield Said("tax", (place,), "T3")


def _payment_method(found: Object) -> Iterator[Said]:
    card = _mapping(found.get("card"))
    funding = card.get("funding")
    if place := _place(card.get("country")):
        yield Said("card", (place,), "T3" if funding == "prepaid" else "T2")
    if funding in {"credit", "debit", "prepaid", "unknown"}:
        yield Said("funding", (str(funding),), "T2")
    confirmed = _mapping(card.get("checks")).get("address_postal_code_check") == "pass"
    billing = _mapping(found.get("billing_details")).get("address")
    yield from _address("billing", billing, "T2" if confirmed else "T3")


def _tax_id(found: Object) -> Iterator[Said]:
    verified = _mapping(found.get("verification")).get("status") == "verified"
    if place := _place(found.get("country")):
        yield Said("tax", (place,), "T1" if verified else "T3")


def _session(found: Object) -> Iterator[Said]:
    """Take the country that issued the document, where the event has it, of a verified session."""
    if found.get("status") != "verified":
        return
    report = _mapping(found.get("last_verification_report"))
    if place := _place(_mapping(report.get("document")).get("issuing_country")):
        yield Said("document", (place,), "T1")


def _nothing(found: Object) -> Iterator[Said]:
    del found
    return iter(())


READERS: Mapping[str, Callable[[Object], Iterator[Said]]] = {
    "customer.tax_id.": _tax_id,
    "customer.created": _customer,
    "customer.updated": _customer,
    "customer.deleted": _customer,
    "payment_method.": _payment_method,
    "identity.verification_session.": _session,
    "review.": _nothing,
    "radar.early_fraud_warning.": _nothing,
}
"""Types of events by their beginning."""

NOTED = {
    "review.": ("opened_reason", "closed_reason", "reason"),
    "radar.early_fraud_warning.": ("fraud_type", "actionable"),
    "identity.verification_session.": ("status", "type"),
}


def _note(kind: str, found: Object) -> Mapping[str, str] | None:
    """Tell a reviewer of what is no evidence: a review, a warning, the result of a check."""
    for prefix, keys in NOTED.items():
        if kind.startswith(prefix):
            return {
                key: str(found[key])[:64] for key in keys if isinstance(found.get(key), str | bool)
            }
    return None


def _address(kind: str, given: Any, tier: str) -> Iterator[Said]:
    address = read_address(_mapping(given))
    if address.places:
        yield Said(kind, address.places, tier)
    if address.check:
        yield Said("address_check", (address.check,), "T4")


def _links(found: Object) -> Iterator[str]:
    """Name what other customers may have too: the same card, bank account, payer, address."""
    details = _mapping(found.get("billing_details"))
    named = [("card", _mapping(found.get("card")).get("fingerprint"))]
    named += [("payer", _mapping(found.get(kind)).get("fingerprint")) for kind in BANKS]
    named += [("payer", mail.casefold()) for mail in (found.get("email"), details.get("email"))
              if isinstance(mail, str)]  # fmt: skip
    for kind, value in named:
        if is_plain(value, 300):
            yield f"{kind}:{value}"
    for address in (found.get("address"), details.get("address")):
        if link := address_link(_mapping(address)):
            yield link


def _owner(found: Object, kind: str) -> str | None:
    if kind.startswith("customer.") and not kind.startswith("customer.tax_id."):
        return _id(found.get("id"))
    charge = _mapping(found.get("charge"))
    every = (found.get("customer"), found.get("related_customer"), charge.get("customer"))
    return next((one for one in map(_id, every) if one), None)


def _id(value: Any) -> str | None:
    """Read a reference: an id, or the object itself where it was expanded."""
    text = value.get("id") if isinstance(value, dict) else value
    return text if is_plain(text, 100) else None


def _account(found: Object) -> str | None:
    name = _mapping(found.get("metadata")).get(ACCOUNT_KEY)
    return name if is_plain(name, 64) else None


def _place(code: Any) -> str | None:
    return canonical(code.upper()) if isinstance(code, str) else None


def _mapping(value: Any) -> Object:
    return value if isinstance(value, dict) else {}


def _field(body: Any, key: str) -> Any:
    return body.get(key) if isinstance(body, dict) else None
