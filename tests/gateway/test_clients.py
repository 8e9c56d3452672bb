"""What the official clients make of the gateway, over real HTTP."""

import time
from collections.abc import Callable, Iterator

import anthropic
import httpx2 as httpx
import openai
import pytest
from gateway_process import GatewayProcess
from gateway_upstream import Upstream

XB = {"x-forwarded-for": "198.51.100.7"}


@pytest.fixture
def claude(gateway: GatewayProcess) -> Iterator[Callable[..., anthropic.Anthropic]]:
    made: list[anthropic.Anthropic] = []

    def make(key: str = "key-a", retries: int = 0) -> anthropic.Anthropic:
        made.append(anthropic.Anthropic(api_key=key, base_url=gateway.url, max_retries=retries))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def gpt(gateway: GatewayProcess) -> Iterator[Callable[..., openai.OpenAI]]:
    made: list[openai.OpenAI] = []

    def make(key: str = "key-a", retries: int = 0) -> openai.OpenAI:
        made.append(openai.OpenAI(api_key=key, base_url=f"{gateway.url}/v1", max_retries=retries))
        return made[-1]

    yield make
    for client in made:
        client.close()


Claude = Callable[..., anthropic.Anthropic]
Gpt = Callable[..., openai.OpenAI]
ASKED = {"model": "claude-test", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
CHAT = {"model": "gpt-test", "messages": [{"role": "user", "content": "hi"}]}


def test_messages_are_answered(claude: Claude, upstream: Upstream) -> None:
    answer = claude().messages.create(**ASKED)

    assert answer.content[0].text == "hello"
    assert upstream.last.path == "/v1/messages"


def test_beta_messages_are_answered(claude: Claude, upstream: Upstream) -> None:
    answer = claude().beta.messages.create(**ASKED, betas=["some-beta-2026-01-01"])

    assert answer.content[0].text == "hello"
    assert upstream.last.path == "/v1/messages"
    assert upstream.last.header("anthropic-beta") == ["some-beta-2026-01-01"]


def test_streams_are_answered(claude: Claude, upstream: Upstream) -> None:
    with claude().messages.stream(
        model="claude-test", max_tokens=9, messages=[{"role": "user", "content": "stream 3 0"}]
    ) as stream:
        text = stream.get_final_text()

    assert text == "w0 w1 w2 "


def test_tokens_are_counted(claude: Claude, gateway: GatewayProcess, upstream: Upstream) -> None:
    counted = claude().messages.count_tokens(model="claude-test", messages=ASKED["messages"])

    assert counted.input_tokens == 10
    assert gateway.events(event="judged")[-1]["action"] == "count_tokens"
    assert upstream.last.path == "/v1/messages/count_tokens"


def test_chats_responses_and_embeddings_are_answered(gpt: Gpt, upstream: Upstream) -> None:
    client = gpt()

    chat = client.chat.completions.create(**CHAT)
    response = client.responses.create(model="gpt-test", input="hi")
    embedding = client.embeddings.create(model="gpt-test", input="hi")

    assert chat.choices[0].message.content == "hello"
    assert response.output_text == "hello"
    assert embedding.data[0].embedding == [0.5, 0.25]
    assert {seen.body["model"] for seen in upstream.seen} == {"gpt-at-upstream"}


def test_models_are_listed_as_each_client_reads_them(claude: Claude, gpt: Gpt) -> None:
    from_anthropic = [model.id for model in claude().models.list()]
    from_openai = [model.id for model in gpt().models.list()]

    assert from_anthropic == from_openai == ["anthropic/claude-test", "openai/gpt-test"]
    assert claude().models.retrieve("anthropic/claude-test").id == "anthropic/claude-test"
    assert gpt().models.retrieve("openai/gpt-test").owned_by == "openai"


def test_a_list_holds_only_what_this_caller_may_use(claude: Claude, gpt: Gpt) -> None:
    xa = {"x-forwarded-for": "203.0.113.7"}

    assert [model.id for model in claude().models.list(extra_headers=XB)] == []
    assert "anthropic/claude-frontier" in [
        model.id for model in gpt().models.list(extra_headers=xa)
    ]
    with pytest.raises(openai.NotFoundError):
        gpt().models.retrieve("anthropic/claude-frontier")
    with pytest.raises(anthropic.NotFoundError):
        claude().models.retrieve("anthropic/claude-nothing")


def test_a_deny_raises_the_permission_error(claude: Claude, gpt: Gpt, upstream: Upstream) -> None:
    with pytest.raises(anthropic.PermissionDeniedError) as from_anthropic:
        claude().messages.create(**ASKED, extra_headers=XB)
    with pytest.raises(openai.PermissionDeniedError) as from_openai:
        gpt().chat.completions.create(**CHAT, extra_headers=XB)

    assert from_anthropic.value.body["error"]["type"] == "permission_error"
    assert from_anthropic.value.response.headers["x-bailiwick-decision"].startswith("dec_")
    assert from_openai.value.code == "unsupported_country_region_territory"
    assert upstream.seen == []


def test_a_denied_stream_raises_the_permission_error(claude: Claude, gpt: Gpt) -> None:
    with pytest.raises(anthropic.PermissionDeniedError):
        claude().messages.create(**ASKED, stream=True, extra_headers=XB)
    with pytest.raises(openai.PermissionDeniedError):
        gpt().responses.create(model="gpt-test", input="hi", stream=True, extra_headers=XB)


def test_a_denied_feature_raises_the_permission_error(gpt: Gpt, upstream: Upstream) -> None:
    part = {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}

    with pytest.raises(openai.PermissionDeniedError) as refused:
        gpt().chat.completions.create(
            model="gpt-test", messages=[{"role": "user", "content": [part]}]
        )

    assert refused.value.code == "access_denied"
    assert upstream.seen == []


@pytest.mark.parametrize("key", ["key-unknown", "key-revoked"])
def test_a_bad_key_raises_the_authentication_error(key: str, claude: Claude, gpt: Gpt) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        claude(key).messages.create(**ASKED)
    with pytest.raises(openai.AuthenticationError) as refused:
        gpt(key).models.list()

    assert refused.value.code == "invalid_api_key"


def test_unknown_and_revoked_keys_are_answered_alike(gateway: GatewayProcess) -> None:
    def answer(key: str | None) -> tuple[int, list[str], str]:
        headers = {"x-api-key": key} if key else {}
        got = httpx.post(f"{gateway.url}/v1/messages", json=ASKED, headers=headers)
        id_ = got.headers["x-bailiwick-decision"]
        return got.status_code, sorted(got.headers), got.text.replace(id_, "ID")

    assert answer("key-unknown") == answer("key-revoked") == answer(None)


def test_a_used_up_quota_raises_the_rate_limit_error(claude: Claude, gpt: Gpt) -> None:
    client = claude("key-quota")
    client.messages.create(**ASKED)
    client.messages.create(**ASKED)

    with pytest.raises(anthropic.RateLimitError) as refused:
        client.messages.create(**ASKED)
    with pytest.raises(openai.RateLimitError) as from_openai:
        gpt("key-quota").chat.completions.create(**CHAT)

    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 86400
    assert from_openai.value.code == "rate_limit_exceeded"


def test_a_malformed_request_raises_the_bad_request_error(claude: Claude, gpt: Gpt) -> None:
    with pytest.raises(anthropic.BadRequestError):
        claude().messages.create(**ASKED, extra_body={"fallbacks": [{"model": "b"}]})
    with pytest.raises(openai.BadRequestError) as refused:
        gpt().chat.completions.create(**CHAT, extra_body={"models": ["a", "b"]})

    assert refused.value.code == "body_refused_key"
    assert refused.value.param == "models"


def test_clients_do_not_retry_what_cannot_succeed(
    claude: Claude, gpt: Gpt, gateway: GatewayProcess
) -> None:
    before = len(gateway.events(event="refusal", code="audit_unavailable"))

    with pytest.raises(anthropic.InternalServerError) as refused:
        claude("key-audit", retries=2).messages.create(**ASKED)
    with pytest.raises(openai.InternalServerError):
        gpt("key-audit", retries=2).chat.completions.create(**CHAT)

    time.sleep(1)  # what is on record comes after the answer; a third would be there by now
    assert refused.value.status_code == 503
    assert len(gateway.events(event="refusal", code="audit_unavailable")) == before + 2


def test_an_error_of_the_upstream_reaches_the_client(claude: Claude) -> None:
    asked = {**ASKED, "messages": [{"role": "user", "content": "status 529"}]}

    with pytest.raises(anthropic.APIStatusError) as refused:
        claude().messages.create(**asked)

    assert refused.value.status_code == 529
    assert "said the upstream" in str(refused.value)
