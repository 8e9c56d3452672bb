"""Make the sockets a front listens on, before there are workers."""

import socket
import sys
from typing import Final

from bailiwick.errors import BailiwickError

BACKLOG: Final = 4096


def listen(host: str, port: int, workers: int) -> list[socket.socket]:
    """Make a listening socket for each worker, between which Linux spreads the connections.

    Elsewhere they share one. None of these is closed while the parent runs, so nobody who waits
    to be accepted is lost with a worker. Raises ``OSError`` if somebody else listens there.
    """
    first = _bound(host, port, reuse=False)
    if workers == 1 or sys.platform != "linux":
        first.listen(BACKLOG)
        return [first] * workers
    port = first.getsockname()[1]
    first.close()  # it only made sure that the address was free: sharers cannot tell a stranger
    every = [_bound(host, port, reuse=True) for _ in range(workers)]
    for one in every:
        one.listen(BACKLOG)
    return every


def _bound(host: str, port: int, *, reuse: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def listen_beside(host: str, port: int) -> socket.socket:
    """Make a socket of one worker's own, on a port that its siblings listen on as well."""
    try:
        made = _bound(host, port, reuse=True)
    except OSError as error:
        raise cannot_listen(host, port, error) from None
    made.listen(BACKLOG)
    return made


def check_free(host: str, port: int) -> None:
    """Refuse an address that is taken, before workers share it. Raises ``BailiwickError``."""
    try:
        _bound(host, port, reuse=False).close()
    except OSError as error:
        raise cannot_listen(host, port, error) from None


def cannot_listen(host: str, port: int, error: OSError) -> BailiwickError:
    """Say why nobody can listen there."""
    return BailiwickError(
        f"cannot listen on `{host}:{port}`: {error.strerror}", "name another address or port"
    )
