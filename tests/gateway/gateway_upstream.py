"""An upstream for tests: a plain HTTP/1.1 server that remembers what it was sent.

The text of the first message (or ``input``) says what it does: ``stream 5 0.01`` (events, seconds
between), ``stale 0`` (closes a connection that was used before, after so many seconds), ``slow 0.5``, ``status 500``, ``reset``, ``hang``, ``hang mid``, ``cut``, ``chunked``,
``big 70000``, ``redirect``; anything else is answered at once.
"""

import asyncio
import json
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """One request."""

    path: str
    headers: list[tuple[str, str]]
    raw: bytes
    done: str = "open"

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class Upstream:
    """Runs in a thread of its own; ``with`` starts and stops it."""

    tls: ssl.SSLContext | None = None
    port: int = 0
    connections: int = 0
    seen: list[Seen] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __enter__(self) -> "Upstream":
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(5)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def clear(self) -> None:
        self.seen.clear()
        self.connections = 0

    @property
    def last(self) -> Seen:
        return self.seen[-1]

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(started))
        self._loop.close()

    async def _serve(self, started: threading.Event) -> None:
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, limit=2**26, ssl=self.tls, backlog=1024
        )
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # for what was aborted to be closed

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            served = 0
            while await self._one(reader, writer, served):
                served += 1
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            if self._stop.is_set():
                writer.transport.abort()
            writer.close()

    async def _one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, served: int
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
        headers = [
            (name.lower(), value.strip())
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        ]
        length = int(dict(headers).get("content-length", 0))
        seen = Seen(head[0].split(" ")[1], headers, await reader.readexactly(length))
        self.seen.append(seen)
        if served and _order(seen.body)[:1] == ["stale"]:
            await asyncio.sleep(float(_order(seen.body)[1]))
            return False
        gone = asyncio.ensure_future(reader.read(1))
        act = asyncio.ensure_future(self._act(seen, writer))
        await asyncio.wait({gone, act}, return_when=asyncio.FIRST_COMPLETED)
        if not act.done():
            seen.done = "left"
            act.cancel()
            await asyncio.gather(act, return_exceptions=True)
            return False
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        seen.done = "answered"
        return act.result()

    async def _act(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        match _order(seen.body):
            case ["stream", count, pause]:
                await _stream(writer, int(count), float(pause))
            case ["cut", count]:
                await _stream(writer, int(count), 0.01, end=False)
                _reset(writer)
                return False
            case ["hang", "mid"]:
                await _stream(writer, 2, 0.01, end=False)
                await asyncio.sleep(60)
            case ["hang"]:
                await asyncio.sleep(60)
            case ["reset"]:
                _reset(writer)
                return False
            case ["short"]:
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
                )
                await writer.drain()
                _reset(writer)
                return False
            case ["slow", seconds]:
                await asyncio.sleep(float(seconds))
                _answer(writer, 200, _message(seen))
            case ["status", status]:
                _answer(
                    writer, int(status), {"error": {"message": "said the upstream", "type": "x"}}
                )
            case ["redirect"]:
                _answer(writer, 302, {}, [("location", "http://127.0.0.1:1/elsewhere")])
            case ["big", size]:
                _answer(writer, 200, {**_message(seen), "pad": "x" * int(size)})
            case ["chunked"]:
                await _chunked(writer, json.dumps(_message(seen)).encode())
            case _:
                _answer(
                    writer, 200, _message(seen), [("set-cookie", "a=b"), ("request-id", "req_up")]
                )
        await writer.drain()
        return True


def _order(body: Any) -> list[str]:
    try:
        text = body["messages"][0]["content"] if "messages" in body else body["input"]
        return text.split() if isinstance(text, str) else []
    except (KeyError, IndexError, TypeError):
        return []


USAGE = {"input_tokens": 10, "output_tokens": 5}


def _message(seen: Seen) -> dict[str, Any]:
    model = seen.body.get("model")
    match seen.path.partition("?")[0]:
        case "/v1/messages/count_tokens":
            return {"input_tokens": 10}
        case "/v1/messages":
            return {
                "id": "msg_1", "type": "message", "role": "assistant", "model": model,
                "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn",
                "stop_sequence": None, "usage": USAGE,
            }  # fmt: skip
        case "/v1/chat/completions":
            message = {"role": "assistant", "content": "hello"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
            return {"id": "c1", "object": "chat.completion", "created": 1, "model": model,
                    "choices": [choice], "usage": usage}  # fmt: skip
        case "/v1/embeddings":
            return {"object": "list", "model": model, "usage": {"prompt_tokens": 3, "total_tokens": 3},
                    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]}  # fmt: skip
        case _:
            content = [{"type": "output_text", "text": "hello", "annotations": []}]
            item = {"type": "message", "id": "m1", "role": "assistant", "status": "completed",
                    "content": content}  # fmt: skip
            return {"id": "resp_1", "object": "response", "created_at": 1, "model": model,
                    "output": [item], "parallel_tool_calls": True, "tool_choice": "auto",
                    "tools": [], "status": "completed",
                    "usage": {**USAGE, "total_tokens": 15,
                              "input_tokens_details": {"cached_tokens": 0},
                              "output_tokens_details": {"reasoning_tokens": 0}}}  # fmt: skip


def _answer(
    writer: asyncio.StreamWriter, status: int, body: Any, more: list[tuple[str, str]] | None = None
) -> None:
    raw = json.dumps(body).encode()
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(raw))),
        *(more or []),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + raw)


def events(count: int) -> list[bytes]:
    """What ``stream COUNT`` sends, event by event."""
    start = {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1},
    }}  # fmt: skip
    block = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    deltas = [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": f"w{i} "},
        }
        for i in range(count)
    ]
    stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 5}}  # fmt: skip
    every = [
        start,
        block,
        *deltas,
        {"type": "content_block_stop", "index": 0},
        stop,
        {"type": "message_stop"},
    ]
    return [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in every]


async def _stream(writer: asyncio.StreamWriter, count: int, pause: float, end: bool = True) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    for event in events(count)[: None if end else 2 + count]:
        writer.write(b"%x\r\n%s\r\n" % (len(event), event))
        await writer.drain()
        await asyncio.sleep(pause)
    if end:
        writer.write(b"0\r\n\r\n")


async def _chunked(writer: asyncio.StreamWriter, raw: bytes) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    for byte in (raw[i : i + 40] for i in range(0, len(raw), 40)):
        writer.write(b"%x\r\n%s\r\n" % (len(byte), byte))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
