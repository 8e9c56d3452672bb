"""Orders, exemptions and suspensions reach a running gateway, and answers under way with them."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

import people
from bailiwick.accounts import Directives
from bailiwick.audit import show
from bootstrap.helpers import BY, POLICY, US, Folder, Upstream
from bootstrap.test_run import Running, running, until

WHY = {"by": "ann", "reason": "a test"}
EXEMPT = POLICY.replace(
    "tests:",
    "  - {id: not-now, deny: opus, where: {address: us}}\n"
    "  - {id: lifts, exempt: opus, lifts: [not-now], labels: {any: [trusted]}, until: 2099-01-01T00:00Z}\n"
    "tests:",
).replace("effect: permit, determining: in-us", "effect: deny")


class Streaming(Upstream):
    """Answers with a stream that does not end by itself."""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        class Handler(super()._handler()):  # type: ignore[misc]  # a class made by a function
            def do_POST(self) -> None:  # noqa: N802 - the name that is called
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                try:
                    for _ in range(600):
                        self.wfile.write(b"event: ping\ndata: {}\n\n")
                        self.wfile.flush()
                        time.sleep(0.1)
                except OSError:
                    return

        return Handler


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.close()


@pytest.fixture
def streaming() -> Iterator[Upstream]:
    made = Streaming()
    yield made
    made.close()


def in_a_week() -> datetime:
    return datetime.now(UTC) + timedelta(days=7)


def ask_for_stream(gateway: Running, key: str) -> socket.socket:
    body = json.dumps(
        {
            "model": "claude-opus-4-1",
            "max_tokens": 5,
            "stream": True,
            "messages": [{"role": "user", "content": "hi"}],
        }
    )
    stream = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
    head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nx-forwarded-for: {US}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    stream.sendall((head + body).encode())
    return stream


def open_stream(gateway: Running, key: str) -> socket.socket:
    stream = ask_for_stream(gateway, key)
    assert b"event: ping" in _until(stream, b"event: ping")
    return stream


def _until(stream: socket.socket, wanted: bytes) -> bytes:
    got = b""
    while wanted not in got and (piece := stream.recv(65536)):
        got += piece
    return got


def rest_of(stream: socket.socket) -> bytes:
    got = b""
    while piece := stream.recv(65536):
        got += piece
    return got


def outcomes(folder: Folder) -> list[Any]:
    events = [entry.record.event for entry in show(folder.path / "audit")]
    return [event["result"] for event in events if event["kind"] == "outcome"]


def test_an_order_switches_a_model_off_and_on_but_for_its_exceptions(
    folder: Folder, upstream: Upstream
) -> None:
    key = folder.add_key()
    database = folder.database()
    database.add_account("Excepted", id="excepted", **BY)
    database.set_evidence("excepted", "billing", ["US"], **BY)
    excepted = database.add_key("excepted", **BY).raw
    directives = Directives(database)
    with running(folder, upstream) as gateway:
        before = gateway.send(key, US)[0]
        order = directives.switch_off(
            ["anthropic/claude-opus-*"], review_by=in_a_week(), except_accounts=["excepted"], **WHY
        )
        switched_off = until(lambda: gateway.send(key, US)[0] == 403, 5)
        others = gateway.send(excepted, US)[0]
        directives.switch_on(order, **WHY)
        switched_on = until(lambda: gateway.send(key, US)[0] == 200, 5)

    assert (before, others) == (200, 200)
    assert switched_off
    assert switched_on
    events = [entry.record.event for entry in show(folder.path / "audit")]
    assert any("order.off" in str(event.get("reasons")) for event in events)


def test_an_order_that_was_given_before_the_start_holds_from_the_first_request(
    folder: Folder, upstream: Upstream
) -> None:
    key = folder.add_key()
    Directives(folder.database()).switch_off(["*"], review_by=in_a_week(), **WHY)
    with running(folder, upstream) as gateway:
        assert gateway.send(key, US)[0] == 403


@pytest.mark.parametrize("by", ["order", "suspension", "revocation"])
def test_an_open_stream_is_cut_when_its_permit_is_withdrawn(
    folder: Folder, streaming: Upstream, by: str
) -> None:
    key = folder.add_key()
    with running(folder, streaming) as gateway, open_stream(gateway, key) as stream:
        database = folder.database()
        if by == "order":
            Directives(database).switch_off(["anthropic/*"], review_by=in_a_week(), **WHY)
        elif by == "suspension":
            people.suspend(database, "acme")
        else:
            (found,) = [row.id for row in _keys(folder)]
            database.revoke_key(found, **BY)
        got = rest_of(stream)

    assert not got.endswith(b"0\r\n\r\n")  # nobody can take it for complete
    assert outcomes(folder) == ["withdrawn"]


def test_an_order_that_is_lifted_at_once_keeps_nobody_out(
    folder: Folder, streaming: Upstream
) -> None:
    """Somebody is cut at most: they are told that it is not complete, and may come again."""
    key = folder.add_key()
    directives = Directives(folder.database())
    with running(folder, streaming) as gateway:
        with open_stream(gateway, key) as stream:
            for _ in range(3):
                order = directives.switch_off(["anthropic/*"], review_by=in_a_week(), **WHY)
                directives.switch_on(order, **WHY)
            again = until(lambda: _opens(gateway, key), 10)
            stream.settimeout(10)
            goes_on = stream.recv(65536) != b""
        with open_stream(gateway, key) as stream:
            order = directives.switch_off(["anthropic/*"], review_by=in_a_week(), **WHY)
            cut = rest_of(stream)
            directives.switch_on(order, **WHY)
            after = until(lambda: _opens(gateway, key), 10)

    assert again
    assert not cut.endswith(b"0\r\n\r\n")
    assert after
    assert directives.orders() == ()
    assert outcomes(folder).count("withdrawn") == (1 if goes_on else 2)


def _opens(gateway: Running, key: str) -> bool:
    """Whether a stream begins, by the status alone: a refusal leaves the connection open."""
    with ask_for_stream(gateway, key) as stream:
        return b" 200 " in _until(stream, b"\r\n").partition(b"\r\n")[0]


def _keys(folder: Folder) -> Any:
    from bailiwick.accounts import show_account

    return show_account(folder.database(), "acme").keys


def test_an_approved_exemption_reaches_the_gateway_and_is_named_in_the_record(
    folder: Folder, upstream: Upstream
) -> None:
    key = folder.add_key()
    folder.write(policy=EXEMPT)
    database = folder.database()
    database.set_label("acme", "trusted", **BY)
    directives = Directives(database)
    with running(folder, upstream) as gateway:
        before = gateway.send(key, US)[0]
        identity = directives.add_exemption("lifts", until=in_a_week(), **WHY)
        directives.approve_exemption(identity, by="ben")
        approved = until(lambda: gateway.send(key, US)[0] == 200, 5)
        uses = until(lambda: directives.exemptions()[0].uses, 5)
        directives.revoke_exemption(identity, by="ben", reason="enough")
        revoked = until(lambda: gateway.send(key, US)[0] == 403, 5)

    assert before == 403
    assert approved
    assert uses
    assert revoked
    events = [entry.record.event for entry in show(folder.path / "audit")]
    permits = [event for event in events if event.get("effect") == "permit"]
    assert "lifts" in permits[0]["determining"]
