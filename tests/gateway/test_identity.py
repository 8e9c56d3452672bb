"""No request reaches a model that was not judged: each case is sent to a real gateway."""

import itertools
import json

import pytest
from gateway_judge import CATALOGUE
from gateway_process import GatewayProcess
from gateway_upstream import Upstream

from bailiwick.front import Refused
from bailiwick.gateway.identity import key_presented, model_named
from gateway_raw import ask, message

FORBIDDEN = "anthropic/claude-frontier"
"""Denied from nowhere, which is where these requests come from."""

NAMES = [
    *(FORBIDDEN + suffix for suffix in (" ", "\t", "\n", "\x00", "\u200b", "\u00ad", "%20", "?", "#", "/", "/.", ":free")),
    *(prefix + FORBIDDEN for prefix in (" ", "/", "./", "../", "//", "\ufeff", "\u202e", "openrouter/", "~")),
    "anthropic/claude\u2011frontier", "anthropic\u2044claude-frontier", "anthropic/cl\u0251ude-frontier",
    "\uff41nthropic/claude-frontier", "ANTHROPIC/CLAUDE-FRONTIER", "Anthropic/Claude-Frontier",
    "anthropic%2Fclaude-frontier", "anthropic\\claude-frontier", "anthropic/claude-frontier,claude-test",
    "claude-test,anthropic/claude-frontier", "claude-test|anthropic/claude-frontier", "anthropic//claude-frontier",
    "anthropic/claude-*", "*", "", " ", "a" * 201, "up-claude-frontier", "claude-test\r\nx-model: b",
    "$(claude)", "{{model}}", "${MODEL}", "'; drop table models; --", "<script>", "cl\u0430ude-test",
]  # fmt: skip
HEADERS = (
    "x-model", "model", "x-model-id", "openai-model", "x-bailiwick-model", "helicone-model-override",
    "x-fallback", "fallbacks", "x-ai-eg-model", "x-litellm-model", "x-deployment", "engine",
    "anthropic-model", "x-target-model", "x_model",
)  # fmt: skip
KEYS = (
    "models", "model_list", "fallbacks", "fallback", "fallback_model", "fallback_models", "route",
    "model_id", "target_model", "engine", "deployment", "deployment_id", "assistant_id", "provider",
    "draft_model", "thread", "Model", "MODEL", "mod\u212fl".replace("\u212f", "E"), "mOdel",
)  # fmt: skip
QUERIES = (
    f"model={FORBIDDEN}", "model=claude-test", "models=x", "MODEL=x", "model", "%6dodel=x", "a=1&model=x",
    ";model=x", "model%5b%5d=x", "beta=true&model=x", "beta=false", "fallbacks=x", "deployment=x", "route=x",
)  # fmt: skip
VALUES: tuple[object, ...] = (None, 1, True, [FORBIDDEN], {"id": FORBIDDEN}, 1.5, [])
PLACES = (
    {"tools": [{"type": "advisor_20260301", "name": "advisor", "model": FORBIDDEN}]},
    {"tools": [{"type": "namespace", "tools": [{"type": "image_generation", "model": FORBIDDEN}]}]},
    {"moderation": {"model": FORBIDDEN}},
    {"messages": [{"role": "user", "content": [{"type": "tool_addition", "tool": {"model": FORBIDDEN}}]}]},
    {"container": {"skills": [{"model": FORBIDDEN}]}},
    {"metadata2": [[{"models": [FORBIDDEN]}]]},
)  # fmt: skip

Case = tuple[str, dict[str, object]]
BODIES: list[Case] = [
    *((f"named {ascii(name)[:40]}", {"body": message(model=name)}) for name in NAMES),
    *((f"named {value!r}", {"body": message(model=value)}) for value in VALUES),
    *((f"key {key}", {"body": message(**{key: FORBIDDEN})}) for key in KEYS),
    *((f"in {next(iter(place))} {at}", {"body": message(**place)}) for at, place in enumerate(PLACES)),
    *((f"header {name}", {"headers": f"{name}: {FORBIDDEN}\r\n"}) for name in HEADERS),
    *((f"query {query}", {"path": f"/v1/messages?{query}"}) for query in QUERIES),
    ("two keys", {"body": message()[:-1] + f', "model": "{FORBIDDEN}"}}'}),
    ("two keys, the other way round", {"body": f'{{"model": "{FORBIDDEN}", ' + message()[1:]}),
    ("two keys, one escaped", {"body": message()[:-1] + f', "mod\\u0065l": "{FORBIDDEN}"}}'}),
    ("no key", {"body": message().replace('"model"', '"modal"')}),
    ("no content type", {"body": message(model=FORBIDDEN)}),
    ("a text", {"body": message(model=FORBIDDEN), "headers": "content-type: text/plain\r\n"}),
    ("a form", {"body": f"model={FORBIDDEN}", "headers": "content-type: application/x-www-form-urlencoded\r\n"}),
    ("the name itself", {"body": message(model=FORBIDDEN)}),
    ("the name, escaped", {"body": message().replace("claude-test", "anthropic\\/claude-\\u0066rontier")}),
    *(
        (f"path {path}", {"path": path})
        for path in (
            f"/v1/models/{FORBIDDEN}", f"/bedrock/model/{FORBIDDEN}/invoke", f"/v1/engines/{FORBIDDEN}/completions",
            f"/openai/deployments/{FORBIDDEN}/chat/completions", f"/v1/models/{FORBIDDEN}:generateContent",
            f"/v1beta/models/{FORBIDDEN}:streamGenerateContent", "/anthropic/v1/messages", "/v1/batches",
            "/v1/messages/batches", "/v1/fine_tuning/jobs", "/v1/completions", "/v1/responses/compact",
        )
    ),
]  # fmt: skip


