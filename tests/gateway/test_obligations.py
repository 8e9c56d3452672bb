"""What a permit obliges to, over real HTTP and by itself."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gateway_process import GatewayProcess, free_port
from gateway_upstream import Upstream

from bailiwick.decision import Obligations, Quota
from bailiwick.front import Refused
from bailiwick.gateway import unsupported
from bailiwick.gateway.obligations import cap
from gateway_raw import ask, message, request, talk

Start = Callable[..., GatewayProcess]
CHAT = ("max_completion_tokens", "max_tokens")


def capped(
    body: dict[str, Any], most: int | None = 100, limits: tuple[str, ...] = CHAT
) -> tuple[dict[str, Any], str | None]:
    said = cap(Obligations(max_output_tokens=most), limits, body)
    return body, said


@pytest.mark.parametrize(
    ("body", "after", "said"),
    [
        ({"max_tokens": 500}, {"max_tokens": 100}, "max_tokens=100"),
        ({"max_tokens": 100}, {"max_tokens": 100}, None),
        ({"max_tokens": 1}, {"max_tokens": 1}, None),
        ({}, {"max_completion_tokens": 100}, "max_completion_tokens=100"),
        ({"max_tokens": None}, {"max_tokens": None, "max_completion_tokens": 100}, "max_completion_tokens=100"),
        ({"max_tokens": 500, "max_completion_tokens": 50}, {"max_tokens": 100, "max_completion_tokens": 50}, "max_tokens=100"),
        ({"max_tokens": 10**30}, {"max_tokens": 100}, "max_tokens=100"),
        ({"max_tokens": 90, "n": 2}, {"max_tokens": 50, "n": 2}, "max_tokens=50"),
        ({"max_tokens": 90, "n": None}, {"max_tokens": 90, "n": None}, None),
    ],
)  # fmt: skip
def test_the_output_is_capped_and_the_caller_told(
    body: dict[str, Any], after: dict[str, Any], said: str | None
) -> None:
    assert capped(body) == (after, said)


@pytest.mark.parametrize("value", ["500", 500.0, True, [500], {"max": 500}])
def test_a_limit_that_cannot_be_compared_is_refused(value: object) -> None:
    with pytest.raises(Refused) as refused:
        capped({"max_tokens": value})

    assert refused.value.code == "body_field"


@pytest.mark.parametrize("n", [0, -1, 101, "2", 1.5, True])
def test_a_number_of_answers_that_passes_the_limit_by_is_refused(n: object) -> None:
    with pytest.raises(Refused):
        capped({"max_tokens": 1, "n": n})


def test_without_a_limit_nothing_is_changed() -> None:
    assert capped({"max_tokens": "as it is"}, most=None) == ({"max_tokens": "as it is"}, None)
    assert capped({"input": "x"}, limits=()) == ({"input": "x"}, None)


def test_what_cannot_be_enforced_is_found_before_it_is_in_force() -> None:
    held = [Obligations(), Obligations(max_input_tokens=9), Obligations(max_output_tokens=9)]

    assert [problem.help is not None for problem in unsupported(held)] == [True]
    assert unsupported(held[::2]) == []


def test_a_cap_reaches_the_upstream(gateway: GatewayProcess, upstream: Upstream) -> None:
    heard = talk(gateway.port, request(message(max_tokens=5000), key="key-capped"), wait=3)

    assert heard.statuses == [200]
    assert b"\r\nx-bailiwick-capped: max_tokens=100\r\n" in heard.data
    assert upstream.last.body["max_tokens"] == 100


def test_counting_tokens_is_not_capped(gateway: GatewayProcess, upstream: Upstream) -> None:
    body = '{"model": "claude-test", "messages": []}'

    status, _ = ask(gateway.port, body, path="/v1/messages/count_tokens", key="key-capped")

    assert status == 200
    assert "max_tokens" not in upstream.last.body


def test_a_body_over_the_policy_s_limit_is_refused(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    small, _ = ask(gateway.port, message("x" * 10), key="key-small")
    large, answer = ask(gateway.port, message("x" * 300), key="key-small")

    assert (small, large) == (200, 413)
    assert len(upstream.seen) == 1
    outcome = gateway.event(event="outcome", id=answer["bailiwick"]["decision"])
    assert (outcome["status"], outcome["kind"]) == (413, "refused")


def test_an_obligation_that_cannot_be_kept_refuses(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    status, answer = ask(gateway.port, message(), key="key-input")

    assert status == 503
    assert answer["bailiwick"]["code"] == "obligation_unsupported"
    assert upstream.seen == []


def test_obliged_headers_reach_the_upstream_and_no_caller_overrides_them(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    theirs = "x-moderation: none\r\nanthropic-beta: theirs\r\nanthropic-version: 2023-06-01\r\n"

    ask(gateway.port, message(), key="key-headers", headers=theirs)

    assert upstream.last.header("x-moderation") == ["strict"]
    assert upstream.last.header("anthropic-beta") == ["ours"]
    assert upstream.last.header("anthropic-version") == ["2023-06-01"]


# -- quotas --------------------------------------------------------------------------------------


def test_every_quota_counts_by_itself(gateway: GatewayProcess, upstream: Upstream) -> None:
    models = ["claude-test", "claude-test", "gpt-test", "gpt-test"]

    def one(model: str) -> int:
        path = "/v1/messages" if model == "claude-test" else "/v1/chat/completions"
        return ask(gateway.port, message(model=model), key="key-two-quotas", path=path)[0]

    assert [one(model) for model in models] == [200, 429, 200, 429]
    assert len(upstream.seen) == 2


def test_a_used_up_quota_says_when_to_come_back_and_has_an_outcome(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    for _ in range(2):
        assert ask(gateway.port, message(), key="key-quota:a")[0] == 200

    heard = talk(gateway.port, request(message(), key="key-quota:a"), wait=2)

    assert heard.statuses == [429]
    assert heard.json["error"]["type"] == "rate_limit_error"
    after = int(heard.data.split(b"retry-after: ")[1].split(b"\r\n")[0])
    assert 1 <= after <= 86400
    outcome = gateway.event(event="outcome", id=heard.json["bailiwick"]["decision"])
    assert (outcome["status"], outcome["kind"]) == (429, "refused")


def test_a_quota_of_one_does_not_touch_another(gateway: GatewayProcess) -> None:
    for _ in range(3):
        ask(gateway.port, message(), key="key-quota:b")

    assert ask(gateway.port, message(), key="key-quota:b")[0] == 429
    assert ask(gateway.port, message(), key="key-quota:c")[0] == 200


@pytest.mark.parametrize("text", ["hi", "stream 3 0"])
def test_tokens_are_counted_from_the_answer(
    text: str, gateway: GatewayProcess, upstream: Upstream
) -> None:
    statuses = []
    for _ in range(3):
        data = request(
            message(text, stream=text != "hi"), key=f"key-tokens:{text}".replace(" ", "")
        )
        statuses += talk(gateway.port, data, wait=2).statuses
        time.sleep(0.05)

    assert statuses == [200, 200, 429]


@pytest.fixture
def redis_port() -> Iterator[int]:
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("needs redis-server or valkey-server (make test-deps)")
    port = free_port()
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


def test_several_workers_count_quotas_together(start_gateway: Start, redis_port: int) -> None:
    uri = f"redis://127.0.0.1:{redis_port}/0"
    gateway = start_gateway(workers=2, quotas=uri).wait()

    statuses = [ask(gateway.port, message(), key="key-quota")[0] for _ in range(12)]

    workers = {row["pid"] for row in gateway.events(event="judged")}
    assert len(workers) == 2
    assert statuses == [200, 200] + [429] * 10


def test_a_quota_that_cannot_be_counted_refuses(start_gateway: Start, upstream: Upstream) -> None:
    gateway = start_gateway(quotas=f"redis://127.0.0.1:{free_port()}/0").wait()

    status, answer = ask(gateway.port, message(), key="key-quota")
    without = ask(gateway.port, message(), key="key-a")[0]

    assert (status, without) == (503, 200)
    assert answer["bailiwick"]["code"] == "quotas_unavailable"
    assert len(upstream.seen) == 1


def test_quotas_of_every_kind_name_whose_they_are() -> None:
    from gateway_judge import Account, Located

    from bailiwick.decision import Decision, Effect
    from bailiwick.gateway.quotas import identity
    from bailiwick.pipeline import Judged

    def judged(account: Any, located: Any) -> Judged:
        return Judged("dec_1", Decision(Effect.PERMIT), "p/m", account, located, "r", True, "edge")

    known = judged(Account("acc", "key"), Located("203.0.113.9", ("XA", "XB")))
    nobody = judged(None, None)

    kinds = ("account", "key", "place", "model", "everybody")
    assert [identity(by, known) for by in kinds] == ["acc", "key", "XA+XB", "p/m", ""]
    assert [identity(by, nobody) for by in kinds] == ["", "", "", "p/m", ""]
    assert "203.0.113.9" not in identity("address", known)
    assert identity("address", known) != identity("address", nobody)
    assert Quota("q", "hour", "key", requests=1).requests == 1
