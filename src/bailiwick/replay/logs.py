"""Find out what the given files are, and cut them into chunks that any worker can read.

A chunk is a stretch of bytes of a text file, some row groups of a Parquet file, or a whole file
that cannot be cut (compressed, or one JSON document).
"""

import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, cast

from bailiwick.errors import InvalidInput
from bailiwick.replay.cloud_logs import read_cloud
from bailiwick.replay.json_logs import read_document, read_json_lines
from bailiwick.replay.mapping import ColumnMapping
from bailiwick.replay.rows import Read, Skipped, arrow
from bailiwick.replay.tables import read_csv, read_row_groups
from bailiwick.replay.text_logs import FORMATS, TextOptions, blocks, line_format, read_block

CHUNK = 1 << 24
"""Bytes of text in a chunk."""
KINDS = ("parquet", "csv", "jsonl", "json", "cloud")
READ_AHEAD = 1 << 16
NEWLINE = b"\n"
BOM = b"\xef\xbb\xbf"
NO_LOGS = frozenset({".checkpoint", ".lock", ".sock", ".secret", ".tmp"})
"""Files that stand beside logs."""
_CLOUD = re.compile(
    rb'"eventSource"\s*:|"modelInvocationId"|"schemaType"\s*:\s*"ModelInvocationLog"'
    rb'|"protoPayload"\s*:|"resourceId"\s*:\s*"/SUBSCRIPTIONS',
    re.IGNORECASE,
)
"""What only logs of clouds have."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How logs are to be read, where that is not plain from them."""

    format: str | None = None
    """A kind, the name of a line format, or one in full; ``None``: found out from each file."""
    mapping: ColumnMapping | None = None
    assume_model: str | None = None
    trusted: tuple[str, ...] = ()
    """Proxies in X-Forwarded-For, as networks."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Something to read."""

    file: str
    kind: str
    start: int
    stop: int
    """Bytes, or row groups."""
    size: int
    """Bytes, for the progress."""
    options: LogOptions = field(default_factory=LogOptions)


