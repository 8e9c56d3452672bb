"""Who a layer 4 balancer says is there is the peer; a connection that does not say it is closed."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gateway_certificate import make_certificate
from gateway_process import GatewayProcess, free_port
from gateway_upstream import Upstream

from gateway_raw import message, request, talk

Start = Callable[..., GatewayProcess]
ASKED = request(message())
V2 = b"\r\n\r\n\0\r\nQUIT\n"
XA, XB = b"\xcb\x00\x71\x07", b"\xc6\x33\x64\x07"


def v1(source: str) -> bytes:
    return f"PROXY TCP4 {source} 192.0.2.1 40000 443\r\n".encode()


def v2(source: bytes, command: int = 1) -> bytes:
    return V2 + bytes([0x20 | command, 0x11, 0, 12]) + source + b"\xc0\x00\x02\x01\x9c\x40\x01\xbb"


@pytest.fixture(scope="module")
def behind(
    running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("gateway")
    process = GatewayProcess(directory, running_upstream.url, balancers=["127.0.0.0/8"])
    try:
        yield process.wait()
    finally:
        process.stop()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (v1("203.0.113.7"), 200),
        (v1("198.51.100.7"), 403),
        (v2(XA), 200),
        (v2(XB), 403),
        (v2(XB, command=0), 200),
        (b"PROXY UNKNOWN\r\n", 200),
    ],
    ids=["v1, XA", "v1, XB", "v2, XA", "v2, XB", "v2, the balancer itself", "v1, unknown"],
)
def test_the_header_names_the_peer(behind: GatewayProcess, header: bytes, status: int) -> None:
    assert talk(behind.port, header + ASKED).statuses == [status]


def test_it_is_read_once(behind: GatewayProcess) -> None:
    """A second one is no request, and what it says counts for nothing."""
    heard = talk(behind.port, v1("198.51.100.7") + v1("203.0.113.7") + ASKED)

    assert heard.statuses == [400]


@pytest.mark.parametrize("size", [1, 5, 13])
def test_it_may_come_in_pieces(behind: GatewayProcess, size: int) -> None:
    for header in (v1("198.51.100.7"), v2(XB)):
        with socket.create_connection(("127.0.0.1", behind.port), timeout=5) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(header), size):
                connection.sendall(header[at : at + size])
                time.sleep(0.002)
            connection.sendall(ASKED)
            assert connection.recv(65536).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"", "proxy.missing"),
        (b"PROXY TCP4 203.0.113.7\r\n", "proxy.unparsable"),
        (b"PROXY TCP6 203.0.113.7 192.0.2.1 1 2\r\n", "proxy.family"),
        (b"PROXY TCP4 " + b"2" * 200, "proxy.too_long"),
        (V2 + b"\x31\x11\x00\x0c" + bytes(12), "proxy.unparsable"),
        (V2 + b"\x21\x11\xff\xff", "proxy.too_long"),
    ],
)
def test_what_does_not_begin_with_it_is_closed(
    behind: GatewayProcess, header: bytes, reason: str
) -> None:
    heard = talk(behind.port, header + ASKED, wait=3)

    assert (heard.data, heard.ending in {"closed", "reset"}) == (b"", True)
    _counted(behind, reason)


def test_a_header_that_does_not_come_is_not_waited_for_long(behind: GatewayProcess) -> None:
    heard = talk(behind.port, v2(XA)[:14], wait=5)

    assert (heard.data, heard.ending) == (b"", "closed")
    _counted(behind, "timeout")


def test_a_stranger_may_not_say_it(start_gateway: Start) -> None:
    gateway = start_gateway(balancers=["192.0.2.0/24"]).wait()

    heard = talk(gateway.port, v1("203.0.113.7") + ASKED, wait=3)

    assert heard.data == b""
    _counted(gateway, "proxy.untrusted")


def test_nobody_may_say_it_where_it_is_not_expected(gateway: GatewayProcess) -> None:
    assert talk(gateway.port, v1("203.0.113.7") + ASKED).statuses == [400]


def test_it_is_read_before_tls(start_gateway: Start, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    gateway = start_gateway(tls=[str(certificate), str(key)], balancers=["127.0.0.1"]).wait()
    context = ssl.create_default_context(cafile=str(certificate))

    for source, status in ((XA, b"200"), (XB, b"403")):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as plain:
            plain.sendall(v2(source))
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                secure.sendall(ASKED)
                assert secure.recv(65536).startswith(b"HTTP/1.1 " + status)
    assert talk(gateway.port, v2(XA) + ASKED, wait=3).statuses == []
    _counted(gateway, "tls")


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")
@pytest.mark.parametrize("word", ["send-proxy", "send-proxy-v2"])
def test_a_real_balancer_says_it(behind: GatewayProcess, tmp_path: Path, word: str) -> None:
    """It forwards what 127.0.0.9 sends; the gateway must see that address, not the balancer's."""
    port = free_port()
    config = tmp_path / "haproxy.cfg"
    config.write_text(
        f"defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 9s\n  timeout server 9s\n"
        f"listen balanced\n  bind 127.0.0.1:{port}\n"
        f"  server one 127.0.0.1:{behind.port} {word}\n"
    )
    with subprocess.Popen(["haproxy", "-db", "-f", str(config)]) as balancer:
        try:
            _until_it_listens(port)
            with socket.create_connection(
                ("127.0.0.1", port), timeout=5, source_address=("127.0.0.9", 0)
            ) as client:
                client.sendall(ASKED)
                assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        finally:
            balancer.terminate()
    assert behind.event(event="judged", peer="127.0.0.9")


def _until_it_listens(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("it does not listen")


def _counted(gateway: GatewayProcess, reason: str) -> None:
    wanted = f'bailiwick_connections_turned_away_total{{reason="{reason}"}} '
    end = time.monotonic() + 5
    while wanted not in gateway.admin("/metrics")[1]:
        assert time.monotonic() < end, gateway.admin("/metrics")[1]
        time.sleep(0.1)
