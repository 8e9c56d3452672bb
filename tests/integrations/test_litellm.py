"""A real LiteLLM proxy with the hook, and the service that it asks."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

import bailiwick.integrations
from service.running import (
    DE,
    IR,
    OPUS,
    PICTURES,
    TOKEN,
    US,
    Answered,
    Running,
    free_port,
    get,
    running,
    send,
)

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".venv-litellm" / "bin" / "litellm"
MASTER = "sk-test-master"
HOOK = Path(bailiwick.integrations.__file__).with_name("litellm_hook.py")

pytestmark = pytest.mark.skipif(
    not PROGRAM.exists(), reason="LiteLLM's own environment is missing (make litellm)"
)


class Provider(BaseHTTPRequestHandler):
    """Answers chats; the model `broken` fails, so that the router falls back."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Provider.seen.append(body["model"])
        broken = body["model"].startswith("gpt-4o")
        message = {"role": "assistant", "content": "hello"}
        answer: dict[str, Any] = {
            "id": "x", "object": "chat.completion", "created": 1, "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }  # fmt: skip
        text = json.dumps({"error": {"message": "broken"}} if broken else answer).encode()
        self.send_response(500 if broken else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: Any) -> None:
        del args


POLICY = """\
bailiwick: 1
name: litellm-tests
models:
  frontier: {ids: ["anthropic/claude-opus-*"]}
  others: {ids: ["openai/gpt-4o", "meta/llama-3.1-405b"], controlled: false}
rules:
  - {id: frontier-in-us, permit: frontier, where: {address: US}}
  - {id: others, permit: others}
  - {id: no-pictures-in-de, restrict: others, where: {address: DE}, to: {features: {deny: [image_input]}}}
  - {id: no-iran, deny: "*", where: {address: IR}}
"""


class Proxy:
    """The running LiteLLM proxy."""

    def __init__(self, folder: Path, service: Running, provider: int) -> None:
        self.port = free_port()
        self.service = service
        self.output = folder / "litellm.log"
        shutil.copy(HOOK, folder / "bailiwick_hook.py")

        def served(name: str, model: str) -> dict[str, Any]:
            base = f"http://127.0.0.1:{provider}/v1"
            return {
                "model_name": name,
                "litellm_params": {"model": f"openai/{model}", "api_base": base, "api_key": "x"},
            }

        config = {
            "model_list": [
                served(OPUS, OPUS), served(PICTURES, PICTURES),
                served("meta/llama-3.1-405b", "meta/llama-3.1-405b"),
                served("llama-3.1-405b", OPUS),
            ],
            "general_settings": {"master_key": MASTER, "use_x_forwarded_for": True},
            "litellm_settings": {
                "telemetry": False, "callbacks": ["bailiwick_hook.proxy_handler_instance"],
                "fallbacks": [{PICTURES: [OPUS]}], "num_retries": 0,
            },
        }  # fmt: skip
        path = folder / "litellm.json"
        path.write_text(json.dumps(config))
        environment = {
            **os.environ, "BAILIWICK_URL": f"http://127.0.0.1:{service.port}",
            "BAILIWICK_TOKEN": TOKEN, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR",
        }  # fmt: skip
        environment.pop("PYTHONPATH", None)
        words = [PROGRAM, "--config", path, "--host", "127.0.0.1", "--port", str(self.port),
                 "--num_workers", "1", "--telemetry", "False"]  # fmt: skip
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                words, env=environment, cwd=folder, stdout=output, stderr=output
            )

    def wait(self) -> None:
        end = time.monotonic() + 110
        while get(f"http://127.0.0.1:{self.port}/health/liveliness")[0] != 200:
            assert self.process.poll() is None, self.output.read_text()[-3000:]
            assert time.monotonic() < end, self.output.read_text()[-3000:]
            time.sleep(0.3)

    def chat(self, model: str, address: str, **more: Any) -> Answered:
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **more}
        given = {"authorization": f"Bearer {MASTER}", "x-forwarded-for": address,
                 "content-type": "application/json"}  # fmt: skip
        return send(
            f"http://127.0.0.1:{self.port}/v1/chat/completions", json.dumps(body).encode(), given
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = Path(tmp_path_factory.mktemp("litellm"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with running(folder, POLICY) as service:
        service.accounts.add_account("Proxy", id="default_user_id", actor="t", reason="t")
        started = Proxy(folder, service, server.server_address[1])
        try:
            started.wait()
            yield started
        finally:
            started.stop()
            server.shutdown()
            server.server_close()


@pytest.mark.timeout(180)
def test_a_permitted_chat_is_answered(proxy: Proxy) -> None:
    answer = proxy.chat(OPUS, US)

    assert answer.status == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "hello"


def test_a_denied_chat_is_refused_and_never_sent(proxy: Proxy) -> None:
    Provider.seen.clear()
    answer = proxy.chat(OPUS, DE)

    assert answer.status == 403, answer.text
    assert "Access Denied" in answer.text.decode()
    assert Provider.seen == []


def test_an_address_that_the_client_made_up_is_not_believed(proxy: Proxy) -> None:
    assert proxy.chat(OPUS, f"{US}, {DE}").status == 403


def test_a_fallback_is_judged_again(proxy: Proxy) -> None:
    Provider.seen.clear()
    at_home, abroad = proxy.chat(PICTURES, US), proxy.chat(PICTURES, DE)

    assert at_home.status == 200, at_home.text
    assert abroad.status >= 400
    assert Provider.seen.count(OPUS) == 1


def test_an_alias_hides_no_model(proxy: Proxy) -> None:
    Provider.seen.clear()

    assert proxy.chat("llama-3.1-405b", DE).status >= 400
    assert Provider.seen == []


def test_a_picture_is_seen(proxy: Proxy) -> None:
    picture = [
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}],
        }
    ]

    plain = proxy.chat("meta/llama-3.1-405b", DE)
    assert plain.status == 200, plain.text
    assert proxy.chat("meta/llama-3.1-405b", DE, messages=picture).status == 403
    assert proxy.chat("meta/llama-3.1-405b", US, messages=picture).status == 200


def test_without_the_service_everything_is_refused(proxy: Proxy) -> None:
    Provider.seen.clear()
    assert proxy.chat("meta/llama-3.1-405b", IR).status == 403
    proxy.service.stop()

    assert proxy.chat("meta/llama-3.1-405b", US).status == 503
    assert Provider.seen == []
