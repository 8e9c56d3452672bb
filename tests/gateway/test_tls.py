"""TLS of a real gateway, towards callers and towards upstreams."""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import anthropic
import httpx2 as httpx
import openai
import pytest
from gateway_process import GatewayProcess
from gateway_upstream import Upstream, events

from authority import Authority
from gateway_raw import Heard, ask, message, request, talk

Start = Callable[..., GatewayProcess]
ASKED = request(message())
KEPT = ASKED.replace(b"connection: close\r\n", b"")
XB = request(message(), headers="x-forwarded-for: 198.51.100.7\r\n")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure(
    running_upstream: Upstream, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("gateway")
    tls = authority.issue("gateway")
    process = GatewayProcess(directory, running_upstream.url, tls=tls)
    try:
        yield process.wait()
    finally:
        process.stop()


@pytest.fixture
def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.path))


def connect(
    gateway: GatewayProcess, context: ssl.SSLContext, name: str | None = "127.0.0.1"
) -> ssl.SSLSocket:
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # the kernel holds little
    plain.settimeout(10)
    plain.connect(("127.0.0.1", gateway.port))
    try:
        return context.wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False)
    except BaseException:
        plain.close()
        raise


def hear(connection: socket.socket, data: bytes = b"") -> Heard:
    """Send, and listen to the end."""
    connection.sendall(data)
    began, heard = time.monotonic(), b""
    while True:
        try:
            chunk = connection.recv(65536)
        except TimeoutError:
            return Heard(heard, "open", time.monotonic() - began)
        except (ConnectionResetError, ssl.SSLEOFError):
            return Heard(heard, "reset", time.monotonic() - began)
        if not chunk:
            return Heard(heard, "closed", time.monotonic() - began)
        heard += chunk


def counted(gateway: GatewayProcess, reason: str) -> float:
    wanted = f'bailiwick_connections_turned_away_total{{reason="{reason}"}} '
    for line in gateway.admin("/metrics")[1].splitlines():
        if line.startswith(wanted):
            return float(line.removeprefix(wanted))
    return 0


def until(done: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


# -- shaking hands -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_present_versions_are_spoken(
    version: ssl.TLSVersion, secure: GatewayProcess, trusting: ssl.SSLContext
) -> None:
    trusting.minimum_version = trusting.maximum_version = version
    with connect(secure, trusting) as connection:
        assert hear(connection, ASKED).statuses == [200]


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(
    version: ssl.TLSVersion, secure: GatewayProcess, trusting: ssl.SSLContext
) -> None:
    trusting.set_ciphers("ALL:@SECLEVEL=0")
    trusting.minimum_version, trusting.maximum_version = version, version
    with pytest.raises((ssl.SSLError, ConnectionResetError)) as refused:
        connect(secure, trusting)

    assert "NO_PROTOCOLS_AVAILABLE" not in str(refused.value)  # it is not this client who refuses


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (["h2"], None), ([], None)],
)
def test_http_1_1_is_what_it_speaks(
    offered: list[str], chosen: str | None, secure: GatewayProcess, trusting: ssl.SSLContext
) -> None:
    if offered:
        trusting.set_alpn_protocols(offered)
    with connect(secure, trusting) as connection:
        assert connection.selected_alpn_protocol() == chosen
        assert hear(connection, ASKED).statuses == [200]


def test_who_speaks_http_2_all_the_same_is_refused(
    secure: GatewayProcess, trusting: ssl.SSLContext
) -> None:
    trusting.set_alpn_protocols(["h2"])
    with connect(secure, trusting) as connection:
        heard = hear(connection, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))

    assert (heard.statuses, heard.ending) == ([400], "closed")


def test_the_certificate_is_the_same_for_every_name(
    secure: GatewayProcess, trusting: ssl.SSLContext
) -> None:
    """Callers check the name; the gateway does not choose by it."""
    with connect(secure, trusting, "localhost") as connection:
        named = connection.getpeercert(binary_form=True)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        connect(secure, trusting, "other.example")
    trusting.check_hostname = False
    for name in ("other.example", None):
        with connect(secure, trusting, name) as connection:
            assert connection.getpeercert(binary_form=True) == named
            assert hear(connection, ASKED).statuses == [200]


