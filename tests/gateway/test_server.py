"""Hostile bytes against a real gateway: every answer is a clear 4xx, and nothing gets past."""

import json
import resource
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from gateway_process import GatewayProcess
from gateway_upstream import Upstream

from gateway_raw import ask, message, request, talk
from hostile import BODY, FRAMING, PATHS, TE, XB, post, slow


def test_the_corpus_of_framings_is_large_enough() -> None:
    assert len(FRAMING) >= 130


@pytest.mark.parametrize("data", FRAMING.values(), ids=FRAMING.keys())
def test_a_doubtful_framing_is_one_request_or_none(
    data: bytes, gateway: GatewayProcess, upstream: Upstream
) -> None:
    heard = talk(gateway.port, data, wait=0.12)
    if upstream.seen and not heard.statuses:  # a busy machine: its answer was still on the way
        upstream.seen.clear()
        heard = talk(gateway.port, data, wait=5)

    assert len(heard.statuses) <= 2, heard
    assert all(200 <= status < 500 for status in heard.statuses), heard
    assert len(upstream.seen) <= 1
    if upstream.seen:
        assert heard.statuses[0] == 200
        assert upstream.last.body["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("data", FRAMING.values(), ids=FRAMING.keys())
def test_a_request_behind_a_doubtful_one_is_never_taken_for_a_part_of_it(
    data: bytes, gateway: GatewayProcess, upstream: Upstream
) -> None:
    """A denied request follows on the same connection; it may be refused or cut, never served."""
    follower = request(message("the follower"), headers=XB)

    heard = talk(gateway.port, data + follower, wait=0.12)

    assert all(200 <= status < 500 for status in heard.statuses), heard
    assert heard.statuses.count(200) <= 1
    assert b"the follower" not in b"".join(seen.raw for seen in upstream.seen)


def test_the_corpus_of_paths_is_large_enough() -> None:
    assert len(PATHS) >= 60


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_is_not_listed_serves_nothing(
    path: str, gateway: GatewayProcess, upstream: Upstream
) -> None:
    heard = talk(gateway.port, request(BODY, path=path), wait=1)

    assert heard.statuses in ([400], [404], [405], []), heard
    assert upstream.seen == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/%6dessages",
        "/v1%2fmessages",
        "/v1%2Fmessages",
        "/%76%31/messages",
        "/v1/messages#x",
        "/v1/messages?beta=true#x",
    ],
)
def test_an_escape_is_not_undone(path: str, gateway: GatewayProcess, upstream: Upstream) -> None:
    heard = talk(gateway.port, request(BODY, path=path), wait=1)

    assert heard.statuses == [400]
    assert heard.json["bailiwick"]["code"] == "target_invalid"
    assert upstream.seen == []


@pytest.mark.parametrize(
    "method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "LOCK", "FOO"]
)
def test_a_method_that_is_not_meant_is_refused(
    method: str, gateway: GatewayProcess, upstream: Upstream
) -> None:
    heard = talk(
        gateway.port,
        request(BODY, method=method, headers="x-http-method-override: POST\r\n"),
        wait=1,
    )
    listing = talk(gateway.port, request("", path="/v1/models", method="POST"), wait=1)

    assert heard.statuses == [405]
    assert b"\r\nallow: POST\r\n" in heard.data
    assert listing.statuses == [405]
    assert b"\r\nallow: GET\r\n" in listing.data
    assert upstream.seen == []


def test_a_tunnel_is_not_opened(gateway: GatewayProcess) -> None:
    for target in ("elsewhere.example:443", "127.0.0.1:22"):
        heard = talk(
            gateway.port, f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n".encode(), wait=0.2
        )

        assert heard.statuses in ([400], [404], [405])


@pytest.mark.parametrize(
    "host", ["", "elsewhere.example", "a/v1/models?", "localhost:22", "[::1]", "a@b"]
)
def test_the_host_changes_nothing(host: str, gateway: GatewayProcess, upstream: Upstream) -> None:
    data = request(BODY).replace(b"host: gateway", f"host: {host}".encode())

    heard = talk(gateway.port, data, wait=1)

    assert heard.statuses in ([200], [400])
    assert all(seen.header("host") == [f"127.0.0.1:{upstream.port}"] for seen in upstream.seen)


def test_a_refusal_is_recorded_and_counted(gateway: GatewayProcess) -> None:
    status, answer = ask(gateway.port, "{", path="/v1/chat/completions")

    row = gateway.event(event="refusal", id=answer["bailiwick"]["decision"])
    assert status == 400
    assert row["code"] == answer["error"]["code"] == "body_not_json"
    assert row["path"] == "/v1/chat/completions"
    end = time.monotonic() + 4
    while 'reason="body_not_json"' not in gateway.admin("/metrics")[1]:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_record_of_a_hostile_path_stays_one_line(gateway: GatewayProcess) -> None:
    for path in ("/%0a%0dx", "/%1b[31m", "/%e2%80%ae", "/" + "a" * 9000):
        _, answer = ask(gateway.port, BODY, path=path)

        row = gateway.event(event="refusal", id=answer["bailiwick"]["decision"])
        assert len(row["path"]) <= 200


def test_a_bug_of_ours_is_no_pass(gateway: GatewayProcess, upstream: Upstream) -> None:
    status, answer = ask(gateway.port, BODY, key="key-bug")

    assert status == 500
    assert "bug" not in json.dumps(answer)
    assert upstream.seen == []


