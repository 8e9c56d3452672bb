"""Hostile bytes, slow askers and bad certificates against a real service; the gateway's corpus too."""

import json
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway_raw import Heard, talk
from hostile import BODY, FRAMING, PATHS, TE, slow
from service import certificates
from service.running import ACME, IR, TOKEN, US, Running, model, running

POLICY = """\
bailiwick: 1
name: front-tests
rules: [{id: all, permit: "*"}, {id: no-iran, deny: "*", where: {address: IR}}]
"""
LIMITS = {"body": "2MiB", "header_bytes": "16KiB"}
TIMEOUTS = {"header": "1500ms", "body": "1s", "body_rate": "100KiB", "stop": "2s"}
KNOWN = BODY.replace("claude-test", "gpt-4o-mini")
"""The same with a model that exists, and of the same length."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more = {"limits": LIMITS, "timeouts": TIMEOUTS}
    with running(Path(tmp_path_factory.mktemp("front")), POLICY, more=more) as started:
        yield started


def asked(service: Running, data: bytes, address: str = US) -> bytes:
    """Ask the service about what was written for a gateway."""
    headers = (
        f"x-api-key: {service.key}\r\nx-bailiwick-token: {TOKEN}\r\nx-forwarded-for: {address}\r\n"
    )
    return (
        data.replace(b"x-api-key: key-a\r\n", headers.encode())
        .replace(b" /v1/messages", b" /check/v1/messages")
        .replace(b"claude-test", b"gpt-4o-mini")
    )


def ask(service: Running, lines: str = "", body: str = KNOWN, path: str = "/check/v1/messages",
        method: str = "POST", wait: float = 10.0, address: str = US) -> Heard:  # fmt: skip
    return talk(service.port, written(service, lines, body, path, method, address), wait)


def written(
    service: Running, lines: str, body: str, path: str, method: str = "POST", address: str = US
) -> bytes:
    return asked(
        service,
        f"{method} {path} HTTP/1.1\r\nhost: g\r\nx-api-key: key-a\r\nconnection: close\r\n"
        f"content-length: {len(body)}\r\n{lines}\r\n{body}".encode("latin-1"),
        address,
    )


def plain(statuses: list[int]) -> bool:
    """Whether each is a pass, a fault of who asks, or a fault between proxy and service."""
    return all(status in {200, 503} or 400 <= status < 500 for status in statuses)


@pytest.mark.parametrize("data", FRAMING.values(), ids=FRAMING.keys())
def test_a_request_behind_a_doubtful_one_is_never_taken_for_a_part_of_it(
    data: bytes, service: Running
) -> None:
    """A denied check follows on the same connection; it may be refused or cut, never passed."""
    follower = written(service, "", KNOWN, "/check/v1/messages", address=IR)

    heard = talk(service.port, asked(service, data) + follower, wait=0.15)

    assert plain(heard.statuses), heard
    assert heard.statuses.count(200) <= (2 if b"198.51.100.7" in data else 1)
    assert b"Traceback" not in service.output.read_bytes()


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_is_not_listed_permits_nothing(path: str, service: Running) -> None:
    for prefix in ("/check", ""):
        heard = ask(service, path=f"{prefix}{path}")

        assert heard.statuses in ([400], [404], [405], []), heard


def test_a_model_is_named_with_an_escaped_slash(service: Running) -> None:
    for name, status in (("openai%2Fgpt-4o", 200), ("a%2F..%2Fb", 403), ("openai%252Fx", 400)):
        heard = ask(service, body="", path=f"/check/v1/models/{name}", method="GET")

        assert heard.statuses == [status], (name, heard)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO"])
def test_a_method_that_is_not_meant_is_refused(method: str, service: Running) -> None:
    for path in ("/check/v1/messages", "/access/v1/evaluation"):
        heard = ask(service, f"authorization: Bearer {TOKEN}\r\n", path=path, method=method)

        assert heard.statuses == [405] or (path[1] == "c" and heard.statuses == [400])
        if method == "HEAD":
            assert heard.data.endswith(b"\r\n\r\n")


def test_a_description_is_answered_though_a_body_is_announced(service: Running) -> None:
    lines = (
        "x-original-method: POST\r\nx-original-uri:/v1/messages\r\nx-bailiwick-model: gpt-4o\r\n"
    )
    data = written(service, lines, "", "/forward").replace(
        b"content-length: 0", b"content-length: 9"
    )

    heard = talk(service.port, data, wait=10)

    assert heard.statuses == [200]
    assert heard.ending == "closed"


@pytest.mark.parametrize("head", ["content-length: 41943040\r\n", TE], ids=["said", "chunked"])
@pytest.mark.parametrize("path", ["/check/v1/messages", "/access/v1/evaluation"])
def test_a_body_that_is_too_large_is_refused(head: str, path: str, service: Running) -> None:
    data = written(service, f"authorization: Bearer {TOKEN}\r\n", "", path)
    data = data.replace(b"content-length: 0\r\n", head.encode())
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(data)
        sender = threading.Thread(target=_send, args=(connection, piece, 600), daemon=True)
        sender.start()
        answer = connection.recv(65536)
        sender.join(10)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in answer


def _send(connection: socket.socket, piece: bytes, times: int) -> None:
    try:
        for _ in range(times):
            connection.sendall(piece)
    except OSError:
        return


def test_slow_askers_are_cut_and_others_do_not_notice(service: Running) -> None:
    body = written(service, "", "", "/check/v1/messages")
    heads = {
        "headers": (b"POST /check/v1/messages HTTP/1.1\r\nhost: g\r\nx-a: ", b"a", b"408"),
        "nothing": (b"", b"", b""),
        "a body": (body.replace(b"length: 0", b"length: 5000") + b"{", b" ", b"503"),
        "chunks": (body.replace(b"content-length: 0\r\n", TE.encode()), b"1\r\n \r\n", b"503"),
    }
    found: dict[str, tuple[float, bytes]] = {}
    threads = [
        threading.Thread(
            target=lambda n=name: found.update({n: slow(service.port, *heads[n][:2], 9)})
        )
        for name in heads
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert ask(service).statuses == [200]

    for name, (_, _, status) in heads.items():
        seconds, heard = found[name]
        assert seconds < 8, name
        assert heard[9:12] == status, (name, heard)


def test_an_asker_that_leaves_in_the_middle_harms_nobody(service: Running) -> None:
    for lines in ("content-length: 500\r\n", TE):
        data = written(service, "", "", "/check/v1/messages")
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(data.replace(b"content-length: 0\r\n", lines.encode()))
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(5)
            assert connection.recv(4096)[9:12] in {b"503", b""}
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(written(service, "", KNOWN, "/check/v1/messages"))

    assert ask(service).statuses == [200]
    assert b"Traceback" not in service.output.read_bytes()


def test_checks_in_one_packet_are_answered_in_order(service: Running) -> None:
    once = written(service, "", KNOWN, "/check/v1/messages").replace(b"connection: close\r\n", b"")
    denied = written(service, "", KNOWN, "/check/v1/messages", address=IR)

    heard = talk(service.port, once * 3 + denied, wait=10)

    assert heard.statuses == [200, 200, 200, 403]


def test_connections_and_questions_are_bounded(tmp_path: Path) -> None:
    more = {"limits": {"connections": 2, "concurrency": 1}, "timeouts": TIMEOUTS}
    with running(tmp_path, POLICY, more=more) as service, ExitStack() as stack:
        begun = written(service, "", "", "/check/v1/messages").replace(b"th: 0", b"th: 9")
        first = stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
        first.sendall(begun)
        time.sleep(0.1)
        assert ask(service).statuses == [503]  # one question is in hand
        second = stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
        second.sendall(b"P")
        time.sleep(0.1)

        heard = ask(service)  # accepted as soon as one of the others is cut

        assert heard.statuses == [200]
        assert heard.seconds > 0.3


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that only certificates may ask."""
    folder = Path(tmp_path_factory.mktemp("mesh"))
    certificates.make(folder)
    tls = {"certificate": "server.pem", "key": "server.key", "client_ca": "ca.pem"}
    askers = [{"name": "mesh", "says": ["address", "evidence"]}]
    more = {"timeouts": TIMEOUTS}
    with running(folder, POLICY, tls=tls, askers=askers, more=more) as started:
        yield started


