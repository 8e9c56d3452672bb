"""What happens between a caller and an upstream while an answer is on its way."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anthropic
import httpx2 as httpx
import pytest
from gateway_certificate import make_certificate
from gateway_process import GatewayProcess
from gateway_upstream import Upstream, events

from gateway_raw import ask, message, request, talk

Start = Callable[..., GatewayProcess]


@contextmanager
def streaming(gateway: GatewayProcess, text: str, key: str = "key-a") -> Iterator[httpx.Response]:
    asked = {
        "model": "claude-test", "max_tokens": 9, "stream": True,
        "messages": [{"role": "user", "content": text}],
    }  # fmt: skip
    headers = {"x-api-key": key}
    url = f"{gateway.url}/v1/messages"
    with (
        httpx.Client(timeout=10) as client,
        client.stream("POST", url, json=asked, headers=headers) as got,
    ):
        yield got


def decision_of(response: httpx.Response) -> str:
    return str(response.headers["x-bailiwick-decision"])


def listen(gateway: GatewayProcess, text: str) -> tuple[bytes, str, bool]:
    """Read a stream to its end: what came, its decision, and whether it was broken off."""
    heard = b""
    with streaming(gateway, text) as got:
        try:
            for chunk in got.iter_raw():
                heard += chunk
        except httpx.RemoteProtocolError:
            return heard, decision_of(got), True
        return heard, decision_of(got), False


def outcome(gateway: GatewayProcess, id_: str) -> dict[str, object]:
    return gateway.event(event="outcome", id=id_)


def until(done: Callable[[], bool], seconds: float = 3) -> float:
    began = time.monotonic()
    while not done():
        assert time.monotonic() < began + seconds, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - began


def test_events_come_as_they_are_sent_and_unchanged(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    began = time.monotonic()
    with streaming(gateway, "stream 10 0.05") as got:
        chunks = [(chunk, time.monotonic() - began) for chunk in got.iter_raw()]
        id_ = decision_of(got)

    first, last = chunks[0][1], chunks[-1][1]
    assert b"".join(chunk for chunk, _ in chunks) == b"".join(events(10))
    assert len(chunks) >= 10
    assert last - first > 0.2
    assert got.headers["content-type"] == "text/event-stream"
    assert outcome(gateway, id_)["kind"] == "completed"
    assert outcome(gateway, id_)["bytes_out"] == sum(map(len, events(10)))
    assert upstream.last.body["stream"] is True


def test_the_first_event_does_not_wait_for_the_second(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    pause_s = 2.0
    with streaming(gateway, f"stream 2 {pause_s}") as got:
        began = time.monotonic()
        next(got.iter_raw())

        assert time.monotonic() - began < pause_s / 2


def test_an_answer_in_chunks_arrives_whole(gateway: GatewayProcess, upstream: Upstream) -> None:
    status, answer = ask(gateway.port, message("chunked"))

    assert status == 200
    assert answer["content"] == [{"type": "text", "text": "hello"}]


def test_a_large_answer_arrives_whole(gateway: GatewayProcess, upstream: Upstream) -> None:
    got = httpx.post(
        f"{gateway.url}/v1/messages", content=message("big 3000000"), headers={"x-api-key": "key-a"}
    )

    assert len(got.json()["pad"]) == 3_000_000


def test_a_reset_upstream_looks_like_an_aborted_stream(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    heard, id_, broken = listen(gateway, "cut 3")

    row = outcome(gateway, id_)
    assert broken
    assert heard == b"".join(events(3)[:5])
    assert row["kind"] == "upstream_reset"
    assert row["bytes_out"] == len(heard)


def test_the_official_client_notices_an_aborted_stream(gateway: GatewayProcess) -> None:
    asked = {
        "model": "claude-test",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "cut 3"}],
    }
    broken = (anthropic.APIConnectionError, httpx.RemoteProtocolError)
    with (
        anthropic.Anthropic(api_key="key-a", base_url=gateway.url, max_retries=0) as client,
        client.messages.stream(**asked) as stream,
        pytest.raises(broken),
    ):
        stream.get_final_message()


def test_an_aborted_stream_has_no_proper_end_on_the_wire(gateway: GatewayProcess) -> None:
    heard = talk(gateway.port, request(message("cut 2", stream=True)), wait=2)

    assert heard.ending in {"closed", "reset"}
    assert b"message_start" in heard.data
    assert not heard.data.endswith(b"0\r\n\r\n")


def test_a_stream_that_ends_has_a_proper_end_on_the_wire(gateway: GatewayProcess) -> None:
    heard = talk(gateway.port, request(message("stream 2 0", stream=True)), wait=2)

    assert heard.data.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("text", ["reset", "short"])
def test_an_upstream_that_breaks_before_an_answer_is_a_502(
    text: str, gateway: GatewayProcess, upstream: Upstream
) -> None:
    for streamed in (False, True):
        status, answer = ask(gateway.port, message(text, stream=streamed))

        assert status == 502
        assert answer["bailiwick"]["code"] == "upstream_failed"
        assert outcome(gateway, answer["bailiwick"]["decision"])["kind"] == "upstream_error"


def test_an_upstream_that_hangs_is_a_504(gateway: GatewayProcess, upstream: Upstream) -> None:
    for streamed in (False, True):
        began = time.monotonic()
        status, answer = ask(gateway.port, message("hang", stream=streamed))

        assert status == 504
        assert 1.4 < time.monotonic() - began < 3
        assert outcome(gateway, answer["bailiwick"]["decision"])["kind"] == "timeout"
        until(lambda: upstream.last.done == "left")


def test_an_upstream_that_hangs_in_the_middle_is_cut(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    began = time.monotonic()
    _, id_, broken = listen(gateway, "hang mid")

    assert broken
    assert 0.9 < time.monotonic() - began < 3
    assert outcome(gateway, id_)["kind"] == "timeout"
    until(lambda: upstream.last.done == "left")


def test_an_upstream_that_cannot_be_reached_is_a_502(start_gateway: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = start_gateway(upstream=f"http://127.0.0.1:{taken.getsockname()[1]}").wait()

        status, answer = ask(dead.port, message())

    assert status == 502
    assert answer["bailiwick"]["code"] == "upstream_unreachable"


def test_an_upstream_that_does_not_let_itself_be_connected_to_is_a_504(
    start_gateway: Start,
) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(_knock(port))
            deaf = start_gateway(upstream=f"http://127.0.0.1:{port}").wait()

            status, answer = ask(deaf.port, message())

    assert status == 504
    assert answer["bailiwick"]["code"] == "upstream_timeout"


def _knock(port: int) -> socket.socket:
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", port))
    return one


@pytest.mark.parametrize("text", ["hang", "slow 3", "hang mid", "stream 200 0.02"])
def test_a_client_that_leaves_ends_the_request_upstream(
    text: str, gateway: GatewayProcess, upstream: Upstream
) -> None:
    streamed = text.startswith(("stream", "hang mid"))
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(request(message(text, stream=streamed)))
        until(lambda: len(upstream.seen) == 1)
        time.sleep(0.1)

    seconds = until(lambda: upstream.last.done == "left", 2)

    judged = gateway.events(event="judged")[-1]
    assert seconds < 1
    assert outcome(gateway, judged["id"])["kind"] == "client_left"


def test_a_hanging_upstream_does_not_hold_others_up(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    times = []
    with ExitStack() as stack:
        for _ in range(50):
            stuck = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
            stuck.sendall(request(message("hang")))
        until(lambda: len(upstream.seen) == 50)
        for _ in range(30):
            began = time.monotonic()
            assert ask(gateway.port, message())[0] == 200
            times.append(time.monotonic() - began)

    assert sorted(times)[15] < 0.3


def test_a_redirect_is_not_followed(gateway: GatewayProcess, upstream: Upstream) -> None:
    got = httpx.post(
        f"{gateway.url}/v1/messages", content=message("redirect"), headers={"x-api-key": "key-a"}
    )

    assert got.status_code == 502
    assert "location" not in got.headers
    assert len(upstream.seen) == 1


@pytest.mark.parametrize(
    ("said", "answered"),
    [(400, 400), (403, 403), (429, 429), (500, 500), (529, 529), (401, 502), (407, 502)],
)
def test_an_error_of_the_upstream_is_passed_on_but_not_its_view_of_our_key(
    said: int, answered: int, gateway: GatewayProcess, upstream: Upstream
) -> None:
    status, answer = ask(gateway.port, message(f"status {said}"))

    assert status == answered
    assert ("bailiwick" in answer) == (answered != said)


def test_headers_are_passed_on_by_a_short_list(gateway: GatewayProcess, upstream: Upstream) -> None:
    sent = {
        "x-api-key": "key-a", "anthropic-version": "2023-06-01", "anthropic-beta": "b1", "cookie": "a=b",
        "x-forwarded-for": "203.0.113.7", "forwarded": "for=1.2.3.4", "x-real-ip": "1.2.3.4",
        "via": "1.1 x", "te": "trailers", "proxy-authorization": "Basic x", "user-agent": "me",
        "x-custom": "1", "openai-organization": "org", "accept-encoding": "gzip, br, zstd",
        "host": "elsewhere.example", "x-bailiwick-decision": "dec_forged", "referer": "https://x",
    }  # fmt: skip
    with httpx.Client(headers={}) as client:
        got = client.post(f"{gateway.url}/v1/messages", content=message(), headers=sent)

    assert {name for name, _ in upstream.last.headers} == {
        "anthropic-version", "anthropic-beta", "accept", "content-type", "x-api-key", "user-agent",
        "host", "content-length",
    }  # fmt: skip
    assert upstream.last.header("x-api-key") == ["secret-key"]
    assert upstream.last.header("host") == [f"127.0.0.1:{upstream.port}"]
    assert upstream.last.header("content-type") == ["application/json"]
    assert "set-cookie" not in got.headers
    assert got.headers["request-id"] == "req_up"
    assert decision_of(got).startswith("dec_")
    assert "secret-key" not in str(got.headers) + got.text


def test_the_operator_s_fields_are_set_whatever_the_caller_says(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    ask(gateway.port, message(service_tier="mine"))

    assert upstream.last.body["service_tier"] == "ours"


def test_connections_to_the_upstream_are_kept(gateway: GatewayProcess, upstream: Upstream) -> None:
    for _ in range(100):
        ask(gateway.port, message())
    for _ in range(20):
        talk(gateway.port, request(message("stream 2 0", stream=True)), wait=2)

    assert len(upstream.seen) == 120
    assert upstream.connections <= 1


def test_a_kept_connection_that_was_closed_is_replaced(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    assert ask(gateway.port, message())[0] == 200
    assert ask(gateway.port, message("stale 0"))[0] == 200

    assert [seen.body["messages"][0]["content"] for seen in upstream.seen] == [
        "hi",
        "stale 0",
        "stale 0",
    ]
    assert len(gateway.events(event="outcome", id=gateway.events(event="judged")[-1]["id"])) == 1


def test_a_request_that_an_upstream_may_have_worked_on_is_not_sent_again(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    assert ask(gateway.port, message())[0] == 200
    assert ask(gateway.port, message("stale 1.2"))[0] == 502

    assert len(upstream.seen) == 2


def test_proxies_in_the_environment_are_not_used(
    start_gateway: Start, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    gateway = start_gateway().wait()

    assert ask(gateway.port, message())[0] == 200


def test_an_upstream_over_tls_is_reached_and_must_prove_itself(
    start_gateway: Start, tmp_path: Path
) -> None:
    certificate, key = make_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with Upstream(tls=tls) as secure:
        trusting = start_gateway(upstream=secure.url, authorities=certificate.read_text())
        doubting = start_gateway(upstream=secure.url)

        for _ in range(5):
            assert ask(trusting.wait().port, message("big 200000"))[0] == 200
        streamed = talk(trusting.port, request(message("stream 3 0", stream=True)), wait=2)
        refused, answer = ask(doubting.wait().port, message())
        opened = secure.connections

    assert streamed.data.endswith(b"0\r\n\r\n")
    assert (refused, answer["bailiwick"]["code"]) == (502, "upstream_untrusted")
    assert opened == 1
