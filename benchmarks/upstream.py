"""The model server that everybody forwards to: nginx with a fixed answer, and a stream beside it.

``/v1/*`` answers 190 bytes of JSON at once; ``/stream/*`` sends an event every 50 ms.
"""

import asyncio
import http.client
import sys
from pathlib import Path

from benchmarks.processes import Process, free_port, listens, wait_until

EVENTS, EVERY_S = 6, 0.05
BODY_BYTES = 190


def anthropic_answer() -> str:
    return _padded(
        '{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text",'
        '"text":"PAD"}],"stop_reason":"end_turn","usage":{"input_tokens":9,"output_tokens":1}}'
    )


def openai_answer() -> str:
    return _padded(
        '{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
        '"message":{"role":"assistant","content":"PAD"},"finish_reason":"stop"}],"usage":'
        '{"total_tokens":1}}'
    )


def _padded(text: str) -> str:
    return text.replace("PAD", "x" * (BODY_BYTES - len(text) + len("PAD")))


class Upstream:
    """The running model server."""

    def __init__(self, directory: Path, core: int) -> None:
        self.port, self._streams = free_port(), free_port()
        directory.mkdir()
        config = directory / "nginx.conf"
        config.write_text(_config(directory, self.port, self._streams))
        self._nginx = Process(["nginx", "-c", config], core, directory / "log")
        self._python = Process(
            [sys.executable, "-m", "benchmarks.upstream", str(self._streams)],
            core,
            directory / "log",
        )
        self._status: http.client.HTTPConnection | None = None

    @property
    def processes(self) -> tuple[Process, ...]:
        return (self._nginx, self._python)

    def wait(self) -> None:
        wait_until(listens(self.port), *self.processes)
        wait_until(listens(self._streams), *self.processes)
        self._status = http.client.HTTPConnection("127.0.0.1", self.port)

    def counts(self) -> tuple[int, int]:
        """Give the connections accepted and the requests answered so far, but for this one."""
        assert self._status is not None
        self._status.request("GET", "/status")
        words = self._status.getresponse().read().split()
        return int(words[7]), int(words[9])


def _config(directory: Path, port: int, streams: int) -> str:
    return f"""
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_max_body_size 64m;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /status {{ stub_status; }}
    location = /v1/messages {{ return 200 '{anthropic_answer()}'; }}
    location = /v1/chat/completions {{ return 200 '{openai_answer()}'; }}
    location /stream/ {{
      proxy_pass http://127.0.0.1:{streams};
      proxy_http_version 1.1;
      proxy_buffering off;
    }}
  }}
}}
"""


# -- streams -----------------------------------------------------------------------------------

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-accel-buffering: no\r\n"
    b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
)
_EVENT = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0}\n\n'


async def _stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(_HEAD)
    for number in range(EVENTS):
        if number:
            await asyncio.sleep(EVERY_S)
        writer.write(b"%x\r\n%s\r\n" % (len(_EVENT), _EVENT))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    writer.close()


async def _serve_streams(port: int) -> None:
    server = await asyncio.start_server(_stream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve_streams(int(sys.argv[1])))
