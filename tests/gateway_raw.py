"""Speak to a gateway over a bare socket, so that nothing tidies up what is sent."""

import json
import socket
import time
from dataclasses import dataclass
from typing import Any

ENDINGS = ("closed", "reset", "open")


@dataclass
class Heard:
    """What came back, and how the connection ended: ``closed``, ``reset`` or ``open``."""

    data: bytes
    ending: str
    seconds: float

    @property
    def statuses(self) -> list[int]:
        """The status of each response, interim ones left out."""
        found = [
            int(line.split(b" ")[1])
            for line in self.data.split(b"\r\n")
            if line.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))
        ]
        return [status for status in found if status != 100]

    @property
    def json(self) -> Any:
        return json.loads(self.data.split(b"\r\n\r\n")[-1])


def talk(port: int, data: bytes, wait: float = 0.3) -> Heard:
    """Send bytes and listen until the other side closes or is silent for ``wait`` seconds."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(data)
        connection.settimeout(wait)
        heard = b""
        while True:
            try:
                chunk = connection.recv(65536)
            except TimeoutError:
                return Heard(heard, "open", time.monotonic() - began)
            except ConnectionResetError:
                return Heard(heard, "reset", time.monotonic() - began)
            if not chunk:
                return Heard(heard, "closed", time.monotonic() - began)
            heard += chunk


def request(
    body: bytes | str,
    path: str = "/v1/messages",
    method: str = "POST",
    headers: str = "",
    key: str | None = "key-a",
    length: int | None = None,
) -> bytes:
    """Write a request; the connection is closed after it."""
    raw = body.encode() if isinstance(body, str) else body
    auth = f"x-api-key: {key}\r\n" if key else ""
    size = len(raw) if length is None else length
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: gateway\r\n{auth}connection: close\r\n"
        f"content-length: {size}\r\n{headers}\r\n"
    )
    return head.encode("latin-1") + raw


def ask(port: int, body: bytes | str, **how: Any) -> tuple[int, Any]:
    """Send one request and read its status and JSON."""
    heard = talk(port, request(body, **how), wait=5)
    assert len(heard.statuses) == 1, heard
    payload = heard.data.split(b"\r\n\r\n", 1)[1]
    return heard.statuses[0], json.loads(payload) if payload else None


def message(text: str = "hi", model: str = "claude-test", **more: Any) -> str:
    """Write a body of Anthropic Messages."""
    asked = {
        "model": model,
        "max_tokens": 50,
        "messages": [{"role": "user", "content": text}],
        **more,
    }
    return json.dumps(asked)
