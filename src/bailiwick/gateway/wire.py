"""Read an HTTP/1.1 response from the bytes of a connection, piece by piece. No I/O in here.

Strict where two readings would be possible: a response that is not plainly framed is malformed, and
one that ends before its end is never taken for complete.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

HEAD_BYTES: Final = 65536
_LINE_BYTES: Final = 4096

_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_LENGTH = re.compile(r"[0-9]{1,18}")


class Malformed(Exception):
    """The other side does not speak HTTP/1.1 as we read it."""


class Response:
    """One response on its way."""

    __slots__ = (
        "_left",
        "_rest",
        "_step",
        "complete",
        "headers",
        "heard",
        "pieces",
        "reusable",
        "status",
    )

    def __init__(self) -> None:
        self.status = 0
        """0 until the head is there."""
        self.headers: list[tuple[str, str]] = []
        """Names in lower case."""
        self.pieces: list[bytes] = []
        """What came of the body and was not taken yet."""
        self.complete = False
        self.heard = False
        """Whether anything came at all."""
        self.reusable = True
        """Whether another request may use the connection once this is complete."""
        self._rest = b""
        self._left = 0
        self._step: Callable[[bytes], bytes] = self._head

    def feed(self, data: bytes) -> None:
        """Take what came. Raises ``Malformed``."""
        self.heard = True
        if self._rest:
            data, self._rest = self._rest + data, b""
        while data:
            data = self._step(data)

    def end(self) -> None:
        """Take note that nothing more will come. Raises ``Malformed`` if something is missing."""
        if self.complete:
            return
        if self._step != self._until_end:
            raise Malformed("it ends before its end")
        self._finish()

    def take(self) -> bytes:
        """Take what came of the body."""
        pieces, self.pieces = self.pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _wait(self, data: bytes, most: int) -> bytes:
        if len(data) > most:
            raise Malformed("a line or the head is too long")
        self._rest = data
        return b""

    def _head(self, data: bytes) -> bytes:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return self._wait(data, HEAD_BYTES)
        status_line, *lines = data[:end].decode("latin-1").split("\r\n")
        status, modern = _status(status_line)
        if status >= 200:
            self.headers = [*map(_header, lines)]
            self.reusable = modern
            self._frame(status)
            self.status = status
        return data[end + 4 :]

    def _frame(self, status: int) -> None:
        given = dict(self.headers)
        if "connection" in given and "close" in given["connection"].lower():
            self.reusable = False
        if status in {204, 304}:
            self._finish()
        elif "transfer-encoding" in given:
            self._expect_chunks(given)
        elif "content-length" in given:
            self._left = self._length(given)
            self._step = self._counted
            if not self._left:
                self._finish()
        else:
            self.reusable = False
            self._step = self._until_end

    def _expect_chunks(self, given: dict[str, str]) -> None:
        if given["transfer-encoding"].lower() != "chunked" or "content-length" in given:
            raise Malformed("its length is not plain")
        self._step = self._size

    def _length(self, given: dict[str, str]) -> int:
        length = given["content-length"]
        if len(given) != len(self.headers):
            lengths = {value for name, value in self.headers if name == "content-length"}
            length = length if len(lengths) == 1 else ""
        if not _LENGTH.fullmatch(length):
            raise Malformed("its length is not plain")
        return int(length)

    def _counted(self, data: bytes) -> bytes:
        rest = self._keep(data)
        if not self._left:
            self._finish()
        return rest

    def _keep(self, data: bytes) -> bytes:
        """Keep as much of the data as is still expected, and give the rest back."""
        size = len(data)
        if size <= self._left:
            self._left -= size
            self.pieces.append(data)
            return b""
        kept, rest = data[: self._left], data[self._left :]
        self._left = 0
        self.pieces.append(kept)
        return rest

    def _until_end(self, data: bytes) -> bytes:
        self.pieces.append(data)
        return b""

    def _size(self, data: bytes) -> bytes:
        end = data.find(b"\r\n")
        if end < 0:
            return self._wait(data, _LINE_BYTES)
        size = data[:end].partition(b";")[0].rstrip(b" \t")
        if not _SIZE.fullmatch(size):
            raise Malformed("a chunk has no size")
        self._left = int(size, 16)
        self._step = self._chunk if self._left else self._trailers
        return data[end + 2 :]

    def _chunk(self, data: bytes) -> bytes:
        rest = self._keep(data)
        if not self._left:
            self._step = self._chunk_end
        return rest

    def _chunk_end(self, data: bytes) -> bytes:
        if len(data) < 2:
            return self._wait(data, 2)
        if data[:2] != b"\r\n":
            raise Malformed("a chunk has no end")
        self._step = self._size
        return data[2:]

    def _trailers(self, data: bytes) -> bytes:
        end = data.find(b"\r\n")
        if end < 0:
            return self._wait(data, _LINE_BYTES)
        if end == 0:
            self._finish()
        return data[end + 2 :]

    def _finish(self) -> None:
        self.complete = True
        self._step = self._surplus

    def _surplus(self, data: bytes) -> bytes:
        """Drop what comes behind the end, and the connection with it: it belongs to nobody."""
        del data
        self.reusable = False
        return b""


@lru_cache(maxsize=256)
def _status(line: str) -> tuple[int, bool]:
    """Read a status line; also says whether the connection stays open by itself."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise Malformed("there is no status line")
    if match[2] == "101":
        raise Malformed("it changes to another protocol")
    return int(match[2]), match[1] == "1"


@lru_cache(maxsize=256)
def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _NAME.fullmatch(name):
        raise Malformed("a header is not one")
    return name.lower(), value.strip(" \t")
