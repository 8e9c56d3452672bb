"""What is left of a connection when it is over: nothing."""

import asyncio
import gc
import socket
import ssl
import weakref
from pathlib import Path

import uvloop

from authority import Authority
from bailiwick.front import Certificates, Connection, Front, Listener
from bailiwick.gateway import Limits, Timeouts


class _Nobody(Front):
    """Answers nothing; remembers who came."""

    name = "nobody"

    def came(self) -> list["weakref.ref[Connection]"]:
        return [weakref.ref(one) for one in self.connections]


def test_a_connection_that_is_over_waits_for_no_collector(tmp_path: Path) -> None:
    """With TLS it takes tens of kilobytes, and the collector comes seldom."""
    authority = Authority(tmp_path)
    certificates = Certificates(*authority.issue("one"))
    trusting = ssl.create_default_context(cafile=str(authority.path))

    async def connect_and_leave() -> int:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        port = listening.getsockname()[1]
        front = _Nobody(Limits(), Timeouts(), asyncio.get_running_loop())
        listener = Listener(listening, front, certificates)
        listener.start()
        try:
            clients = [
                await asyncio.open_connection("127.0.0.1", port, ssl=trusting) for _ in range(10)
            ]
            while len(front.connections) < 10:
                await asyncio.sleep(0.01)
            came = front.came()
            gc.collect()
            gc.disable()
            for one in tuple(front.connections):
                one.fail()
            del one
            while front.connections:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            for _, writer in clients:
                writer.close()
            return sum(one() is not None for one in came)
        finally:
            gc.enable()
            listener.stop()

    assert uvloop.run(asyncio.wait_for(connect_and_leave(), 20)) == 0
