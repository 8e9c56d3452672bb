"""Check an audit log: nothing flipped, deleted, swapped, inserted, cut off or rolled back.

This one file needs only the standard library and ``cryptography``. Copy it to a machine that the
log's owner does not control and run it there: ``python verify.py DIRECTORY --key public-keys``.
The writer uses the names, the tree and the notes from here, so there is one definition of each.

What holds a log together, from the inside out: each record ends with the SHA-256 of itself and
names that of the record before it; a segment's first record names the segment before it; a
checkpoint signs the Merkle root (RFC 6962) of a segment's records; and checkpoints kept outside
show that the files were not put back to an earlier state. Without those, that cannot be seen.
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SCHEMA: Final = "bailiwick.audit/1"
GENESIS: Final = "0" * 64
"""What the very first record of a writer names as the record before it."""

SUFFIX: Final = ".jsonl"
CHECKPOINT_SUFFIX: Final = ".checkpoint"
LINE_LIMIT: Final = 1 << 20
PROBLEM_LIMIT: Final = 1000
ED25519: Final = b"\x01"
"""The signature type of plain Ed25519 in a C2SP signed note."""

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes there are."""


class Damaged(Exception):
    """Something that should be part of a log, and why it cannot be."""


def printable(text: str) -> str:
    """Escape what a terminal would obey or hide: controls, ANSI, bidi marks, line separators."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


# ---- records -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """One line that agrees with its own hash."""

    seq: int
    """Counts from 1 over all segments of one writer, without gaps."""
    node: str
    """The writer: ``node/worker``."""
    at: str
    """The writer's clock, RFC 3339 in UTC. It may go back; ``seq`` may not."""
    event: Mapping[str, Any]
    previous: str
    sha256: str
    """Of the line up to the comma before this field."""
    fields: Mapping[str, Any]
    """Everything in the record, these fields included."""
    line: bytes
    """As it stands in the segment, without the newline."""


_FIELDS = {"seq": int, "node": str, "at": str, "event": dict, "previous": str, "sha256": str}
_SEAL = b',"sha256":"'
_SEAL_LENGTH = len(_SEAL) + 64 + len(b'"}')


def seal(body: bytes) -> tuple[bytes, bytes]:
    """Close a record that lacks its last field; return the line and the digest (32 bytes)."""
    digest = hashlib.sha256(body).digest()
    return b'%b%b%b"}\n' % (body, _SEAL, binascii.hexlify(digest)), digest


def read_record(line: bytes) -> Record:
    """Read one line, which may end with its newline, or say why it is damaged."""
    line = line.removesuffix(b"\n")
    body, end = line[:-_SEAL_LENGTH], line[-_SEAL_LENGTH:]
    if not (end.startswith(_SEAL) and end.endswith(b'"}')):
        raise Damaged("not a whole record")
    if hashlib.sha256(body).hexdigest().encode() != end[len(_SEAL) : -2]:
        raise Damaged("the record does not match its own hash")
    return _record_of(line)


def _record_of(line: bytes) -> Record:
    try:
        fields = json.loads(line.decode("ascii"))
        if fields["schema"] != SCHEMA:
            raise Damaged(f"schema `{fields['schema']}` is not `{SCHEMA}`")
        for name, kind in _FIELDS.items():
            if not isinstance(fields[name], kind):
                raise Damaged(f"`{name}` is not what it should be")
        seq, node, at, event, previous, sha256 = (fields[name] for name in _FIELDS)
        return Record(seq, node, at, event, previous, sha256, fields, line)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(f"not a record: {error}") from error


# ---- segments ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """What a segment's file name says; sorts by time, then by writer and position."""

    stamp: str
    """When it was opened, never before the writer's previous segment: ``20260701T120000Z``."""
    node: str
    worker: str
    first: int
    """``seq`` of its first record."""

    @property
    def writer(self) -> str:
        """The writer as records name it."""
        return f"{self.node}/{self.worker}"

    @property
    def stem(self) -> str:
        """The name without its suffix; checkpoints carry it."""
        return f"{self.stamp}.{self.node}.{self.worker}.{self.first:012d}"

    @property
    def file(self) -> str:
        """The file name."""
        return self.stem + SUFFIX


_NAME = re.compile(r"(\d{8}T\d{6}Z)\.([A-Za-z0-9._-]+)\.([A-Za-z0-9_-]+)\.(\d{12})\.jsonl")


