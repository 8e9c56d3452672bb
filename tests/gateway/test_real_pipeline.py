"""The gateway with the real pipeline behind it: real places, accounts and records."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gateway_real
import pytest
from gateway_process import GatewayProcess
from gateway_upstream import Upstream

from bailiwick.accounts import AccountDatabase
from bailiwick.audit import show, verify
from gateway_raw import ask, message

US, NL = "192.0.32.10", "193.0.6.139"
"""Addresses of ICANN and RIPE NCC: real geography that does not move."""
MODEL = "claude-opus-4-1"


class Real:
    """A running gateway, its key, and what it left on record."""

    def __init__(self, directory: Path, upstream: str) -> None:
        self.directory = directory
        self.key = gateway_real.prepare(directory)
        self.process = GatewayProcess(directory, upstream, real=str(directory)).wait()

    def ask(self, address: str, key: str | None = None, **more: Any) -> tuple[int, Any]:
        return ask(
            self.process.port, message(**{"model": MODEL, **more}), key=key or self.key,
            headers=f"x-forwarded-for: {address}\r\n",
        )  # fmt: skip

    def records(self) -> list[Any]:
        self.process.stop()
        return [entry.record.event for entry in show(self.directory / "audit")]


@pytest.fixture(scope="module")
def real(running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    made = Real(tmp_path_factory.mktemp("real"), running_upstream.url)
    yield made
    made.process.stop()


def test_a_request_from_inside_reaches_the_upstream(real: Real, upstream: Upstream) -> None:
    status, answer = real.ask(US)

    assert status == 200
    assert upstream.last.body["model"] == answer["model"] == f"up-{MODEL}"


def test_a_request_from_outside_is_told_where_it_comes_from(real: Real, upstream: Upstream) -> None:
    status, answer = real.ask(NL)

    assert status == 403
    assert "The request comes from Netherlands" in answer["error"]["message"]
    assert "https://example.com/appeal" in answer["error"]["message"]
    assert answer["bailiwick"]["places"] == ["NL"]
    assert upstream.seen == []


def test_a_forged_hop_does_not_move_a_request(real: Real, upstream: Upstream) -> None:
    assert real.ask(f"{US}, {NL}")[0] == 403
    assert real.ask(f"{US}\r\nx-forwarded-for: {NL}")[0] == 403
    assert real.ask("garbage")[0] == 403
    assert real.ask(f"{NL}, {US}")[0] == 200
    assert len(upstream.seen) == 1


def test_a_denied_feature_is_found_in_a_tool_result(real: Real, upstream: Upstream) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [image]}

    status, answer = real.ask(US, messages=[{"role": "user", "content": [result]}])

    assert status == 403
    assert answer["bailiwick"]["reasons"][0]["code"] == "feature.denied"
    assert upstream.seen == []


def test_an_unknown_key_is_refused(real: Real, upstream: Upstream) -> None:
    status, answer = real.ask(US, key="sk-nobody")

    assert status == 401
    assert answer["bailiwick"]["code"] == "unauthenticated"
    assert upstream.seen == []


def test_an_unknown_model_is_denied(real: Real, upstream: Upstream) -> None:
    status, answer = real.ask(US, model="acme/none")

    assert status == 403
    assert answer["bailiwick"]["reasons"][0]["code"] == "model.unknown"
    assert upstream.seen == []


def test_models_are_listed_for_a_place(real: Real) -> None:
    def listed(address: str) -> list[str]:
        headers = f"x-forwarded-for: {address}\r\n"
        _, answer = ask(
            real.process.port, "", path="/v1/models", method="GET", key=real.key, headers=headers
        )
        return [row["id"] for row in answer["data"]]

    assert any(id_.startswith("anthropic/claude-opus") for id_ in listed(US))
    assert listed(NL) == []


def test_every_request_is_on_record_and_the_record_verifies(
    running_upstream: Upstream, tmp_path: Path
) -> None:
    real = Real(tmp_path, running_upstream.url)
    permitted, denied = real.ask(US)[1], real.ask(NL)[1]
    malformed = ask(real.process.port, "{", key=real.key)[1]["bailiwick"]["decision"]

    records = real.records()

    by_kind = {
        kind: [one for one in records if one["kind"] == kind]
        for kind in ("decision", "outcome", "refusal")
    }
    assert [one["effect"] for one in by_kind["decision"]] == ["permit", "deny"]
    assert [one["result"] for one in by_kind["outcome"]] == ["completed"]
    refused = by_kind["decision"][1]
    assert (refused["result"], refused["status"]) == ("refused", 403)
    assert refused["bytes_in"] > 0
    assert by_kind["decision"][1]["id"] == denied["bailiwick"]["decision"]
    assert permitted["content"]
    assert [(one["id"], one["code"]) for one in by_kind["refusal"]] == [
        (malformed, "body_not_json")
    ]
    assert real.key not in json.dumps(records, default=str)
    assert US not in json.dumps(records, default=str)
    assert verify(real.directory / "audit").ok


def test_who_asks_again_is_judged_and_recorded_each_time(
    running_upstream: Upstream, tmp_path: Path
) -> None:
    real = Real(tmp_path, running_upstream.url)
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
    shown = [{"role": "user", "content": [image]}]
    alone = "x-request-id: {}\r\nx-forwarded-for: {}\r\n"
    asked: list[tuple[str, dict[str, Any], int]] = [
        (NL, {}, 403), (NL, {}, 403), (NL, {"temperature": 1}, 403), (US, {}, 200),
        (NL, {"model": "acme/none"}, 403), (NL, {"temperature": 1}, 403), (US, {}, 200),
        (US, {"messages": shown}, 403), (US, {"messages": shown}, 403), (US, {}, 200),
    ]  # fmt: skip
    answers = []
    for number, (address, more, wanted) in enumerate(asked):
        text = message(**{"model": MODEL, **more})
        headers = alone.format(f"id-{number}", address)
        status, answer = ask(real.process.port, text, key=real.key, headers=headers)
        assert status == wanted
        answers.append((len(text), answer))

    decisions = [one for one in real.records() if one["kind"] == "decision"]

    assert len({one["id"] for one in decisions}) == len(asked)
    for one, (size, answer), (address, more, status) in zip(decisions, answers, asked, strict=True):
        assert one["model_asked"] == more.get("model", MODEL)
        assert one["evidence"]["address"] == [{US: "US", NL: "NL"}[address]]
        if status == 403:
            assert one["id"] == answer["bailiwick"]["decision"]
            assert f"(decision {one['id']})" in answer["error"]["message"]
            assert one["bytes_in"] == size
    assert decisions[7]["reasons"][0]["code"] == "feature.denied"
    assert verify(real.directory / "audit").ok


def test_who_was_refused_wrongly_passes_with_the_same_words_once_it_is_put_right(
    running_upstream: Upstream, upstream: Upstream, tmp_path: Path
) -> None:
    real = Real(tmp_path, running_upstream.url)
    database = AccountDatabase.open(
        f"sqlite:///{tmp_path}/accounts.db", tmp_path / "secret", clock=gateway_real.now
    )

    def until(billing: str, wanted: int) -> None:
        database.set_evidence("acme", "billing", [billing], actor="tester", reason="a test")
        end = time.monotonic() + 20
        while real.ask(US)[0] != wanted:
            assert time.monotonic() < end
            time.sleep(0.05)

    until("DE", 403)
    assert [real.ask(US)[0] for _ in range(3)] == [403] * 3
    before = len(upstream.seen)
    until("US", 200)

    assert len(upstream.seen) == before + 1
    assert upstream.last.body["messages"] == json.loads(message())["messages"]
    assert [real.ask(US)[0] for _ in range(3)] == [200] * 3
    until("DE", 403)
    real.process.stop()
    database.close()
