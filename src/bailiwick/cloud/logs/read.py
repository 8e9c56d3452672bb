"""Read a log, or a folder of logs, of any cloud: records as they stand, one after the other.

What kind a record is shows in its own keys, so kinds may be mixed. Whatever cannot be read is
named and counted; nothing is dropped without a word.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from bailiwick.cloud.logs import azure, azure_activity, cloudtrail, google, invocation
from bailiwick.cloud.logs.pieces import Piece, Progress, pieces
from bailiwick.cloud.logs.records import CloudRecord, Skipped, Where

READERS: tuple[Any, ...] = (cloudtrail, invocation, google, azure, azure_activity)
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
DIGESTS = "CloudTrail-Digest"
"""CloudTrail's folder of signatures, which has no records."""


def log_files(path: Path) -> list[Path]:
    """List the files of a log, in order of their names."""
    if not path.is_dir():
        return [path]
    found = (one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
    return sorted(one for one in found if DIGESTS not in one.parts)


def read_cloud_log(
    path: Path, progress: Progress = lambda _: None
) -> Iterator[CloudRecord | Skipped]:
    """Read every record of a file, or of all files in a folder and below it.

    A file is JSON lines, a list, or an object around a list (``Records``, ``records``, ``Events``,
    ``value``); gzip is unpacked. ``progress`` is told bytes of the files as they are read.
    """
    for file in log_files(path):
        kind = _Kind()
        for piece in pieces(file, progress):
            yield piece if isinstance(piece, Skipped) else kind.read(piece)


class _Kind:
    """Reads pieces as what the last one was, and looks anew when that does not fit."""

    def __init__(self) -> None:
        self._readers = list(READERS)

    def read(self, piece: Piece) -> CloudRecord | Skipped:
        for reader in self._readers:
            try:
                found = reader.decoder.decode(piece.text)
            except msgspec.ValidationError:
                continue
            except UNREADABLE as error:
                return Skipped(piece.where, f"not JSON ({error})")
            if reader is not self._readers[0]:
                self._readers.remove(reader)
                self._readers.insert(0, reader)
            return _read(reader.read, found, piece.where)
        inner = _inside(piece)
        return self.read(inner) if inner else Skipped(piece.where, _unlike(piece))


def _read(
    read: Callable[[Any, Where], CloudRecord | None], found: Any, where: Where
) -> CloudRecord | Skipped:
    try:
        record = read(found, where)
    except UNREADABLE as error:
        return Skipped(where, f"cannot be read ({error})")
    if record is None:
        return Skipped(where)
    if record.at.tzinfo is None:
        return Skipped(where, "its time has no zone")
    return record


class _Envelope(msgspec.Struct):
    """A record written as text into another one, as some commands of the clouds print it."""

    CloudTrailEvent: str | None = None
    message: str | None = None
    """Of CloudWatch Logs, by command or by subscription."""


_envelope = msgspec.json.Decoder(_Envelope)


def _inside(piece: Piece) -> Piece | None:
    try:
        found = _envelope.decode(piece.text)
    except UNREADABLE:
        return None
    text = found.CloudTrailEvent or found.message
    return Piece(piece.where, text) if text else None


def _unlike(piece: Piece) -> str:
    """Say what is missing from a record of no known kind: of the kind that fits best."""
    try:
        keys = msgspec.json.decode(piece.text, type=dict[str, msgspec.Raw])
    except UNREADABLE as error:
        return f"no record ({error})"
    return (
        f"no log that is known (its keys are {', '.join(f'`{one}`' for one in sorted(keys)[:8])})"
    )
