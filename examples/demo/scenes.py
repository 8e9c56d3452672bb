"""Who asks for what from where, and what the gateway answers."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
from examples.demo.gateway import TOR_EXIT, Gateway

HELLO = [{"role": "user", "content": "Hello"}]
IMAGE = "data:image/png;base64,iVBORw0KGgo="
BY_THE_PROXY = "this is not available from where the request comes from (refused at the edge)"
"""What a proxy says that refuses by what was compiled for it, without asking."""
Sender = Callable[[Gateway, "Scene"], "Reply"]


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    decision: str
    """The decision's id, from the header or the body."""
    text: str


@dataclass(frozen=True)
class Answer:
    """One row of the demo's table."""

    effect: str
    layer: str
    because: str
    ms: float


@dataclass(frozen=True)
class Scene:
    """One request."""

    who: str
    account: str
    where: str
    address: str
    model: str
    want: str
    send: Sender


def play(scene: Scene, gateway: Gateway) -> Answer:
    """Send the request and look its decision up in the audit log."""
    began = time.perf_counter()
    reply = scene.send(gateway, scene)
    spent = (time.perf_counter() - began) * 1000
    record = gateway.record(reply.decision) if reply.decision.startswith("dec_") else {}
    if BY_THE_PROXY in reply.text and not record:
        return Answer("deny", "edge", "the proxy, by itself", spent)
    if not record:
        return Answer("refused", "edge", reply.text.partition(" (decision")[0], spent)
    reasons = [reason["code"] for reason in record["reasons"] if reason["code"] != "rule.denied"]
    because = ", ".join(dict.fromkeys([*record["determining"], *reasons]))
    return Answer(record["effect"], record["layer"], because, spent)


def messages(stream: bool = False) -> Sender:
    """Send with the official Anthropic client."""

    def send(gateway: Gateway, scene: Scene) -> Reply:
        client = anthropic.Anthropic(
            base_url=gateway.url, api_key=gateway.keys[scene.account], max_retries=0,
            default_headers={"x-forwarded-for": scene.address},
        )  # fmt: skip
        asked: dict[str, Any] = {"model": scene.model, "max_tokens": 50, "messages": HELLO}
        try:
            raw = client.messages.with_raw_response.create(**asked, stream=stream)
            text = "".join(_deltas(raw.parse())) if stream else raw.parse().content[0].text
            return Reply(raw.status_code, raw.headers.get("x-bailiwick-decision", ""), text)
        except anthropic.APIStatusError as error:
            return _refused(error)

    return send


def _deltas(events: Any) -> list[str]:
    return [event.delta.text for event in events if event.type == "content_block_delta"]


def completions(image: bool = False) -> Sender:
    """Send with the official OpenAI client, with a picture if asked."""

    def send(gateway: Gateway, scene: Scene) -> Reply:
        client = openai.OpenAI(
            base_url=f"{gateway.url}/v1", api_key=gateway.keys[scene.account], max_retries=0,
            default_headers={"x-forwarded-for": scene.address},
        )  # fmt: skip
        content: Any = "Hello"
        if image:
            content = [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": IMAGE}},
            ]
        try:
            raw = client.chat.completions.with_raw_response.create(
                model=scene.model, messages=[{"role": "user", "content": content}]
            )
            return Reply(raw.status_code, raw.headers.get("x-bailiwick-decision", ""), "")
        except openai.APIStatusError as error:
            return _refused(error)

    return send


def _refused(error: anthropic.APIStatusError | openai.APIStatusError) -> Reply:
    return Reply(
        error.status_code, error.response.headers.get("x-bailiwick-decision", ""), error.message
    )


def two_models(gateway: Gateway, scene: Scene) -> Reply:
    """Send a body with two ``model`` keys: a harmless one and the one that is wanted."""
    text = f'{{"model": "{OPEN}", "messages": [{{"role": "user", "content": "Hi"}}], '
    text += f'"max_tokens": 5, "model": "{scene.model}"}}'
    headers = {
        "x-api-key": gateway.keys[scene.account], "x-forwarded-for": scene.address,
        "content-type": "application/json", "anthropic-version": "2023-06-01",
    }  # fmt: skip
    request = urllib.request.Request(f"{gateway.url}/v1/messages", text.encode(), headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
            return Reply(response.status, response.headers.get("x-bailiwick-decision", ""), "")
    except urllib.error.HTTPError as error:
        return Reply(error.code, "", json.loads(error.read())["error"]["message"])


FRONTIER, QUOTAS, MULTIMODAL, OPEN = (
    "claude-3.5-opus",
    "gpt-4o",
    "gemini-ultra",
    "meta/llama-3.1-405b",
)
SCENES = (
    Scene("Firm in Boston", "us-firm", "US", "8.8.8.8", FRONTIER, "permit", messages()),
    Scene(
        "the same, streaming",
        "us-firm",
        "US, IPv6",
        "2001:4860:4860::8888",
        FRONTIER,
        "permit",
        messages(stream=True),
    ),
    Scene("the same, travelling", "us-firm", "GB", "81.2.69.142", FRONTIER, "deny", messages()),
    Scene("the same, over Tor", "us-firm", "US (fixture)", TOR_EXIT, FRONTIER, "deny", messages()),
    Scene("Start-up in Berlin", "berlin", "DE", "5.9.0.1", FRONTIER, "deny", messages()),
    Scene("the same, US address", "berlin", "US", "8.8.8.8", FRONTIER, "deny", messages()),
    Scene("the same, other model", "berlin", "DE", "5.9.0.1", QUOTAS, "permit", completions()),
    Scene("the same, two models", "berlin", "DE", "5.9.0.1", FRONTIER, "refused", two_models),
    Scene("Start-up in Berlin", "berlin", "NL", "51.15.0.1", OPEN, "permit", completions()),
    Scene("Studio in Tokyo", "tokyo", "JP", "133.11.0.1", QUOTAS, "permit", completions()),
    Scene(
        "the same, picture",
        "tokyo",
        "JP",
        "133.11.0.1",
        MULTIMODAL,
        "permit",
        completions(image=True),
    ),
    Scene("the same, in India", "tokyo", "IN", "49.36.0.1", MULTIMODAL, "permit", completions()),
    Scene(
        "the same, in China", "tokyo", "CN", "114.114.114.114", MULTIMODAL, "deny", completions()
    ),
    Scene("the same, in Russia", "tokyo", "RU", "77.88.8.8", QUOTAS, "deny", completions()),
    Scene("the same, in Iran", "tokyo", "IR", "5.160.0.1", QUOTAS, "deny", completions()),
    Scene("the same, in Iran", "tokyo", "IR", "5.160.0.1", OPEN, "permit", completions()),
    Scene("the same, in Brazil", "tokyo", "BR", "200.160.2.3", QUOTAS, "permit", completions()),
    Scene("the same, in South Africa", "tokyo", "ZA", "41.0.0.1", OPEN, "permit", completions()),
    Scene("the same, in Australia", "tokyo", "AU", "1.1.1.1", QUOTAS, "permit", completions()),
    Scene("the same, in Canada", "tokyo", "CA", "24.48.0.1", FRONTIER, "deny", messages()),
)
