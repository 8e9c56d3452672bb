"""A stand-in for a model provider: answers both dialects, streams if asked, says who it is.

It has no model in it. It exists so that the demo has something real behind the gateway.
"""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

WORDS = ("Served", "by", "the", "stand-in", "model.")


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a model request in the dialect of its path."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/v1/messages/count_tokens":
            self._json({"input_tokens": 7})
        elif self.path == "/v1/embeddings":
            self._json(_embedding(body))
        elif body.get("stream"):
            self._stream(
                _anthropic_events(body) if self.path == "/v1/messages" else _openai_events(body)
            )
        else:
            self._json(_message(body) if self.path == "/v1/messages" else _completion(body))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""

    def _json(self, value: dict[str, Any]) -> None:
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, events: list[str]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            data = event.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
            time.sleep(0.01)
        self.wfile.write(b"0\r\n\r\n")


def _message(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_demo", "type": "message", "role": "assistant", "model": body["model"],
        "content": [{"type": "text", "text": " ".join(WORDS)}], "stop_reason": "end_turn",
        "stop_sequence": None, "usage": {"input_tokens": 7, "output_tokens": len(WORDS)},
    }  # fmt: skip


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": " ".join(WORDS)}
    return {
        "id": "chatcmpl-demo", "object": "chat.completion", "created": int(time.time()),
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": len(WORDS), "total_tokens": 12},
    }  # fmt: skip


def _embedding(body: dict[str, Any]) -> dict[str, Any]:
    data = [{"object": "embedding", "index": 0, "embedding": [0.0, 1.0]}]
    return {
        "object": "list",
        "model": body["model"],
        "data": data,
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }


def _anthropic_events(body: dict[str, Any]) -> list[str]:
    start = {**_message(body), "content": [], "stop_reason": None}
    deltas = [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": f"{word} "},
        }
        for word in WORDS
    ]
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]


def _openai_events(body: dict[str, Any]) -> list[str]:
    head = {
        "id": "chatcmpl-demo",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": body["model"],
    }
    chunks = [
        {**head, "choices": [{"index": 0, "delta": {"content": f"{word} "}}]} for word in WORDS
    ]
    return [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]


def start() -> ThreadingHTTPServer:
    """Start the server on a free loopback port, in a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    return server
