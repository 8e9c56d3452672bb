"""What a gateway asks: the account behind a key, from a snapshot that follows the database.

A thread looks for new history rows twice a second and takes them in. While the database is down
the last snapshot serves; ``fresh`` says for how long permissions may rest on it. What it forbids
(revoked keys, suspended accounts) it forbids for as long as it takes.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine

from bailiwick.accounts.database import utc_now
from bailiwick.accounts.directives import InForce, in_force, latest_at
from bailiwick.accounts.engine import AccountsUnavailable, make_engine, reading
from bailiwick.accounts.keys import MAX_PRESENTED, KeySecret
from bailiwick.accounts.opening import check_schema
from bailiwick.accounts.snapshot import Snapshot, changes_since, load, read_sequence
from bailiwick.accounts.values import milliseconds
from bailiwick.accounts.view import AccountView

POLL = timedelta(milliseconds=500)
MAX_STALE = timedelta(minutes=15)

log = logging.getLogger("bailiwick.accounts")


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How well the snapshot follows."""

    accounts: int
    keys: int
    sequence: int
    age: timedelta
    """Since the snapshot was last known to be complete."""
    fresh: bool
    error: str | None
    """Why the last look failed; ``None``: it did not."""


class AccountStore:
    """The snapshot, its follower, and the lookup."""

    def __init__(
        self,
        engine: Engine,
        secret: KeySecret,
        *,
        poll: timedelta = POLL,
        max_stale: timedelta = MAX_STALE,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._secret = secret
        self._poll_s = poll.total_seconds()
        self._max_stale_s = max_stale.total_seconds()
        self._clock = clock
        self._monotonic = monotonic
        self._error: str | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen_at = monotonic()
        self._in_force = InForce()
        self._passed: datetime | None = None
        self._latest = 0
        self._snapshot = self._load()

    @classmethod
    def open(
        cls,
        url: str,
        secret_file: Path,
        *,
        poll: timedelta = POLL,
        max_stale: timedelta = MAX_STALE,
        clock: Callable[[], datetime] = utc_now,
    ) -> "AccountStore":
        """Load the snapshot. Raises ``AccountsUnavailable`` if that is not possible now."""
        secret, engine = KeySecret.load(secret_file), make_engine(url)
        try:
            return cls(engine, secret, poll=poll, max_stale=max_stale, clock=clock)
        except AccountsUnavailable:
            engine.dispose()
            raise

    def by_key(self, presented: str, at: datetime) -> AccountView | None:
        """Find the account of a key; ``None`` alike for an unknown, revoked or expired one."""
        if len(presented) > MAX_PRESENTED:
            return None
        return self._snapshot.view(self._secret.digest(presented), at)

    def by_id(self, account: str, at: datetime) -> AccountView | None:
        """Find an account by its id; ``None``: there is none. Its ``key_id`` is empty."""
        return self._snapshot.view_of(account, at)

    def ids(self) -> list[str]:
        """List the ids of every account and organisation, sorted."""
        return sorted(self._snapshot.records)

    @property
    def fresh(self) -> bool:
        """Whether permissions may rest on the snapshot."""
        return self._monotonic() - self._seen_at <= self._max_stale_s

    @property
    def in_force(self) -> InForce:
        """Orders and approvals that count now. Orders outlast an outage; approvals do not."""
        found = self._in_force
        return found if self.fresh else InForce(found.orders)

    @property
    def sequence(self) -> int:
        """How far the snapshot has followed the database."""
        return self._snapshot.sequence

    def status(self) -> StoreStatus:
        """Say how well the snapshot follows."""
        snapshot = self._snapshot
        return StoreStatus(
            accounts=len(snapshot.records),
            keys=len(snapshot.keys),
            sequence=snapshot.sequence,
            age=timedelta(seconds=self._monotonic() - self._seen_at),
            fresh=self.fresh,
            error=self._error,
        )

    def start(self) -> None:
        """Begin to follow the database in a thread."""
        self._thread = threading.Thread(target=self._follow, name="accounts", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following. Lookups go on to work."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._engine.dispose()

    def poll(self) -> bool:
        """Look for changes once and take them in; whether the database answered."""
        began = self._monotonic()
        try:
            self._catch_up()
        except AccountsUnavailable as error:
            self._note(error.message)
            return False
        self._seen_at = began
        self._note(None)
        return True

    def _catch_up(self) -> None:
        snapshot = self._snapshot
        with reading(self._engine) as connection:
            instance = check_schema(connection, self._engine, self._secret)
            sequence = read_sequence(connection)
            self._in_force = in_force(connection, self._time(connection))
            if instance == snapshot.instance and sequence == snapshot.sequence:
                return
            if instance == snapshot.instance and sequence > snapshot.sequence:
                changes = changes_since(connection, snapshot.sequence, self._now())
            else:
                changes = None
        if changes is not None:
            snapshot.apply(changes)
        else:  # the database was replaced, or goes on from an older copy
            log.warning("the account database was replaced: it is read anew")
            self._snapshot = self._load()

    def _load(self) -> Snapshot:
        began = self._monotonic()
        with reading(self._engine) as connection:
            instance = check_schema(connection, self._engine, self._secret)
            snapshot = load(connection, instance, self._now())
            self._in_force = in_force(connection, self._time(connection))
        self._seen_at = began
        return snapshot

    def _time(self, connection: Connection) -> datetime:
        """Ask our clock, but for what it was set back; a reset on record forgets that."""
        now, latest = self._clock(), latest_at(connection)
        kept = self._passed if self._passed and latest >= self._latest else now
        self._latest, self._passed = latest, max(kept, now)
        return self._passed

    def _follow(self) -> None:
        while not self._stop.wait(self._poll_s):
            try:
                self.poll()
            except Exception as error:  # noqa: BLE001 - the thread must outlive what we did not foresee
                self._note(f"{type(error).__name__}: {error}")

    def _note(self, error: str | None) -> None:
        if error != self._error:
            if error is None:
                log.info("accounts are followed again")
            else:
                log.error("accounts cannot be followed: %s", error)
        self._error = error

    def _now(self) -> int:
        return milliseconds(self._clock())
