"""A hostile client speaks bytes of its own to each proxy: nothing that it does opens a controlled model."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bailiwick.bootstrap import load_policy
from bailiwick.decision import compile_table
from bailiwick.errors import InvalidInput
from bailiwick.targets.edge import Edge
from edge.proxies import Proxy, running_proxy, world, write
from edge.test_edges import POLICY
from end_users import pem, token
from service.envoy import Upstream
from service.running import BY, DE, ENVOY, LLAMA, OPUS, Running, running

KEY = Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(Path(tmp_path_factory.mktemp("service")), POLICY) as started:
        yield started


@pytest.fixture(scope="module", params=list(Edge))
def proxy(
    request: pytest.FixtureRequest, service: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Proxy, Running]]:
    upstream = Upstream()
    loaded = load_policy(service.policy)
    made = write(
        request.param, Path(tmp_path_factory.mktemp("edge")),
        compile_table(loaded.policy, loaded.catalog), loaded.catalog, world(), token=ENVOY,
        service=f"127.0.0.1:{service.port}", upstream=f"127.0.0.1:{upstream.port}",
        trusted=("127.0.0.0/8",), body_bytes=2 << 20,
    )  # fmt: skip
    with running_proxy(made) as started:
        yield started, service
    upstream.close()


def body(model: str) -> bytes:
    return b'{"model":"%b","max_tokens":5,"messages":[]}' % model.encode()


def chunked(raw: bytes, size: int = 7) -> bytes:
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


def head(
    service: Running, *lines: bytes, address: str = DE, path: bytes = b"/v1/messages"
) -> bytes:
    given = [
        b"POST %b HTTP/1.1" % path, b"host: models", b"connection: close",
        b"x-api-key: " + service.key.encode(), b"x-forwarded-for: " + address.encode(), *lines,
    ]  # fmt: skip
    return b"\r\n".join(given) + b"\r\n\r\n"


def talk(port: int, raw: bytes) -> bytes:
    """Send bytes as they are, and read until the other side has no more to say."""
    with socket.create_connection(("127.0.0.1", port), timeout=12) as connection:
        connection.sendall(raw)
        found = b""
        try:
            while piece := connection.recv(65536):
                found += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return found


JSON = b"content-type: application/json"


def length(raw: bytes) -> bytes:
    return b"content-length: %d" % len(raw)


def test_what_is_asked_plainly_is_answered(proxy: tuple[Proxy, Running]) -> None:
    """So that a refusal below is one because of what is done there."""
    running_, service = proxy
    raw = body(LLAMA)

    plain = talk(running_.port, head(service, JSON, length(raw)) + raw)
    pieces = talk(running_.port, head(service, JSON, b"transfer-encoding: chunked") + chunked(raw))

    assert plain.startswith(b"HTTP/1.1 200")
    assert pieces.startswith(b"HTTP/1.1 200")
    assert LLAMA.encode() in plain


@pytest.mark.parametrize(
    ("lines", "raw"),
    [
        ((JSON, b"transfer-encoding: chunked"), chunked(body(OPUS))),
        ((JSON, b"content-length: 43", b"transfer-encoding: chunked"), chunked(body(OPUS))),
        ((JSON, b"transfer-encoding: chunked", b"content-length: 4"), chunked(body(OPUS))),
        ((JSON, b"transfer-encoding: identity", length(body(OPUS))), body(OPUS)),
        ((JSON, b"transfer-encoding: xchunked", length(body(OPUS))), chunked(body(OPUS))),
        ((JSON, b"Transfer-Encoding : chunked", length(body(LLAMA))), body(LLAMA)),
        ((JSON, b"content-length: 5", length(body(OPUS))), body(OPUS)),
        ((JSON, b"content-length: +%d" % len(body(OPUS))), body(OPUS)),
        ((JSON, b"content-encoding: gzip", length(body(OPUS))), body(OPUS)),
        ((JSON, b"content-encoding: identity", length(body(OPUS))), body(OPUS)),
        ((JSON, b"content-type: text/plain", length(body(OPUS))), body(OPUS)),
        ((b"content-type: text/plain, application/json", length(body(OPUS))), body(OPUS)),
        ((b"content-type: application/x-www-form-urlencoded", length(body(OPUS))), body(OPUS)),
        ((length(body(OPUS)),), body(OPUS)),
        ((JSON, b"x-model: " + LLAMA.encode(), length(body(OPUS))), body(OPUS)),
        ((JSON, b"x-model: " + LLAMA.encode(), b"x-model: " + OPUS.encode(), length(body(LLAMA))), body(LLAMA)),
        ((JSON, b"expect: 100-continue", length(body(OPUS))), body(OPUS)),
        ((JSON, b"x-http-method-override: GET", length(body(OPUS))), body(OPUS)),
        ((JSON, b"x-forwarded-for: 8.8.8.8\r\nx-forwarded-for: 5.9.0.1", length(body(OPUS))), body(OPUS)),
        ((JSON, b"x-forwarded-for: ::ffff:5.9.0.1", length(body(OPUS))), body(OPUS)),
        ((JSON, b"x-bailiwick-country: .", length(body(OPUS))), body(OPUS)),
        ((JSON, b"x-bailiwick-set: ask", length(body(OPUS))), body(OPUS)),
    ],
)  # fmt: skip
def test_no_way_of_sending_opens_a_model(
    proxy: tuple[Proxy, Running], lines: tuple[bytes, ...], raw: bytes
) -> None:
    running_, service = proxy

    answer = talk(running_.port, head(service, *lines) + raw)

    assert b"HTTP/1.1 200" not in answer, answer
    assert b'"body"' not in answer  # what the models' server would say


@pytest.mark.parametrize("address", ["::ffff:5.160.0.1", "::ffff:5.9.0.1", "2002:5a0:1::1"])
def test_an_address_inside_another_is_judged(proxy: tuple[Proxy, Running], address: str) -> None:
    running_, service = proxy
    raw = body(OPUS)

    answer = talk(running_.port, head(service, JSON, length(raw), address=address) + raw)

    assert answer.startswith(b"HTTP/1.1 403"), answer


def test_a_second_request_inside_a_body_is_part_of_the_body(proxy: tuple[Proxy, Running]) -> None:
    """Whoever reads the length otherwise would take what follows for a request of its own."""
    running_, service = proxy
    hidden = head(service, JSON, length(body(OPUS)), address="8.8.8.8") + body(OPUS)
    for first in (
        head(service, JSON, b"content-length: 0", b"transfer-encoding: chunked") + b"0\r\n\r\n",
        head(service, JSON, length(b"0\r\n\r\n" + hidden), b"transfer-encoding: chunked")
        + b"0\r\n\r\n",
        head(service, JSON, b"content-length: 0", b"content-length: %d" % len(hidden)),
    ):
        answer = talk(running_.port, first.replace(b"connection: close\r\n", b"") + hidden)
        # the hidden one may be answered as a request of its own, which it then openly is; never
        # is it one that the proxy did not judge
        assert answer.count(b'"x-bailiwick-decision": "dec_') == answer.count(b"HTTP/1.1 200")


def test_what_the_upstream_gets_is_what_was_judged(proxy: tuple[Proxy, Running]) -> None:
    running_, service = proxy
    raw = b'{"model":"%b","max_tokens":5,"messages":[], "x":"\\u0000"}' % LLAMA.encode()

    answer = talk(running_.port, head(service, JSON, length(raw)) + raw)

    assert answer.startswith(b"HTTP/1.1 200")
    seen = json.loads(answer[answer.index(b"{") : answer.rindex(b"}") + 1])
    assert seen["body"].encode() == raw


def test_what_attests_an_end_user_is_judged_and_stays_here(proxy: tuple[Proxy, Running]) -> None:
    running_, service = proxy
    raw, header = body(LLAMA), b"X-Bailiwick-End-User: %b"
    with suppress(InvalidInput):  # another proxy's test has added it
        service.accounts.add_attester("acme", pem(KEY), kid="k1", **BY)
    good = header % token(KEY, datetime.now(UTC), place="XA").encode()
    end = time.monotonic() + 10

    def ask(*lines: bytes) -> bytes:
        return talk(running_.port, head(service, JSON, length(raw), *lines) + raw)

    while not (answer := ask(good)).startswith(b"HTTP/1.1 200") and time.monotonic() < end:
        time.sleep(0.05)

    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b"x-bailiwick-end-user" not in answer.lower()
    for bad in ((header % b"bad",), (good, good)):
        answer = ask(*bad)
        assert answer.startswith(b"HTTP/1.1 400"), answer
        assert b"end_user_invalid" in answer


def test_a_key_that_is_given_twice_deep_inside_goes_nowhere(proxy: tuple[Proxy, Running]) -> None:
    """The upstream gets the caller's bytes, and might take the one that was not judged."""
    running_, service = proxy
    part = b'{"type":"image","type":"text","text":"a"}'
    raw = b'{"model":"%b","messages":[{"role":"user","content":[%b]}]}' % (LLAMA.encode(), part)

    answer = talk(running_.port, head(service, JSON, length(raw)) + raw)

    assert answer.startswith(b"HTTP/1.1 400"), answer
