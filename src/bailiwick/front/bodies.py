"""Read a request body as it comes: counted, or in chunks. No I/O in here.

Extensions of chunks and trailers are refused: nothing here needs them, and readers differ about
them (RFC 9112, section 7.1).
"""

import re
from collections.abc import Callable
from typing import Final

from bailiwick.front.values import Refused

_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
_LINE: Final = 10
"""Longest line of a chunk: a size and its end."""


class Counted:
    """A body of which the length is known."""

    __slots__ = ("_length", "received")

    def __init__(self, length: int) -> None:
        self.received = bytearray()
        self._length = length

    @property
    def complete(self) -> bool:
        """Whether all of it is there."""
        return len(self.received) == self._length

    def feed(self, data: bytes) -> bytes:
        """Take what came; returns what lies behind the end."""
        wanted = self._length - len(self.received)
        self.received += data[:wanted]
        return data[wanted:]


class Chunked:
    """A body in chunks."""

    __slots__ = ("_left", "_rest", "_step", "complete", "received")

    def __init__(self) -> None:
        self.received = bytearray()
        self.complete = False
        self._left = 0
        self._rest = b""
        self._step: Callable[[bytes], bytes] = self._size

    def feed(self, data: bytes) -> bytes:
        """Take what came; returns what lies behind the end. Raises ``Refused``."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        while data and not self.complete:
            data = self._step(data)
        return data

    def _size(self, data: bytes) -> bytes:
        end = data.find(b"\r\n", 0, _LINE)
        if end < 0:
            return self._wait(data, _LINE)
        if not _SIZE.fullmatch(data, 0, end):
            raise _broken()
        self._left = int(data[:end], 16)
        self._step = self._chunk if self._left else self._last
        return data[end + 2 :]

    def _chunk(self, data: bytes) -> bytes:
        piece = data[: self._left]
        self.received += piece
        self._left -= len(piece)
        if not self._left:
            self._step = self._end
        return data[len(piece) :]

    def _end(self, data: bytes) -> bytes:
        if len(data) < 2:
            return self._wait(data, 2)
        self._step = self._size
        return _behind_line(data)

    def _last(self, data: bytes) -> bytes:
        if len(data) < 2:
            return self._wait(data, 2)
        self.complete = True
        return _behind_line(data)

    def _wait(self, data: bytes, most: int) -> bytes:
        if len(data) >= most:
            raise _broken()
        self._rest = data
        return b""


def _behind_line(data: bytes) -> bytes:
    if data[:2] != b"\r\n":
        raise _broken()
    return data[2:]


def _broken() -> Refused:
    return Refused("body_broken", "the chunks of the body are not plain")