def segment_name(file: str) -> SegmentName | None:
    """Read a file name, or ``None`` if it is not a segment's."""
    match = _NAME.fullmatch(file)
    return SegmentName(match[1], match[2], match[3], int(match[4])) if match else None


def writers(directory: Path) -> dict[str, list[SegmentName]]:
    """List the segments of each writer in the order of the chain."""
    found: dict[str, list[SegmentName]] = {}
    for path in directory.iterdir():
        if name := segment_name(path.name):
            found.setdefault(name.writer, []).append(name)
    for names in found.values():
        names.sort(key=lambda name: (name.first, name.stamp))
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class End:
    """Where the next segment's first record says that a segment ended."""

    bytes: int
    signed: int
    """Records that the checkpoint beside it covered by then."""
    cut_bytes: int
    """What a crash or a failed write left behind it; no part of the log."""
    cut_sha256: str | None


def declared_end(directory: Path, name: SegmentName, following: SegmentName | None) -> End | None:
    """Read from the following segment where this one ended; ``None`` if it does not say."""
    if following is None:
        return None
    try:
        with (directory / following.file).open("rb") as file:
            event = read_record(file.readline(LINE_LIMIT)).event
        previous = event["previous"]
        if previous["segment"] != name.file:
            return None
        cut = event.get("cut") or {"bytes": 0, "sha256": None}
        return End(previous["bytes"], previous["signed"], cut["bytes"], cut["sha256"])
    except (OSError, Damaged, KeyError, TypeError):
        return None


def lines(file: BufferedReader, end: int | None = None) -> Iterator[bytes]:
    """Read whole lines up to a byte offset, and last what has no newline (yet)."""
    offset, line = 0, b"\n"
    while line.endswith(b"\n") and (end is None or offset < end):
        line = file.readline(LINE_LIMIT if end is None else min(LINE_LIMIT, end - offset))
        offset += len(line)
        if line:
            yield line


def measure_rest(file: BufferedReader) -> tuple[int, str]:
    """Count and hash the bytes from here to the end."""
    start = file.tell()
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return file.tell() - start, sha256


# ---- Merkle tree ---------------------------------------------------------------------------------


class Tree:
    """The Merkle tree of RFC 6962, section 2.1, of which only the right edge is kept.

    An entry is the 32-byte digest of a record.
    """

    __slots__ = ("_edge", "size")

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []

    def append(self, entry: bytes) -> None:
        """Add a leaf; the edge has one complete subtree for each 1 bit of the size."""
        node, size, edge = hashlib.sha256(b"\0" + entry).digest(), self.size, self._edge
        while size & 1:
            node = hashlib.sha256(b"\1" + edge.pop() + node).digest()
            size >>= 1
        edge.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Hash the complete subtrees together, from the right."""
        if not self._edge:
            return hashlib.sha256(b"").digest()
        *rest, node = self._edge
        for left in reversed(rest):
            node = hashlib.sha256(b"\1" + left + node).digest()
        return node


# ---- notes and checkpoints -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A C2SP verifier key, written ``name+hash+base64``."""

    name: str
    raw: bytes
    """The 32 bytes of an Ed25519 public key."""

    @property
    def id(self) -> bytes:
        """The four bytes that tell the keys of one name apart."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.raw).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.raw).decode()}"

    @classmethod
    def read(cls, text: str) -> "PublicKey":
        """Read a verifier key; raises ``ValueError``."""
        name, _, rest = text.strip().partition("+")
        key_hash, _, encoded = rest.partition("+")
        key = cls(name, _strict_base64(encoded)[1:])
        if str(key) != text.strip() or len(key.raw) != 32:
            raise ValueError(f"`{text.strip()}` is not a public key (name+{key_hash}+base64)")
        return key

    def signed(self, text: bytes, signature: bytes) -> bool:
        """Whether this key made the signature."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text)
        except InvalidSignature:
            return False
        return True


def public_keys(source: str | Path | Iterable[str]) -> tuple[PublicKey, ...]:
    """Read keys from a file with one on each line, from one key's text, or from several texts."""
    if isinstance(source, Path):
        source = source.read_text("utf-8").splitlines()
    elif isinstance(source, str):
        source = [source]
    return tuple(PublicKey.read(line) for line in source if line.strip())


