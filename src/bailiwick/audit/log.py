"""Append events to the log; a caller that must know goes on only when its record is durable.

The caller's thread encodes a record and queues it; one thread of the log writes, syncs and
answers, a batch at a time. If that fails, everybody waiting is told (``AuditUnavailable``), the
segment is given up, and the thread tries by itself to begin a new one, which says what happened.
Records that were accepted and that nobody waited for are kept in memory until then.
"""

import asyncio
import fcntl
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bailiwick.audit.checkpoints import (
    Checkpoints,
    Clock,
    DirectoryOutside,
    Outside,
    OutsideStatus,
)
from bailiwick.audit.intake import ENOUGH, AuditUnavailable, Intake, Item, Waiter, settle
from bailiwick.audit.journal import Interruption, Journal, Recovery
from bailiwick.audit.keys import load_key
from bailiwick.audit.raw import RawStore
from bailiwick.audit.records import Event, record_head, timestamp
from bailiwick.audit.segment import Home
from bailiwick.audit.settings import Settings
from bailiwick.errors import BailiwickError, InvalidInput

OWN_KINDS: Final = frozenset({"start", "recovery", "checkpoint", "stop"})
RETRY_SECONDS: Final = 0.2
STALLED: Final = "the disk does not answer"

_log = logging.getLogger("bailiwick.audit")


@dataclass(frozen=True, slots=True)
class Status:
    """How the log is doing, for health checks and metrics."""

    available: bool
    reason: str | None
    since: datetime | None
    segment: str | None
    seq: int
    queued: int
    records: int
    commits: int
    refused: int
    """Records that callers were told could not be kept."""
    commit_seconds: float
    """How long the last commit took, sync included."""
    checkpoint_problem: str | None
    outside: tuple[OutsideStatus, ...]


class Receipt:
    """The promise of one record: awaiting it returns once durable, or raises."""

    __slots__ = ("_waiter",)

    def __init__(self, waiter: Waiter) -> None:
        self._waiter = waiter

    async def durable(self) -> None:
        """Return when the record is on stable storage; raises ``AuditUnavailable``."""
        problem = await self._waiter
        if problem is not None:
            raise problem

    def when_durable(self, call: Callable[[AuditUnavailable | None], None]) -> None:
        """Call back when the record is on stable storage, or with why it cannot be."""
        self._waiter.add_done_callback(lambda waiter: call(waiter.result()))

    def __await__(self) -> Generator[Any, None, None]:
        return self.durable().__await__()