def test_nobody_may_shake_hands_again(secure: GatewayProcess) -> None:
    """Renegotiation costs the server more than the caller."""
    client = ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-tls1_2"]
    with subprocess.Popen(
        client, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        assert running.stdin is not None
        time.sleep(0.5)
        running.stdin.write(b"R\n")
        running.stdin.flush()
        time.sleep(0.5)
        with suppress(BrokenPipeError):
            running.stdin.close()
        running.stdin = None
        said, _ = running.communicate(timeout=10)

    assert b"RENEGOTIATING" in said
    assert b"no renegotiation" in said.lower()


def test_plain_http_gets_no_answer(secure: GatewayProcess, trusting: ssl.SSLContext) -> None:
    before = counted(secure, "tls")

    heard = talk(secure.port, ASKED, wait=5)

    assert heard.statuses == []
    assert heard.ending in {"closed", "reset"}
    until(lambda: counted(secure, "tls") > before)


def test_tls_to_a_plain_listener_is_refused(
    gateway: GatewayProcess, trusting: ssl.SSLContext
) -> None:
    with pytest.raises(ssl.SSLError):
        connect(gateway, trusting)
    assert ask(gateway.port, message())[0] == 200


@pytest.mark.parametrize("trickles", [False, True])
def test_a_handshake_that_does_not_end_is_cut(
    trickles: bool, secure: GatewayProcess, trusting: ssl.SSLContext
) -> None:
    before = counted(secure, "timeout")
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", secure.port), timeout=5) as plain:
        plain.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
        while trickles and time.monotonic() < began + 5:
            try:
                plain.sendall(b"\x03")
            except OSError:
                break
            time.sleep(0.1)
        ending = hear(plain).ending if not trickles else "reset"

    assert ending in {"closed", "reset"}
    assert 1 < time.monotonic() - began < 5
    until(lambda: counted(secure, "timeout") > before)


def test_handshakes_hold_a_place_no_longer_than_that(
    start_gateway: Start, authority: Authority, trusting: ssl.SSLContext
) -> None:
    gateway = start_gateway(tls=authority.issue("full"), limits={"connections": 2}).wait()
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
        with connect(gateway, trusting) as connection:
            heard = hear(connection, ASKED)

    assert heard.statuses == [200]


def test_who_leaves_during_the_handshake_leaves_nothing(
    secure: GatewayProcess, trusting: ssl.SSLContext
) -> None:
    for data in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", secure.port)) as plain:
                plain.sendall(data)
    with connect(secure, trusting) as connection:
        assert hear(connection, ASKED).statuses == [200]
    assert "Traceback" not in secure.output.read_text()


# -- requests and answers ------------------------------------------------------------------------


def test_official_clients_are_served_and_refused(
    secure: GatewayProcess, trusting: ssl.SSLContext, upstream: Upstream
) -> None:
    url = f"https://127.0.0.1:{secure.port}"
    said = [{"role": "user", "content": "stream 20 0"}]
    with (
        anthropic.Anthropic(
            api_key="key-a", base_url=url, max_retries=0,
            http_client=anthropic.DefaultHttpxClient(verify=trusting),
        ) as claude,
        openai.OpenAI(
            api_key="key-a", base_url=f"{url}/v1", max_retries=0,
            http_client=openai.DefaultHttpxClient(verify=trusting),
        ) as gpt,
    ):  # fmt: skip
        with claude.messages.stream(model="claude-test", max_tokens=9, messages=said) as stream:  # type: ignore[arg-type]
            text = "".join(stream.text_stream)
        chat = gpt.chat.completions.create(
            model="gpt-test", messages=[{"role": "user", "content": "hi"}]
        )
        with pytest.raises(anthropic.PermissionDeniedError):
            claude.messages.create(
                model="claude-test", max_tokens=9, messages=said,  # type: ignore[arg-type]
                extra_headers={"x-forwarded-for": "198.51.100.7"},
            )  # fmt: skip

    assert text == "".join(f"w{i} " for i in range(20))
    assert chat.choices[0].message.content == "hello"


def test_a_client_that_does_not_know_the_authority_sends_nothing(
    secure: GatewayProcess, upstream: Upstream
) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.post(f"https://127.0.0.1:{secure.port}/v1/messages", content=message())

    assert upstream.seen == []


def test_a_connection_is_used_again_and_requests_may_come_in_one_piece(
    secure: GatewayProcess, trusting: ssl.SSLContext
) -> None:
    with connect(secure, trusting) as connection:
        heard = hear(connection, KEPT * 5 + XB).data

    assert (heard.count(b"HTTP/1.1 200 "), heard.count(b"HTTP/1.1 403 ")) == (5, 1)


def test_a_head_that_does_not_come_is_not_waited_for(
    secure: GatewayProcess, trusting: ssl.SSLContext
) -> None:
    with connect(secure, trusting) as connection:
        idle = hear(connection)
    with connect(secure, trusting) as connection:
        begun = hear(connection, b"POST /v1/messages HTTP/1.1\r\n")

    assert (idle.data, idle.ending) == (b"", "closed") or idle.ending == "reset"
    assert begun.statuses == [408]
    assert idle.seconds < 5


def test_the_sender_of_a_refused_body_comes_to_read_why(
    secure: GatewayProcess, trusting: ssl.SSLContext
) -> None:
    """It is still sending when the answer is there."""
    with connect(secure, trusting) as connection:
        connection.sendall(request("", length=3_000_000))
        with suppress(OSError):
            for _ in range(40):
                connection.sendall(b"x" * 65536)
                time.sleep(0.005)
        heard = hear(connection)

    assert heard.statuses == [413]


@pytest.mark.parametrize("keeps", [True, False])
def test_a_large_answer_reaches_who_reads_slowly(
    keeps: bool, secure: GatewayProcess, trusting: ssl.SSLContext, upstream: Upstream
) -> None:
    """It takes longer than a refused body is read, and never stands still."""
    size = 12_000_000
    asked = request(message(f"big {size}"))
    if keeps:
        asked = asked.replace(b"connection: close\r\n", b"")
    with connect(secure, trusting) as connection:
        connection.sendall(asked)
        heard, began = bytearray(), time.monotonic()
        while len(heard) < size:
            chunk = connection.recv(16384)
            assert chunk, f"cut after {len(heard)} bytes, {time.monotonic() - began} s"
            heard += chunk
            time.sleep(0.005)

    assert heard.startswith(b"HTTP/1.1 200 ")
    assert time.monotonic() - began > 3


def test_a_streamed_answer_waits_for_who_reads_slowly(
    start_gateway: Start, authority: Authority, trusting: ssl.SSLContext
) -> None:
    count, patient = 30_000, {"idle_s": 8, "first_byte_s": 30}
    gateway = start_gateway(tls=authority.issue("patient"), timeouts=patient).wait()
    with connect(gateway, trusting) as connection:
        connection.sendall(request(message(f"stream {count} 0", stream=True)))
        heard, began = bytearray(), time.monotonic()
        while chunk := connection.recv(16384):
            heard += chunk
            if time.monotonic() < began + 3:
                time.sleep(0.05)

    assert heard.endswith(b"0\r\n\r\n")
    assert heard.count(b"content_block_delta") == 2 * count


def test_who_stops_reading_is_cut(
    secure: GatewayProcess, trusting: ssl.SSLContext, upstream: Upstream
) -> None:
    """Both of a stream and of a whole answer, and the connection is gone soon."""
    with connect(secure, trusting) as connection, connect(secure, trusting) as other:
        connection.sendall(request(message("stream 200000 0", stream=True)))
        other.sendall(request(message("big 30000000")))
        id_ = connection.recv(1000).split(b"x-bailiwick-decision: ")[1].split(b"\r\n")[0]
        row = secure.event(event="outcome", id=id_.decode())
        time.sleep(3)
        heard, whole = hear(connection), hear(other)

    assert row["kind"] == "timeout"
    assert {heard.ending, whole.ending} <= {"closed", "reset"}
    assert not heard.data.endswith(b"\r\n0\r\n\r\n")
    assert len(whole.data) < 30_000_000


def test_a_reset_upstream_looks_like_an_aborted_stream(
    secure: GatewayProcess, trusting: ssl.SSLContext, upstream: Upstream
) -> None:
    url, headers = f"https://127.0.0.1:{secure.port}/v1/messages", {"x-api-key": "key-a"}
    heard: list[bytes] = []
    with (
        httpx.Client(verify=trusting) as client,
        client.stream("POST", url, content=message("cut 3", stream=True), headers=headers) as got,
    ):
        pieces = got.iter_raw()
        with pytest.raises(httpx.RemoteProtocolError):
            heard.extend(iter(pieces.__next__, b""))
    assert b"".join(heard) == b"".join(events(3)[:5])
    row = secure.event(event="outcome", id=got.headers["x-bailiwick-decision"])
    assert row["kind"] == "upstream_reset"


def test_so_it_does_to_who_knows_no_chunks(
    secure: GatewayProcess, trusting: ssl.SSLContext, upstream: Upstream
) -> None:
    """Of HTTP/1.0 the end of the connection ends the answer, so this must not be a proper end."""
    asked = request(message("cut 3", stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    with connect(secure, trusting) as connection:
        heard = hear(connection, asked)

    assert heard.statuses == [200]
    assert heard.ending == "reset"


def decisions(gateway: GatewayProcess) -> int:
    return len(gateway.events(event="outcome", kind="client_left"))


@pytest.mark.parametrize("how", ["no notice", "notice", "reset"])
def test_who_leaves_is_taken_for_one_who_has_left(
    how: str, secure: GatewayProcess, trusting: ssl.SSLContext, upstream: Upstream
) -> None:
    """Half-closing counts as leaving, as it does without TLS."""
    before = decisions(secure)
    connection = connect(secure, trusting)
    connection.sendall(request(message("stream 1000 0.01", stream=True)))
    assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    if how == "notice":
        connection.settimeout(5)
        with suppress(OSError):
            connection.unwrap()
    elif how == "reset":
        linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    plain = socket.socket(fileno=connection.detach())
    if how == "no notice":
        plain.shutdown(socket.SHUT_WR)
    with plain:
        until(lambda: decisions(secure) > before if how != "reset" else True, 5)
    until(lambda: decisions(secure) > before, 5)
    until(lambda: upstream.last.done == "left")
    assert "Traceback" not in secure.output.read_text()


# -- renewing ------------------------------------------------------------------------------------


def serial(gateway: GatewayProcess, context: ssl.SSLContext) -> Any:
    with connect(gateway, context) as connection:
        return (connection.getpeercert() or {})["serialNumber"]


def certificates(gateway: GatewayProcess) -> list[dict[str, Any]]:
    each = json.loads(gateway.admin("/readyz")[1])["workers"]["each"]
    return [one["certificate"] for one in each]


@pytest.mark.parametrize("told", [False, True])
def test_a_renewed_certificate_is_used_by_every_worker(
    told: bool, start_gateway: Start, trusting: ssl.SSLContext, tmp_path: Path, authority: Authority
) -> None:
    names = authority.issue(f"renewed-{told}")
    gateway = start_gateway(
        tls=names, workers=3, quotas="redis://127.0.0.1:1/0", timeouts={"header_s": 30}
    ).wait()
    old = serial(gateway, trusting)
    with connect(gateway, trusting) as open_before:
        assert len({one["expires_at"] for one in certificates(gateway)}) == 1
        authority.issue(f"renewed-{told}", days=5)
        if told:
            os.kill(gateway.process.pid, signal.SIGHUP)
        until(lambda: all(old != serial(gateway, trusting) for _ in range(20)))
        open_before.sendall(ASKED)
        assert open_before.recv(100).startswith(b"HTTP/1.1 200 ")

    def expiry() -> set[str]:
        return {one["expires_at"][:10] for one in certificates(gateway)}

    until(lambda: len(expiry()) == 1)
    assert all(one["refused"] is None for one in certificates(gateway))


def test_a_bad_certificate_leaves_the_last_good_one_in_use(
    start_gateway: Start, trusting: ssl.SSLContext, authority: Authority
) -> None:
    names = authority.issue("kept")
    gateway = start_gateway(tls=names).wait()
    old = serial(gateway, trusting)

    Path(names[1]).write_text("not a key")
    until(lambda: certificates(gateway)[0]["refused"])
    kept = serial(gateway, trusting)
    why = certificates(gateway)[0]["refused"]
    until(lambda: 'certificate_refused{listener="gateway"} 1.0' in gateway.admin("/metrics")[1])
    status = gateway.admin("/readyz")[0]

    worker = json.loads(gateway.admin("/readyz")[1])["workers"]["each"][0]["pid"]
    os.kill(worker, signal.SIGKILL)
    until(lambda: f'"pid": {worker},' not in gateway.admin("/readyz")[1])
    gateway.wait()
    replaced = serial(gateway, trusting)

    authority.issue("kept", days=3)
    until(lambda: serial(gateway, trusting) != old)
    until(lambda: not certificates(gateway)[0]["refused"])
    until(lambda: 'certificate_refused{listener="gateway"} 0.0' in gateway.admin("/metrics")[1])

    assert kept == replaced == old
    assert names[0] in why
    assert status == 200
    assert gateway.output.read_text().count("the last good certificate stays in use") == 2
    assert "bailiwick_certificate_expires_timestamp_seconds{" in gateway.admin("/metrics")[1]


def test_a_worker_that_is_replaced_has_the_newest_certificate(
    start_gateway: Start, trusting: ssl.SSLContext, authority: Authority
) -> None:
    names = authority.issue("newest")
    gateway = start_gateway(tls=names).wait()
    old = serial(gateway, trusting)
    authority.issue("newest")
    until(lambda: serial(gateway, trusting) != old)
    new = serial(gateway, trusting)

    worker = json.loads(gateway.admin("/readyz")[1])["workers"]["each"][0]["pid"]
    os.kill(worker, signal.SIGKILL)
    found = set()
    until(lambda: found.add(serial(gateway, trusting)) or found)

    assert found == {new}


def test_without_tls_there_is_no_certificate_to_speak_of(gateway: GatewayProcess) -> None:
    assert certificates(gateway) == [None]


# -- towards upstreams ---------------------------------------------------------------------------


def served_with(names: tuple[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*names)
    return context


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"hosts": ["other.example"]}, "mismatch"),
        ({"hosts": []}, "mismatch"),
        ({"days": -0.5}, "expired"),
        ({"begins": 0.5}, "not yet valid"),
        ({}, None),
    ],
    ids=["another host", "no host", "expired", "too early", "good"],
)
def test_an_upstream_must_prove_itself(
    how: dict[str, Any], said: str | None, start_gateway: Start, authority: Authority
) -> None:
    """``authorities`` are trusted, and only who they say it is."""
    names = authority.issue("upstream", **how)
    with Upstream(tls=served_with(names)) as upstream:
        gateway = start_gateway(
            upstream=upstream.url, authorities=authority.path.read_text()
        ).wait()
        answers = [ask(gateway.port, message()) for _ in range(3)]
        seen = len(upstream.seen)

    if said is None:
        assert [status for status, _ in answers] == [200] * 3
        return
    assert {status for status, _ in answers} == {502}
    assert {answer["bailiwick"]["code"] for _, answer in answers} == {"upstream_untrusted"}
    assert seen == 0
    assert gateway.output.read_text().count("no connection to upstream `main`") == 1
    assert said in gateway.output.read_text()
    assert gateway.events(event="outcome")[-1]["kind"] == "upstream_error"