def _strict_base64(text: str) -> bytes:
    """Decode; two texts never mean the same bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"`{text}` is not base64") from error
    if base64.b64encode(raw).decode() != text:
        raise ValueError(f"`{text}` is not canonical base64")
    return raw


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a signed note says of a segment (C2SP ``tlog-checkpoint``)."""

    origin: str
    """The key's name, a slash, and the segment's name without its suffix."""
    size: int
    root: bytes

    @property
    def stem(self) -> str:
        """The segment's name without its suffix."""
        return self.origin.rpartition("/")[2]

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def read_checkpoint(note: bytes, keys: Sequence[PublicKey] | None) -> Checkpoint:
    """Open a note that one of the keys signed; with ``None``, read it without trusting it."""
    try:
        text, signatures = _parse_note(note)
        origin, size, root = text.removesuffix("\n").split("\n")
        checkpoint = Checkpoint(origin, int(size), _strict_base64(root))
    except ValueError as error:
        raise Damaged(f"not a checkpoint: {error}") from error
    if checkpoint.text != text:
        raise Damaged("not a checkpoint: not written in the one way there is")
    if keys is not None:
        _check_signatures(text.encode(), signatures, keys)
    return checkpoint


def _parse_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Split a note into its text and its signatures (key name, key id and signature)."""
    text, blank, rest = note.decode("utf-8").rpartition("\n\n")
    if not blank or not rest.endswith("\n"):
        raise ValueError("no signature")
    signatures = []
    for line in rest[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        if dash != "\N{EM DASH}":
            raise ValueError("not a signature line")
        signatures.append((name, _strict_base64(encoded)))
    return text + "\n", signatures


def _check_signatures(
    text: bytes, signatures: Sequence[tuple[str, bytes]], keys: Sequence[PublicKey]
) -> None:
    """Need one good signature of a known key, and none of a known key that is bad."""
    known = {(key.name, key.id): key for key in keys}
    verdicts = [
        known[name, raw[:4]].signed(text, raw[4:])
        for name, raw in signatures
        if (name, raw[:4]) in known
    ]
    if not verdicts:
        raise Damaged(f"signed by an unknown key: `{signatures[0][0]}`")
    if not all(verdicts):
        raise Damaged("the signature does not match")


# ---- the check -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know, and where it is. Lines count from 1; 0 is the whole file."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return printable(f"{where}: {self.message}")


@dataclass(frozen=True, slots=True)
class Chain:
    """How far one writer's chain reaches."""

    writer: str
    records: int
    signed: int
    """Records that a good signature covers, directly or through the chain after them."""
    segments: int
    last_seq: int
    last_at: str | None
    last_sha256: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """What the check found."""

    ok: bool
    problems: tuple[Finding, ...]
    notices: tuple[Finding, ...]
    """Not damage: a tail that a crash cut and a recovery declared, records not yet signed."""
    chains: tuple[Chain, ...]
    checkpoints: int
    """Signed checkpoints that agreed with the records."""
    more_problems: int = 0
    """Problems beyond those listed."""

    @property
    def records(self) -> int:
        """Records of all writers."""
        return sum(chain.records for chain in self.chains)


@dataclass(slots=True)
class _Promise:
    """What checkpoints kept in one place say of one segment."""

    roots: dict[int, tuple[bytes, str]] = field(default_factory=dict)
    """Size to root and the file that says so."""

    @property
    def largest(self) -> int:
        return max(self.roots, default=0)


@dataclass(slots=True)
class _Expected:
    """What the next record must say; ``None``: anything, as the one before cannot be read."""

    seq: int | None
    previous: str | None


