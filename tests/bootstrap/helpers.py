"""A gateway's folder, written as an operator would, and a stand-in upstream."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any

from bailiwick.accounts import AccountDatabase

POLICY = """\
bailiwick: 1
name: first
places: {us: {include: [US], territories: listed-only}}
models: {opus: {ids: ["anthropic/claude-opus-*"]}}
rules:
  - {id: in-us, permit: opus, where: {address: us, billing: us}}
tests:
  - note: at home
    facts: {model: anthropic/claude-opus-4-1, address: US, billing: US}
    want: {effect: permit, determining: in-us}
"""
SETTINGS = """\
policy: policy.yaml
listen: {port: 0}
admin: {enabled: false}
location: {trusted_proxies: [127.0.0.0/8]}
reload: {interval: 50ms, settle: 100ms}
accounts: {poll: 100ms}
upstreams:
  - name: one
    base_url: http://127.0.0.1:9
    dialects: [anthropic]
    models: {"anthropic/*": "*"}
"""
BY = {"actor": "tester", "reason": "a test"}
US, NL = "192.0.32.10", "193.0.6.139"


class Folder:
    """A settings file and what it names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "bailiwick.yaml"
        self.policy = path / "policy.yaml"
        self.write(SETTINGS, POLICY)

    def write(self, settings: str | None = None, policy: str | None = None) -> None:
        if settings is not None:
            self.config.write_text(settings)
        if policy is not None:
            self.policy.write_text(policy)

    def database(self) -> AccountDatabase:
        url = f"sqlite:///{self.path}/accounts.db"
        return AccountDatabase.open(url, self.path / "accounts.secret", create=True)

    def add_key(self) -> str:
        database = self.database()
        database.add_account("Acme", id="acme", **BY)
        database.set_evidence("acme", "billing", ["US"], **BY)
        return database.add_key("acme", **BY).raw


class Upstream:
    """A server that answers every message alike and remembers what it was sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], dict[str, Any]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen.append((headers, body))
                answer = b'{"type":"message","content":[]}'
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: Any) -> None:
                del args

        return Handler


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
