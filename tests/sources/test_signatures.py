"""Who sent a webhook: the ``stripe`` package and the Standard Webhooks text are the oracles."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from bailiwick.accounts.sources import (
    BadSignature,
    NotJson,
    read_json,
    standard_key,
    verify_standard,
    verify_stripe,
)
from sources.stripes import SECRET, T0, signed

NOW = datetime.fromtimestamp(T0, UTC)
BODY = b'{"id": "evt_1", "object": "event"}'


def test_what_stripe_signs_is_taken() -> None:
    at = int(datetime.now(UTC).timestamp())
    header = signed(BODY, at=at)

    stripe.WebhookSignature.verify_header(BODY.decode(), header, SECRET, 300)
    verify_stripe(BODY, header, [SECRET], datetime.now(UTC))


@pytest.mark.parametrize(
    "header",
    [
        "", "t=1", f"t={T0}", f"v1={'0' * 64}", f"t={T0},v1=", f"t={T0},v0={'0' * 64}",
        f"t={T0},v1={'0' * 64}", f"t=x,v1={'0' * 64}", f"t=,v1={'0' * 64}", f"t=-1,v1={'0' * 64}",
        f"t={T0},t={T0},v1={'0' * 64}", "t=\u0661,v1=0", f"t={'9' * 13},v1=0",
        signed(BODY, "whsec_other"), signed(BODY + b" "), f"t={T0}," + ",".join(["v1=0"] * 20),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_as_stripe_refuses_it(header: str) -> None:
    with pytest.raises(BadSignature):
        verify_stripe(BODY, header, [SECRET], NOW)
    with pytest.raises((stripe.SignatureVerificationError, ValueError, IndexError, OverflowError)):
        stripe.WebhookSignature.verify_header(BODY.decode(), header, SECRET, None)


@pytest.mark.parametrize(("seconds", "taken"), [(0, True), (300, True), (301, False), (-300, True), (-301, False), (-86400, False)])  # fmt: skip
def test_the_time_must_be_near_on_either_side(seconds: int, taken: bool) -> None:
    header = signed(BODY, at=T0 - seconds)

    if taken:
        verify_stripe(BODY, header, [SECRET], NOW)
    else:
        with pytest.raises(BadSignature, match="too old, or from the future"):
            verify_stripe(BODY, header, [SECRET], NOW)


def test_the_package_takes_an_event_of_tomorrow_and_we_do_not() -> None:
    header = signed(BODY, at=int((datetime.now(UTC) + timedelta(days=1)).timestamp()))

    stripe.WebhookSignature.verify_header(BODY.decode(), header, SECRET, 300)
    with pytest.raises(BadSignature):
        verify_stripe(BODY, header, [SECRET], datetime.now(UTC))


def test_secrets_can_be_changed_while_both_are_good() -> None:
    old, new = signed(BODY, "whsec_old"), signed(BODY, "whsec_new")
    both = f"{old},{new.partition(',')[2]}"

    for header in (old, new, both):
        verify_stripe(BODY, header, ["whsec_new", "whsec_old"], NOW)
    with pytest.raises(BadSignature):
        verify_stripe(BODY, old, ["whsec_new"], NOW)


def standard(body: bytes, secret: str, identity: str = "msg_1", at: int = T0) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{identity}.{at}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


STANDARD = "whsec_" + base64.b64encode(b"a secret of twenty-four").decode()


def test_a_standard_webhook_signs_its_id_its_time_and_its_body() -> None:
    header = standard(BODY, STANDARD)

    verify_standard(BODY, "msg_1", str(T0), f"v1a,xxx {header}", [STANDARD], NOW)
    for wrong in (("msg_2", T0, header), ("msg_1", T0 + 1, header), ("msg_1", T0, "v1,AAAA"), ("msg_1", T0, ""), ("msg_1", T0 + 301, standard(BODY, STANDARD, at=T0 + 301))):  # fmt: skip
        with pytest.raises(BadSignature):
            verify_standard(BODY, wrong[0], str(wrong[1]), wrong[2], [STANDARD], NOW)


def test_the_example_of_the_standard_is_taken() -> None:
    """The worked example of the Standard Webhooks specification."""
    body = b'{"test": 2432232314}'
    header = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    at = 1614265330

    verify_standard(body, "msg_p5jXN8AQM9LWM0D4loKWxJek", str(at), header, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], datetime.fromtimestamp(at, UTC))  # fmt: skip


def test_a_secret_that_is_no_base64_is_refused() -> None:
    with pytest.raises(ValueError, match="base64"):
        standard_key("whsec_$$$")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1}}', b'{"a": NaN}', b'{"a": Infinity}', b"\xff", b"\xef\xbb\xbf{}", '{"a": 1}'.encode("utf-16"), b"[" * 100_000, b'{"a":' * 70 + b"1" + b"}" * 70],
)  # fmt: skip
def test_json_that_could_mean_two_things_is_refused(body: bytes) -> None:
    with pytest.raises(NotJson):
        read_json(body)
