"""Learn from a layer 4 balancer who is on the other side, before anything else of a connection.

A listener that expects the PROXY protocol requires it, of listed balancers only: nobody can tell by
looking whether a header is there. No byte of what follows it is read here.
"""

import asyncio
import socket

from bailiwick.location import (
    Incomplete,
    Invalid,
    ProxyHeader,
    TrustedProxies,
    peer_behind,
    read_proxy_header,
    still_missing,
)

_NOTHING_SAID = ProxyHeader(0, None)


class Unannounced(Exception):
    """The connection is not one to take; the message is a reason of ``docs/location.md``."""


async def announced(
    loop: asyncio.AbstractEventLoop, connection: socket.socket, balancers: TrustedProxies
) -> str:
    """Read the header off a connection; returns the address of the peer behind the balancer.

    Raises ``Unannounced``, and ``OSError`` if the connection breaks.
    """
    peer = str(connection.getpeername()[0])
    _checked(peer_behind(peer, _NOTHING_SAID, balancers))
    data = b""
    while (header := read_proxy_header(data)) is Incomplete.MORE:
        more = await loop.sock_recv(connection, still_missing(data))
        if not more:
            raise Unannounced("proxy.missing")
        data += more
    if isinstance(header, Invalid):
        raise Unannounced(header.reason)
    assert isinstance(header, ProxyHeader)  # noqa: S101 - what is left of the three
    return _checked(peer_behind(peer, header, balancers))


def _checked(peer: str | Invalid) -> str:
    if isinstance(peer, Invalid):
        raise Unannounced(peer.reason)
    return peer
