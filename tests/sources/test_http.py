"""The endpoints over real HTTP: granian serves the app, requests come over a socket."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from granian.constants import Interfaces
from granian.server.embed import Server

from bailiwick.accounts import AccountDatabase
from bailiwick.accounts.sources import Inbox
from bailiwick.console import Sender, WebhookOptions, make_webhooks_app
from sources.conftest import current
from sources.stripes import SECRET, card, customer, event, raw, signed

KYC = "whsec_" + base64.b64encode(b"a secret of twenty-four").decode()


def now() -> int:
    return int(datetime.now(UTC).timestamp())


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[AccountDatabase]:
    made = AccountDatabase.open(f"sqlite:///{tmp_path / 'a.db'}", tmp_path / "secret", create=True)
    made.add_account("Acme", id="acme", actor="tester", reason="a test")
    yield made
    made.close()


@pytest.fixture
def inbox(accounts: AccountDatabase) -> Iterator[Inbox]:
    made = Inbox(accounts)
    yield made
    made.close()


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve on a free port of loopback until the end of the block."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ready, ended = threading.Event(), threading.Event()
    running: dict[str, Any] = {}

    def run() -> None:
        async def main() -> None:
            server = Server(app, "127.0.0.1", port, interface=Interfaces.ASGI, log_enabled=False)
            running["loop"], running["server"] = asyncio.get_running_loop(), server
            ready.set()
            await server.serve()

        asyncio.run(main())
        ended.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    _wait_for(port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running["loop"].call_soon_threadsafe(running["server"].stop)
        assert ended.wait(20)
        thread.join()


def _wait_for(port: int) -> None:
    import socket

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the server did not come up")


@pytest.fixture
def url(inbox: Inbox) -> Iterator[str]:
    options = WebhookOptions((SECRET,), {"kyc": Sender((KYC,), "T1"), "crm": Sender((KYC,))}, 4096)
    with serving(make_webhooks_app(inbox, options)) as found:
        yield found


def post(url: str, body: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx.post(f"{url}/webhooks/stripe", content=body, headers=named, timeout=20)


def standard(body: bytes, identity: str = "msg_1") -> dict[str, str]:
    at, key = now(), base64.b64decode(KYC.removeprefix("whsec_"))
    mac = hmac.new(key, f"{identity}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def cloud_event(number: int = 1, statements: Any = None, **more: Any) -> dict[str, Any]:
    given = [{"kind": "document", "values": ["US"], "tier": "T1"}] if statements is None else statements  # fmt: skip
    return {
        "specversion": "1.0", "id": f"e-{number}", "source": "/kyc", "type": "bailiwick.evidence",
        "time": f"2026-07-01T12:00:{number:02}Z", "subject": "acme",
        "data": {"statements": given}, **more,
    }  # fmt: skip


def send(url: str, name: str, value: Any) -> httpx.Response:
    body = raw(value)
    return httpx.post(f"{url}/webhooks/events/{name}", content=body, headers=standard(body), timeout=20)  # fmt: skip


def test_an_event_that_the_package_can_read_is_evidence_once_it_is_acknowledged(
    url: str, accounts: AccountDatabase
) -> None:
    made = event("customer.created", customer(address={"country": "DE"}), 1, now())
    body = raw(made)
    header = signed(body, at=now())

    known = stripe.Webhook.construct_event(body, header, SECRET)
    first = post(url, body, stripe_signature=header)
    again = post(url, body, stripe_signature=header)

    assert known.id == "evt_1"
    assert (first.status_code, first.json()) == (200, {"received": True, "outcome": "applied"})
    assert (again.status_code, again.json()["outcome"]) == (200, "duplicate")
    assert ("billing", "DE", "T3", "stripe:cus_1") in current(accounts)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{}", {}, 401, "bad_signature"),
        (b"{}", {"stripe_signature": "t=1,v1=0"}, 401, "bad_signature"),
        (b"{}", lambda: {"stripe_signature": signed(b"{} ", at=now())}, 401, "bad_signature"),
        (b"{}", lambda: {"stripe_signature": signed(b"{}", at=now() + 900)}, 401, "bad_signature"),
        (b"{}", lambda: {"stripe_signature": signed(b"{}", at=now() - 900)}, 401, "bad_signature"),
        (b"{}", lambda: {"stripe_signature": signed(b"{}", at=now())}, 400, "bad_event"),
        (b'{"id":"a","id":"b"}', lambda: {"stripe_signature": signed(b'{"id":"a","id":"b"}', at=now())}, 400, "bad_event"),
        (b"x" * 5000, {}, 413, "body_too_large"),
        (b"{}", {"content_encoding": "gzip"}, 415, "content_encoding"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_in_json_and_says_nothing_of_the_body(
    url: str, body: bytes, headers: Any, status: int, code: str
) -> None:
    found = post(url, body, **(headers() if callable(headers) else headers))

    assert (found.status_code, found.json()["error"]["code"]) == (status, code)


def test_other_paths_and_methods_are_refused_in_json(url: str) -> None:
    for found, status in (
        (httpx.get(f"{url}/webhooks/stripe"), 405), (httpx.post(f"{url}/webhooks"), 404),
        (httpx.post(f"{url}/webhooks/events/nobody", content=b"{}"), 404), (httpx.get(f"{url}/docs"), 404),
    ):  # fmt: skip
        assert (found.status_code, list(found.json())) == (status, ["error"])


def test_without_a_secret_there_is_no_endpoint(inbox: Inbox) -> None:
    with serving(make_webhooks_app(inbox, WebhookOptions())) as url:
        assert post(url, b"{}", stripe_signature=signed(b"{}", "", now())).status_code == 404


def test_a_cloud_event_states_what_its_sender_knows_of_an_account(
    url: str, accounts: AccountDatabase
) -> None:
    first = send(url, "kyc", cloud_event(1, [
        {"kind": "document", "values": ["US"], "tier": "T1"},
        {"kind": "billing", "address": {"country": "UA", "postal_code": "95000"}},
        {"kind": "phone", "number": "+77011234567"},
    ]))  # fmt: skip
    both = current(accounts)
    second = send(
        url, "kyc", cloud_event(2, [{"kind": "document", "values": ["DE"], "tier": "T1"}])
    )
    late = send(url, "kyc", cloud_event(0, [{"kind": "document", "values": ["FR"], "tier": "T1"}]))

    assert [one.json()["outcome"] for one in (first, second, late)] == [
        "applied",
        "applied",
        "older",
    ]
    assert both == {
        ("document", "US", "T1", "kyc"), ("billing", "UA-43", "T3", "kyc"),
        ("address_check", "valid", "T4", "kyc"), ("phone", "KZ", "T3", "kyc"),
    }  # fmt: skip
    assert current(accounts) == {("document", "DE", "T1", "kyc")}


def test_a_sender_cannot_give_a_better_tier_than_it_may(
    url: str, accounts: AccountDatabase
) -> None:
    send(url, "crm", cloud_event())

    assert current(accounts) == {("document", "US", "T3", "crm")}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (cloud_event() | {"specversion": "0.3"}, "not a CloudEvent of version 1.0"),
        ({"specversion": "1.0"}, "`id` is missing"),
        (cloud_event() | {"time": "2026-07-01T12:00:00"}, "`time` has no time zone"),
        (cloud_event() | {"time": "soon"}, "`time` is not a time"),
        (cloud_event() | {"data": {}}, "`data.statements` is not a list"),
        (cloud_event(1, [{"kind": "colour", "values": ["red"]}]), "unknown kind of evidence `colour`"),
        (cloud_event(1, [{"kind": "document", "values": ["QQ"]}]), "unknown place `QQ`"),
        (cloud_event(1, [{"kind": "document", "values": "US"}]), "`values` of `document` is not a list of texts"),
        (cloud_event(1, [{"kind": "document", "values": ["US"], "tier": "T0"}]), "`tier` of T1 to T4"),
        (cloud_event(1, [{"kind": "document", "values": ["US"], "x": 1}]), "a statement has keys of"),
        (cloud_event(1, [{"kind": "card", "values": ["US"]}] * 2), "a kind is stated twice"),
    ],
)  # fmt: skip
def test_what_a_cloud_event_gets_wrong_is_told(url: str, made: Any, message: str) -> None:
    found = send(url, "kyc", made)

    assert found.status_code == 400
    assert message in found.json()["error"]["message"]


def test_events_of_other_types_are_taken_and_counted(url: str, inbox: Inbox) -> None:
    assert send(url, "kyc", cloud_event() | {"type": "other"}).json()["outcome"] == "ignored"
    assert inbox.counts == {("kyc", "other", "ignored"): 1}


def test_a_database_that_is_away_is_answered_with_come_again(
    url: str, accounts: AccountDatabase, tmp_path: Path
) -> None:
    body = raw(event("customer.created", customer(address={"country": "DE"}), 1, now()))
    (tmp_path / "a.db").rename(tmp_path / "away.db")
    away = post(url, body, stripe_signature=signed(body, at=now()))
    (tmp_path / "away.db").rename(tmp_path / "a.db")
    back = post(url, body, stripe_signature=signed(body, at=now()))

    assert (away.status_code, away.json()["error"]["code"]) == (503, "unavailable")
    assert away.headers["retry-after"] == "5"
    assert back.json()["outcome"] == "applied"


def test_nothing_personal_is_logged(url: str, caplog: pytest.LogCaptureFixture) -> None:
    found = customer(address={"country": "DE", "line1": "77 Hidden Lane"}, email="pat@example.org")
    body = raw(event("customer.created", found, 1, now()))
    with caplog.at_level(logging.DEBUG, logger="bailiwick"):
        post(url, body, stripe_signature=signed(body, at=now()))
        post(url, body + b" ", stripe_signature=signed(body, at=now()))
        post(url, body[:-1], stripe_signature=signed(body[:-1], at=now()))

    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "refused: bad_signature" in said
    assert "Hidden" not in said
    assert "pat@" not in said


def test_a_hundred_at_once_share_few_transactions(url: str, accounts: AccountDatabase) -> None:
    async def flood() -> list[int]:
        async with httpx.AsyncClient(timeout=30) as client:
            bodies = [raw(event("payment_method.attached", card(f"pm_{n}"), n, now())) for n in range(100)]  # fmt: skip
            tasks = [client.post(f"{url}/webhooks/stripe", content=body, headers={"stripe-signature": signed(body, at=now())}) for body in bodies]  # fmt: skip
            return [one.status_code for one in await asyncio.gather(*tasks)]

    assert asyncio.run(flood()) == [200] * 100
    body = raw(event("customer.created", customer(), 200, now()))
    post(url, body, stripe_signature=signed(body, at=now()))
    assert sum(one[0] == "card" for one in current(accounts)) == 100


def test_json_is_what_is_answered(url: str) -> None:
    assert json.loads(post(url, b"{}").content)["error"]["message"]


def test_a_cloud_event_of_the_future_is_refused_so_that_later_ones_count(
    url: str, accounts: AccountDatabase
) -> None:
    refused = send(url, "kyc", cloud_event(1, time="2999-01-01T00:00:00Z"))
    taken = send(url, "kyc", cloud_event(2))

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_event")
    assert taken.json()["outcome"] == "applied"
