"""The console on real PostgreSQL, with TLS, with keys by URL, and beside a real gateway."""

import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bailiwick.accounts import AccountDatabase
from bootstrap.helpers import US, Upstream
from console.running import BY, PASSWORD, Running, free_port
from console.test_admin import WHY, suspend
from console.test_door import signed
from console.test_whole import token_of, wait_until
from gateway.gateway_certificate import make_certificate

pytestmark = pytest.mark.timeout(500)  # servers begin slowly on a busy machine


def test_postgresql_behind_the_api_stops_and_comes_back(tmp_path: Path, own_postgres: Any) -> None:
    made = Running(tmp_path)
    made.accounts.close()
    url = own_postgres.new_database()
    made.accounts = AccountDatabase.open(url, tmp_path / "accounts.secret", create=True)
    made.settings["accounts"]["database"] = url
    made.accounts.add_account("Acme", id="acme", **BY)
    try:
        made.start("console", "appeals")
        suspend(made, "acme")
        token = token_of(made, "acme")
        made.token("vic")
        own_postgres.stop()
        down = made.ask("vic", "GET", "/accounts/acme")
        login = made.log_in("ada")
        page = httpx.get(f"{made.url('appeals')}/v1/appeals/{token}", timeout=60)
        own_postgres.start()
        back = made.ask("vic", "GET", "/accounts/acme")
        sent = httpx.post(
            f"{made.url('appeals')}/appeal/{token}", data={"text": "we moved"}, timeout=60
        )
    finally:
        made.stop()

    assert (down.status_code, page.status_code, login.status_code) == (503, 503, 503)
    assert down.json()["error"]["code"] == "unavailable"
    assert back.json()["summary"]["status"] == "suspended"
    assert "Your appeal has arrived" in sent.text


@pytest.fixture
def own_postgres() -> Iterator[Any]:
    from postgres_cluster import Cluster, find_binaries

    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server is not installed (make test-deps installs it)")
    cluster = Cluster(binaries)
    yield cluster
    cluster.remove()


def test_the_listener_serves_tls_and_nothing_in_the_clear(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    made = Running(tmp_path)
    made.settings["console"]["listen"] |= {
        "tls": {"certificate": str(certificate), "key": str(key)}
    }
    made.config.write_text(json.dumps(made.settings))
    port = made.ports["console"]
    log = (tmp_path / "console.log").open("wb")
    process = subprocess.Popen([sys.executable, "-m", "bailiwick", "console", "--config", str(made.config)], stdout=log, stderr=log)  # fmt: skip
    try:
        trusted = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(
            verify=trusted, base_url=f"https://127.0.0.1:{port}", timeout=60
        ) as client:
            wait_until(lambda: answers(client))
            done = client.post("/v1/session", json={"name": "ada", "password": PASSWORD})
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/v1/session")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"https://127.0.0.1:{port}/v1/session")  # nobody vouches for it
    finally:
        process.terminate()
        process.wait(30)
        log.close()
        made.accounts.close()

    assert done.status_code == 201


def answers(client: httpx.Client) -> bool:
    try:
        client.get("/v1/nothing")
    except httpx.TransportError:
        return False
    return True


class Issuer:
    """Serves the keys of an identity provider, and counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.asked = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                body = json.dumps({"keys": issuer.keys}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                del args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/keys"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def add(self, kid: str) -> Any:
        key = ec.generate_private_key(ec.SECP256R1())
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
        self.keys.append({**public, "kid": kid, "use": "sig", "alg": "ES256"})
        return key

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_keys_by_url_are_fetched_when_needed_and_not_whenever_a_stranger_asks(
    tmp_path: Path,
) -> None:
    issuer = Issuer()
    first = issuer.add("k1")
    made = Running(tmp_path)
    made.settings["console"]["oidc"] = {
        "issuer": "https://login.example", "audience": "bailiwick", "jwks": issuer.url,
        "role_claim": "groups", "roles": {"leads": "approver"},
    }  # fmt: skip
    url = f"{made.url('console')}/v1/session"

    def who(token: str) -> httpx.Response:
        return httpx.get(url, headers={"authorization": f"Bearer {token}"}, timeout=60)

    try:
        made.start("console")
        known = who(signed(first))
        strange = {who(signed(first, kid=f"k{number}x")).status_code for number in range(10)}
        asked = issuer.asked
        issuer.close()
        unreachable = who(signed(first))
    finally:
        made.stop()

    assert known.json() == {"name": "u-1", "role": "approver"}
    assert strange == {401}
    assert asked <= 3
    assert unreachable.status_code == 200  # what was fetched stays good


def test_the_first_call_works_within_ten_seconds_of_the_reinstatement(tmp_path: Path) -> None:
    upstream = Upstream()
    made = Running(tmp_path)
    port, admin = free_port(), free_port()
    made.settings |= {
        "listen": {"port": str(port)},
        "admin": {"port": str(admin)},
        "location": {"trusted_proxies": ["127.0.0.0/8"]},
        "upstreams": [{"name": "one", "base_url": upstream.url, "dialects": ["anthropic"], "models": {"pa/*": "*"}}],
    }  # fmt: skip
    policy = made.folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("registered: home, ", ""))
    made.accounts.add_account("Acme", id="acme", **BY)
    made.accounts.set_evidence("acme", "billing", ["US"], **BY)
    key = made.accounts.add_key("acme", **BY).raw
    headers = {"x-api-key": key, "x-forwarded-for": US, "anthropic-version": "2023-06-01"}
    body = {
        "model": "pa/frontier",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "Hi"}],
    }

    def call() -> int:
        return httpx.post(
            f"http://127.0.0.1:{port}/v1/messages", json=body, headers=headers, timeout=60
        ).status_code

    try:
        made.start("console", "appeals")
        log = (tmp_path / "serve.log").open("wb")
        gateway = subprocess.Popen([sys.executable, "-m", "bailiwick", "serve", "--config", str(made.config)], stdout=log, stderr=log)  # fmt: skip
        with httpx.Client(base_url=f"http://127.0.0.1:{admin}", timeout=60) as client:
            wait_until(lambda: answers(client) and client.get("/readyz").status_code == 200)
        before = call()
        suspend(made, "acme")
        wait_until(lambda: call() == 403)
        httpx.post(
            f"{made.url('appeals')}/appeal/{token_of(made, 'acme')}", data={"text": "we moved"}
        )
        (case,) = made.ask("rea", "GET", "/cases?queue=appeal&account=acme").json()
        answer = {"disposition": "granted", "reason": "shown"}
        done = made.ask("rea", "POST", f"/cases/{case['id']}/decide", answer)
        began = time.monotonic()
        wait_until(lambda: call() == 200)
        spent_s = time.monotonic() - began
        gateway.terminate()
        gateway.wait(60)
        log.close()
    finally:
        made.stop()
        upstream.close()

    assert before == 200, (tmp_path / "serve.log").read_text()
    assert done.status_code == 200
    assert spent_s <= 10
    assert WHY["reason"]
