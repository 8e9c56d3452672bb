"""The background work on accounts: sweep, send notices, put the history on record.

Every worker has a keeper; the one that holds the lease works. When the database or the audit log
cannot be used it waits, and says so once. What it works with (``accounts.sweeping``) is imported
when it works, not before requests are answered.
"""

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bailiwick import accounts
from bailiwick.accounts import AccountDatabase, Directives
from bailiwick.audit import AuditLog
from bailiwick.errors import BailiwickError
from bailiwick.pipeline import World
from bailiwick.settings import Settings

if TYPE_CHECKING:
    from bailiwick.accounts import Transport

LOOK_S = 1.0
KEEP_LEASE_S = 10.0
MOST_RELAY_S = 5.0
"""How long a round may spend on the record: the lease and the notices have their turn."""

log = logging.getLogger("bailiwick.keeper")


@dataclass(slots=True)
class KeeperStatus:
    """What the last rounds did."""

    leads: bool = False
    held: int = 0
    """Accounts that wait for a person's confirmation."""
    capped: int = 0
    """Suspensions that wait for the next hour."""
    unsent: int = 0
    """Notices that could not leave in the last round."""
    error: str | None = None


class Keeper:
    """Works in a thread until it is closed."""

    def __init__(
        self,
        settings: Settings,
        node: str,
        world: Callable[[], World | None],
        audit: Callable[[], AuditLog | None],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings = settings
        self._node = node
        self._world = world
        self._audit = audit
        self._environment = environment
        self._holder = ""
        self._database: AccountDatabase | None = None
        self._transport: Transport | None = None
        self._next_sweep = self._next_lease = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self.status = KeeperStatus()

    def start(self) -> None:
        """Begin, in the process that does the work: no other may pass for it."""
        self._holder = f"{self._node}/{socket.gethostname()[:40]}/{os.getpid()}"
        self._thread.start()

    def close(self) -> None:
        """End, and let another worker go on."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._database is not None:
            try:
                if self.status.leads:
                    accounts.drop_lease(self._database, self._holder)
            except BailiwickError as error:
                log.warning("%s", error)
            self._database.close()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self.work()
            except Exception as error:  # noqa: BLE001 - the thread must outlive what nobody foresaw
                self._note(f"{type(error).__name__}: {error}")
            else:
                self._note(None)

    def work(self) -> None:
        """Do one round of what is due."""
        database = self._opened()
        now = time.monotonic()
        if now >= self._next_lease:
            self.status.leads = accounts.hold_lease(database, self._holder)
            self._next_lease = now + KEEP_LEASE_S
        if not self.status.leads:
            return
        world, audit = self._world(), self._audit()
        if world is not None and now >= self._next_sweep:
            self._sweep(database, world)
            self._next_sweep = now + self._settings.accounts.sweep.total_seconds()
        if self._transport is not None:
            _, self.status.unsent = accounts.deliver_notices(database, self._transport)
        if audit is not None:
            self._relay(database, audit)

    def _relay(self, database: AccountDatabase, audit: AuditLog) -> None:
        """Put on record what has happened; a sweep of everybody leaves a lot."""
        directory, until = self._settings.audit.directory, time.monotonic() + MOST_RELAY_S
        while asyncio.run(accounts.relay_history(database, audit, directory, self._node)):
            if self._stop.is_set() or time.monotonic() >= until:
                return

    def _sweep(self, database: AccountDatabase, world: World) -> None:
        Directives(database).end_what_is_over()
        link = self._settings.accounts.appeal_link
        desk = accounts.Desk(database, world.table.policy, appeal_link=link)
        accounts.announce(desk, world.table)
        done = accounts.sweep(desk)
        if done.held and done.held != self.status.held:
            log.error(
                "%d accounts would be restricted or suspended at a time; nobody is until a person "
                "has confirmed it: `bailiwick accounts impact`",
                done.held,
            )
        if done.capped and done.capped != self.status.capped:
            log.error("automation has suspended as many accounts as it may in an hour; %d wait",
                      done.capped)  # fmt: skip
        self.status.held, self.status.capped = done.held, done.capped

    def _opened(self) -> AccountDatabase:
        if self._database is None:
            settings = self._settings.accounts
            self._database = AccountDatabase.open(settings.url, settings.secret)
            if settings.notices is not None:
                from bailiwick.bootstrap.notices import make_transport

                self._transport = make_transport(settings.notices, self._environment)
        return self._database

    def _note(self, error: str | None) -> None:
        if error is not None and error != self.status.error:
            log.error("accounts are not looked after: %s", error)
        self.status.error = error
