"""An attested end user, from the header of a request to the record of it."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gateway_real
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_process import GatewayProcess
from gateway_upstream import Upstream

from bailiwick.accounts import AccountDatabase
from bailiwick.audit import show
from end_users import pem, token
from gateway_raw import ask, message

KEY = Ed25519PrivateKey.generate()
BY = {"actor": "tester", "reason": "a test"}
POLICY = """\
bailiwick: 1
name: end-users
places: {here: {include: [XA]}}
models: {frontier: {ids: ["anthropic/claude-opus-*"]}}
rules:
  - {id: in-here, permit: frontier, where: {end_user: {place: here}}}
"""


class Gateway:
    """A running gateway and its account database."""

    def __init__(self, folder: Path, upstream: str) -> None:
        (folder / "policy.yaml").write_text(POLICY)
        self.folder = folder
        self.key = gateway_real.prepare(folder)
        self.database = AccountDatabase.open(f"sqlite:///{folder}/accounts.db", folder / "secret")
        self.database.add_attester("acme", pem(KEY), kid="k1", **BY)
        self.process = GatewayProcess(folder, upstream, real=str(folder)).wait()

    def ask(self, *tokens: str, path: str = "/v1/messages", **more: Any) -> tuple[int, Any]:
        headers = "".join(f"X-Bailiwick-End-User: {one}\r\n" for one in tokens)
        body = message(model="claude-opus-4-1")
        return ask(self.process.port, body, path=path, key=self.key, headers=headers, **more)

    def settle(self, status: int, *tokens: str) -> int:
        """Ask until the answer is ``status``, for a while."""
        end = time.monotonic() + 10
        while (found := self.ask(*tokens)[0]) != status and time.monotonic() < end:
            time.sleep(0.02)
        return found


@pytest.fixture(scope="module")
def gateway(running_upstream: Upstream, tmp_path_factory: Any) -> Iterator[Gateway]:
    made = Gateway(tmp_path_factory.mktemp("end-user"), running_upstream.url)
    yield made
    made.process.stop()
    made.database.close()


def made(kid: str = "k1", key: Ed25519PrivateKey = KEY, **claims: Any) -> str:
    return token(key, datetime.now(UTC), kid, **claims)


def test_a_good_token_permits_and_stays_here(gateway: Gateway, upstream: Upstream) -> None:
    status, _ = gateway.ask(made(place="XA", sub="ann"))

    assert status == 200
    assert upstream.last.header("x-bailiwick-end-user") == []


def test_no_token_or_a_place_outside_is_denied(gateway: Gateway, upstream: Upstream) -> None:
    assert gateway.ask()[0] == 403
    assert gateway.ask(made(place="XB"))[0] == 403
    assert gateway.ask(made(labels=["adult"]))[0] == 403
    assert upstream.seen == []


@pytest.mark.parametrize(
    "tokens",
    [("",), ("bad",), (made(place="ZZ"),), (made(exp=1, iat=0),), (made(place="XA"),) * 2],
    ids=["empty", "bad", "place", "expired", "twice"],
)
def test_a_bad_token_is_refused_in_the_callers_dialect(
    gateway: Gateway, upstream: Upstream, tokens: tuple[str, ...]
) -> None:
    status, answer = gateway.ask(*tokens)
    other, chat = gateway.ask(*tokens, path="/v1/chat/completions")

    assert status == other == 400
    assert answer["error"]["type"] == chat["error"]["type"] == "invalid_request_error"
    assert answer["bailiwick"]["code"] == chat["error"]["code"] == "end_user_invalid"
    assert "x-bailiwick-end-user" in answer["error"]["message"]
    assert upstream.seen == []


def test_models_are_listed_for_the_end_user(gateway: Gateway) -> None:
    def listed(*tokens: str) -> tuple[int, int]:
        status, answer = gateway.ask(*tokens, path="/v1/models", method="GET", length=0)
        return status, len(answer.get("data", ()))

    status, count = listed(made(place="XA"))
    assert status == 200
    assert count > 0
    assert listed() == (200, 0)
    assert listed("bad")[0] == 400


def test_a_key_is_added_and_ended_without_a_restart(gateway: Gateway) -> None:
    key = Ed25519PrivateKey.generate()
    with_it = made("k2", key, place="XA")
    assert gateway.ask(with_it)[0] == 400

    gateway.database.add_attester("acme", pem(key), kid="k2", **BY)
    assert gateway.settle(200, with_it) == 200
    gateway.database.end_attester("acme", "k2", **BY)
    assert gateway.settle(400, with_it) == 400
    assert gateway.ask(made(place="XA"))[0] == 200


def test_the_record_says_what_was_attested(running_upstream: Upstream, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, running_upstream.url)
    gateway.ask(made(place="XA", sub="ann", labels=["adult"]))
    gateway.ask("bad")
    gateway.process.stop()
    gateway.database.close()
    events = [one.record.event for one in show(tmp_path / "audit")]

    (decision,) = [one for one in events if one["kind"] == "decision"]
    (refusal,) = [one for one in events if one["kind"] == "refusal"]
    end_user = decision["end_user"]
    assert (end_user["kid"], end_user["place"], end_user["labels"]) == ("k1", "XA", ["adult"])
    assert end_user["sub"] not in (None, "ann")
    assert refusal["code"] == "end_user_invalid"


def test_the_example_of_the_policy_reference_is_accepted(gateway: Gateway) -> None:
    page = (Path(__file__).parents[2] / "docs/policy.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"private_key": KEY, "api_key": gateway.key}
    exec(example.replace("DE-BE", "XA"), names)

    assert names["headers"]["x-api-key"] == gateway.key
    assert gateway.ask(names["headers"]["x-bailiwick-end-user"])[0] == 200
