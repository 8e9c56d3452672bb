"""The HTTP/1.1 front that the gateway and the decision service are built on.

It takes connections, reads requests so strictly that they mean one thing only, bounds their size
and their time, and writes answers. Whoever answers is a ``Front`` with an ``Exchange`` for each
request.
"""

from bailiwick.front.connection import Connection
from bailiwick.front.front import Front
from bailiwick.front.heads import NO_HEAD, Head
from bailiwick.front.listener import Listener
from bailiwick.front.ports import Exchange
from bailiwick.front.sockets import listen, tls_context
from bailiwick.front.supervisor import Run, Supervisor
from bailiwick.front.turn import Turn
from bailiwick.front.values import NEVER, Refused, Reply, Written, clock, too_large

__all__ = [
    "NEVER", "NO_HEAD", "Connection", "Exchange", "Front", "Head", "Listener", "Refused", "Reply",
    "Run", "Supervisor", "Turn", "Written", "clock", "listen", "tls_context", "too_large",
]  # fmt: skip
