"""Caddy and Traefik ask before they forward: a real proxy from what ``fence`` writes, a real service."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from end_users import pem, token
from service.envoy import Upstream
from service.running import BY, DE, IR, LLAMA, OPUS, US, Answered, Running, free_port, running, send

PATIENCE_S = 60
POLICY = """\
bailiwick: 1
name: forwarding-tests
models:
  frontier: {ids: ["anthropic/claude-opus-*"]}
  open: {openness: [open, open-weight], controlled: false}
rules:
  - {id: open-everywhere, permit: open}
  - {id: frontier-in-us, permit: frontier, where: {address: US, billing: US}}
  - {id: marked, restrict: frontier, where: {address: US}, to: {headers: {x-moderation: strict}}}
  - {id: embargo, deny: "*", where: {address: [IR, KP]}, absolute: true}
"""
LACKING = {
    "caddy": "caddy is not installed (make test-deps installs it)",
    "traefik": "traefik is not installed (`make test` brings it for Linux, make test-deps for macOS)",
}


def found(name: str) -> str:
    """Find a program, on the path or beside the interpreter, or skip the test."""
    program = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    return program or pytest.skip(LACKING[name])


class Front:
    """A proxy that asks by forward authentication, for routes of one model."""

    def __init__(self, name: str, folder: Path, service: Running, upstream: Upstream) -> None:
        self.name, self.folder, self.service = name, folder, service
        self.port = free_port()
        self._program = found(name)
        words = [sys.executable, "-m", "bailiwick", "fence", str(service.policy), "--run", name,
                 "--out", str(folder), "--upstream", f"127.0.0.1:{upstream.port}"]  # fmt: skip
        subprocess.run(words, check=True, capture_output=True)
        self.token = (folder / "bailiwick.token").read_text().strip()

    def know_token(self) -> None:
        """Take the token that the tests' service knows."""
        for path in self.folder.iterdir():
            if path.is_file():
                path.write_text(path.read_text().replace(self.token, "token-of-the-edge"))

    @contextmanager
    def running(self, service_port: int, model: str | None = OPUS) -> Iterator["Front"]:
        """Run it, in front of a service, for routes that serve one model."""
        words = self._caddy(service_port, model) if self.name == "caddy" else (
            self._traefik(service_port, model)
        )  # fmt: skip
        home = {
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder),
            "PATH": os.environ["PATH"],
        }
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, env=home)
        try:
            end = time.monotonic() + PATIENCE_S
            while not self._answers():
                assert process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < end, (self.folder / "log").read_text()
                time.sleep(0.05)
            yield self
        finally:
            process.terminate()
            process.wait(20)

    def _caddy(self, service_port: int, model: str | None) -> list[str]:
        path = self.folder / "Caddyfile"
        named = (
            f"\t\theader_up X-Bailiwick-Model {model}\n\t\theader_up X-Bailiwick-Features none\n"
        )
        text = (
            path.read_text()
            .replace(":8000 {", f"http://127.0.0.1:{self.port} {{")
            .replace("127.0.0.1:8181", f"127.0.0.1:{service_port}")
            .replace("uri /forward\n",
                f"uri /forward\ntrusted_proxies 127.0.0.0/8\n{named if model else ''}")
        )  # fmt: skip
        path = self.folder / "Caddyfile.test"
        path.write_text(text)
        return [self._program, "run", "--config", str(path), "--adapter", "caddyfile"]

    def _traefik(self, service_port: int, model: str | None) -> list[str]:
        routes = self.folder / "routes.test.yaml"
        text = (
            (self.folder / "routes.yaml")
            .read_text()
            .replace("127.0.0.1:8181", f"127.0.0.1:{service_port}")
            .replace("forwardAuth:\n", "forwardAuth:\n        trustForwardHeader: true\n")
        )
        if model:
            text = text.replace('X-Bailiwick-Model: ""', f'X-Bailiwick-Model: "{model}"', 1)
            text = text.replace('X-Bailiwick-Features: ""', 'X-Bailiwick-Features: "none"', 1)
        routes.write_text(text)
        listen = (
            f'{{address: "127.0.0.1:{self.port}", forwardedHeaders: {{trustedIPs: [127.0.0.1]}}}}'
        )
        static = self.folder / "traefik.test.yaml"
        static.write_text(
            (self.folder / "traefik.yaml")
            .read_text()
            .replace('{address: ":8000"}', listen)
            .replace("routes.yaml", routes.name)
        )
        return [self._program, f"--configfile={static}"]

    def _answers(self) -> bool:
        try:
            return self.ask(US).status != 404  # Traefik listens before it has read its routes
        except OSError:
            return False

    def ask(
        self, address: str, headers: Mapping[str, str] | None = None, path: str = "/v1/messages"
    ) -> Answered:
        raw = b'{"model":"%b","max_tokens":5,"messages":[]}' % OPUS.encode()
        given = {"x-api-key": self.service.key, "x-forwarded-for": address,
                 "content-type": "application/json", **(headers or {})}  # fmt: skip
        return send(f"http://127.0.0.1:{self.port}{path}", raw, given)


