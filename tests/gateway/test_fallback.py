"""Another model in place of one that is denied or refused by region, on a real gateway."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from socket import socket
from threading import Thread
from typing import Any

import openai
import pytest
from examples.demo import model_server

from bailiwick.accounts import AccountDatabase
from bailiwick.audit import show

US, NL, AU = "192.0.32.10", "193.0.6.139", "202.12.29.175"
OPUS, LARGE, GPT, LLAMA = (
    "anthropic/claude-opus-4-1", "mistral/mistral-large-3", "openai/gpt-4o", "meta/llama-3.3-70b",
)  # fmt: skip
EDGE = {"error": {"type": "forbidden", "message": "Request not allowed"}}
POLICY = """
bailiwick: 1
name: fallback-tests
rules:
  - {id: frontier, permit: ["anthropic/*"], where: {address: [US, GB]}}
  - {id: open, permit: [mistral/mistral-large-3, meta/llama-3.3-70b, openai/gpt-4o], where: {address: [US, NL], processing: [US, unknown]}}
fallback:
  opus: {of: anthropic/claude-opus-4-1, to: [meta/llama-3.3-70b, mistral/mistral-large-3]}
  sonnet: {of: anthropic/claude-sonnet-4-5, to: openai/gpt-4o, opt_in: policy, translate: true}
  haiku: {of: anthropic/claude-haiku-4-5, to: [anthropic/claude-opus-4, anthropic/claude-sonnet-4], opt_in: policy}
  gpt: {of: openai/gpt-4.1, to: anthropic/claude-opus-4, opt_in: policy, translate: true}
...
"""
SETTINGS = """
policy: policy.yaml
listen: {{port: {port}}}
admin: {{port: {admin}}}
location: {{trusted_proxies: [127.0.0.0/8]}}
accounts: {{database: accounts.db, secret: accounts.secret, anonymous: true}}
audit: {{directory: audit}}
upstreams:
  - {{name: refusing, base_url: "http://127.0.0.1:{refusing}", dialects: [anthropic], processing: [US], models: {{"{opus}": a, anthropic/claude-haiku-4-5: b, anthropic/claude-opus-4: c, anthropic/claude-sonnet-4: d}}}}
  - {{name: far, base_url: "http://127.0.0.1:{refusing}", dialects: [anthropic, openai], models: {{"meta/*": "*"}}, processing: [SG]}}
  - {{name: stand-in, base_url: "http://127.0.0.1:{standing}", dialects: [anthropic, openai], models: {{"mistral/*": "*"}}, processing: [US]}}
  - {{name: only-openai, base_url: "http://127.0.0.1:{standing}", dialects: [openai], models: {{"openai/*": "*"}}, processing: [US]}}
"""


class Refusing(ThreadingHTTPServer):
    """A provider that answers what it is told to, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: tuple[int, Any] | None = (403, EDGE)
        self.seen: list[Any] = []
        Thread(target=self.serve_forever, daemon=True).start()


