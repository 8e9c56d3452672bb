"""Break a connection off, so that its client sees that the answer is not complete.

The server ends every streamed answer properly, whatever happened to it, and offers no way not to.
So the socket is found among this process's own, by its peer and its own port, and shut down.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

_DIRECTORIES: Final = (Path("/proc/self/fd"), Path("/dev/fd"))

_Ends: TypeAlias = tuple[str, int]
"""The peer's ``address:port`` and our port: no two connections share both."""


class Cutter:
    """Shuts connections down; remembers the sockets it saw, as many tend to break at once."""

    def __init__(self) -> None:
        self._known: dict[_Ends, int] = {}

    def cut(self, client: str, server: str) -> bool:
        """Shut down the connection of a client, both as ``address:port``; whether it was there."""
        ends = (client, int(server.rpartition(":")[2]))
        if self._shut(ends):
            return True
        self._known = {found: fd for fd in _descriptors() if (found := _ends(fd)) is not None}
        return self._shut(ends)

    def _shut(self, ends: _Ends) -> bool:
        fd = self._known.get(ends)
        if fd is None or _ends(fd) != ends:
            return False
        with contextlib.suppress(OSError), _borrow(fd) as connection:
            connection.shutdown(socket.SHUT_RDWR)
        return True


def _descriptors() -> Iterator[int]:
    directory = next(path for path in _DIRECTORIES if path.is_dir())
    yield from (int(path.name) for path in directory.iterdir() if path.name.isdigit())


def _borrow(fd: int) -> socket.socket:
    own = os.dup(fd)
    try:
        return socket.socket(fileno=own)
    except OSError:
        os.close(own)
        raise


def _ends(fd: int) -> _Ends | None:
    try:
        with _borrow(fd) as connection:
            peer, own = connection.getpeername(), connection.getsockname()
    except OSError:
        return None
    if not isinstance(peer, tuple) or not isinstance(own, tuple):
        return None
    host = f"[{peer[0]}]" if ":" in peer[0] else peer[0]
    return f"{host}:{peer[1]}", own[1]
