"""The texts of single records, out of files of any size and of the layouts that clouds export.

JSON lines; a list; or an object around a list (``{"Records": [...]}``), on one line or many. Never
more than one chunk and one record are in memory, whatever a file unpacks to.
"""

import codecs
import json
import re
import zlib
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path

import msgspec

from bailiwick.cloud.logs.records import Skipped, Where

CHUNK = 1 << 20
MOST_RECORD = 16 << 20
"""Bytes of the longest record that is read."""
HEAD = 4096
"""Bytes that show how a file is laid out."""
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
GZIP = b"\x1f\x8b"
LIST = re.compile(rb'\s*(?:\[|\{\s*"(?:Records|records|Events|events|value)"\s*:\s*\[|[\[{]\s*\n)')
"""How a file begins that is not JSON lines: a list, an object around one, or spread over lines."""
WRAPPER = re.compile(r'\{\s*"(?:Records|records|Events|events|value)"\s*:\s*\[')
BLANK = re.compile(r"[\s,:]*")
LONGEST_TOKEN = 12
"""Characters of the longest thing other than a string that a cut can leave unfinished."""


class Piece(msgspec.Struct, frozen=True):
    """The text of one record."""

    where: Where
    text: bytes | str


Progress = Callable[[int], None]


def pieces(path: Path, progress: Progress, chunk_bytes: int = CHUNK) -> Iterator[Piece | Skipped]:
    """Cut one file into records. ``progress`` is told bytes of the file as they are read."""
    source = _Source(path, progress, chunk_bytes)
    chunks = source.chunks()
    head = b""
    while len(head) < HEAD and (more := next(chunks, b"")):
        head += more
    if head.startswith(UTF16):
        yield Skipped(Where(str(path), 1, 1), "UTF-16 text; save it as UTF-8", rest=True)
        return
    head = head.removeprefix(codecs.BOM_UTF8)
    cut = _List(str(path)) if LIST.match(head) else _Lines(str(path))
    yield from cut.feed(head)
    for chunk in chunks:
        yield from cut.feed(chunk)
    yield from cut.finish()
    if source.problem:
        yield Skipped(cut.here(), source.problem, rest=True)


