"""Accept connections, as many as are allowed at a time; the others wait in the kernel's queue.

The parent process made the listening socket and keeps it, so none of those who wait is lost when a
worker ends.
"""

import asyncio
import errno
import logging
import socket
import ssl
from contextlib import suppress
from typing import Final

from bailiwick.front.announced import Unannounced, announced
from bailiwick.front.certificates import LOOK_S, Certificates
from bailiwick.front.connection import HELD, Connection
from bailiwick.front.front import Front

_log = logging.getLogger("bailiwick.front")

_AT_ONCE: Final = 64
"""Connections that are taken before anything else is looked at."""
_FULL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_REST_S: Final = 0.1
_LATER_S: Final = 1.0
_LONG_S: Final = 3600.0
"""We cut by ourselves who takes too long, and before the transport would."""


class Listener:
    """Hands connections to a front."""

    def __init__(
        self, listening: socket.socket, front: Front, certificates: Certificates | None
    ) -> None:
        self._socket = listening
        self._front = front
        self._certificates = front.certificates = certificates
        self._most = front.limits.connections
        self._handshakes: set[asyncio.Task[None]] = set()
        self._told = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._open = False

    def start(self) -> None:
        """Accept from now on."""
        if self._certificates is not None:
            self._certificates.look(at_once=True)  # the parent process read them some time ago
            self._looking = self._front.loop.create_task(self._look(self._certificates))
        self._resume()

    def stop(self) -> None:
        """Accept no more."""
        self._pause()
        self._socket.close()
        if self._looking is not None:
            self._looking.cancel()

    def reload(self) -> None:
        """Read the certificate again, soon."""
        self._told.set()

    async def _look(self, certificates: Certificates) -> None:
        """Follow the files, in a thread: a disk may be slow."""
        from bailiwick.front.gauges import report  # it fixes how metrics are kept

        while True:
            report(self._front.name, certificates)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), LOOK_S)
            at_once = self._told.is_set()
            self._told.clear()
            await asyncio.to_thread(certificates.look, at_once=at_once)

    def _pause(self) -> None:
        if self._open:
            self._open = False
            self._front.loop.remove_reader(self._socket.fileno())

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            if len(self._front.connections) + len(self._handshakes) >= self._most:
                self._rest()
                return
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _FULL:
                    _log.warning("no connection can be accepted: %s", error.strerror)
                    self._rest()
                return
            self._take(connection)

    def _rest(self) -> None:
        """Let those who come wait for a moment."""
        if self._open:
            self._pause()
            self._front.loop.call_later(_REST_S, self._resume)

    def _resume(self) -> None:
        if not self._front.stopping:
            self._open = True
            self._front.loop.add_reader(self._socket.fileno(), self._accept)

    def _take(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        task = self._front.loop.create_task(self._connect(connection))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _connect(self, connection: socket.socket) -> None:
        front = self._front
        seconds = front.timeouts.header_s
        tls = self._certificates.context if self._certificates is not None else None
        try:
            async with asyncio.timeout(seconds):
                peer = None
                if front.balancers is not None:
                    peer = await announced(front.loop, connection, front.balancers)
                transport, _ = await front.loop.connect_accepted_socket(
                    lambda: Connection(front, peer),
                    connection,
                    ssl=tls,
                    ssl_handshake_timeout=seconds + _LATER_S if tls else None,
                    ssl_shutdown_timeout=_LONG_S if tls else None,
                )
            if tls is not None:
                transport.set_write_buffer_limits(HELD)
        except Unannounced as error:
            self._turn_away(connection, str(error))
        except TimeoutError:
            self._turn_away(connection, "timeout")
        except ssl.SSLError:
            self._turn_away(connection, "tls")
        except OSError as error:
            _log.debug("a connection came to nothing: %s", error)
            connection.close()

    def _turn_away(self, connection: socket.socket, reason: str) -> None:
        _log.debug("a connection is turned away: %s", reason)
        self._front.turned_away[reason] += 1
        connection.close()
