"""Sign what a segment holds so far, and show it to somebody outside.

Beside each segment lies its latest checkpoint; a later one covers what an earlier one did. An
outside place gets every one under a name of its own, so that it can be a store in which nothing is
ever overwritten. A place that fails or hangs never holds up the log: it is tried again with the
newest checkpoint, and its failure is visible.
"""

import logging
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from bailiwick.audit.keys import SigningKey, sync_directory
from bailiwick.audit.segment import Segment
from bailiwick.audit.verify import CHECKPOINT_SUFFIX, Checkpoint, Damaged, read_checkpoint

Outside = Callable[[str, bytes], None]
"""Keeps a note under a name (``SEGMENT/SIZE.checkpoint``); raises if it could not."""

Clock = Callable[[], datetime]

RETRY_SECONDS: Final = 5.0

_log = logging.getLogger("bailiwick.audit")


class DirectoryOutside:
    """A directory that the log's node can add to, best on another machine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __str__(self) -> str:
        return str(self.directory)

    def __call__(self, name: str, note: bytes) -> None:
        """Keep a note; nothing that is there is replaced, and a missing root is not made."""
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            _write_durably(fresh, note)
            os.link(fresh, path)
            sync_directory(path.parent)
        except FileExistsError:
            if path.read_bytes() != note:
                raise
        finally:
            fresh.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class OutsideStatus:
    """Whether a place outside has the newest checkpoint."""

    place: str
    failing_since: datetime | None = None
    reason: str | None = None


class Checkpoints:
    """Signs the checkpoints of one writer and hands them out."""

    def __init__(
        self, directory: Path, key: SigningKey, outside: Sequence[Outside], clock: Clock
    ) -> None:
        self._directory = directory
        self._key = key
        self._pushers = [Pusher(place, clock) for place in outside]

    @property
    def public_key(self) -> str:
        """The verifier key that signs now."""
        return str(self._key.public)

    def reload_key(self) -> str:
        """Follow a rotation of the key."""
        self._key = self._key.reloaded()
        return self.public_key

    def sign(self, segment: Segment) -> bytes:
        """Sign the durable records of a segment; the note lies beside it on return."""
        self.reload_key()
        stem = segment.name.stem
        origin = f"{self._key.name}/{stem}"
        checkpoint = Checkpoint(origin, segment.tree.size, segment.tree.root())
        note = self._key.sign(checkpoint)
        path = self._directory / (stem + CHECKPOINT_SUFFIX)
        fresh = path.with_name(f".{path.name}.new")
        _write_durably(fresh, note)
        fresh.replace(path)
        sync_directory(self._directory)
        for pusher in self._pushers:
            pusher.push(stem, checkpoint.size, note)
        return note

    def signed(self, stem: str) -> int:
        """Give the size that the checkpoint beside a segment states; it is not trusted here."""
        try:
            note = (self._directory / (stem + CHECKPOINT_SUFFIX)).read_bytes()
            return read_checkpoint(note, None).size
        except (FileNotFoundError, Damaged):
            return 0

    def status(self) -> tuple[OutsideStatus, ...]:
        """Tell how each outside place is doing."""
        return tuple(pusher.status for pusher in self._pushers)

    def close(self, patience: float) -> None:
        """Wait a little for the places to take what they have not taken yet."""
        for pusher in self._pushers:
            pusher.close(patience)


class Pusher:
    """Hands notes to one place from a thread of its own."""

    def __init__(self, place: Outside, clock: Clock) -> None:
        self._place = place
        self._clock = clock
        self._waiting: dict[str, tuple[int, bytes]] = {}
        self._changed = threading.Condition()
        self._closing = False
        self.status = OutsideStatus(str(place))
        self._thread = threading.Thread(target=self._run, name="audit-outside", daemon=True)
        self._thread.start()

    def push(self, stem: str, size: int, note: bytes) -> None:
        """Queue the newest note of a segment; it takes the place of one that still waits."""
        with self._changed:
            self._waiting[stem] = (size, note)
            self._changed.notify()

    def close(self, patience: float) -> None:
        """Try what waits once more, then stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(patience)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                waiting = list(self._waiting.items())
            done = [self._try(stem, size, note) for stem, (size, note) in waiting]
            if self._closing and not (all(done) and self._waiting):
                return
            if not all(done):
                self._rest()

    def _rest(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, RETRY_SECONDS)

    def _try(self, stem: str, size: int, note: bytes) -> bool:
        try:
            self._place(f"{stem}/{size:012d}{CHECKPOINT_SUFFIX}", note)
        except Exception as error:  # noqa: BLE001 - the place may be anybody's code
            self._failed(error)
            return False
        with self._changed:
            if self._waiting.get(stem) == (size, note):
                del self._waiting[stem]
        self.status = OutsideStatus(str(self._place))
        return True

    def _failed(self, error: Exception) -> None:
        since = self.status.failing_since or self._clock()
        if self.status.failing_since is None:
            _log.warning("checkpoints do not reach %s: %s", self._place, error)
        self.status = OutsideStatus(str(self._place), since, str(error))


def _write_durably(path: Path, text: bytes) -> None:
    with path.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
