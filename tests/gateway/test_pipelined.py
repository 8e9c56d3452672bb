"""Many requests in one piece, none of which waits for anything."""

import time
from collections.abc import Callable

import pytest
from gateway_process import GatewayProcess

from gateway_raw import ask, message, talk

CHUNKED = b"POST /v1/messages HTTP/1.1\r\nhost:a\r\ntransfer-encoding:chunked\r\n\r\n0\r\n\r\n"
COUNTED = b"POST /v1/messages HTTP/1.1\r\nhost:a\r\ncontent-length:1\r\n\r\n{"
EMPTY = b"GET /v1/models HTTP/1.1\r\nhost:a\r\n\r\n"


@pytest.mark.parametrize("one", [CHUNKED, COUNTED, EMPTY], ids=["chunked", "counted", "empty"])
def test_each_is_answered_and_none_stays_in_hand(
    one: bytes, start_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = start_gateway(limits={"concurrency": 4}).wait()
    for _ in range(6):
        heard = talk(gateway.port, one * 900, wait=2)
        assert heard.data.count(b"HTTP/1.1 40") == 900

    assert ask(gateway.port, message())[0] == 200
    end = time.monotonic() + 10  # it is written down once a second
    while "bailiwick_requests_in_hand 0.0" not in gateway.admin("/metrics")[1]:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert "Traceback" not in gateway.output.read_text()