class _Check:
    """One run; a method for each thing that is looked at."""

    def __init__(
        self,
        directory: Path,
        keys: Sequence[PublicKey] | None,
        progress: Progress | None,
        partial: bool,
    ) -> None:
        self.directory = directory
        self.keys = keys
        self.partial = partial
        self.problems: list[Finding] = []
        self.more_problems = 0
        self.notices: list[Finding] = []
        self.chains: list[Chain] = []
        self.checkpoints = 0
        self.beside: dict[str, _Promise] = {}
        self.outside: dict[str, _Promise] = {}
        self._progress = progress
        self._bytes_done = 0
        self._bytes_all = 0

    # Checkpoints are read before segments are listed, and those outside before those beside, so
    # that a log which is being written never looks shorter than its checkpoints.

    def read_outside(self, place: Path) -> None:
        if not place.is_dir():
            raise NotADirectoryError(f"`{place}` is not a directory of checkpoints")
        for path in sorted(place.rglob("*" + CHECKPOINT_SUFFIX)):
            self._read_promise(path, self.outside, ignore_strangers=True)
        if not self.outside:
            self.notice(str(place), "no checkpoint of this log is kept there")

    def read_beside(self) -> None:
        for path in sorted(self.directory.glob("*" + CHECKPOINT_SUFFIX)):
            checkpoint = self._read_promise(path, self.beside, ignore_strangers=False)
            if checkpoint and path.name != checkpoint.stem + CHECKPOINT_SUFFIX:
                self.problem(path.name, 0, f"is the checkpoint of `{checkpoint.stem}`")

    def _read_promise(
        self, path: Path, into: dict[str, _Promise], *, ignore_strangers: bool
    ) -> Checkpoint | None:
        note = path.read_bytes()
        try:
            checkpoint = read_checkpoint(note, self.keys)
        except Damaged as error:
            if not (ignore_strangers and self._is_strange(note)):
                self.problem(self._shown(path), 0, str(error))
            return None
        roots = into.setdefault(checkpoint.stem, _Promise()).roots
        if roots.get(checkpoint.size, (checkpoint.root, ""))[0] != checkpoint.root:
            self.problem(self._shown(path), 0, "two checkpoints of one size disagree")
        roots[checkpoint.size] = (checkpoint.root, self._shown(path))
        return checkpoint

    def read_again(self, stem: str) -> int:
        path = self.directory / (stem + CHECKPOINT_SUFFIX)
        if path.exists():
            self._read_promise(path, self.beside, ignore_strangers=False)
        return self.beside.get(stem, _Promise()).largest

    def _is_strange(self, note: bytes) -> bool:
        """Whether a note in a shared outside place is another log's."""
        names = [key.name.encode() + b"/" for key in self.keys or ()]
        return not any(note.startswith(name) for name in names)

    def _shown(self, path: Path) -> str:
        return path.name if path.parent == self.directory else str(path)

    # ---- one writer

    def check_all(self) -> None:
        found = writers(self.directory)
        self._bytes_all = sum(
            (self.directory / name.file).stat().st_size
            for names in found.values()
            for name in names
        )
        for writer, names in found.items():
            self._check_writer(writer, names)
        if not found:
            self.problem(str(self.directory), 0, "holds no segment of a log")
        self._check_missing({name.stem for names in found.values() for name in names})
        self._check_strange_files()
        if self._progress:
            self._progress(self._bytes_done, self._bytes_all)

    def _check_writer(self, writer: str, names: Sequence[SegmentName]) -> None:
        expected = _Expected(1, GENESIS)
        if self.partial and names[0].first > 1:
            expected = _Expected(names[0].first, None)
            self.notice(names[0].file, f"records before {names[0].first} are kept elsewhere")
        records = signed = 0
        last: Record | None = None
        for name, following in zip(names, [*names[1:], None], strict=True):
            segment = _Segment(self, name, following, expected)
            segment.run()
            signed = records + segment.signed if segment.signed else signed
            records += segment.records
            last = segment.last or last
        self.chains.append(_chain(writer, records, signed, len(names), last))
        if records > signed:
            self.notice(names[-1].file, f"the last {records - signed} records are not signed yet")

    def _check_missing(self, present: set[str]) -> None:
        for stem in sorted((self.outside.keys() | self.beside.keys()) - present):
            promise = self.outside.get(stem) or self.beside[stem]
            where = promise.roots[promise.largest][1]
            message = f"is missing; {promise.largest} of its records were signed (`{where}`)"
            if self.partial and self._is_before_the_first(stem):
                continue
            self.problem(stem + SUFFIX, 0, message)

    def _is_before_the_first(self, stem: str) -> bool:
        name = segment_name(stem + SUFFIX)
        names = writers(self.directory).get(name.writer, []) if name else []
        return bool(name and names and name.first < names[0].first)

    def _check_strange_files(self) -> None:
        for path in sorted(self.directory.glob("*" + SUFFIX)):
            if segment_name(path.name) is None:
                self.problem(path.name, 0, "is not a segment of this log")

    # ---- findings

    def problem(self, file: str, line: int, message: str) -> None:
        if len(self.problems) < PROBLEM_LIMIT:
            self.problems.append(Finding(file, line, message))
        else:
            self.more_problems += 1

    def notice(self, file: str, message: str, line: int = 0) -> None:
        self.notices.append(Finding(file, line, message))

    def read(self, count: int) -> None:
        before = self._bytes_done
        self._bytes_done += count
        if self._progress and before >> 20 != self._bytes_done >> 20:
            self._progress(self._bytes_done, self._bytes_all)

    def report(self) -> Report:
        return Report(
            not self.problems,
            tuple(self.problems),
            tuple(self.notices),
            tuple(self.chains),
            self.checkpoints,
            self.more_problems,
        )


