"""The gateway as processes: starting, stopping, several workers, capacity, the admin listener."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2 as httpx
import pytest
from gateway_certificate import make_certificate
from gateway_process import GatewayProcess
from gateway_upstream import Upstream

from bailiwick.gateway.state import read_statuses, readiness, write_status
from gateway_raw import ask, message, request, talk

Start = Callable[..., GatewayProcess]


def test_a_gateway_is_ready_soon_and_says_so(start_gateway: Start) -> None:
    gateway = start_gateway().wait()

    status, body = gateway.admin("/readyz")
    assert (status, gateway.admin("/healthz")) == (200, (200, "ok\n"))
    assert '"revision": "r1"' in body
    assert gateway.admin("/elsewhere")[0] == 404


def test_the_admin_listener_is_apart_from_the_traffic(gateway: GatewayProcess) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert talk(gateway.port, request("", path=path, method="GET"), wait=1).statuses == [404]
    assert gateway.admin("/v1/models")[0] == 404


METRICS = {
    "bailiwick_requests_total", "bailiwick_denied_places_total", "bailiwick_judging_seconds_bucket",
    "bailiwick_upstream_first_byte_seconds_bucket", "bailiwick_outcomes_total",
    "bailiwick_requests_in_hand", "bailiwick_upstream_connections_opened_total",
}  # fmt: skip


def test_metrics_add_up_over_workers_and_hold_nothing_personal(start_gateway: Start) -> None:
    """Several workers must be given a quota server; these requests have no quota to count."""
    gateway = start_gateway(workers=2, quotas="redis://127.0.0.1:1/0").wait()
    xb = "x-forwarded-for: 198.51.100.7\r\n"
    for _ in range(30):
        ask(gateway.port, message())
    for _ in range(3):
        ask(gateway.port, message(), headers=xb)
    ask(gateway.port, "{")
    workers = {row["pid"] for row in gateway.events(event="judged")}

    end = time.monotonic() + 5
    wanted = 'endpoint="/v1/messages",model="anthropic/claude-test",reason="",status="200"} 30.0'
    while wanted not in (text := gateway.admin("/metrics")[1]):
        assert time.monotonic() < end, text
        time.sleep(0.1)

    assert len(workers) == 2
    assert {name for name in METRICS if name not in text} == set()
    assert 'bailiwick_denied_places_total{place="XB"} 3.0' in text
    assert 'effect="refused"' in text
    assert not any(secret in text for secret in ("key-a", "198.51.100", "127.0.0.1"))


def test_requests_beyond_the_capacity_are_refused_at_once(
    start_gateway: Start, upstream: Upstream
) -> None:
    gateway = start_gateway(limits={"concurrency": 4}).wait()
    with ThreadPoolExecutor(12) as pool:
        found = [pool.submit(ask, gateway.port, message("slow 0.5")) for _ in range(12)]
        answers = [one.result() for one in found]

    refused = [answer for status, answer in answers if status == 503]
    assert sorted({status for status, _ in answers}) == [200, 503]
    assert 4 <= len(answers) - len(refused) <= 8
    assert all(answer["bailiwick"]["code"] == "overloaded" for answer in refused)
    heard = talk(gateway.port, request(message()), wait=2)
    assert heard.statuses == [200]


def test_a_refusal_for_want_of_capacity_says_when_to_come_back(start_gateway: Start) -> None:
    gateway = start_gateway(limits={"concurrency": 0}).wait()

    heard = talk(gateway.port, request(message()), wait=2)

    assert heard.statuses == [503]
    assert b"\r\nretry-after: 1\r\n" in heard.data
    assert b"x-should-retry" not in heard.data


def test_a_gateway_stops_with_its_last_request(start_gateway: Start, upstream: Upstream) -> None:
    gateway = start_gateway().wait()
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(ask, gateway.port, message("slow 1"))
        while not upstream.seen:
            time.sleep(0.01)
        stopped = pool.submit(gateway.stop)

        assert slow.result()[0] == 200
        assert stopped.result() == 0

    assert gateway.events(event="outcome")[-1]["kind"] == "completed"
    assert gateway.events(event="stop")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", gateway.port), timeout=1)


def test_a_request_that_never_ends_does_not_keep_a_gateway_from_stopping(
    start_gateway: Start,
) -> None:
    timeouts = {"first_byte_s": 60, "stop_s": 1}
    gateway = start_gateway(timeouts=timeouts).wait()
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(request(message("hang")))
        gateway.event(event="judged")
        began = time.monotonic()

        gateway.stop()

    assert time.monotonic() - began < 20


def test_a_gateway_that_cannot_make_its_services_does_not_start_and_says_why(
    start_gateway: Start,
) -> None:
    gateway = start_gateway(fault="the policy is not there")

    assert gateway.process.wait(15) != 0
    assert "the policy is not there" in gateway.output.read_text()


def test_a_gateway_with_bad_options_does_not_start_and_says_why(start_gateway: Start) -> None:
    gateway = start_gateway(workers=2)

    assert gateway.process.wait(15) != 0
    assert "2 workers cannot count quotas in memory" in gateway.output.read_text()


def test_a_worker_that_dies_is_replaced(start_gateway: Start) -> None:
    gateway = start_gateway().wait()
    first = gateway.event(event="start")["pid"]

    os.kill(first, signal.SIGKILL)

    end = time.monotonic() + 10
    while len(gateway.events(event="start")) < 2 or gateway.admin("/readyz")[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert ask(gateway.port, message())[0] == 200
    assert str(first) not in gateway.admin("/readyz")[1]


def test_workers_end_with_a_parent_that_is_killed(start_gateway: Start) -> None:
    gateway = start_gateway().wait()
    worker = gateway.event(event="start")["pid"]

    gateway.process.kill()

    gateway.event(event="stop", pid=worker)
    end = time.monotonic() + 5
    while gateway.admin("/healthz")[0]:
        assert time.monotonic() < end
        time.sleep(0.05)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", gateway.port), timeout=1)


def test_a_worker_that_dies_at_once_again_and_again_is_replaced_again_and_again(
    start_gateway: Start,
) -> None:
    gateway = start_gateway().wait()

    for deaths in range(1, 4):
        os.kill(gateway.event(event="start")["pid"], signal.SIGKILL)
        end = time.monotonic() + 10
        while len(gateway.events(event="start")) <= deaths:
            assert time.monotonic() < end
            time.sleep(0.05)

    gateway.wait()
    assert ask(gateway.port, message())[0] == 200


def test_many_open_streams_do_not_hold_new_requests_up(start_gateway: Start) -> None:
    gateway = start_gateway(
        timeouts={"first_byte_s": 10}
    ).wait()  # the upstream may be slow to begin
    with ExitStack() as stack:
        for _ in range(200):
            stream = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
            stream.sendall(request(message("stream 100 0.5", stream=True)))
        answers = [ask(gateway.port, message())[0] for _ in range(30)]

    assert answers == [200] * 30


def test_a_connection_is_used_again(gateway: GatewayProcess) -> None:
    with httpx.Client(headers={"x-api-key": "key-a"}) as client:
        for _ in range(5):
            assert client.post(f"{gateway.url}/v1/messages", content=message()).status_code == 200
            assert client.post(f"{gateway.url}/v1/messages", content="{").status_code == 400
            assert client.get(f"{gateway.url}/v1/models").status_code == 200


def test_tls_is_served(start_gateway: Start, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    gateway = start_gateway(tls=[str(certificate), str(key)]).wait()

    got = httpx.post(
        f"https://127.0.0.1:{gateway.port}/v1/messages", content=message(),
        headers={"x-api-key": "key-a"}, verify=ssl.create_default_context(cafile=str(certificate)),
    )  # fmt: skip

    assert got.status_code == 200


def test_importing_the_gateway_does_not_fix_how_metrics_are_kept() -> None:
    """prometheus-client decides when it is imported; a worker is told before."""
    code = "import bailiwick.gateway, sys; sys.exit('prometheus_client' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- state files ---------------------------------------------------------------------------------


def test_a_worker_is_able_while_it_says_so(tmp_path: Path) -> None:
    assert readiness(tmp_path, 1)[0] is False

    write_status(tmp_path, {"ready": True})
    assert readiness(tmp_path, 1)[0] is True
    assert readiness(tmp_path, 2)[0] is False

    write_status(tmp_path, {"ready": False, "why": "no policy"})
    ready, detail = readiness(tmp_path, 1)
    assert ready is False
    assert detail["workers"]["each"][0]["why"] == "no policy"


def test_a_worker_that_has_not_written_for_a_while_is_not_able(tmp_path: Path) -> None:
    write_status(tmp_path, {"ready": True})
    path = next(tmp_path.glob("worker-*.json"))
    path.write_text(path.read_text().replace('"written": ', '"written": -'))

    assert readiness(tmp_path, 1)[0] is False


def test_a_worker_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f"worker-{gone.pid}.json").write_text("{}")
    (tmp_path / f"gauge_livesum_{gone.pid}.db").write_text("")

    assert read_statuses(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
