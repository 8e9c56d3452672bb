"""Events as Stripe sends them, and the signature that it puts on them."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

SECRET = "whsec_test_one"
T0 = 1_782_864_000
"""2026-07-01T00:00Z, the time of the tests' clock."""


def event(kind: str, found: Mapping[str, Any], number: int = 1, at: int = T0 - 3600, before: Mapping[str, Any] | None = None) -> dict[str, Any]:  # fmt: skip
    data: dict[str, Any] = {"object": dict(found)}
    if before is not None:
        data["previous_attributes"] = dict(before)
    return {
        "id": f"evt_{number}", "object": "event", "api_version": "2026-01-28", "created": at,
        "type": kind, "livemode": True, "pending_webhooks": 1, "request": None, "data": data,
    }  # fmt: skip


def customer(identity: str = "cus_1", account: str | None = "acme", **more: Any) -> dict[str, Any]:
    metadata = {"bailiwick_account": account} if account else {}
    return {"id": identity, "object": "customer", "metadata": metadata, **more}


def card(identity: str = "pm_1", owner: str | None = "cus_1", country: str = "US", postcode: str = "unchecked", funding: str = "credit", billing: Mapping[str, Any] | None = None, fingerprint: str = "fp1") -> dict[str, Any]:  # fmt: skip
    return {
        "id": identity, "object": "payment_method", "type": "card", "customer": owner, "metadata": {},
        "billing_details": {"address": dict(billing or {})},
        "card": {
            "country": country, "funding": funding, "fingerprint": fingerprint,
            "checks": {"address_postal_code_check": postcode, "address_line1_check": None},
        },
    }  # fmt: skip


def signed(body: bytes, secret: str = SECRET, at: int = T0) -> str:
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def raw(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode()
