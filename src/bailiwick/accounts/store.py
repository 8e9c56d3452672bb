"""What a gateway asks: the account behind a key, from a snapshot that follows the database.

A thread takes in new history rows as soon as the database tells of them, and looks twice a second
in case it did not. While the database is down the last snapshot serves; ``fresh`` says for how long
permissions may rest on it. What it forbids (revoked keys, suspended accounts) it forbids for as
long as it takes.

A process that is going to fork can load a snapshot first (``load_snapshot``). Its children share
the memory of it, and each of them takes in what has changed since before it answers anybody.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine

from bailiwick.accounts.attesters import Attester
from bailiwick.accounts.database import utc_now
from bailiwick.accounts.directives import InForce, in_force
from bailiwick.accounts.engine import AccountsUnavailable, make_engine, reading
from bailiwick.accounts.keys import MAX_PRESENTED, KeySecret
from bailiwick.accounts.loading import changes_since, load, read_count
from bailiwick.accounts.opening import check_schema
from bailiwick.accounts.snapshot import Snapshot
from bailiwick.accounts.values import milliseconds
from bailiwick.accounts.view import AccountView
from bailiwick.accounts.watching import make_watch

POLL = timedelta(milliseconds=500)
MAX_STALE = timedelta(minutes=15)
PAUSE_S = 0.01
"""Shortest time between two looks, however much the database has to tell."""
SHARE = 3
"""How much longer than a look computed the pause after it is, so that requests have their turn.

While it waited for the database, or for the processor, nobody had to wait for it."""
MOST_FOLLOWED = 100_000
"""With more changes than this to take in, everything is read anew."""

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
        snapshot: Snapshot | None = None,
        looked: Callable[[], None] | None = None,
    ) -> None:
        """``snapshot``: what was loaded before; ``looked`` is called after every look of the
        thread in which something may have changed.
        """
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
        self._looked = looked
        if snapshot is None:
            self._snapshot = self._load()
        else:
            self._snapshot = snapshot
            self._catch_up()
            self._seen_at = monotonic()

    @classmethod
    def open(
        cls,
        url: str,
        secret_file: Path,
        *,
        poll: timedelta = POLL,
        max_stale: timedelta = MAX_STALE,
        clock: Callable[[], datetime] = utc_now,
        snapshot: Snapshot | None = None,
        looked: Callable[[], None] | None = None,
    ) -> "AccountStore":
        """Load the snapshot, or bring one up to date that was loaded before.

        Raises ``AccountsUnavailable`` if that is not possible now.
        """
        secret, engine = KeySecret.load(secret_file), make_engine(url)
        try:
            return cls(
                engine, secret, poll=poll, max_stale=max_stale, clock=clock, snapshot=snapshot,
                looked=looked,
            )  # fmt: skip
        except AccountsUnavailable:
            engine.dispose()
            raise

    def by_key(self, presented: str, at: datetime) -> AccountView | None:
        """Find the account of a key; ``None`` alike for an unknown, revoked or expired one."""
        digest = self.digest(presented)
        return None if digest is None else self._snapshot.view(digest, at)

    def digest(self, presented: str) -> bytes | None:
        """Give what a key is found by, for as long as the process runs; ``None``: it is none."""
        return self._secret.digest(presented) if len(presented) <= MAX_PRESENTED else None

    def by_digest(self, digest: bytes, at: datetime) -> AccountView | None:
        """Find the account of a key that was digested before."""
        return self._snapshot.view(digest, at)

    def by_id(self, account: str, at: datetime) -> AccountView | None:
        """Find an account by its id; ``None``: there is none. Its ``key_id`` is empty."""
        return self._snapshot.view_of(account, at)

    def attesters(self, account: str) -> tuple[Attester, ...]:
        """Give the keys that attest what an account says of its users, its own first."""
        return self._snapshot.attesters_of(account)

    def ids(self) -> list[str]:
        """List the ids of every account and organisation, sorted."""
        return self._snapshot.ids()

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
            accounts=len(snapshot.accounts),
            keys=snapshot.keys.live,
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
            sequence, latest = read_count(connection)
            self._in_force = self._read_in_force(connection, latest)
            if instance == snapshot.instance and sequence == snapshot.sequence:
                return
            behind = sequence - snapshot.sequence
            if instance == snapshot.instance and 0 < behind <= MOST_FOLLOWED:
                changes = changes_since(
                    connection, snapshot.sequence, snapshot.deriver, milliseconds(self._clock())
                )
            else:
                changes = None
        if changes is None:  # it was replaced, goes on from an older copy, or is far ahead
            log.warning("the account database is read anew")
            self._snapshot = self._load()
            return
        snapshot.apply(changes)
        if snapshot.is_untidy():
            self._snapshot = snapshot.tidied()

    def _load(self) -> Snapshot:
        began = self._monotonic()
        with reading(self._engine) as connection:
            instance = check_schema(connection, self._engine, self._secret)
            snapshot = load(connection, instance, milliseconds(self._clock()))
            self._in_force = self._read_in_force(connection, read_count(connection).latest_at)
        self._seen_at = began
        return snapshot

    def _read_in_force(self, connection: Connection, latest: int) -> InForce:
        return in_force(connection, max(milliseconds(self._time(latest)), latest))

    def _time(self, latest: int) -> datetime:
        """Ask our clock, but for what it was set back; a reset on record forgets that."""
        now = self._clock()
        kept = self._passed if self._passed and latest >= self._latest else now
        self._latest, self._passed = latest, max(kept, now)
        return self._passed

    def _follow(self) -> None:
        watch = make_watch(self._engine, self._stop)
        while not self._stop.is_set():
            began = time.thread_time()
            try:
                self.poll()
                if self._looked is not None:
                    self._looked()
                pause = max(PAUSE_S, min(SHARE * (time.thread_time() - began), self._poll_s))
                if not self._stop.wait(pause):
                    watch.wait(self._poll_s)
            except Exception as error:  # noqa: BLE001 - the thread must outlive what we did not foresee
                self._note(f"{type(error).__name__}: {error}")
                self._stop.wait(self._poll_s)
        watch.close()

    def _note(self, error: str | None) -> None:
        if error != self._error:
            if error is None:
                log.info("accounts are followed again")
            else:
                log.error("accounts cannot be followed: %s", error)
        self._error = error


def load_snapshot(url: str, secret_file: Path, clock: Callable[[], datetime] = utc_now) -> Snapshot:
    """Read everything now, for stores that are opened later. Raises ``AccountsUnavailable``."""
    secret, engine = KeySecret.load(secret_file), make_engine(url)
    try:
        with reading(engine) as connection:
            instance = check_schema(connection, engine, secret)
            return load(connection, instance, milliseconds(clock()))
    finally:
        engine.dispose()
