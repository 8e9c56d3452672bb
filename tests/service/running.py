"""A decision service in processes of its own, with a real policy, accounts and records."""

import hashlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bailiwick.accounts import AccountDatabase
from bailiwick.audit import show

POLICY = """\
bailiwick: 1
name: service-tests
places: {us: {include: [US], territories: listed-only}, xa: {include: [DE], territories: listed-only}}
models:
  frontier: {ids: ["anthropic/claude-opus-*"]}
  open: {openness: [open, open-weight], controlled: false}
  pictures: {ids: ["openai/gpt-4o"]}
rules:
  - {id: open-everywhere, permit: open}
  - {id: frontier-in-us, permit: frontier, where: {address: us, billing: us}}
  - {id: pictures, permit: pictures}
  - {id: no-pictures-in-de, restrict: pictures, where: {address: xa}, to: {features: {deny: [image_input]}}}
  - {id: short-in-de, restrict: pictures, where: {address: xa}, to: {max_output_tokens: 100}}
  - {id: marked-in-us, restrict: frontier, where: {address: us}, to: {headers: {x-moderation: strict}}}
  - {id: no-iran, deny: "*", where: {address: IR}}
  - {id: no-sign-up, deny: "*", where_any: {billing: KP, address: KP}, requires: [billing]}
  - {id: few, restrict: frontier, where: {labels: {any: [slow]}}, to: {quota: {requests: 2, per: day, by: account}}}
"""
US, DE, IR, KP = "8.8.8.8", "5.9.0.1", "5.160.0.1", "175.45.176.1"
OPUS, LLAMA, PICTURES = "claude-opus-4-1", "meta/llama-3.1-405b", "gpt-4o"
BY = {"actor": "tester", "reason": "a test"}
TOKEN, WEAK, ENVOY, OTHERS = "token-of-the-edge", "token-of-somebody", "token-of-envoy", "token-4"
PATIENCE_S = 150
"""A machine that does much else takes long to start a service."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


ASKERS = [
    {"name": "edge", "token_sha256": digest(TOKEN), "says": ["address", "evidence", "model"]},
    {
        "name": "envoy",
        "token_sha256": digest(ENVOY),
        "says": ["address", "model"],
        "address_header": "x-bailiwick-address",
    },
    {"name": "others", "token_sha256": digest(OTHERS), "says": ["address"], "keys": "others"},
    {"name": "somebody", "token_sha256": digest(WEAK), "says": []},
]


class Running:
    """A running service in a folder."""

    def __init__(self, folder: Path, policy: str = POLICY, **service: Any) -> None:
        self.folder = folder
        self.port, self.admin = free_port(), free_port()
        self.output = folder / "log"
        self.config = folder / "bailiwick.yaml"
        self.policy = folder / "policy.yaml"
        self.policy.write_text(policy)
        given = {"port": self.port, "admin_port": self.admin, "askers": ASKERS, **service}
        more = given.pop("more", {})
        settings = {
            "policy": "policy.yaml",
            "reload": {"interval": "100ms", "settle": "50ms"},
            "accounts": {"poll": "100ms"},
            "service": given,
            **more,
        }
        self.config.write_text(json.dumps(settings, default=str))
        self.key = self._add_account()
        self._process: subprocess.Popen[bytes] | None = None

    def _add_account(self) -> str:
        url = f"sqlite:///{self.folder / 'accounts.db'}"
        self.accounts = AccountDatabase.open(url, self.folder / "accounts.secret", create=True)
        self.accounts.add_account("Acme", id="acme", **BY)
        self.accounts.set_evidence("acme", "billing", ["US"], **BY)
        return self.accounts.add_key("acme", **BY).raw

    def start(self, command: str = "service") -> "Running":
        words = [sys.executable, "-m", "bailiwick", command, "--config", str(self.config)]
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(words, stdout=output, stderr=output)
        self.until(lambda: self.ready()[0] == 200)
        return self

    def until(self, holds: Any) -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert self._process is not None
            assert self._process.poll() is None, self.output.read_text()
            assert time.monotonic() < end, self.output.read_text()
            time.sleep(0.05)

    def ready(self) -> tuple[int, str]:
        return get(f"http://127.0.0.1:{self.admin}/readyz")

    def metrics(self) -> str:
        return get(f"http://127.0.0.1:{self.admin}/metrics")[1]

    def stop(self) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(20)

    def records(self, kind: str) -> list[Mapping[str, Any]]:
        """Wait until there are some, and read them."""
        end = time.monotonic() + 5
        while time.monotonic() < end:
            found = [
                one.record.event
                for one in show(self.folder / "audit")
                if one.record.event["kind"] == kind
            ]
            if found:
                return found
            time.sleep(0.05)
        return []

    # -- asking --------------------------------------------------------------------------------

    def send(
        self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> "Answered":
        raw = (
            body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        )
        return send(f"http://127.0.0.1:{self.port}{path}", raw, headers or {}, **more)

    def evaluate(
        self, subject: Any, action: str, resource: Any, token: str = TOKEN, **context: Any
    ) -> Any:
        body = {
            "subject": subject, "action": {"name": action}, "resource": resource, "context": context,
        }  # fmt: skip
        return self.send("/access/v1/evaluation", body, {"authorization": f"Bearer {token}"}).json()

    def check(
        self, model: str = OPUS, address: str = US, token: str = TOKEN, path: str = "/v1/messages",
        headers: Mapping[str, str] | None = None, **body: Any,
    ) -> "Answered":  # fmt: skip
        asked = {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}
        given = {
            "x-bailiwick-token": token, "x-api-key": self.key, "x-forwarded-for": address,
            "content-type": "application/json", **(headers or {}),
        }  # fmt: skip
        return self.send(f"/check{path}", {**asked, **body}, given)

    def forward(self, address: str = US, uri: str = "/v1/messages", **headers: str) -> "Answered":
        given = {
            "x-bailiwick-token": TOKEN, "x-api-key": self.key, "x-forwarded-for": address,
            "x-original-method": "POST", "x-original-uri": uri,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }  # fmt: skip
        return self.send("/forward", None, given)


class Answered:
    """An answer over HTTP."""

    def __init__(self, status: int, headers: Mapping[str, str], text: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.text = text

    def json(self) -> Any:
        return json.loads(self.text)


def send(
    url: str, raw: bytes | None, headers: Mapping[str, str], method: str | None = None
) -> Answered:
    request = urllib.request.Request(url, raw, dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as got:
            return Answered(got.status, got.headers, got.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answered(error.code, error.headers, error.read())


def get(url: str) -> tuple[int, str]:
    try:
        answered = send(url, None, {})
    except OSError as error:
        return 0, str(error)
    return answered.status, answered.text.decode()


@contextmanager
def running(folder: Path, policy: str = POLICY, **service: Any) -> Iterator[Running]:
    service_ = Running(folder, policy, **service)
    try:
        yield service_.start()
    finally:
        service_.stop()


def model(name: str = OPUS) -> dict[str, str]:
    return {"type": "model", "id": name}


ACME = {"type": "account", "id": "acme"}