# -- sizes ---------------------------------------------------------------------------------------


def memory_kb(gateway: GatewayProcess) -> int:
    pid = gateway.event(event="start")["pid"]
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused_and_not_kept(
    declared: bool, gateway: GatewayProcess, upstream: Upstream
) -> None:
    size = 40 * 1024 * 1024
    head = "content-length: 41943040\r\n" if declared else TE
    before = memory_kb(gateway)

    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(post(head, ""))
        piece = b" " * 65536 if declared else b"10000\r\n" + b" " * 65536 + b"\r\n"
        sender = threading.Thread(
            target=_send, args=(connection, piece, size // 65536), daemon=True
        )
        sender.start()
        answer = connection.recv(65536)
        sender.join(10)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in answer
    assert memory_kb(gateway) - before < 24 * 1024
    assert upstream.seen == []


def _send(connection: socket.socket, piece: bytes, times: int) -> None:
    try:
        for _ in range(times):
            connection.sendall(piece)
    except OSError:
        return


def test_a_body_without_an_end_is_cut_off(gateway: GatewayProcess) -> None:
    """Ten gigabytes would take long; it is enough that the sender is stopped."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(post(TE, ""))
        _send(connection, b"10000\r\n" + b" " * 65536 + b"\r\n", 10**9)

    assert time.monotonic() - began < 6


BOMBS = {
    "depth": b'{"model":"claude-test","x":' + b"[" * 100_000,
    "closed depth": b'{"model":"claude-test","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "digits": b'{"model":"claude-test","x":' + b"9" * 1_000_000 + b"}",
    "values": b'{"model":"claude-test","x":[' + b"{}," * 600_000 + b"1]}",
    "keys": b"{" + b",".join(b'"k%d":1' % i for i in range(150_000)) + b"}",
    "gzip": b"\x1f\x8b\x08" + b"\x00" * 500_000,
    "escapes": b'{"model":"' + b"\\u0061" * 300_000 + b'"}',
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_quickly_and_cheaply(
    bomb: bytes, gateway: GatewayProcess, upstream: Upstream
) -> None:
    before = memory_kb(gateway)
    began = time.monotonic()

    status, _ = ask(gateway.port, bomb)

    assert status == 400
    assert time.monotonic() - began < 1
    assert memory_kb(gateway) - before < 64 * 1024
    assert upstream.seen == []


# -- slowness ------------------------------------------------------------------------------------


def test_thousands_of_slow_clients_are_cut_and_others_are_served(gateway: GatewayProcess) -> None:
    count = 2000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + 200:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 200, hard))
    heads = [b"POST /v1/messages HTTP/1.1\r\nx-a: ", b"", post("content-length: 5000\r\n", "{")]
    with ExitStack() as stack:
        slow = []
        for number in range(count):
            one = stack.enter_context(
                socket.create_connection(("127.0.0.1", gateway.port), timeout=15)
            )
            one.sendall(heads[number % len(heads)])
            slow.append(one)

        statuses = [ask(gateway.port, BODY)[0] for _ in range(20)]
        ends = [one.recv(65536) for one in slow]

    assert statuses == [200] * 20
    assert {end[9:12] for end in ends} == {b"408", b""}


def test_slow_senders_are_cut_and_others_do_not_notice(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    heads = {
        "headers": b"POST /v1/messages HTTP/1.1\r\nhost: g\r\nx-a: ",
        "nothing": b"",
        "a body": post("content-length: 5000\r\n", "{"),
        "a chunked body": post(TE, "1\r\n{\r\n"),
        "a large body": post("content-length: 500000\r\n", "{"),
    }
    drips = {
        "headers": b"a",
        "nothing": b"",
        "a body": b" ",
        "a chunked body": b"1\r\n \r\n",
        "a large body": b" ",
    }
    found: dict[str, tuple[float, bytes]] = {}
    threads = [
        threading.Thread(
            target=lambda n=name: found.update({n: slow(gateway.port, heads[n], drips[n], 4)})
        )
        for name in heads
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    times = []
    while any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        assert ask(gateway.port, BODY)[0] == 200
        times.append(time.monotonic() - began)

    for name, (seconds, heard) in found.items():
        assert seconds < 3.5, name
        if "body" in name:
            assert heard.startswith(b"HTTP/1.1 408 "), (name, heard)
            assert b"body_timeout" in heard
    assert sorted(times)[len(times) // 2] < 0.2


def test_a_body_that_stops_is_cut(gateway: GatewayProcess) -> None:
    heard = talk(gateway.port, post("content-length: 500\r\n", '{"model":'), wait=3)

    assert heard.statuses == [408]
    assert heard.seconds < 2.5


def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(
    gateway: GatewayProcess,
) -> None:
    for head in ("content-length: 500\r\n", "content-length: 500000\r\n", TE):
        with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
            connection.sendall(post(head, '{"model":'))
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(2)
            assert connection.recv(4096)[9:12] in {b"400", b""}

    assert ask(gateway.port, BODY)[0] == 200
    assert _faults(gateway) == [], gateway.output.read_text()


def _faults(gateway: GatewayProcess) -> list[str]:
    """List the last lines of what was raised in the gateway, but for the bug that is made."""
    text = gateway.output.read_text()
    raised = [part.rstrip().splitlines()[-1] for part in text.split("Traceback")[1:]]
    return [line for line in raised if line != "RuntimeError: a bug"]
