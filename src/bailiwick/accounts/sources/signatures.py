"""Who sent a webhook: HMAC-SHA256 signatures of Stripe, and of the Standard Webhooks convention.

Both sign a time. It must be within the tolerance on either side of now: an event from the future
could be replayed until then. Several secrets are good at once, so that they can be changed.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

TOLERANCE = timedelta(seconds=300)
MOST_SIGNATURES = 16


class BadSignature(Exception):
    """The sender cannot be told; ``str()`` of it is fit for a log."""


def verify_stripe(
    body: bytes,
    header: str,
    secrets: Sequence[str],
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> None:
    """Check a ``Stripe-Signature`` header: ``t=TIME,v1=HEX[,v1=HEX]``."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for key, _, value in pairs if key == "t"]
    given = [value for key, _, value in pairs if key == "v1"]
    if len(times) != 1:
        raise BadSignature("the signature has not one time")
    _check_time(times[0], now, tolerance)
    signed = times[0].encode() + b"." + body
    expected = [hmac.new(one.encode(), signed, "sha256").hexdigest() for one in secrets]
    _compare(given, expected)


def verify_standard(
    body: bytes,
    identity: str,
    sent_at: str,
    header: str,
    secrets: Sequence[str],
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> None:
    """Check the headers ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``."""
    _check_time(sent_at, now, tolerance)
    signed = f"{identity}.{sent_at}.".encode() + body
    given = [
        text for kind, _, text in (one.partition(",") for one in header.split()) if kind == "v1"
    ]
    expected = [
        base64.b64encode(hmac.new(standard_key(one), signed, "sha256").digest()).decode()
        for one in secrets
    ]
    _compare(given, expected)


def standard_key(secret: str) -> bytes:
    """Read a secret of the form ``whsec_BASE64``."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret is `whsec_` and base64") from None


def _check_time(text: str, now: datetime, tolerance: timedelta) -> None:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadSignature("the time of the signature is not a number")
    if abs(now.timestamp() - int(text)) > tolerance.total_seconds():
        raise BadSignature("the signature is too old, or from the future")


def _compare(given: Sequence[str], expected: Iterable[str]) -> None:
    """Compare every signature with every secret's, so that time tells nothing."""
    if not given or len(given) > MOST_SIGNATURES:
        raise BadSignature("there is no signature that we know, or too many")
    found = False
    for one in expected:
        for text in given:
            found |= hmac.compare_digest(one.encode(), text.encode("utf-8", "replace"))
    if not found:
        raise BadSignature("no signature fits")