def _chain(writer: str, records: int, signed: int, segments: int, last: Record | None) -> Chain:
    if last is None:
        return Chain(writer, records, signed, segments, 0, None, None)
    return Chain(writer, records, signed, segments, last.seq, last.at, last.sha256)


class _Segment:
    """The check of one file, with the tree that grows along."""

    def __init__(
        self,
        check: _Check,
        name: SegmentName,
        following: SegmentName | None,
        expected: _Expected,
    ) -> None:
        self.check = check
        self.name = name
        self.writer = name.writer
        self.following = following
        self.expected = expected
        self.line = 0
        self.records = 0
        self.signed = 0
        self.last: Record | None = None
        self.tree = Tree()
        kept = (check.outside.get(name.stem), check.beside.get(name.stem))
        self.promises = [promise for promise in kept if promise]

    def run(self) -> None:
        end = declared_end(self.check.directory, self.name, self.following)
        with (self.check.directory / self.name.file).open("rb") as file:
            for line in lines(file, end.bytes if end else None):
                self.line += 1
                self.check.read(len(line))
                self._check_line(line)
            if end:
                self._check_cut(file, end)
        if self.line == 0:
            self._problem("is empty", 0)
        self._check_promises_at_end(end.signed if end else 0)

    def _check_line(self, line: bytes) -> None:
        if self._is_closed():
            self._problem(_AFTER_STOP)
        if not line.endswith(b"\n"):
            self._unfinished(line)
            return
        self.records += 1
        try:
            record = read_record(line)
        except Damaged as error:
            self._problem(str(error))
            self._skip()
            return
        self._check_link(record)
        self._check_note(record)
        self.last = record
        self.tree.append(bytes.fromhex(record.sha256))
        self._check_promises()

    def _is_closed(self) -> bool:
        return self.last is not None and self.last.event.get("kind") == "stop"

    def _skip(self) -> None:
        """Go on after a line that cannot be read: its number is known, its hash is not."""
        self.tree.append(b"")
        if self.expected.seq is not None:
            self.expected.seq += 1
        self.expected.previous = None

    def _unfinished(self, line: bytes) -> None:
        if self.following is None and len(line) < LINE_LIMIT:
            message = (
                f"{len(line)} bytes of an unfinished record (being written, or cut by a crash)"
            )
            self.check.notice(self.name.file, message, self.line)
        else:
            self._problem("not a whole record")

    def _check_link(self, record: Record) -> None:
        expected = self.expected
        if record.node != self.writer:
            self._problem(f"written by `{record.node}`, not by `{self.writer}`")
        if self.line == 1 and record.seq != self.name.first:
            self._problem(f"begins with record {record.seq}; its name says {self.name.first}")
        if expected.seq is not None and record.seq != expected.seq:
            self._problem(_gap(expected.seq, record.seq))
        elif expected.previous is not None and record.previous != expected.previous:
            self._problem(f"record {record.seq} does not continue the record before it")
        expected.seq, expected.previous = record.seq + 1, record.sha256

    def _check_note(self, record: Record) -> None:
        """Check a checkpoint that is itself a record: it signs all records before it."""
        if record.event.get("kind") != "checkpoint":
            return
        try:
            note = str(record.event.get("note")).encode()
            checkpoint = read_checkpoint(note, self.check.keys)
        except Damaged as error:
            self._problem(str(error))
            return
        if (checkpoint.stem, checkpoint.size) != (self.name.stem, self.tree.size):
            self._problem("the checkpoint is not of the records before it")
        else:
            self._compare(checkpoint.root, f"the checkpoint in line {self.line}")

    def _check_promises(self) -> None:
        for promise in self.promises:
            if self.tree.size in promise.roots:
                root, where = promise.roots[self.tree.size]
                self._compare(root, f"the checkpoint `{where}`")

    def _compare(self, root: bytes, what: str) -> None:
        if self.tree.root() != root:
            self._problem(f"the {self.tree.size} records up to here are not those {what} signed")
        elif self.check.keys is not None:
            self.check.checkpoints += 1
            self.signed = self.tree.size

    def _check_promises_at_end(self, declared: int) -> None:
        outside = self.check.outside.get(self.name.stem, _Promise()).largest
        beside = self.check.beside.get(self.name.stem, _Promise()).largest
        if beside < declared:  # it may have been written since it was read
            beside = self.check.read_again(self.name.stem)
        largest = max(outside, beside, declared)
        if largest > self.records:
            self._problem(f"ends with {self.records} records; {largest} were signed", 0)
        if largest > beside:
            self._problem(f"its checkpoint is of {beside} records; one was of {largest}", 0)

    def _check_cut(self, file: BufferedReader, end: End) -> None:
        """Compare what lies behind the declared end with what the recovery found there."""
        found, sha256 = measure_rest(file)
        self.check.read(found)
        if found != end.cut_bytes or (found and sha256 != end.cut_sha256):
            message = (
                f"{found} bytes behind its end; {end.cut_bytes} were cut, or they changed since"
            )
            self._problem(message, self.line + 1)
        elif found and self._is_closed():
            self._problem(_AFTER_STOP, self.line + 1)
        elif found:
            message = f"{found} bytes behind the last record were cut by a crash, as declared"
            self.check.notice(self.name.file, message, self.line + 1)

    def _problem(self, message: str, line: int | None = None) -> None:
        self.check.problem(self.name.file, self.line if line is None else line, message)


