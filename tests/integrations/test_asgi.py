"""The ASGI middleware around a real FastAPI application on a real server."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bailiwick import BailiwickMiddleware
from bailiwick.errors import BailiwickError
from service.running import DE, IR, OPUS, US, Answered, Running, free_port, get, send

FOLDER = Path(__file__).parent


class Application:
    """The running application."""

    def __init__(self, folder: Path) -> None:
        self.made = Running(folder, more={"location": {"trusted_proxies": ["127.0.0.0/8"]}})
        self.port = free_port()
        self.output = folder / "application.log"
        environment = {**os.environ, "BAILIWICK_CONFIG": str(self.made.config)}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(FOLDER / "application.py"), str(self.port)],
                cwd=FOLDER, env=environment, stdout=output, stderr=output,
            )  # fmt: skip

    def wait(self) -> None:
        end = time.monotonic() + 60
        while get(f"http://127.0.0.1:{self.port}/healthz")[0] != 200:
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < end, self.output.read_text()
            time.sleep(0.1)

    def post(
        self, body: Any, address: str = US, path: str = "/v1/messages", **headers: str
    ) -> Answered:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"x-api-key": self.made.key, "x-forwarded-for": address,
                 "content-type": "application/json", **headers}  # fmt: skip
        return send(f"http://127.0.0.1:{self.port}{path}", raw, given)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    started = Application(Path(tmp_path_factory.mktemp("application")))
    try:
        started.wait()
        yield started
    finally:
        started.stop()


def asked(model: str = OPUS) -> dict[str, Any]:
    return {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}


def test_a_bad_word_about_an_end_user_is_refused(application: Application) -> None:
    answer = application.post(asked(), **{"x-bailiwick-end-user": "bad"})

    assert answer.status == 400
    assert answer.json()["bailiwick"]["code"] == "end_user_invalid"


def test_a_permitted_request_reaches_the_application_with_its_body(
    application: Application,
) -> None:
    answer = application.post(asked(), **{"x-moderation": "none"})

    assert answer.status == 200
    assert answer.json()["seen"] == asked()
    assert answer.json()["headers"] == {"x-moderation": "strict"}
    assert answer.headers["x-bailiwick-decision"].startswith("dec_")


def test_a_denied_one_does_not(application: Application) -> None:
    answer = application.post(asked(), DE)

    assert answer.status == 403
    assert answer.json()["error"]["type"] == "permission_error"


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"{", 400), (b"", 400), (b'{"model":"a","model":"b"}', 400), (b"x" * 34_000_000, 413)],
)
def test_what_cannot_be_read_is_refused(application: Application, raw: bytes, status: int) -> None:
    assert application.post(raw).status == status


def test_paths_that_are_not_model_requests_are_refused(application: Application) -> None:
    assert application.post({}, path="/other").status == 404
    assert application.post({}, IR, path="/other").status == 404


def test_open_paths_are_open(application: Application) -> None:
    assert get(f"http://127.0.0.1:{application.port}/healthz") == (200, '{"ok":true}')


@pytest.mark.parametrize(("path", "opened"), [("/ws", False), ("/ws-open", True)])
def test_websockets_are_refused_but_for_open_paths(
    application: Application, path: str, opened: bool
) -> None:
    head = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", application.port), timeout=10) as connection:
        connection.sendall(head.encode())
        first = connection.recv(4096).split(b"\r\n")[0]

    assert (b" 101 " in first) is opened


def test_outcomes_are_on_record(application: Application) -> None:
    answer = application.post(asked())
    id_ = answer.headers["x-bailiwick-decision"]
    end = time.monotonic() + 5
    while time.monotonic() < end:
        kinds = [one["result"] for one in application.made.records("outcome") if one["id"] == id_]
        if kinds:
            break

    assert kinds == ["completed"]


@pytest.mark.parametrize("kind", ["mqtt", "http2", "", "webtransport"])
def test_a_scope_type_that_nobody_knows_is_refused(tmp_path: Path, kind: str) -> None:
    reached = []

    async def app(scope: Any, receive: Any, send_: Any) -> None:
        reached.append(scope["type"])

    middleware = BailiwickMiddleware(app, Running(tmp_path).config)
    try:
        with pytest.raises(RuntimeError, match="scope type"):
            asyncio.run(middleware({"type": kind}, None, None))  # type: ignore[arg-type]
    finally:
        middleware.close()
    assert reached == []


def test_it_does_not_start_with_a_policy_that_cannot_be_used(tmp_path: Path) -> None:
    made = Running(tmp_path, policy="rules: [")

    with pytest.raises(BailiwickError):
        BailiwickMiddleware(None, made.config)  # type: ignore[arg-type]
