"""The least that one would write in Python to refuse by place and model, and keep a record of it.

No policy, no accounts, no strict reading, no limits: one dictionary says who may not. It tells how
far any gateway could come in this language. It answers itself and forwards nothing.
"""

import asyncio
import hashlib
import json
import os
import sys
import threading
import time
from collections import deque
from pathlib import Path

import maxminddb
import orjson
import uvloop

from benchmarks.processes import Process, free_port, listens, wait_until
from benchmarks.servers import Server, Site

NAME = "bare Python: read, look up, record"
_RECORD = (
    b'{"at":"2026-01-01T00:00:00.000000Z","event":{"effect":"deny","evidence":{"address":["%b"]},'
    b'"id":"%b","key":"%b","kind":"decision","model":"%b","reasons":[{"code":"rule.denied"}]}'
)
_REFUSED = (
    b"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nx-decision: %b\r\n"
    b"content-length: 180\r\n\r\n" + b" " * 180
)
_SERVED = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


def server(site: Site) -> Server:
    """Start it."""
    port = free_port()
    told = {
        "port": port, "log": str(site.directory / "records"), "denied": list(site.denied),
        "mmdb": str(site.country_mmdb),
    }  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.servers.bare", json.dumps(told)]
    process = Process(command, site.core, site.directory / "log")
    try:
        wait_until(listens(port), process)
    except BaseException:
        process.stop()
        raise
    return Server(NAME, port, (process,), stream_path=None)


def _write(queue: deque[bytes], path: Path) -> None:
    """Chain what is queued and make it durable, every 10 ms."""
    descriptor, previous = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), b""
    while True:
        time.sleep(0.01)
        lines = []
        while queue:
            line = b'%b,"previous":"%b"' % (queue.popleft(), previous)
            previous = hashlib.sha256(line).hexdigest().encode()
            lines.append(b'%b,"sha256":"%b"}\n' % (line, previous))
        if lines:
            os.write(descriptor, b"".join(lines))
            os.fdatasync(descriptor)


def _main(told: dict[str, str]) -> None:
    queue: deque[bytes] = deque()
    threading.Thread(target=_write, args=(queue, Path(told["log"])), daemon=True).start()
    database = maxminddb.open_database(told["mmdb"], maxminddb.MODE_MMAP_EXT)
    denied, places = frozenset(told["denied"]), dict[bytes, str]()

    def place(address: bytes) -> str:
        found = database.get(address.decode())
        assert isinstance(found, dict)
        code = places[address] = found["country"]["iso_code"]  # type: ignore[call-overload, index, assignment]
        return code

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.write = transport.write  # type: ignore[attr-defined]
            self.rest = b""

        def data_received(self, data: bytes) -> None:
            if self.rest:
                data, self.rest = self.rest + data, b""
            end = data.find(b"\r\n\r\n")
            headers = {}
            for line in data[:end].split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                headers[name.lower()] = value.strip()
            if len(data) - end - 4 < int(headers[b"content-length"]):
                self.rest = data
                return
            model = orjson.loads(data[end + 4 :])["model"]
            address = headers[b"x-forwarded-for"]
            where = places.get(address) or place(address)
            if where not in denied:
                self.write(_SERVED)
                return
            key = hashlib.sha256(headers[b"x-api-key"]).hexdigest().encode()
            number = os.urandom(16).hex().encode()
            queue.append(_RECORD % (where.encode(), number, key, model.encode()))
            self.write(_REFUSED % number)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        await (await loop.create_server(Protocol, "127.0.0.1", int(told["port"]))).serve_forever()

    uvloop.run(serve())


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