@pytest.mark.parametrize("given", [None, "other"])
def test_an_unknown_authority_vouches_for_nobody(
    given: str | None, start_gateway: Start, authority: Authority, tmp_path: Path
) -> None:
    """A file of authorities stands instead of the system's, not beside them."""
    other = Authority(tmp_path, "other").path.read_text() if given else None
    with Upstream(tls=served_with(authority.issue("upstream"))) as upstream:
        gateway = start_gateway(upstream=upstream.url, authorities=other).wait()
        status, answer = ask(gateway.port, message())
        seen = len(upstream.seen)

    assert (status, answer["bailiwick"]["code"], seen) == (502, "upstream_untrusted", 0)


def test_an_upstream_that_speaks_plain_http_is_not_spoken_to_so(
    start_gateway: Start, gateway: GatewayProcess, upstream: Upstream
) -> None:
    """It is another gateway here."""
    before = gateway.events(event="judged")
    asking = start_gateway(upstream=f"https://127.0.0.1:{gateway.port}").wait()
    status, answer = ask(asking.port, message())

    assert (status, answer["bailiwick"]["code"]) == (502, "upstream_untrusted")
    assert gateway.events(event="judged") == before


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
def test_an_upstream_whose_tls_is_too_old_is_refused(
    start_gateway: Start, authority: Authority
) -> None:
    context = served_with(authority.issue("upstream"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Upstream(tls=context) as upstream:
        gateway = start_gateway(
            upstream=upstream.url, authorities=authority.path.read_text()
        ).wait()
        status, answer = ask(gateway.port, message())
        seen = len(upstream.seen)

    assert (status, seen) == (502, 0)
    assert answer["bailiwick"]["code"] in {"upstream_untrusted", "upstream_unreachable"}
    assert gateway.output.read_text().count("no connection to upstream `main`: ") == 1


def test_an_upstream_that_does_not_shake_hands_is_not_waited_for(start_gateway: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        gateway = start_gateway(upstream=f"https://127.0.0.1:{silent.getsockname()[1]}").wait()
        began = time.monotonic()
        status, answer = ask(gateway.port, message())

    assert (status, answer["bailiwick"]["code"]) == (504, "upstream_timeout")
    assert time.monotonic() - began < 4