class _Handler(model_server.Handler):
    server: Refusing

    def do_POST(self) -> None:  # noqa: N802 - the base class names it
        if self.server.answer is None:
            super().do_POST()
            return
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append(body)
        status, said = self.server.answer
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def free_port() -> int:
    with socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Running:
    """A gateway of its own process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refusing, self.standing = Refusing(), model_server.start()
        self.port, self.admin = free_port(), free_port()
        (folder / "policy.yaml").write_text(POLICY)
        (folder / "bailiwick.yaml").write_text(
            SETTINGS.format(
                port=self.port,
                admin=self.admin,
                refusing=self.refusing.server_port,
                standing=self.standing.server_port,
                opus=OPUS,
            )
        )
        accounts = AccountDatabase.open(
            f"sqlite:///{folder / 'accounts.db'}", folder / "accounts.secret", create=True
        )
        accounts.add_account("A", id="acme", actor="t", reason="t")
        self.key = accounts.add_key("acme", actor="t", reason="t").raw
        with (folder / "log").open("wb") as log:
            command = [
                sys.executable,
                "-m",
                "bailiwick",
                "serve",
                "-c",
                str(folder / "bailiwick.yaml"),
            ]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ})
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 110
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=5).close()
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self.folder / "log").read_text())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        model: str,
        address: str,
        wish: str | None = None,
        path: str = "/v1/messages",
        **more: Any,
    ) -> tuple[int, Mapping[str, str], Any]:
        body = {
            "model": model,
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "hi"}],
            **more,
        }
        headers = {"content-type": "application/json", "x-forwarded-for": address}
        headers |= {"x-bailiwick-fallback": wish} if wish else {}
        asked = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, answer.headers, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, error.headers, json.loads(error.read())

    def records(self, decision: str) -> list[Mapping[str, Any]]:
        """Give the records since the one before a decision, once its outcome is there."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            every = [entry.record.event for entry in show(self.folder / "audit")]
            if any(one["kind"] == "outcome" and one["id"] == decision for one in every):
                return every
            time.sleep(0.05)
        raise AssertionError(f"no outcome of {decision}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        for server in (self.refusing, self.standing):
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = Running(tmp_path_factory.mktemp("fallback"))
    yield made
    made.stop()


@pytest.fixture
def gateway(started: Running) -> Running:
    started.refusing.answer = (403, EDGE)
    started.refusing.seen.clear()
    return started


def test_a_denied_model_is_replaced_for_those_who_ask_for_it(gateway: Running) -> None:
    status, headers, answer = gateway.ask(OPUS, NL, "allow")

    assert status == 200
    assert headers["x-bailiwick-model"] == LARGE
    assert headers["x-bailiwick-fallback-from"] == OPUS
    assert answer["model"] == "mistral-large-3"
    assert gateway.refusing.seen == []


def test_the_record_has_both_decisions_and_what_became_of_each(gateway: Running) -> None:
    _, headers, _ = gateway.ask(OPUS, NL, "allow")
    every = gateway.records(headers["x-bailiwick-decision"])

    permit = next(one for one in every if one.get("id") == headers["x-bailiwick-decision"])
    denies = [one for one in every if one["kind"] == "decision" and one["effect"] == "deny"]
    deny = [one for one in denies if one["model"] == OPUS][-1]
    skipped = [one for one in denies if one["model"] == LLAMA][-1]
    outcomes = {one["id"]: one for one in every if one["kind"] == "outcome"}
    assert (permit["model"], permit["fallback_from"]) == (LARGE, OPUS)
    assert "fallback_from" not in deny
    assert outcomes[deny["id"]]["result"] == "fallback"
    assert skipped["fallback_from"] == OPUS
    assert outcomes[permit["id"]]["result"] == "completed"


def test_nobody_is_given_another_model_unasked(gateway: Running) -> None:
    assert gateway.ask(OPUS, NL)[0] == 403
    assert gateway.ask(OPUS, NL, "none")[0] == 403
    assert gateway.ask("anthropic/claude-sonnet-4-5", NL, "none")[0] == 403


def test_a_model_that_would_run_where_the_policy_does_not_want_it_is_passed_over(
    gateway: Running,
) -> None:
    gateway.ask(OPUS, NL, "allow")

    assert gateway.refusing.seen == []


def test_a_caller_who_may_use_nothing_gets_nothing(gateway: Running) -> None:
    status, headers, answer = gateway.ask(OPUS, AU, "allow")

    every = gateway.records(answer["bailiwick"]["decision"])
    assert status == 403
    assert "x-bailiwick-model" not in headers
    assert [one["result"] for one in every if one["kind"] == "outcome"][-1] == "refused"


def test_a_permitted_model_answers_itself(gateway: Running) -> None:
    gateway.refusing.answer = None

    status, headers, _ = gateway.ask(OPUS, US, "allow")

    assert status == 200
    assert "x-bailiwick-model" not in headers


def test_a_provider_that_refuses_by_region_is_replaced(gateway: Running) -> None:
    status, headers, answer = gateway.ask(OPUS, US, "allow")

    assert status == 200
    assert headers["x-bailiwick-model"] == LARGE
    assert answer["content"]
    assert [one["model"] for one in gateway.refusing.seen] == ["a"]
    every = gateway.records(headers["x-bailiwick-decision"])
    assert "upstream_region" in [one.get("result") for one in every]


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, {"type": "error", "error": {"type": "permission_error", "message": "no"}}),
     (400, {"error": {"message": "bad"}}), (429, EDGE)],
)  # fmt: skip
def test_another_refusal_is_passed_on(gateway: Running, status: int, body: Any) -> None:
    gateway.refusing.answer = (status, body)

    assert gateway.ask(OPUS, US, "allow")[::2] == (status, body)


