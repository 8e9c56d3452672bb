"""The admin listener: health, readiness and metrics, apart from the traffic and on loopback.

It runs in a process of its own, so it answers when a worker does not, and says so.
"""

import json
import os
import select
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from bailiwick.gateway.state import readiness


class AdminListener:
    """Serves ``/healthz``, ``/readyz`` and ``/metrics``; reads only."""

    def __init__(self, host: str, port: int, workers: int, directory: Path) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(workers, directory))
        self._server.daemon_threads = True

    def run(self, parent: int) -> None:
        """Answer until the parent process is gone (``parent`` reads its end)."""
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        self._server.serve_forever()


def _end_with(parent: int) -> None:
    select.select([parent], [], [])  # a worker made it one that is not waited for
    os._exit(0)


def metrics_text(directory: Path) -> bytes:
    """Add up what the workers counted."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(directory))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _handler(workers: int, directory: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "bailiwick"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            match self.path:
                case "/healthz":
                    self._say(200, "text/plain", b"ok\n")
                case "/readyz":
                    ready, detail = readiness(directory, workers)
                    body = json.dumps(detail, indent=2, default=str).encode() + b"\n"
                    self._say(200 if ready else 503, "application/json", body)
                case "/metrics":
                    self._say(200, CONTENT_TYPE_LATEST, metrics_text(directory))
                case _:
                    self._say(404, "text/plain", b"there is nothing at this path\n")

        def _say(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("cache-control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the server's name
            del format, args

    return Handler
