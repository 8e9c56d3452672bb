"""How much of an answer is still on its way, to tell who reads slowly from who does not read.

Under TLS the transport does not know: it has handed everything to the connection below, which
nobody can ask. Linux can (``tcp(7)``: ``TCP_INFO``; ``SIOCOUTQ``), and counts what has arrived.
"""

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from typing import Final

_ACKED: Final = struct.Struct("=120xQ")
"""``tcpi_bytes_acked`` in Linux's ``struct tcp_info``."""
_MOST: Final = 2**64


def unsent(transport: asyncio.Transport) -> int:
    """Give a number that is 0 if nothing is on its way, and falls as long as it is read."""
    if sys.platform != "linux" or transport.get_extra_info("sslcontext") is None:
        return transport.get_write_buffer_size()
    connection = transport.get_extra_info("socket")
    try:
        queued = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED.size)
    except OSError:
        return 0
    if queued == bytes(4) or len(told) < _ACKED.size:
        return 0
    return _MOST - int(_ACKED.unpack(told)[0])
