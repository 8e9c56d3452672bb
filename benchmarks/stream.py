"""When the first event of a stream arrives, of events that are sent one by one."""

import http.client
import time
from dataclasses import dataclass

from benchmarks.processes import Failed
from benchmarks.upstream import EVENTS, EVERY_S


@dataclass(frozen=True, slots=True)
class Seen:
    """One stream, from the request on."""

    first_ms: float
    last_ms: float


def watch(port: int, path: str, headers: dict[str, str], body: bytes) -> Seen:
    """Ask for a stream, and look when its events come."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    began = time.perf_counter()
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        if response.status != 200:
            raise Failed(f"the stream was answered with {response.status}: {response.read()!r}")
        arrivals = [time.perf_counter() - began for line in response if line.startswith(b"data: ")]
    finally:
        connection.close()
    if len(arrivals) != EVENTS or arrivals[-1] < EVERY_S * (EVENTS - 1):
        raise Failed(f"{len(arrivals)} events came, and {EVENTS} were sent")
    return Seen(arrivals[0] * 1000, arrivals[-1] * 1000)