def test_the_corpus_is_large_enough() -> None:
    assert len(BODIES) >= 100


@pytest.mark.parametrize("how", [case[1] for case in BODIES], ids=[case[0] for case in BODIES])
def test_a_second_or_disguised_model_reaches_no_upstream(
    how: dict[str, object], gateway: GatewayProcess, upstream: Upstream
) -> None:
    asked = {"body": message(), **how}

    status, answer = ask(gateway.port, **asked)  # type: ignore[arg-type]

    assert status in {400, 403, 404, 405}, answer
    assert answer["bailiwick"]["decision"]
    assert upstream.seen == []


AGREEING = [
    {"headers": "x-model: claude-test\r\n"},
    {"headers": "x-model:   claude-test  \r\n"},
    {"path": "/v1/messages?beta=true"},
    {"body": message().replace("claude-test", "claude\\u002dtest")},
    {"body": message(model="anthropic/claude-test")},
    {"headers": "content-type: text/plain\r\n"},
    {"headers": "x-something: claude-frontier\r\n"},
]


@pytest.mark.parametrize("how", AGREEING)
def test_a_model_that_everything_agrees_on_goes_upstream_under_its_judged_name(
    how: dict[str, object], gateway: GatewayProcess, upstream: Upstream
) -> None:
    status, _ = ask(gateway.port, **{"body": message(), **how})  # type: ignore[arg-type]

    assert status == 200
    assert upstream.last.body["model"] == "up-claude-test"
    assert gateway.events(event="judged")[-1]["model"] == "anthropic/claude-test"


def test_every_alias_reaches_the_upstream_as_the_model_it_was_judged_as(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    served = {"anthropic/claude-test": "up-claude-test", "openai/gpt-test": "gpt-at-upstream"}
    paths = {"anthropic": "/v1/messages", "openai": "/v1/chat/completions"}

    for (alias, model), path in itertools.product(CATALOGUE.items(), paths.values()):
        upstream.clear()
        status, _ = ask(gateway.port, message(model=alias), path=path)
        sent = [seen.body["model"] for seen in upstream.seen]

        assert sent == ([served[model]] if model in served else []), (alias, path, status)


def test_a_model_that_no_upstream_serves_is_not_found_and_has_an_outcome(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    status, answer = ask(gateway.port, message(model="openai/nowhere"), path="/v1/chat/completions")

    assert status == 404
    assert answer["error"]["code"] == "model_not_served"
    assert gateway.event(event="outcome", id=answer["bailiwick"]["decision"])["kind"] == "refused"
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({}, None),
        ({"x-api-key": "a"}, "a"),
        ({"authorization": "Bearer a"}, "a"),
        ({"authorization": "bearer a"}, "a"),
        ({"authorization": "Basic a"}, None),
        ({"authorization": "a"}, None),
        ({"x-api-key": ""}, None),
        ({"x-api-key": "a", "authorization": "Bearer a"}, "a"),
        ({"x-api-key": "a", "authorization": "Basic b"}, "a"),
    ],
)
def test_a_key_is_read_from_either_header(headers: dict[str, str], key: str | None) -> None:
    assert key_presented(headers) == key


def test_two_different_keys_are_refused(gateway: GatewayProcess, upstream: Upstream) -> None:
    status, answer = ask(gateway.port, message(), headers="authorization: Bearer key-b\r\n")

    assert status == 400
    assert "different keys" in answer["error"]["message"]
    assert upstream.seen == []


def test_a_header_that_is_given_twice_is_refused(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    for line in ("x-api-key: key-a", "authorization: a", "host: b", "content-type: text/plain"):
        twice = f"{line}\r\n" * (1 if line.startswith(("x-api-key", "host")) else 2)

        status, _ = ask(gateway.port, message(), headers=twice)

        assert status == 400, line
    assert upstream.seen == []


def test_a_name_in_a_header_must_be_the_name_in_the_body() -> None:
    body = {"model": "a"}

    assert model_named(body, {"x-model": "a", "x-remodel": "b", "fallbacker": "c"}) == "a"
    with pytest.raises(Refused):
        model_named(body, {"x-model": "b"})


def test_the_body_is_written_anew_so_that_a_repeated_key_further_down_means_one_thing(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    block = '{"type": "image", "type": "text", "text": "a", "text": "b"}'
    body = message().replace('"hi"', f"[{block}]")

    status, _ = ask(gateway.port, body)

    assert status == 200
    assert upstream.last.raw.count(b'"type"') == 1
    assert upstream.last.body["messages"][0]["content"] == [{"type": "text", "text": "b"}]
    assert gateway.events(event="judged")[-1]["features"] == []
    assert json.loads(upstream.last.raw) == upstream.last.body