def over_tls(mesh: Running, who: str | None) -> bytes:
    """Ask with a certificate; gives the answer, which is nothing if there is none."""
    context = ssl.create_default_context(cafile=str(mesh.folder / "ca.pem"))
    if who:
        context.load_cert_chain(mesh.folder / f"{who}.pem", mesh.folder / f"{who}.key")
    body = json.dumps({"subject": ACME, "action": {"name": "infer"}, "resource": model(),
                       "context": {"address": US}})  # fmt: skip
    head = f"POST /access/v1/evaluation HTTP/1.1\r\nhost: g\r\ncontent-length: {len(body)}\r\n\r\n"
    try:
        with (
            socket.create_connection(("127.0.0.1", mesh.port), timeout=20) as bare,
            context.wrap_socket(bare, server_hostname="localhost") as connection,
        ):
            connection.sendall((head + body).encode())
            return connection.recv(65536)
    except (ssl.SSLError, ConnectionError):
        return b""


@pytest.mark.parametrize("who", [None, "stranger", "expired"])
def test_a_bad_certificate_gets_no_answer(who: str | None, mesh: Running) -> None:
    assert over_tls(mesh, who) == b""
    assert over_tls(mesh, "client").startswith(b"HTTP/1.1 200 ")


def test_nobody_gets_past_tls_without_it(mesh: Running) -> None:
    heard = talk(mesh.port, written(mesh, "", KNOWN, "/check/v1/messages"), wait=3)

    assert heard.statuses == []
    assert heard.ending != "open"


def test_who_does_not_shake_hands_is_cut(mesh: Running) -> None:
    heard = talk(mesh.port, b"\x16\x03\x01", wait=6)

    assert heard.ending != "open"
    assert over_tls(mesh, "client").startswith(b"HTTP/1.1 200 ")


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    certificates.make(tmp_path)
    tls = {"certificate": "server.pem", "key": "client.key"}
    made = Running(tmp_path, POLICY, tls=tls)
    with pytest.raises(AssertionError, match="cannot use the certificate"):
        made.start()


def test_a_worker_that_dies_is_replaced_and_a_stop_waits_for_no_idle_connection(
    tmp_path: Path,
) -> None:
    with running(tmp_path, POLICY) as service:
        pid = json.loads(service.ready()[1])["workers"]["each"][0]["pid"]
        os.kill(pid, signal.SIGKILL)
        service.until(lambda: f'"pid": {pid},' not in service.ready()[1])
        service.until(lambda: service.ready()[0] == 200)
        assert ask(service).statuses == [200]

        with socket.create_connection(("127.0.0.1", service.port)):
            began = time.monotonic()
            assert service.stop() == 0
        assert time.monotonic() - began < 20
