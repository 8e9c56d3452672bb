"""The demo's gateway: a folder with settings, accounts and a Tor list, and the running server."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from types import TracebackType
from typing import Any

from examples.demo import model_server

from bailiwick.accounts import AccountDatabase
from bailiwick.audit import Filters, show
from bailiwick.bootstrap import load_policy

POLICY = Path(__file__).parent.parent / "reported.yaml"
TOR_EXIT = "12.0.0.1"
"""A fixture: no exit of Tor, but an address in the US that the demo puts on its list of exits."""
SETTINGS = """\
policy: {policy}
listen: {{port: {port}}}
admin: {{port: {admin}}}
location:
  trusted_proxies: [127.0.0.0/8]
  anonymizers: [{{kind: tor_exits, path: exits.txt}}]
accounts: {{{accounts}}}
audit: {{directory: audit}}
upstreams:
  - name: stand-in
    base_url: http://127.0.0.1:{upstream}
    dialects: [anthropic, openai]
    models: {{{models}}}
    key: {{env: DEMO_UPSTREAM_KEY}}
    processing: [US]
    egress: US
"""


@dataclass(frozen=True)
class Customer:
    """One account of the demo."""

    id: str
    name: str
    country: str


CUSTOMERS = (
    Customer("us-firm", "Firm in Boston", "US"),
    Customer("berlin", "Start-up in Berlin", "DE"),
    Customer("tokyo", "Studio in Tokyo", "JP"),
)


class Gateway:
    """A running gateway; leaving the context stops it."""

    policy_file = POLICY
    customers: Sequence[Customer] = CUSTOMERS
    accounts = "database: accounts.db, secret: accounts.secret"
    """The settings of that section."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.policy = load_policy(self.policy_file).policy
        self.upstream = model_server.start()
        self.port, self.admin = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.audit = folder / "audit"
        self._write_files()
        self.keys = self._add_accounts()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Gateway":
        self._start("serve", "--config", str(self.folder / "bailiwick.yaml"))
        return self

    def _start(self, *words: str) -> None:
        command = [sys.executable, "-m", "bailiwick", *words]
        environment = {**os.environ, "DEMO_UPSTREAM_KEY": "demo"}
        with (self.folder / "gateway.log").open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 - our own command
        self._wait_until_ready()

    def _more_settings(self) -> str:
        return ""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=30)
        self.upstream.shutdown()

    def curl(self) -> str:
        """Give a command that sends a request as the Boston firm from Berlin."""
        body = json.dumps(
            {
                "model": "claude-3.5-opus",
                "max_tokens": 50,
                "messages": [{"role": "user", "content": "Hello"}],
            }
        )
        return (
            f"curl -i {self.url}/v1/messages -H 'x-api-key: {self.keys['us-firm']}' "
            f"-H 'anthropic-version: 2023-06-01' -H 'x-forwarded-for: 5.9.0.1' "
            f"-H 'content-type: application/json' -d '{body}'"
        )

    def record(self, decision: str, patience_s: float = 2) -> Mapping[str, Any]:
        """Find the audit record of a decision; a refusal's may come a moment later."""
        until = time.monotonic() + patience_s
        sought = Filters(frozenset({"decision"}), fields={"id": decision})
        while time.monotonic() < until:
            for entry in show(self.audit, sought):
                return entry.record.event
            time.sleep(0.02)
        return {}

    def _write_files(self) -> None:
        models = ", ".join(
            f'"{provider}/*": "*"'
            for provider in ("anthropic", "openai", "google", "meta", "mistral")
        )
        settings = SETTINGS.format(
            policy=self.policy_file,
            accounts=self.accounts,
            port=self.port,
            admin=self.admin,
            upstream=self.upstream.server_port,
            models=models,
        )
        (self.folder / "bailiwick.yaml").write_text(settings + self._more_settings())
        (self.folder / "exits.txt").write_text(f"{TOR_EXIT}\n")

    def _add_accounts(self) -> dict[str, str]:
        url = f"sqlite:///{self.folder / 'accounts.db'}"
        accounts = AccountDatabase.open(url, self.folder / "accounts.secret", create=True)
        keys = {}
        for customer in self.customers:
            accounts.add_account(customer.name, id=customer.id, actor="demo", reason="demo")
            for kind in ("billing", "card", "registered"):
                accounts.set_evidence(
                    customer.id, kind, [customer.country], actor="demo", reason="demo"
                )
            keys[customer.id] = accounts.add_key(customer.id, actor="demo", reason="demo").raw
        return keys

    def _wait_until_ready(self, patience_s: float = 30) -> None:
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=1):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if self.process is not None and self.process.poll() is not None:
                    break
                time.sleep(0.05)
        log = (self.folder / "gateway.log").read_text()
        raise SystemExit(f"the gateway did not become ready:\n{log}")


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