def plan(paths: Sequence[Path], options: LogOptions) -> list[Chunk]:
    """Cut files, and the files in folders, into chunks. Raises ``InvalidInput``."""
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise InvalidInput.of("there are no logs to read")
    return [chunk for file in files for chunk in _chunks(file, options)]


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InvalidInput.of(f"`{path}` does not exist")
    if not path.is_dir():
        return [path]
    every = [p for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    parts = [
        p for p in every if "keys" not in p.parts and p.suffix not in NO_LOGS and p.stat().st_size
    ]
    if not parts:
        raise InvalidInput.of(f"`{path}` has no logs in it")
    return parts


def _chunks(file: Path, options: LogOptions) -> Iterator[Chunk]:
    size = file.stat().st_size
    kind, line = _kind(file, options)
    options = replace(options, format=line or options.format)
    if kind == "parquet":
        yield from _row_groups(file, options)
    elif kind in {"text", "jsonl"} and not _compression(file):
        edges = [*range(0, size, CHUNK), size]
        for start, stop in pairwise(edges):
            yield Chunk(str(file), kind, start, stop, stop - start, options)
    else:
        yield Chunk(str(file), kind, 0, size, size, options)


def _row_groups(file: Path, options: LogOptions) -> Iterator[Chunk]:
    pa = arrow()
    try:
        found = pa.parquet.read_metadata(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidInput.of(
            f"`{file}` is no whole Parquet file: {str(error).splitlines()[0]}",
            "a Parquet file that was cut off cannot be read at all",
        ) from None
    for at in range(found.num_row_groups):
        yield Chunk(str(file), "parquet", at, at + 1, found.row_group(at).total_byte_size, options)


def _kind(file: Path, options: LogOptions) -> tuple[str, str | None]:
    """Say what a file is, and in which line format."""
    given = options.format
    if given in KINDS:
        return given, None
    if given:
        line_format(given)
        return "text", given
    names = file.suffixes[::-1] or [""]
    suffix = next((one for one in names if one not in {".gz", ".xz"} and not one[1:].isdigit()), "")
    if suffix in {".parquet", ".csv"}:
        return suffix[1:], None
    return _sniffed(file)


def _sniffed(file: Path) -> tuple[str, str | None]:
    head = _head(file)
    if head[:4] == b"PAR1":
        return "parquet", None
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"} or head[1:2] == b"\0":
        raise InvalidInput.of(
            f"`{file}` is UTF-16", "convert it to UTF-8: iconv -f UTF-16 -t UTF-8"
        )
    if _CLOUD.search(head):
        return "cloud", None
    start = head.lstrip()[:1]
    if start == b"[" and head.lstrip()[1:].lstrip()[:1] in b"{]":
        return "json", None
    if start == b"{":
        return ("jsonl" if _is_lines(head) else "json"), None
    for line in head.split(b"\n")[:200]:
        text = line.decode("utf-8", "replace").rstrip("\r")
        for name in reversed(FORMATS):
            if text and line_format(name).pattern.match(text):
                return "text", name
    if not head.strip():
        raise InvalidInput.of(f"`{file}` is empty", "leave it out")
    raise InvalidInput.of(
        f"`{file}:1` is in no format that is known",
        "give one with `--format`: " + ", ".join((*KINDS, *FORMATS)) + ", or as in log_format",
    )


def _is_lines(head: bytes) -> bool:
    first = head.lstrip().split(b"\n", 1)[0].rstrip()
    return (first.endswith(b"}") and first != b"{") or b"\n" not in head.strip()[:READ_AHEAD]


def _head(file: Path) -> bytes:
    try:
        with _opened(file) as stream:
            return stream.read(READ_AHEAD).removeprefix(BOM)
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError):
        raise InvalidInput.of(f"`{file}` cannot be unpacked: its beginning is damaged") from None
    except OSError as error:
        raise InvalidInput.of(f"`{file}` cannot be read: {error.strerror}") from None


def _compression(file: Path) -> str | None:
    with file.open("rb") as stream:
        magic = stream.read(6)
    return "gz" if magic[:2] == b"\x1f\x8b" else "xz" if magic == b"\xfd7zXZ\0" else None


def _opened(file: Path) -> IO[bytes]:
    kind = _compression(file)
    if kind == "gz":
        return cast("IO[bytes]", gzip.open(file, "rb"))
    return lzma.open(file, "rb") if kind == "xz" else file.open("rb")


# ---- reading a chunk -----------------------------------------------------------------------------


def read_chunk(chunk: Chunk, skipped: Skipped) -> Iterator[Read]:
    """Read a chunk into batches; what cannot be used is counted in ``skipped``."""
    if chunk.kind == "parquet":
        options = chunk.options
        yield from read_row_groups(chunk.file, chunk.start, chunk.stop, options.mapping, skipped)
    elif chunk.kind in {"text", "jsonl"}:
        yield from _lines(chunk, skipped)
    else:
        yield from _whole(chunk, skipped)


def _lines(chunk: Chunk, skipped: Skipped) -> Iterator[Read]:
    path = Path(chunk.file)
    if not _compression(path):
        text = _stretch(path, chunk.start, chunk.stop)
        place = _ByByte(chunk.file, text[0])
        yield from _block(chunk, text[1], place, skipped) if text[1] else ()
        return
    line = 1
    for block in _unpacked(path, skipped):
        yield from _block(chunk, block, _ByLine(chunk.file, line), skipped)
        line += block.count(b"\n")


def _block(chunk: Chunk, text: bytes, place: Any, skipped: Skipped) -> Iterator[Read]:
    options = chunk.options
    if chunk.kind == "text":
        assert options.format is not None  # noqa: S101 - text is planned with a format
        how = TextOptions(options.format, options.assume_model, options.trusted)
        yield read_block(text, place, how, skipped)
        return
    yield from read_json_lines(_placed(text, place), options.mapping, options.assume_model, skipped)


def placed_lines(chunk: Chunk, skipped: Skipped) -> Iterator[tuple[str, bytes]]:
    """Give the lines of a chunk of text with their places."""
    path = Path(chunk.file)
    if not _compression(path):
        first, text = _stretch(path, chunk.start, chunk.stop)
        yield from _placed(text, _ByByte(chunk.file, first))
        return
    line = 1
    for block in _unpacked(path, skipped):
        yield from _placed(block, _ByLine(chunk.file, line))
        line += block.count(b"\n")


def _placed(text: bytes, place: Any) -> Iterator[tuple[str, bytes]]:
    at = 0
    for number, line in enumerate(text.splitlines(keepends=True)):
        yield place(number, at), line
        at += len(line)


@dataclass(frozen=True, slots=True)
class _ByByte:
    file: str
    first: int

    def __call__(self, line: int, byte: int) -> str:
        del line
        return f"{self.file}@{self.first + byte}"


@dataclass(frozen=True, slots=True)
class _ByLine:
    file: str
    first: int

    def __call__(self, line: int, byte: int) -> str:
        del byte
        return f"{self.file}:{self.first + line}"


def _stretch(file: Path, start: int, stop: int) -> tuple[int, bytes]:
    """Read the lines that begin between two bytes, whole."""
    with file.open("rb") as stream:
        if start:
            stream.seek(start - 1)
            start += len(stream.readline()) - 1
        if start >= stop:
            return start, b""
        stream.seek(start)
        text = stream.read(stop - start)
        text = text if text.endswith(b"\n") else text + stream.readline()
        if not start and text.startswith(BOM):
            return len(BOM), text.removeprefix(BOM)
        return start, text


def _unpacked(file: Path, skipped: Skipped) -> Iterator[bytes]:
    """Unpack block by block; where the file breaks off, what came before is used."""
    with _opened(file) as stream:
        source = _Careful(stream, str(file), skipped)
        for number, block in enumerate(blocks(source, CHUNK)):
            yield block if number else block.removeprefix(BOM)


class _Careful(io.BufferedIOBase):
    """A stream that ends with the last whole line before it is damaged, and says so."""

    def __init__(self, stream: IO[bytes], file: str, skipped: Skipped) -> None:
        self._stream, self._file, self._skipped = stream, file, skipped
        self._rest = b""
        """What was read and not given away yet."""
        self._lines = 0
        """Lines given away."""
        self._ended = self._damaged = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Read whole lines, of about ``size`` bytes; the last may lack its newline."""
        wanted = -1 if size is None else size
        parts, length = [self._rest], len(self._rest)
        while not self._ended and (wanted < 0 or length < wanted or b"\n" not in parts[-1]):
            parts.append(self._piece())
            length += len(parts[-1])
        text, self._rest = b"".join(parts), b""
        if not self._ended or self._damaged:
            end = text.rfind(b"\n") + 1
            text, self._rest = text[:end], text[end:]
        if self._damaged and self._rest.strip():
            place = f"{self._file}:{self._lines + text.count(NEWLINE) + 1}"
            self._skipped.add("cut off", [place], 1)
        if self._ended:
            self._rest = b""
        self._lines += text.count(NEWLINE)
        return text

    def readline(self, size: int | None = -1) -> bytes:
        """Read the first line, for the names of a CSV file."""
        del size
        first, newline, rest = self.read(1).partition(NEWLINE)
        self._rest = rest + self._rest
        self._lines -= rest.count(NEWLINE)
        return first + newline

    def _piece(self) -> bytes:
        try:
            piece = self._stream.read1(1 << 16)  # type: ignore[attr-defined]  # all of ours have it
        except (EOFError, zlib.error, OSError, lzma.LZMAError) as error:
            self._skipped.notes.append(
                f"{self._file}: damaged or cut off ({error}); what comes before is used"
            )
            self._ended = self._damaged = True
            return b""
        self._ended = not piece
        return bytes(piece)


def _whole(chunk: Chunk, skipped: Skipped) -> Iterator[Read]:
    options = chunk.options
    path = Path(chunk.file)
    if chunk.kind == "cloud":
        yield from read_cloud(path, skipped)
        return
    with _opened(path) as stream:
        if chunk.kind == "csv":
            source = _Careful(stream, chunk.file, skipped)
            yield from read_csv(source, chunk.file, options.mapping, skipped)
            return
        text = b"".join(_unpacked(path, skipped))
    import msgspec

    try:
        yield from read_document(text, chunk.file, options.mapping, options.assume_model, skipped)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        skipped.notes.append(f"{chunk.file}: not JSON: {error}; nothing of it is used")