def test_a_candidate_whose_context_is_too_small_is_passed_over(gateway: Running) -> None:
    long = [{"role": "user", "content": "many words " * 100_000}]  # 1.1 MB, some 370,000 tokens

    status, headers, _ = gateway.ask(OPUS, NL, "allow", messages=long)
    answer = gateway.ask(OPUS, NL, "allow", messages=long[:1], max_tokens=250_000)[0]
    fits = gateway.ask(OPUS, NL, "allow", messages=[{"role": "user", "content": "w " * 90_000}])

    assert (status, answer) == (403, 403)
    assert "x-bailiwick-model" not in headers
    assert (fits[0], fits[1]["x-bailiwick-model"]) == (200, LARGE)


def test_each_model_is_tried_once_and_the_last_answer_is_passed_on(gateway: Running) -> None:
    status, headers, answer = gateway.ask("anthropic/claude-haiku-4-5", US)

    assert (status, answer) == (403, EDGE)
    assert [one["model"] for one in gateway.refusing.seen] == ["b", "c", "d"]
    assert headers["x-bailiwick-model"] == "anthropic/claude-sonnet-4"


# -- between dialects --------------------------------------------------------------------------

TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
SONNET = {
    "model": "anthropic/claude-sonnet-4-5", "max_tokens": 50, "system": "be brief",
    "messages": [{"role": "user", "content": "hi"}], "tools": [TOOL],
}  # fmt: skip


def test_a_caller_is_answered_by_a_model_of_the_other_dialect(
    gateway: Running,
) -> None:
    status, headers, answer = gateway.ask(**SONNET, address=NL)

    assert status == 200
    assert headers["x-bailiwick-model"] == GPT
    assert answer["type"] == "message"
    assert answer["content"] == [{"type": "text", "text": "Served by the stand-in model."}]
    assert answer["stop_reason"] == "end_turn"
    assert answer["usage"]["output_tokens"] == 5


def test_a_stream_of_the_other_dialect_comes_in_the_callers(gateway: Running) -> None:
    body = json.dumps({**SONNET, "stream": True}).encode()
    asked = urllib.request.Request(
        gateway.url + "/v1/messages", body,
        {"content-type": "application/json", "x-forwarded-for": NL},
    )  # fmt: skip

    with urllib.request.urlopen(asked, timeout=30) as answer:
        text = answer.read().decode()
    events = [
        line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event")
    ]
    assert events[0] == "message_start"
    assert events[-1] == "message_stop"
    said = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    words = [one["delta"].get("text", "") for one in said if one["type"] == "content_block_delta"]
    assert "".join(words).split() == list(model_server.WORDS)


def test_the_other_way_round_too(gateway: Running) -> None:
    gateway.refusing.answer = None
    chat = {"model": "openai/gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}

    status, headers, answer = gateway.ask(**chat, address=US, path="/v1/chat/completions")

    assert status == 200
    assert headers["x-bailiwick-model"] == "anthropic/claude-opus-4"
    assert answer["choices"][0]["message"]["content"] == "Served by the stand-in model."
    assert answer["usage"] == {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def test_the_official_openai_client_reads_a_translated_stream(gateway: Running) -> None:
    gateway.refusing.answer = None
    with openai.OpenAI(
        api_key=gateway.key, base_url=f"{gateway.url}/v1", max_retries=0,
        default_headers={"x-forwarded-for": US},
    ) as client:  # fmt: skip
        stream = client.chat.completions.create(
            model="openai/gpt-4.1", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]

    assert "".join(pieces).split() == list(model_server.WORDS)


def test_content_by_address_is_never_fetched(gateway: Running) -> None:
    image = {"type": "image", "source": {"type": "url", "url": "http://127.0.0.1:9/x.png"}}

    status, _, answer = gateway.ask(
        "anthropic/claude-sonnet-4-5", NL, messages=[{"role": "user", "content": [image]}]
    )

    assert status == 403
    assert answer["type"] == "error"


def test_an_error_of_the_other_dialect_is_said_in_the_callers(gateway: Running) -> None:
    gateway.refusing.answer = (
        429,
        {"type": "error", "error": {"type": "x", "message": "slow down"}},
    )
    chat = {"model": "openai/gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}

    status, _, answer = gateway.ask(**chat, address=US, path="/v1/chat/completions")

    assert status == 429
    assert answer["error"]["message"] == "slow down"
    assert "type" not in answer
