"""Ten thousand streams at a time through one worker of the gateway.

A model server sends each of them an event a second; all are open before the first one ends.
"""

import asyncio
import resource
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import cast

import uvloop

from benchmarks import bodies
from benchmarks import gateway as base
from benchmarks.options import Options
from benchmarks.processes import Failed, Process, free_port, listens, running, wait_until
from benchmarks.report import Goal, Section, Spread, Table
from benchmarks.servers import ours

STREAMS, EVENTS, SLICES = 10_000, 60, 50
ASKED_AT_ONCE = 50
PATIENCE_S = 300.0
SPARE_FILES = 100

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_DATA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0}\n\n'
_EVENT = b"%x\r\n%b\r\n" % (len(_DATA), _DATA)
_END = b"0\r\n\r\n"


def run(options: Options) -> Section:
    """Measure."""
    del options
    files = _allow_files(2 * STREAMS + SPARE_FILES)
    streams = min(STREAMS, (files - SPARE_FILES) // 2)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=base.on_disk()) as directory,
        ExitStack() as stack,
    ):
        bench, site, database = base.prepare(Path(directory), stack)
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.streams", str(port)]
        models = Process(command, bench.cores.load, Path(directory) / "models.log")
        stack.enter_context(running(models))
        wait_until(listens(port), models)
        folder = replace(site, directory=Path(directory) / "ours", upstream_port=port)
        folder.directory.mkdir()
        limits = {"concurrency": str(streams + ASKED_AT_ONCE)}
        server = ours.gateway(folder, database, limits=limits)
        stack.enter_context(running(*server.processes))
        memory, cpu = server.resident_mb()[0], server.cpu_seconds()
        who = bench.sent["small-permitted"][0]
        callers = Callers(streams, _request(who.address, who.key))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(callers.watch(server.port))
        grown = server.resident_mb()[0] - memory
        return _section(callers, server.cpu_seconds() - cpu, grown)


def _allow_files(wanted: int) -> int:
    """Raise the limit on open files as far as we may; the gateway inherits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, hard), max(wanted, hard)))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _request(address: str, key: str) -> bytes:
    body = bodies.small(Random(7), ours.STREAMING, stream=True)
    return (
        f"POST /v1/messages HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
        f"x-forwarded-for: {address}\r\nx-api-key: {key}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def _section(callers: "Callers", cpu_s: float, grown_mb: float) -> Section:
    events = callers.count * EVENTS
    rows = [
        ("streams open at a time", f"{callers.most_open:,}"),
        ("events that came", f"{callers.events:,} of {events:,}"),
        ("streams that ended properly", f"{callers.whole:,}"),
        ("first event after the request, ms", Spread.of(callers.first_ms).show(0)),
        ("CPU us of the gateway for an event", f"{cpu_s / max(callers.events, 1) * 1e6:.0f}"),
        ("memory of the worker for a stream, kB", f"{grown_mb * 1000 / callers.count:.1f}"),
    ]
    return Section(
        "Streams",
        (Table("Through one worker, an event a second each", ("", ""), rows),),
        (
            Goal("streams open at a time", ">=", callers.count, callers.most_open),
            Goal("events lost", "<=", 0, events - callers.events),
        ),
        (
            "The memory that is left after the streams have ended counts as theirs.",
            f"The limit on open files allows {callers.count:,} streams; one needs two files.",
        ),
    )


# -- callers -----------------------------------------------------------------------------------


class Callers:
    """Ask for all streams, some at a time, and see what comes."""

    def __init__(self, count: int, request: bytes) -> None:
        self.count, self.request = count, request
        self.begun = self.ended = self.whole = self.events = self.most_open = 0
        self.first_ms: list[float] = []
        self.turns = asyncio.Semaphore(ASKED_AT_ONCE)
        self.over = asyncio.Event()

    async def watch(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(self.count):
            await self.turns.acquire()
            await loop.create_connection(lambda: _Caller(self), "127.0.0.1", port)
        try:
            await asyncio.wait_for(self.over.wait(), PATIENCE_S)
        except TimeoutError:
            raise Failed(f"{self.count - self.ended} streams did not end") from None


class _Caller(asyncio.Protocol):
    """One stream."""

    def __init__(self, all_of_them: Callers) -> None:
        self._all = all_of_them
        self._asked = 0.0
        self._events = 0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._asked = time.perf_counter()
        self._transport.write(self._all.request)

    def data_received(self, data: bytes) -> None:
        them = self._all
        if not self._events and b"data: " in data:
            them.first_ms.append((time.perf_counter() - self._asked) * 1000)
            them.begun += 1
            them.most_open = max(them.most_open, them.begun - them.ended)
            them.turns.release()
        self._events += data.count(b"data: ")
        self._tail = (self._tail + data)[-len(_END) :]
        if self._tail == _END:
            them.whole += 1
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        del error
        them = self._all
        them.events += self._events
        them.ended += 1
        if not self._events:
            them.turns.release()
        if them.ended == them.count:
            them.over.set()


# -- the model server --------------------------------------------------------------------------


class _Model(asyncio.Protocol):
    """One stream that is sent."""

    def __init__(self, streams: "deque[_Model]") -> None:
        self._streams = streams
        self._left = EVENTS
        self._asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._asked and b"\r\n\r\n" in data:
            self._asked = True
            self._left -= 1
            self._transport.write(_HEAD + _EVENT)
            self._streams.append(self)

    def send(self) -> None:
        self._left -= 1
        self._transport.write(_EVENT if self._left else _EVENT + _END)
        if self._left:
            self._streams.append(self)
        else:
            self._transport.close()


async def _serve(port: int) -> None:
    streams: deque[_Model] = deque()
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: _Model(streams), "127.0.0.1", port, backlog=4096)
    due = loop.time()
    while True:
        for _ in range(-(-len(streams) // SLICES)):
            streams.popleft().send()
        due = max(due + 1 / SLICES, loop.time())
        await asyncio.sleep(due - loop.time())


if __name__ == "__main__":
    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(_serve(int(sys.argv[1])))
