"""Mutual TLS of a real service: who is let in, over HTTP and gRPC, and how it is renewed."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from authority import Authority
from gateway_raw import talk
from service.running import ACME, POLICY, TOKEN, US, Running, digest, free_port, model, running

CLIENT, SERVER = [ExtendedKeyUsageOID.CLIENT_AUTH], [ExtendedKeyUsageOID.SERVER_AUTH]
TIMEOUTS = {"header": "1s", "body": "1s"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("mesh"))
    made.issue("server", uses=SERVER)
    made.issue("client", uses=CLIENT)
    return made


def settings(authority: Authority, **more: Any) -> dict[str, Any]:
    folder = authority.path.parent
    names = {"certificate": "server.pem", "key": "server.key", "client_ca": "ca.pem"}
    return {
        "tls": {key: str(folder / name) for key, name in names.items()},
        "askers": [{"name": "mesh", "says": ["address", "evidence"]}],
        "more": {"timeouts": TIMEOUTS},
        **more,
    }


@pytest.fixture(scope="module")
def mesh(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("service"), POLICY, **settings(authority)) as started:
        yield started


def ask(
    service: Running,
    authority: Authority,
    who: tuple[str, str] | None,
    token: str = "",
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> bytes:
    """Ask with a certificate; gives the answer, which is nothing if there is none."""
    context = ssl.create_default_context(cafile=str(authority.path))
    context.minimum_version = context.maximum_version = version
    if who is not None:
        context.load_cert_chain(*who)
    body = json.dumps({"subject": ACME, "action": {"name": "infer"}, "resource": model(),
                       "context": {"address": US}})  # fmt: skip
    head = (
        f"POST /access/v1/evaluation HTTP/1.1\r\nhost: g\r\nconnection: close\r\n{token}"
        f"content-length: {len(body)}\r\n\r\n"
    )
    try:
        with (
            socket.create_connection(("127.0.0.1", service.port), timeout=20) as bare,
            context.wrap_socket(bare, server_hostname="localhost") as connection,
        ):
            connection.sendall((head + body).encode())
            heard = b""
            while chunk := connection.recv(65536):
                heard += chunk
            return heard
    except (ssl.SSLError, ConnectionError):
        return b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("who", ["good", "none", "stranger", "expired", "too early", "a server's"])
def test_only_good_certificates_of_the_authority_are_listened_to(
    who: str, version: ssl.TLSVersion, mesh: Running, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    presented = {
        "good": authority.issue("good", uses=CLIENT),
        "none": None,
        "stranger": other.issue("good", uses=CLIENT),
        "expired": authority.issue("old", days=-0.01, uses=CLIENT),
        "too early": authority.issue("new", begins=0.01, uses=CLIENT),
        "a server's": authority.issue("servers", uses=SERVER),
    }

    answered = ask(mesh, authority, presented[who], version=version)

    if who == "good":
        assert answered.startswith(b"HTTP/1.1 200 ")
        assert b'"decision":true' in answered
    else:
        assert answered == b""


def test_whose_certificate_it_is_makes_no_difference(mesh: Running, authority: Authority) -> None:
    """The authority vouches; the asker without a token stands for all of them (docs/service.md)."""
    somebody = authority.issue("whoever", hosts=["whoever.example"], uses=CLIENT)

    assert ask(mesh, authority, somebody).startswith(b"HTTP/1.1 200 ")


def test_a_token_may_be_asked_for_as_well(authority: Authority, tmp_path: Path) -> None:
    asker = {"name": "edge", "token_sha256": digest(TOKEN), "says": ["address"]}
    good = authority.issue("good", uses=CLIENT)
    with running(tmp_path, POLICY, **settings(authority, askers=[asker])) as service:
        alone = ask(service, authority, good)
        both = ask(service, authority, good, f"x-bailiwick-token: {TOKEN}\r\n")
        token = ask(service, authority, None, f"x-bailiwick-token: {TOKEN}\r\n")

    assert alone.startswith(b"HTTP/1.1 401 ")
    assert both.startswith(b"HTTP/1.1 200 ")
    assert token == b""


def test_who_is_turned_away_keeps_nobody_waiting(mesh: Running, authority: Authority) -> None:
    heard = talk(mesh.port, b"\x16\x03\x01", wait=6)

    assert heard.ending != "open"
    assert heard.seconds < 5
    assert ask(mesh, authority, authority.issue("good")).startswith(b"HTTP/1.1 200 ")


def test_a_new_authority_counts_for_new_connections(tmp_path: Path) -> None:
    """And an old one counts no more, not even for who was here before."""
    mine = Authority(tmp_path)
    mine.issue("server")
    folder = tmp_path / "service"
    folder.mkdir()
    before = mine.issue("before")
    context = ssl.create_default_context(cafile=str(mine.path))
    context.load_cert_chain(*before)
    with running(folder, POLICY, **settings(mine)) as service:
        session = again(service, context, None)
        assert session is not None
        assert again(service, context, session) is not None
        renewed = Authority(tmp_path)
        renewed.issue("server")
        after = renewed.issue("after")
        service.until(lambda: ask(service, renewed, after).startswith(b"HTTP/1.1 200 "))
        context.load_verify_locations(str(renewed.path))

        assert ask(service, renewed, before) == b""
        assert again(service, context, session) is None
        assert '"refused": null' in service.ready()[1]
        assert 'certificate_refused{listener="service"} 0.0' in service.metrics()


def again(
    service: Running, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> ssl.SSLSession | None:
    """Connect, with an earlier session; ``None``: there was no answer."""
    try:
        with (
            socket.create_connection(("127.0.0.1", service.port), timeout=20) as bare,
            context.wrap_socket(bare, server_hostname="localhost", session=session) as connection,
        ):
            connection.sendall(b"GET / HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n")
            return connection.session if connection.recv(65536) else None
    except (ssl.SSLError, ConnectionError):
        return None


@pytest.mark.parametrize(
    ("days", "password", "said"),
    [(-0.01, None, "is valid from"), (1, b"secret", "it is encrypted")],
)
def test_a_start_with_a_bad_certificate_is_refused(
    days: float, password: bytes | None, said: str, tmp_path: Path
) -> None:
    Authority(tmp_path).issue("server", days=days, password=password)
    service = Running(tmp_path, POLICY, tls={"certificate": "server.pem", "key": "server.key"})

    ended = subprocess.run(
        [sys.executable, "-m", "bailiwick", "service", "--config", str(service.config)],
        capture_output=True, timeout=120, check=False, text=True,
    )  # fmt: skip

    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


# -- gRPC ----------------------------------------------------------------------------------------


def checked(port: int, authority: Authority, who: tuple[str, str] | None, wait: float = 5) -> str:
    """Ask over gRPC: ``answered``, or the code of the failure."""
    import grpc

    from bailiwick.service.stubs import ext_authz_pb2 as messages

    pair = [Path(one).read_bytes() for one in who] if who else [None, None]
    credentials = grpc.ssl_channel_credentials(authority.path.read_bytes(), pair[1], pair[0])
    name = (("grpc.ssl_target_name_override", "localhost"),)
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, name) as channel:
        check = channel.unary_unary(
            "/envoy.service.auth.v3.Authorization/Check",
            request_serializer=messages.CheckRequest.SerializeToString,
            response_deserializer=messages.CheckResponse.FromString,
        )
        try:
            check(messages.CheckRequest(), timeout=wait)
        except grpc.RpcError as error:
            return str(error.code().name)
        return "answered"


def test_grpc_asks_for_the_same_certificates_and_renews_them(tmp_path: Path) -> None:
    pytest.importorskip("grpc")
    mine = Authority(tmp_path)
    mine.issue("server", uses=SERVER)
    client = mine.issue("client", uses=CLIENT)
    other = tmp_path / "other"
    other.mkdir()
    stranger = Authority(other).issue("client", uses=CLIENT)
    folder, port = tmp_path / "service", free_port()
    folder.mkdir()
    with running(folder, POLICY, **settings(mine, grpc_port=port)) as service:
        assert checked(port, mine, client) == "answered"
        assert checked(port, mine, None) == "UNAVAILABLE"
        assert checked(port, mine, stranger) == "UNAVAILABLE"

        (tmp_path / "server.key").write_text("nothing")
        service.until(lambda: '"refused": null' not in service.ready()[1])
        assert checked(port, mine, client) == "answered"

        renewed = Authority(tmp_path)
        renewed.issue("server", uses=SERVER)
        after = renewed.issue("after", uses=CLIENT)
        service.until(lambda: checked(port, renewed, after) == "answered")
        assert checked(port, renewed, client) == "UNAVAILABLE"


# -- in the gateway ------------------------------------------------------------------------------


def test_a_service_in_the_gateway_renews_its_own(tmp_path: Path) -> None:
    mine = Authority(tmp_path)
    mine.issue("server")
    listen = {"port": free_port()}
    given = settings(mine, mounted=True)
    upstream = {
        "name": "main", "base_url": "http://127.0.0.1:9", "dialects": ["anthropic"],
        "models": {"anthropic/*": "*"},
    }  # fmt: skip
    folder = tmp_path / "service"
    folder.mkdir()
    given["more"] = {
        **given["more"], "listen": listen, "upstreams": [upstream],
    }  # fmt: skip
    service = Running(folder, POLICY, **given)
    written = json.loads(service.config.read_text())
    written["admin"] = {"port": service.admin}
    service.config.write_text(json.dumps(written))
    try:
        service.start("serve")
        before = mine.issue("before")
        assert ask(service, mine, before).startswith(b"HTTP/1.1 200 ")
        renewed = Authority(tmp_path)
        renewed.issue("server")
        after = renewed.issue("after")
        service.until(lambda: ask(service, renewed, after).startswith(b"HTTP/1.1 200 "))
        assert ask(service, renewed, before) == b""
        (tmp_path / "server.key").write_text("nothing")
        service.until(lambda: "server.key" in service.ready()[1])
        each = json.loads(service.ready()[1])["workers"]["each"][0]
        assert each["certificate"] is None
        assert "server.key" in each["service"]["certificate"]["refused"]

        os.kill(each["pid"], signal.SIGKILL)
        service.until(lambda: f'"pid": {each["pid"]},' not in service.ready()[1])
        service.until(lambda: service.ready()[0] == 200)
        assert ask(service, renewed, before) == b""  # not what the parent read at the start
        assert ask(service, renewed, after).startswith(b"HTTP/1.1 200 ")
    finally:
        service.stop()