class AuditLog:
    """The audit log of one process. Open it with ``AuditLog.open``; close it when done."""

    def __init__(
        self,
        *,
        journal: Journal,
        checkpoints: Checkpoints,
        raw: RawStore,
        lock: "WriterLock",
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._journal = journal
        self._checkpoints = checkpoints
        self._raw = raw
        self._lock = lock
        self._clock = clock
        self._settings = settings
        self._intake = Intake(settings.gather_ms / 1000, settings.linger_ms / 1000)
        self._queue = self._intake.queue
        self._put = self._intake.put
        self._room = settings.queue
        self._interruption: Interruption | None = None
        self._held: list[Item] = []
        """Accepted during or before an interruption; written when it is over."""
        self._in_flight: list[Item] = []
        self._working_since = 0.0
        self._watched: asyncio.AbstractEventLoop | None = None
        self._records = self._commits = self._refused = 0
        self._commit_seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="audit-log", daemon=True)

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        node: str,
        worker: str = "0",
        clock: Clock,
        origin: str = "bailiwick",
        keys: Path | None = None,
        outside: Sequence[Path | Outside] = (),
        settings: Settings | None = None,
        lock_seconds: float = 5.0,
    ) -> "AuditLog":
        """Open the log of this process and begin a segment that continues the last one.

        Nobody else may write as the same node and worker; waits ``lock_seconds`` for them to end.
        If only the disk is in the way, the log opens unavailable and recovers by itself.
        """
        settings = settings or Settings()
        _check_names(node, worker, origin)
        timestamp(clock())  # refuses a clock without a zone now, not in the first record
        places = [DirectoryOutside(at) if isinstance(at, Path) else at for at in outside]
        try:
            (directory / "raw").mkdir(mode=0o700, parents=True, exist_ok=True)
            key = load_key(keys or directory / "keys", f"{origin}/{node}")
            lock = WriterLock(directory / f"{node}.{worker}.lock", lock_seconds)
        except OSError as error:
            raise AuditUnavailable(f"the audit log cannot be opened: {error}") from error
        checkpoints = Checkpoints(directory, key, places, clock)
        home = Home(directory, node, worker)
        log = cls(
            journal=Journal(home, clock, settings, checkpoints),
            checkpoints=checkpoints,
            raw=RawStore(home, settings.raw_days),
            lock=lock,
            clock=clock,
            settings=settings,
        )
        log._begin()
        return log

    # ---- for callers

    def append(
        self, event: Event, raw: Mapping[str, str] | None = None, at: datetime | None = None
    ) -> Receipt:
        """Queue a record; await the receipt before anything that the record permits.

        ``at``: when that was which it tells of; ``None``: now. ``event`` has a ``kind`` that is not
        one of the log's own. ``raw`` values go to the erasable store, and the record commits to
        them.
        """
        self._admit()
        loop = asyncio.get_running_loop()
        waiter: Waiter = loop.create_future()
        self._put(self._item(event, raw, at, waiter))
        if self._watched is not loop:
            self._watch(loop)
        return Receipt(waiter)

    def append_nowait(
        self,
        event: Event,
        raw: Mapping[str, str] | None = None,
        at: datetime | None = None,
        *,
        late: bool = False,
    ) -> None:
        """Queue a record that nothing waits for; it is durable within 10 ms.

        ``late``: what it tells of has happened already (an outcome), so it is accepted also while
        the log is unavailable, and written when that is over.
        """
        if not late:
            self._admit()
        elif len(self._queue) >= self._room or self._intake.closing or self._held:
            self._admit_late()
        if raw or type(event) is not bytes:
            self._put(self._item(event, raw, at, None))
        else:
            self._put(Item(record_head(at or self._clock(), event), b"", None))

    @property
    def available(self) -> bool:
        """Whether records can be kept now."""
        return self._interruption is None and not self._stalled() and not self._intake.closing

    @property
    def interruption(self) -> Interruption | None:
        """Why the log cannot write, and since when."""
        return self._interruption

    @property
    def recovered(self) -> Recovery | None:
        """What was found and declared when a segment had not ended well, now or at the start."""
        return self._journal.recovered

    @property
    def public_key(self) -> str:
        """The verifier key of the checkpoints, ``name+hash+base64``."""
        return self._checkpoints.public_key

    def status(self) -> Status:
        """Tell how the log is doing."""
        interruption, stalled = self._interruption, self._stalled()
        return Status(
            available=self.available,
            reason=interruption.reason if interruption else STALLED if stalled else None,
            since=interruption.since if interruption else None,
            segment=self._journal.file,
            seq=self._journal.seq,
            queued=len(self._intake) + len(self._held),
            records=self._records,
            commits=self._commits,
            refused=self._refused,
            commit_seconds=self._commit_seconds,
            checkpoint_problem=self._journal.checkpoint_problem,
            outside=self._checkpoints.status(),
        )

    def close(self, patience: float = 5.0) -> None:
        """Write what is queued, sign the last checkpoint and let go of the files.

        Blocks; raises ``AuditUnavailable`` if accepted records could not be written.
        """
        if self._intake.closing:
            return
        self._intake.close()
        self._thread.join(patience)
        self._checkpoints.close(patience)
        self._lock.release()
        lost = len(self._held) + len(self._intake)
        if lost or self._thread.is_alive():
            raise AuditUnavailable(f"closed with {lost} accepted records that were not written")

    # ---- on the caller's thread

    def _item(
        self,
        event: Event,
        raw: Mapping[str, str] | None,
        at: datetime | None,
        waiter: Waiter | None,
    ) -> Item:
        at = at or self._clock()
        if not isinstance(event, bytes) and not _is_of_others(event.get("kind")):
            raise ValueError(f"an event needs a `kind` other than {sorted(OWN_KINDS)}")
        if not raw:
            return Item(record_head(at, event), b"", waiter)
        commitments, text = self._raw.seal(raw, at)
        return Item(record_head(at, event, commitments), text, waiter)

    def _admit(self) -> None:
        """Refuse at once what could not be kept."""
        if self._interruption is not None:
            self._refuse(f"the audit log cannot write: {self._interruption.reason}")
        if self._stalled():
            self._refuse(f"the audit log cannot write: {STALLED}")
        self._admit_late()

    def _admit_late(self) -> None:
        if len(self._queue) + len(self._held) >= self._settings.queue:
            self._refuse("the audit log cannot keep up: its queue is full")
        if self._intake.closing:
            self._refuse("the audit log is closed")

    def _refuse(self, message: str) -> None:
        self._refused += 1
        raise AuditUnavailable(message)

    def _stalled(self) -> bool:
        since = self._working_since
        return since > 0 and time.monotonic() - since > self._settings.stall_seconds

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look after those who wait on a loop: one timer, not one for each record."""
        self._watched = loop
        loop.call_later(self._settings.stall_seconds, self._check_stall, loop)

    def _check_stall(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let nobody wait for a disk that does not answer."""
        self._watched = None
        items = [*self._in_flight.copy(), *self._intake.waiting()]
        if self._stalled():
            self._refused += sum(item.waiter is not None for item in items)
            settle(items, AuditUnavailable(f"the audit log cannot write: {STALLED}"))
        elif items:
            self._watch(loop)

    # ---- on the log's thread

    def _begin(self) -> None:
        if self._settings.unsafe_no_fsync:
            _log.warning("UNSAFE: the audit log does not wait for the disk (unsafe_no_fsync)")
        try:
            self._raw.purge(self._clock().date())
            self._journal.begin()
        except OSError as error:
            self._fail(error)
        self._thread.start()

    def _run(self) -> None:
        """Write batches until closed; nothing that goes wrong may end it silently."""
        while not (self._intake.closing and (self._interruption or not len(self._intake))):
            try:
                self._work()
            except (OSError, BailiwickError) as error:
                self._fail(error)
            except Exception as error:  # noqa: BLE001 - a dead thread would leave callers waiting
                _log.exception("the audit log failed in a way nobody thought of")
                self._fail(error)
        self._finish()

    def _work(self) -> None:
        if self._interruption is not None:
            self._recover(self._interruption)
            return
        batch = self._intake.take(self._journal.seconds_until_due())
        self._working_since = time.monotonic()
        if batch:
            self._commit(batch)
        self._journal.maintain()
        self._working_since = 0.0
        self._purge_raw()

    def _commit(self, batch: list[Item]) -> None:
        """Make a batch durable, then answer; on failure it stays ``_in_flight`` for ``_fail``."""
        self._in_flight = batch
        began = time.monotonic()
        self._journal.append([item.head for item in batch])
        self._commit_seconds = time.monotonic() - began
        self._in_flight = []
        self._records += len(batch)
        self._commits += 1
        self._keep_raw(batch)
        self._intake.learn(batch)
        settle(batch, None)

    def _fail(self, error: Exception) -> None:
        """Give the segment up, tell who waits, and keep what nobody waits for."""
        self._working_since = 0.0
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        if self._interruption is None:
            self._interruption = Interruption(reason, self._clock(), 0)
            _log.error("audit log unavailable: %s", reason)
        self._journal.abandon()
        batch, self._in_flight = self._in_flight, []
        self._held[:0] = self._refuse_waiting(self._interruption, batch)

    def _refuse_waiting(self, interruption: Interruption, batch: Sequence[Item]) -> list[Item]:
        """Tell those of a batch who wait; return what nobody waits for."""
        waiting = [item for item in batch if item.waiter is not None]
        self._refused += len(waiting)
        refused = interruption.refused + len(waiting)
        self._interruption = replace(interruption, refused=refused)
        settle(waiting, AuditUnavailable(f"the audit log cannot write: {interruption.reason}"))
        return [item for item in batch if item.waiter is None]

    def _recover(self, interruption: Interruption) -> None:
        """Try once to go on; what queued up meanwhile is refused or held."""
        self._intake.rest(RETRY_SECONDS)
        queued = self._intake.take_all()
        self._held += self._refuse_waiting(interruption, queued)
        try:
            self._lock.renew()
            self._journal.recover(self._interruption or interruption)
        except OSError as error:
            _log.debug("audit log still unavailable: %s", error)
            return
        while self._held:
            batch, self._held = self._held[:ENOUGH], self._held[ENOUGH:]
            self._commit(batch)
        self._interruption = None
        _log.warning("audit log available again")

    def _keep_raw(self, batch: Sequence[Item]) -> None:
        """Raw values are a help, not the record: their failure is told, and stops nothing."""
        text = [item.raw for item in batch if item.raw]
        try:
            if text:
                self._raw.write(text, self._clock())
        except OSError as error:
            _log.warning("raw values could not be kept: %s", error)

    def _purge_raw(self) -> None:
        try:
            self._raw.purge(self._clock().date())
        except OSError as error:
            _log.warning("raw values could not be removed: %s", error)

    def _finish(self) -> None:
        try:
            if self._interruption is not None:
                self._recover(self._interruption)
            self._journal.close()
        except (OSError, BailiwickError) as error:
            _log.error("the audit log was not closed well: %s", error)


