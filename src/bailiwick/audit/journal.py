"""The segments of one writer as one chain: begin, continue, sign, rotate, recover.

Everything here runs on one thread and may block. A segment's first record says which segment it
continues, where that one ended, how much of it was signed, and, if it did not end well, what was
cut off (kind ``recovery``). The earlier file is left as it was found.
"""

import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bailiwick.audit.checkpoints import Checkpoints, Clock
from bailiwick.audit.records import record_head, timestamp
from bailiwick.audit.segment import Cut, Home, Link, Segment, find_cut, find_end
from bailiwick.audit.settings import Settings
from bailiwick.audit.verify import SegmentName
from bailiwick.errors import InvalidInput

HEADROOM_BYTES: Final = 1 << 20
"""Free space without which no new segment is begun after a failure."""

_log = logging.getLogger("bailiwick.audit")


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a segment's first record declares when the one before did not end well."""

    reason: str
    segment: str | None
    """The segment that did not end well."""
    cut_bytes: int
    """What lay behind its last good record; it is no part of the log."""
    missing: int
    """Records that a checkpoint had signed and that are gone: damage, not a crash."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """Why nothing could be written, since when, and how many records were refused."""

    reason: str
    since: datetime
    refused: int


class Journal:
    """What the writing thread holds."""

    def __init__(
        self,
        home: Home,
        clock: Clock,
        settings: Settings,
        checkpoints: Checkpoints,
    ) -> None:
        self.recovered: Recovery | None = None
        """The last recovery that this process declared."""
        self.checkpoint_problem: str | None = None
        self._home = home
        self._clock = clock
        self._settings = settings
        self._checkpoints = checkpoints
        self._segment: Segment | None = None
        self._end: Link | None = None
        """The last durable record, once known."""
        self._stamp = ""
        self._opened = 0.0
        self._unsigned = 0
        self._checkpoint_due = 0.0

    @property
    def is_open(self) -> bool:
        """Whether there is a segment to write to."""
        return self._segment is not None

    @property
    def seq(self) -> int:
        """Number of the last durable record."""
        end = self._end
        return end.seq if end else 0

    @property
    def file(self) -> str | None:
        """Name of the segment that is being written."""
        segment = self._segment
        return segment.name.file if segment else None

    # ---- records

    def append(self, heads: list[bytes]) -> None:
        """Make records durable; raises ``OSError``, and then the segment is to be abandoned."""
        segment = self._open()
        segment.append(heads)
        self._end = segment.end
        self._unsigned += len(heads)

    def maintain(self) -> None:
        """Rotate or sign, if it is time; raises ``OSError`` if writing failed."""
        segment, now = self._open(), time.monotonic()
        full = segment.end.bytes >= self._settings.segment_bytes
        if full or now - self._opened >= self._settings.segment_seconds:
            self._rotate(segment)
        elif now >= self._checkpoint_due or self._is_much_unsigned():
            self._checkpoint(segment)

    def _is_much_unsigned(self) -> bool:
        """Whether to sign before it is due; after a failure only when it is due."""
        much = self._unsigned >= self._settings.checkpoint_records
        return much and self.checkpoint_problem is None

    def seconds_until_due(self) -> float:
        """Tell how long nothing needs to be done."""
        return min(max(self._checkpoint_due - time.monotonic(), 0.01), 1.0)

    def close(self) -> None:
        """End with a record that says so, sign everything and close: nothing can be added then."""
        self.append([record_head(self._clock(), {"kind": "stop"})])
        self._sign(self._open())
        self.abandon()

    def abandon(self) -> None:
        """Let go of the segment as it is."""
        segment, self._segment = self._segment, None
        if segment is not None:
            try:
                segment.close()
            except OSError as error:
                _log.warning("closing %s: %s", segment.name.file, error)

    # ---- segments

    def begin(self) -> None:
        """Begin the first segment of this process, after whatever is in the directory."""
        for unfinished in self._home.unfinished:  # no record in it was acknowledged
            unfinished.unlink()
        end, cut = self._find_end()
        reason = "restart" if end.name else "first"
        self._begin(end, self._first_event(reason, end, cut, None))

    def recover(self, interruption: Interruption) -> None:
        """Begin a new segment after one was abandoned; raises ``OSError`` while that fails."""
        _check_headroom(self._home.directory)
        end, cut = self._find_end()
        self._begin(end, self._first_event(interruption.reason, end, cut, interruption))

    def _rotate(self, segment: Segment) -> None:
        self._sign(segment)
        self._begin(segment.end, self._first_event("rotation", segment.end, None, None))
        segment.close()

    def _open(self) -> Segment:
        if self._segment is None:
            raise OSError("no segment is open")
        return self._segment

    def _find_end(self) -> tuple[Link, Cut | None]:
        """Find the last good record: the one we wrote, or at the start the one on disk."""
        if self._end is not None:
            return self._end, find_cut(self._home.directory, self._end)
        self._stamp = max((name.stamp for name in self._home.segments), default="")
        return find_end(self._home)

    def _begin(self, end: Link, event: dict[str, Any]) -> None:
        segment = self._create(end, record_head(self._clock(), event))
        self._segment, self._end = segment, segment.end
        self._opened = time.monotonic()
        self._unsigned = 1
        self._checkpoint_due = self._opened + self._settings.checkpoint_seconds

    def _create(self, end: Link, head: bytes) -> Segment:
        """Make the file; a failed attempt leaves nothing behind."""
        name = self._next_name(end)
        fsync = not self._settings.unsafe_no_fsync
        segment = Segment(self._home.directory, name, end, fsync=fsync)
        try:
            segment.append([head])
            segment.publish()
        except OSError:
            segment.close()
            segment.discard()
            raise
        return segment

    def _next_name(self, end: Link) -> SegmentName:
        """Name a segment: never before the last one, whatever the clock says, and never twice."""
        self._stamp = max(self._stamp, self._clock().astimezone(UTC).strftime(_STAMP))
        while True:
            name = SegmentName(self._stamp, self._home.node, self._home.worker, end.seq + 1)
            if not (self._home.directory / name.file).exists():
                return name
            later = datetime.strptime(self._stamp, _STAMP).replace(tzinfo=UTC) + _SECOND
            self._stamp = later.strftime(_STAMP)  # one with nothing good in it has the name

    def _first_event(
        self, reason: str, end: Link, cut: Cut | None, interruption: Interruption | None
    ) -> dict[str, Any]:
        """Say how this segment continues the one before; ``recovery`` if that did not end well."""
        event: dict[str, Any] = {
            "kind": "start",
            "reason": reason,
            "key": self._checkpoints.reload_key(),
            "fsync": not self._settings.unsafe_no_fsync,
        }
        signed = self._checkpoints.signed(end.name.stem) if end.name else 0
        if end.name:
            event["previous"] = {
                "segment": end.name.file,
                "records": end.records,
                "bytes": end.bytes,
                "signed": signed,
            }
        if interruption or cut or signed != end.records:
            event.update(self._recovery(end, cut, max(0, signed - end.records), interruption))
        return event

    def _recovery(
        self, end: Link, cut: Cut | None, missing: int, interruption: Interruption | None
    ) -> dict[str, Any]:
        reason = interruption.reason if interruption else "the segment before was not closed"
        file = end.name.file if end.name else None
        self.recovered = Recovery(reason, file, cut.bytes if cut else 0, missing)
        _log.warning("audit log recovers: %s", self.recovered)
        event: dict[str, Any] = {"kind": "recovery", "reason": reason, "missing": missing}
        if cut:
            event["cut"] = {"bytes": cut.bytes, "sha256": cut.sha256}
        if interruption:
            event["since"] = timestamp(interruption.since)
            event["refused"] = interruption.refused
        return event

    # ---- checkpoints

    def _checkpoint(self, segment: Segment) -> None:
        """Sign what is new, and keep the note in the chain too."""
        self._checkpoint_due = time.monotonic() + self._settings.checkpoint_seconds
        if self._unsigned == 0:
            return
        note = self._sign(segment)
        if note is not None:
            event = {"kind": "checkpoint", "note": note.decode()}
            self.append([record_head(self._clock(), event)])
            self._unsigned = 0

    def _sign(self, segment: Segment) -> bytes | None:
        """Sign and store a checkpoint; a failure is told, and tried again next time."""
        try:
            note = self._checkpoints.sign(segment)
        except (OSError, InvalidInput) as error:
            self.checkpoint_problem = str(error)
            _log.warning("no checkpoint of %s: %s", segment.name.file, error)
            return None
        self.checkpoint_problem = None
        return note


_STAMP = "%Y%m%dT%H%M%SZ"
_SECOND = timedelta(seconds=1)


def _check_headroom(directory: Path) -> None:
    """Do not begin on a disk that the next batch would fill again."""
    space = os.statvfs(directory)
    if space.f_blocks and space.f_bavail * space.f_frsize < HEADROOM_BYTES:
        raise OSError("too little free space")