@pytest.fixture(scope="module", params=["caddy", "traefik"])
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    found(request.param)
    folder = Path(tmp_path_factory.mktemp("front"))
    upstream = Upstream()
    (folder / "service").mkdir()
    with running(folder / "service", POLICY) as service:
        yield Front(request.param, folder / "out", service, upstream)
    upstream.close()


@pytest.fixture(scope="module")
def asked(front: Front) -> Iterator[Front]:
    front.know_token()
    with front.running(front.service.port):
        yield front


def test_what_is_permitted_reaches_the_models_whole(asked: Front) -> None:
    answer = asked.ask(US, {"x-moderation": "none", "x-bailiwick-decision": "mine"})

    assert answer.status == 200, answer.text
    seen = answer.json()
    assert OPUS in seen["body"]
    assert seen["headers"]["x-moderation"] == "strict"
    assert seen["headers"]["x-bailiwick-decision"].startswith("dec_")
    assert not {"x-bailiwick-token", "x-bailiwick-model"} & seen["headers"].keys()


def test_the_rest_is_refused_in_the_callers_dialect(asked: Front) -> None:
    for address in (DE, IR, "203.0.113.1", "127.0.0.1"):
        answer = asked.ask(address)
        assert answer.status == 403, address
        assert answer.json()["error"]["type"] == "permission_error"
    assert asked.ask(US, {"x-api-key": "bw_wrong"}).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"x-bailiwick-token": "token-of-the-edge"},
        {"x-bailiwick-model": LLAMA},
        {"x-bailiwick-model": LLAMA, "x-bailiwick-features": "none"},
        {"x-bailiwick-action": "sign_up"},
        {"x-bailiwick-address": US},
        {"x-forwarded-uri": "/v1/models", "x-forwarded-method": "GET"},
        {"x-original-uri": "/v1/models", "x-original-method": "GET"},
        {"x-real-ip": US},
        {"forwarded": f"for={US}"},
    ],
    ids=lambda given: next(iter(given)),
)
def test_no_header_of_a_client_opens_anything(asked: Front, headers: dict[str, str]) -> None:
    assert asked.ask(DE, headers).status in {400, 401, 403}


def test_what_attests_an_end_user_is_judged_and_stays_here(asked: Front) -> None:
    key = Ed25519PrivateKey.generate()
    asked.service.accounts.add_attester("acme", pem(key), kid="k1", **BY)
    good = {"x-bailiwick-end-user": token(key, datetime.now(UTC), place="XA")}
    end = time.monotonic() + 10
    while (answer := asked.ask(US, good)).status != 200 and time.monotonic() < end:
        time.sleep(0.05)

    assert answer.status == 200, answer.text
    assert "x-bailiwick-end-user" not in answer.json()["headers"]
    bad = asked.ask(US, {"x-bailiwick-end-user": "bad"})
    assert (bad.status, bad.json()["bailiwick"]["code"]) == (403, "end_user_invalid")


def test_a_hop_that_the_client_made_up_is_not_believed(asked: Front) -> None:
    assert asked.ask(f"{US}, {DE}").status == 403


def test_paths_that_nobody_listed_are_refused(asked: Front) -> None:
    for path in ("/v1/files", "/v1/messages/../files", "/v1%2Fmessages"):
        assert asked.ask(US, path=path).status in {400, 403, 404}, path


def test_the_path_that_was_judged_is_the_one_that_goes_upstream(asked: Front) -> None:
    """Traefik tidies a path before it asks, and forwards what it asked about."""
    answer = asked.ask(US, path="/v1//messages")

    assert answer.status >= 400 or answer.json()["path"] == "/v1/messages"


@pytest.mark.parametrize("word", ["forwarded", "original"])
def test_a_request_cannot_pass_for_one_that_names_no_model(front: Front, word: str) -> None:
    """A route without a model of its own, behind a proxy that passes a client's headers on."""
    listing = {f"x-{word}-uri": "/v1/models", f"x-{word}-method": "GET"}
    front.port = free_port()
    front.know_token()
    with front.running(front.service.port, None):
        assert front.ask(DE, listing).status == 403
        assert front.ask(US, listing).status == 403


def test_without_the_service_everything_is_refused(front: Front) -> None:
    front.port = free_port()
    with front.running(free_port()):
        answer = front.ask(US)

        assert answer.status >= 500
        assert OPUS.encode() not in answer.text
