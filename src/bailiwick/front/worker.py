"""One worker process: it makes its front, serves, and ends with its last request."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import uvloop

from bailiwick.front.certificates import Certificates
from bailiwick.front.front import Front
from bailiwick.front.listener import Listener

_COLLECT: Final = (20_000, 20, 20)
"""A parsed body is tens of thousands of objects without a cycle; looking for one costs."""

Make: TypeAlias = Callable[[Path, asyncio.AbstractEventLoop], Front]
"""Makes the front of one worker, in the worker; it is given the state directory."""


def work(
    make: Make,
    directory: Path,
    listening: socket.socket,
    certificates: Certificates | None,
    parent: int,
) -> None:
    """Serve until told to stop, or until the parent process is gone (``parent`` reads its end)."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    loop.add_reader(parent, told.set)
    front = make(directory, loop)
    listener = Listener(listening, front, certificates)

    def reload() -> None:
        front.reload()
        listener.reload()

    loop.add_signal_handler(signal.SIGHUP, reload)
    gc.freeze()  # what is loaded by now stays: nobody needs to look through it again and again
    gc.set_threshold(*_COLLECT)
    loop.run_until_complete(_serve(front, listener, told))


async def _serve(front: Front, listener: Listener, told: asyncio.Event) -> None:
    await front.start()
    listener.start()
    await told.wait()
    listener.stop()
    await front.stop()
