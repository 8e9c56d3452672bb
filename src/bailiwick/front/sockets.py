"""Make what a front listens with, before there are workers."""

import socket
import ssl
import sys
from typing import Final

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


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """Read the certificate and its key. TLS 1.2 or later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context
