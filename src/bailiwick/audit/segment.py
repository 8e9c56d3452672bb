"""One segment: a file of records that only grows, and is never touched again once it is closed.

A batch is written and made durable before its records count. ``fdatasync`` is enough for that: it
also writes the metadata that is needed to read the data back, which includes the file's new
length (POSIX ``fdatasync``, Linux ``fdatasync(2)``); only times may lag. A new file's name is made
durable by syncing its directory, once. If anything fails, the segment is abandoned: after a failed
sync the kernel may report success for pages it has dropped, so its descriptor is never used again.
"""

import os
import sys
from binascii import hexlify
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bailiwick.audit.keys import sync_directory
from bailiwick.audit.verify import (
    GENESIS,
    SCHEMA,
    Damaged,
    Record,
    SegmentName,
    Tree,
    lines,
    measure_rest,
    read_record,
    seal,
    writers,
)

TAIL_BYTES: Final = 4 << 20
"""How much of a segment's end is checked at the start; no batch is larger."""


def sync(descriptor: int) -> None:
    """Return once what was written is on stable storage."""
    if sys.platform == "darwin":  # there, fsync does not wait for the drive
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(descriptor)


@dataclass(frozen=True, slots=True)
class Link:
    """The last good record of a segment, which the next one continues."""

    name: SegmentName | None
    """``None`` before the first segment of a writer."""
    seq: int
    digest: str
    bytes: int
    """Where the segment ends."""

    @property
    def records(self) -> int:
        """Records in the segment."""
        return self.seq - self.name.first + 1 if self.name else 0


@dataclass(frozen=True, slots=True)
class Home:
    """Which process writes, and where."""

    directory: Path
    node: str
    worker: str

    @property
    def segments(self) -> list[SegmentName]:
        """The writer's segments in the order of the chain."""
        return writers(self.directory).get(f"{self.node}/{self.worker}", [])

    @property
    def unfinished(self) -> list[Path]:
        """Files that a crash kept from being published."""
        return [*self.directory.glob(f".*.{self.node}.{self.worker}.*.new")]


FIRST: Final = Link(None, 0, GENESIS, 0)


@dataclass(frozen=True, slots=True)
class Cut:
    """What lies behind the last good record: a crash or a failed write left it."""

    bytes: int
    sha256: str


class Segment:
    """The open file of one writer."""

    def __init__(self, directory: Path, name: SegmentName, after: Link, *, fsync: bool) -> None:
        """Create the file under a name that is not yet a segment's; see ``publish``."""
        self.name = name
        self.end = Link(name, after.seq, after.digest, 0)
        self.tree = Tree()
        self._fsync = fsync
        self._path = directory / name.file
        self._hidden = directory / f".{name.file}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._hidden, flags, 0o640)
        writer, schema = name.writer.encode(), SCHEMA.encode()
        self._body = b'%%b,"node":"%b","previous":"%%b","schema":"%b","seq":%%d' % (writer, schema)

    def publish(self) -> None:
        """Give the file its name, now that it has a durable first record."""
        self._hidden.rename(self._path)
        sync_directory(self._path.parent)

    def append(self, heads: Iterable[bytes]) -> None:
        """Write records and make them durable; raises ``OSError``, and then they do not count."""
        seq, digest = self.end.seq, bytes.fromhex(self.end.digest)
        digests, text = [], []
        for head in heads:
            seq += 1
            line, digest = seal(self._body % (head, hexlify(digest), seq))
            digests.append(digest)
            text.append(line)
        written = self._write(b"".join(text))
        for entry in digests:
            self.tree.append(entry)
        self.end = Link(self.name, seq, digest.hex(), self.end.bytes + written)

    def _write(self, text: bytes) -> int:
        self._check_unharmed()
        left = memoryview(text)
        while left:
            left = left[os.write(self._descriptor, left) :]
        if self._fsync:
            sync(self._descriptor)
        return len(text)

    def _check_unharmed(self) -> None:
        """Notice a file that was removed or changed under us; writing to it would prove nothing."""
        status = os.fstat(self._descriptor)
        if status.st_nlink == 0:
            raise OSError("the segment was removed while it was being written")
        if status.st_size != self.end.bytes:
            raise OSError("the segment was changed by somebody else while it was being written")

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def discard(self) -> None:
        """Remove a file that no record was acknowledged in."""
        self._hidden.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)


def find_end(home: Home) -> tuple[Link, Cut | None]:
    """Find the last good record among a writer's segments, and what lies behind it."""
    for name in reversed(home.segments):
        link = _last_good(home.directory, name)
        if link is not None:
            return link, find_cut(home.directory, link)
    return FIRST, None


def find_cut(directory: Path, link: Link) -> Cut | None:
    """Measure what lies behind a segment's last good record; ``None``: nothing does."""
    if link.name is None:
        return None
    try:
        with (directory / link.name.file).open("rb") as file:
            file.seek(link.bytes)
            count, sha256 = measure_rest(file)
    except FileNotFoundError:
        return None
    return Cut(count, sha256) if count else None


def _last_good(directory: Path, name: SegmentName) -> Link | None:
    """Check the tail of one segment; ``None`` if it has no good record at all."""
    size = (directory / name.file).stat().st_size
    found = _walk(directory, name, max(0, size - TAIL_BYTES))
    return found or _walk(directory, name, 0)


def _walk(directory: Path, name: SegmentName, start: int) -> Link | None:
    """Follow the chain from the first whole line at ``start`` to where it breaks."""
    last: Record | None = None
    with (directory / name.file).open("rb") as file:
        file.seek(start)
        end = start + (len(file.readline()) if start else 0)
        for line in lines(file):
            try:
                record = read_record(line)
            except Damaged:
                break
            if not line.endswith(b"\n") or (last and record.previous != last.sha256):
                break
            last, end = record, end + len(line)
    return Link(name, last.seq, last.sha256, end) if last else None
