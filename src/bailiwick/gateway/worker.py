"""One worker process: it makes its services, serves, and ends with its last request."""

import asyncio
import gc
import signal
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Final

import uvloop

from bailiwick.front import Listener
from bailiwick.gateway.app import Gateway
from bailiwick.gateway.options import GatewayOptions
from bailiwick.gateway.ports import Factory, Services
from bailiwick.gateway.state import write_status

_COLLECT: Final = (20_000, 20, 20)
"""A parsed body is tens of thousands of objects without a cycle; looking for one costs."""


def work(
    options: GatewayOptions,
    factory: Factory,
    directory: Path,
    listening: socket.socket,
    tls: ssl.SSLContext | None,
    parent: int,
) -> None:
    """Serve until told to stop, or until the parent process is gone (``parent`` reads its end)."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    loop.add_reader(parent, told.set)
    gateway = Gateway(options, factory(), partial(_report, directory), loop)
    loop.add_signal_handler(signal.SIGHUP, gateway.services.reload)
    gc.freeze()  # what is loaded by now stays: nobody needs to look through it again and again
    gc.set_threshold(*_COLLECT)
    listener = Listener(listening, gateway, tls)
    loop.run_until_complete(_serve(gateway, listener, told))


async def _serve(gateway: Gateway, listener: Listener, told: asyncio.Event) -> None:
    await gateway.start()
    listener.start()
    await told.wait()
    listener.stop()
    await gateway.stop()


def _report(directory: Path, services: Services) -> None:
    write_status(directory, services.status())