class _Source:
    """The bytes of a file, unpacked if it is gzip whatever it is called."""

    def __init__(self, path: Path, progress: Progress, chunk_bytes: int) -> None:
        self._path, self._progress, self._chunk_bytes = path, progress, chunk_bytes
        self.problem: str | None = None

    def chunks(self) -> Iterator[bytes]:
        try:
            yield from self._unpacked()
        except zlib.error as error:
            self.problem = f"damaged gzip ({error})"
        except OSError as error:
            self.problem = f"cannot be read: {(error.strerror or str(error)).lower()}"

    def _raw(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while chunk := file.read(self._chunk_bytes):
                self._progress(len(chunk))
                yield chunk

    def _unpacked(self) -> Iterator[bytes]:
        packed = None
        for number, chunk in enumerate(self._raw()):
            if number == 0:
                packed = _Gzip(self._chunk_bytes) if chunk.startswith(GZIP[: len(chunk)]) else None
            yield from packed.feed(chunk) if packed else (chunk,)
        if packed and not packed.ended:
            self.problem = "the gzip file ends early"


class _Gzip:
    """Unpacks one member after the other, a chunk at a time."""

    def __init__(self, chunk_bytes: int) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._chunk_bytes = chunk_bytes

    @property
    def ended(self) -> bool:
        return self._member.eof

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if self._member.eof:
                chunk = chunk.lstrip(b"\0")
                if not chunk:
                    return
                self._member = zlib.decompressobj(wbits=31)
            if out := self._member.decompress(chunk, self._chunk_bytes):
                yield out
            chunk = self._member.unconsumed_tail or self._member.unused_data


class _Lines:
    """One record a line."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._line = 0
        self._rest: list[bytes] = []
        self._length = 0

    def here(self) -> Where:
        return Where(self._file, self._line + 1, self._line + 1)

    def feed(self, chunk: bytes) -> Iterator[Piece | Skipped]:
        lines = chunk.split(b"\n")
        if len(lines) == 1:
            self._keep(chunk)
            return
        self._keep(lines[0])
        yield from self._end(b"".join(self._rest))
        for line in lines[1:-1]:
            self._length = len(line)
            yield from self._end(line)
        self._rest, self._length = [], 0
        self._keep(lines[-1])

    def finish(self) -> Iterator[Piece | Skipped]:
        if self._length:
            yield from self._end(b"".join(self._rest))

    def _keep(self, part: bytes) -> None:
        self._length += len(part)
        if self._length > MOST_RECORD:
            self._rest = []
        else:
            self._rest.append(part)

    def _end(self, line: bytes) -> Iterator[Piece | Skipped]:
        here = self.here()
        self._line += 1
        if self._length > MOST_RECORD:
            yield Skipped(here, f"longer than {MOST_RECORD} bytes")
        elif line and not line.isspace():
            yield Piece(here, line)


class _State(Enum):
    BETWEEN = "between documents"
    INSIDE = "inside a list"
    AFTER = "after the list of an object"


class _List:
    """Records in a list, perhaps inside an object; several of these may follow one another."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._text = ""
        self._line = 1
        self._record = 0
        self._state = _State.BETWEEN
        self._wrapped = False
        self._broken = False
        self._wanted = 0
        self._unicode = codecs.getincrementaldecoder("utf-8")("replace")
        self._json = json.JSONDecoder()

    def here(self) -> Where:
        return Where(self._file, self._line, self._record + 1)

    def feed(self, chunk: bytes) -> Iterator[Piece | Skipped]:
        if self._broken:
            return
        self._text += self._unicode.decode(chunk)
        if len(self._text) < self._wanted:
            return
        yield from self._cut(last=False)
        if len(self._text) > MOST_RECORD:
            yield self._give_up(f"a record of more than {MOST_RECORD} characters")

    def finish(self) -> Iterator[Piece | Skipped]:
        if not self._broken:
            yield from self._cut(last=True)
        if not self._broken and (self._text or self._state is not _State.BETWEEN):
            yield self._give_up("the file ends in the middle of a list")

    def _give_up(self, reason: str) -> Skipped:
        self._broken, self._text = True, ""
        return Skipped(self.here(), reason, rest=True)

    def _cut(self, last: bool) -> Iterator[Piece | Skipped]:
        """Cut every whole record off the front of the text."""
        at = 0
        while not self._broken:
            at = begin = self._pass(at)
            if begin == len(self._text):
                break
            try:
                end = self._json.raw_decode(self._text, begin)[1]
            except json.JSONDecodeError as error:
                unfinished = _unfinished(error, len(self._text))
                if unfinished and not last:
                    break
                wrong = f"not JSON ({error.msg.lower()})"
                yield self._give_up("ends in the middle of a record" if unfinished else wrong)
                return
            except (ValueError, RecursionError):
                yield self._give_up("not JSON that can be read (nested too deeply or such)")
                return
            where = self.here()
            self._line += self._text.count("\n", begin, end)
            at = end
            if self._state is not _State.AFTER:
                self._record += 1
                yield Piece(where, self._text[begin:end])
        self._text = self._text[at:]
        self._wanted = 2 * len(self._text)

    def _pass(self, at: int) -> int:
        """Go from the end of one record to the beginning of the next, or to the end of the text."""
        here = at
        while True:
            blank = BLANK.match(self._text, here)
            begin = blank.end() if blank else here
            here = self._turn(begin)
            if here == begin:
                self._line += self._text.count("\n", at, here)
                return here

    def _turn(self, at: int) -> int:
        """Follow a bracket that changes where we are; the same position if there is none."""
        text, state = self._text, self._state
        if state is _State.INSIDE and text.startswith("]", at):
            self._state = _State.AFTER if self._wrapped else _State.BETWEEN
            return at + 1
        if state is _State.AFTER and text.startswith("}", at):
            self._state = _State.BETWEEN
            return at + 1
        opened = WRAPPER.match(text, at) if state is _State.BETWEEN else None
        if opened or (state is _State.BETWEEN and text.startswith("[", at)):
            self._state, self._wrapped = _State.INSIDE, opened is not None
            return opened.end() if opened else at + 1
        return at


def _unfinished(error: json.JSONDecodeError, length: int) -> bool:
    """Whether the text ends too early, and is not wrong before its end."""
    return error.pos >= length - LONGEST_TOKEN or error.msg.startswith("Unterminated string")
