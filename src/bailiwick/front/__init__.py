"""The HTTP/1.1 front that the gateway and the decision service are built on.

It takes connections, reads requests so strictly that they mean one thing only, bounds their size
and their time, and writes answers. Whoever answers is a ``Front`` with an ``Exchange`` for each
request.
"""

from bailiwick.front.certificates import Certificates
from bailiwick.front.connection import Connection
from bailiwick.front.front import Front
from bailiwick.front.heads import NO_HEAD, Head
from bailiwick.front.listener import Listener
from bailiwick.front.ports import Exchange
from bailiwick.front.sockets import cannot_listen, check_free, listen_beside
from bailiwick.front.supervisor import Run
from bailiwick.front.times import Times
from bailiwick.front.turn import Turn
from bailiwick.front.values import NEVER, Refused, Reply, clock, too_large
from bailiwick.front.workers import Place, run_workers

__all__ = [
    "NEVER", "NO_HEAD", "Certificates", "Connection", "Exchange", "Front", "Head", "Listener",
    "Place", "Refused", "Reply", "Run", "Times", "Turn", "cannot_listen", "check_free",
    "clock", "listen_beside", "run_workers", "too_large",
]  # fmt: skip