_AFTER_STOP = "follows the record with which the log was closed"


def _gap(expected: int, found: int) -> str:
    if found > expected:
        return f"record {found} where {expected} should be: missing or out of order"
    return f"record {found} where {expected} should be: inserted or out of order"


def verify(
    directory: Path | str,
    public_key: str | Path | Iterable[str] | None = None,
    outside: Path | str | None = None,
    progress: Progress | None = None,
    *,
    partial: bool = False,
) -> Report:
    """Check every record of every writer in a directory, which may be in use.

    Without ``public_key`` signatures are not checked. ``outside`` is a directory of checkpoints
    kept away from the log; without one, a log put back to an earlier state looks whole.
    ``partial``: the first segments were moved elsewhere, so a chain may begin in the middle.
    """
    keys = None if public_key is None else public_keys(public_key)
    check = _Check(Path(directory), keys, progress, partial)
    if keys is None:
        check.notice(str(directory), "signatures were not checked: no public key was given")
    if outside is None:
        check.notice(str(directory), "no outside checkpoints given: a rollback cannot be seen")
    else:
        check.read_outside(Path(outside))
    check.read_beside()
    check.check_all()
    return check.report()


# ---- command line --------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a program: 0 if the log is whole, 1 if not, 2 if it cannot be read."""
    options = _parser().parse_args(arguments)
    key = options.key or options.directory / "keys" / "public-keys"
    try:
        report = verify(
            options.directory,
            key if isinstance(key, Path) or "+" in key else Path(key),
            options.outside,
            _show_progress if sys.stderr.isatty() else None,
            partial=options.partial,
        )
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(_as_json(report) if options.json else _as_text(report, options.key is None))
    return 0 if report.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Check a Bailiwick audit log.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--key", help="file of public keys, or one key (name+hash+base64)")
    parser.add_argument("--outside", type=Path, help="directory of checkpoints kept elsewhere")
    parser.add_argument("--partial", action="store_true", help="first segments are kept elsewhere")
    parser.add_argument("--json", action="store_true")
    return parser


def _show_progress(done: int, total: int) -> None:
    sys.stderr.write(f"\r{done >> 20} of {total >> 20} MiB{chr(10) if done == total else ''}")


def _as_json(report: Report) -> str:
    return json.dumps({**asdict(report), "records": report.records}, indent=2) + "\n"


def _as_text(report: Report, key_beside: bool) -> str:
    out = [f"problem: {finding}" for finding in report.problems]
    if report.more_problems:
        out.append(f"problem: and {report.more_problems} more")
    out += [f"notice: {finding}" for finding in report.notices]
    if key_beside:
        out.append("notice: the key beside the log was used; name a trusted copy with --key")
    out += [
        f"{chain.writer}: {chain.records} records in {chain.segments} segments, {chain.signed} "
        f"signed, the last at {chain.last_at}"
        for chain in report.chains
    ]
    return "\n".join([*out, "whole" if report.ok else "DAMAGED"]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
