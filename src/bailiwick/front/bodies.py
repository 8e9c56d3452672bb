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
        self._step: Callable[[bytes, int], int] = self._size

    def feed(self, data: bytes) -> bytes:
        """Take what came; returns what lies behind the end. Raises ``Refused``."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, end = 0, len(data)
        while at < end and not self.complete:
            at = self._step(data, at)
        return data[at:]

    def _size(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n", at, at + _LINE)
        if end < 0:
            return self._wait(data, at, _LINE)
        if not _SIZE.fullmatch(data, at, end):
            raise _broken()
        self._left = int(data[at:end], 16)
        self._step = self._chunk if self._left else self._last
        return end + 2

    def _chunk(self, data: bytes, at: int) -> int:
        piece = data[at : at + self._left]
        self.received += piece
        self._left -= len(piece)
        if not self._left:
            self._step = self._end
        return at + len(piece)

    def _end(self, data: bytes, at: int) -> int:
        if len(data) - at < 2:
            return self._wait(data, at, 2)
        self._step = self._size
        return _behind_line(data, at)

    def _last(self, data: bytes, at: int) -> int:
        if len(data) - at < 2:
            return self._wait(data, at, 2)
        self.complete = True
        return _behind_line(data, at)

    def _wait(self, data: bytes, at: int, most: int) -> int:
        if len(data) - at >= most:
            raise _broken()
        self._rest = data[at:]
        return len(data)


def _behind_line(data: bytes, at: int) -> int:
    if data[at : at + 2] != b"\r\n":
        raise _broken()
    return at + 2


def _broken() -> Refused:
    return Refused("body_broken", "the chunks of the body are not plain")