class WriterLock:
    """A file that only one process can hold; the system lets go of it when that process ends."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._path = path
        self._descriptor = self._take(seconds)

    def renew(self) -> None:
        """Take it again if its file is gone, as after the directory was removed."""
        if os.fstat(self._descriptor).st_nlink == 0:
            fresh = self._take(0)
            self.release()
            self._descriptor = fresh

    def release(self) -> None:
        """Let somebody else write."""
        os.close(self._descriptor)

    def _take(self, seconds: float) -> int:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        give_up = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    os.close(descriptor)
                    raise AuditUnavailable(
                        f"the audit log of `{self._path.stem}` is written by another process",
                        "give each process a `node` and `worker` of its own",
                    ) from None
                time.sleep(0.05)
            else:
                return descriptor


def _is_of_others(kind: object) -> bool:
    return isinstance(kind, str) and kind not in OWN_KINDS


def _check_names(node: str, worker: str, origin: str) -> None:
    for name, value, pattern in (
        ("node", node, r"[A-Za-z0-9._-]{1,100}"),
        ("worker", worker, r"[A-Za-z0-9_-]{1,20}"),
        ("origin", origin, r"[A-Za-z0-9._/:-]{1,200}"),
    ):
        if not re.fullmatch(pattern, value):
            raise InvalidInput.of(f"`{name}`: `{value}` does not match {pattern}")
