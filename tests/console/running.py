"""The admin API and the appeal page, each in a process of its own, over one real database."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from bailiwick.accounts import AccountDatabase, Notice, deliver_notices
from bailiwick.console import hash_password
from people import CATALOG, POLICY

RULES = """\
  - {id: not-there, deny: frontier, where: {address: XB}}
  - {id: pilot, exempt: frontier, lifts: [not-there], labels: {any: [trusted]}, until: 2099-01-01T00:00Z}
accounts:
"""
PASSWORD = "correct horse battery"
PEOPLE = {
    "vic": "viewer",
    "rea": "reviewer",
    "ron": "reviewer",
    "ann": "approver",
    "abe": "approver",
    "ada": "admin",
}
ORIGIN = "https://console.example"
BY = {"actor": "tester", "reason": "a test"}
PATIENCE_S = 300


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Outbox:
    """Takes notices, as a mail server would."""

    name = "outbox"

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def deliver(self, notice: Notice) -> None:
        self.notices.append(notice)


class Running:
    """Both listeners, and the database behind them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {"console": free_port(), "appeals": free_port()}
        (folder / "models.yaml").write_text(CATALOG)
        (folder / "policy.yaml").write_text(POLICY.replace("accounts:\n", RULES))
        hashed = hash_password(PASSWORD)
        users = [{"name": name, "role": role, "hash": hashed} for name, role in PEOPLE.items()]
        (folder / "users.yaml").write_text(json.dumps({"users": users}))
        self.config = folder / "bailiwick.yaml"
        self.accounts = AccountDatabase.open(
            f"sqlite:///{folder / 'accounts.db'}", folder / "accounts.secret", create=True
        )
        self.settings: dict[str, Any] = {
            "policy": "policy.yaml",
            "catalog": ["models.yaml"],
            "accounts": {"appeal_link": "https://gate.example/appeal/{token}"},
            "console": {
                "listen": {"port": str(self.ports["console"])},
                "users": "users.yaml",
                "origin": ORIGIN,
            },
            "appeals": {"listen": {"port": str(self.ports["appeals"])}},
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self._tokens: dict[str, str] = {}

    def start(self, *which: str) -> "Running":
        self.config.write_text(json.dumps(self.settings))
        for name in which:
            with (self.folder / f"{name}.log").open("wb") as output:
                words = [sys.executable, "-m", "bailiwick", name, "--config", str(self.config)]
                self._processes.append(subprocess.Popen(words, stdout=output, stderr=output))
        for name, process in zip(which, self._processes, strict=True):
            self._wait(name, process)
        return self

    def _wait(self, name: str, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                httpx.get(f"{self.url(name)}/v1/nothing")
            except httpx.TransportError:
                log = self.folder / f"{name}.log"
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.05)
            else:
                return

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def log_in(self, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
        given = {"name": name, "password": password}
        return httpx.post(
            f"{self.url('console')}/v1/session", json=given, headers=headers, timeout=60
        )

    def token(self, name: str) -> str:
        if name not in self._tokens:
            self._tokens[name] = self.log_in(name).json()["token"]
        return self._tokens[name]

    def ask(
        self, who: str, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        given = {"authorization": f"Bearer {self.token(who)}", **headers}
        return httpx.request(
            method, f"{self.url('console')}/v1{path}", json=body, headers=given, timeout=60
        )

    def notices(self) -> list[Notice]:
        outbox = Outbox()
        deliver_notices(self.accounts, outbox)
        return outbox.notices

    def restart(self, *which: str) -> None:
        self._end()
        self.start(*which)

    def stop(self) -> None:
        self._end()
        self.accounts.close()

    def _end(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait(30)
        self._processes.clear()
