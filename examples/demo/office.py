"""The office beside the demo's gateway: the admin API and the appeal page, over the same accounts.

Both are the real listeners, ``bailiwick console`` and ``bailiwick appeals``. People log in with a
password that is made for this run.
"""

import json
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.demo.gateway import Gateway, free_port

from bailiwick.console import hash_password

PEOPLE = {"ada": "admin", "rea": "reviewer", "ann": "approver"}
POLICY = Path(__file__).parent / "sold_at_home.yaml"


@dataclass(frozen=True)
class Reply:
    """What a listener answered."""

    status: int
    text: str

    @property
    def value(self) -> Any:
        """Its JSON."""
        return json.loads(self.text)


class Office(Gateway):
    """A gateway that looks after its accounts often, with the two listeners beside it."""

    policy_file = POLICY
    customers = ()

    def __init__(self, folder: Path) -> None:
        self.ports = {"console": free_port(), "appeals": free_port()}
        self.outbox = folder / "outbox"
        self.accounts = (
            "database: accounts.db, secret: accounts.secret, poll: 100ms, sweep: 200ms, "
            f"notices: {{folder: outbox}}, appeal_link: '{self.url_of('appeals')}/appeal/{{token}}'"
        )
        self._password = secrets.token_urlsafe(12)
        self._tokens: dict[str, str] = {}
        self._listeners: list[subprocess.Popen[bytes]] = []
        super().__init__(folder)
        hashed = hash_password(self._password)
        users = [{"name": name, "role": role, "hash": hashed} for name, role in PEOPLE.items()]
        (folder / "users.yaml").write_text(json.dumps({"users": users}))

    def __enter__(self) -> "Office":
        try:
            for name in self.ports:
                command = [sys.executable, "-m", "bailiwick", name]
                command += ["--config", str(self.folder / "bailiwick.yaml")]
                with (self.folder / f"{name}.log").open("wb") as log:
                    self._listeners.append(subprocess.Popen(command, stdout=log, stderr=log))  # noqa: S603 - our own command
            super().__enter__()
            for name, process in zip(self.ports, self._listeners, strict=True):
                self._wait_for(name, process)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        for process in self._listeners:
            process.terminate()
        for process in self._listeners:
            process.wait(timeout=30)
        super().__exit__(*error)

    def _more_settings(self) -> str:
        console, appeals = self.ports.values()
        return (
            f"console: {{users: users.yaml, listen: {{port: {console}}}}}\n"
            f"appeals: {{listen: {{port: {appeals}}}}}\n"
        )

    def url_of(self, name: str) -> str:
        """Give the address of a listener."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Reply:
        """Ask the admin API as one of the people."""
        headers = {"authorization": f"Bearer {self._token(who)}"}
        return self._send("console", method, f"/v1{path}", body, headers)

    def form(self, path: str, fields: Mapping[str, str] | None = None) -> Reply:
        """Look at the appeal page, or send its form."""
        data = urllib.parse.urlencode(fields).encode() if fields else None
        request = urllib.request.Request(self.url_of("appeals") + path, data)  # noqa: S310 - loopback
        return _answer(request)

    def _token(self, who: str) -> str:
        if who not in self._tokens:
            given = {"name": who, "password": self._password}
            reply = self._send("console", "POST", "/v1/session", given, {})
            self._tokens[who] = reply.value["token"]
        return self._tokens[who]

    def _send(
        self, name: str, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> Reply:
        data = json.dumps(body).encode() if body is not None else None
        given = {**headers, "content-type": "application/json"}
        request = urllib.request.Request(self.url_of(name) + path, data, given, method=method)  # noqa: S310 - loopback
        return _answer(request)

    def _wait_for(
        self, name: str, process: subprocess.Popen[bytes], patience_s: float = 30
    ) -> None:
        until = time.monotonic() + patience_s
        while True:
            try:
                urllib.request.urlopen(self.url_of(name), timeout=1).close()  # noqa: S310 - loopback
            except urllib.error.HTTPError:
                return  # it answers, and that is all we want to know
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    log = (self.folder / f"{name}.log").read_text()
                    raise SystemExit(f"the {name} did not become ready:\n{log}") from None
                time.sleep(0.05)


def _answer(request: urllib.request.Request) -> Reply:
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - loopback
            return Reply(response.status, response.read().decode())
    except urllib.error.HTTPError as error:
        return Reply(error.code, error.read().decode())
