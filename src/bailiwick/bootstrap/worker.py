"""One worker of the gateway: what it judges with, how it comes to it, and what it says of itself.

A worker that lacks something (a good policy, the account database, the audit log) is not ready,
says what it lacks, and tries again by itself.
"""

import asyncio
import gc
import logging
import os
import select
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bailiwick.accounts import (
    AccountDatabase,
    AccountStore,
    Directives,
    InForce,
    Snapshot,
    load_snapshot,
)
from bailiwick.audit import AuditLog, AuditUnavailable, Pseudonyms
from bailiwick.audit import Settings as AuditOptions
from bailiwick.bootstrap.keeper import Keeper
from bailiwick.bootstrap.reload import Reloader
from bailiwick.bootstrap.status import Parts, status_of
from bailiwick.errors import BailiwickError
from bailiwick.gateway import Services, Upstream
from bailiwick.pipeline import (
    Alike,
    Arrangement,
    Asked,
    Judged,
    Outcome,
    Pending,
    Pipeline,
    Unavailable,
    World,
)
from bailiwick.policy import Refusal
from bailiwick.settings import Settings

RETRY_S = 1.0
"""How often a worker that lacks something tries again."""
KEEPER_NICE = 10
"""How far the keeper of accounts stands back for the workers (``nice``)."""
KEEPER_LOOK_S = 0.5
"""How often the keeper of accounts sees whether it is to stop."""
DAY_S = 86_400

log = logging.getLogger("bailiwick.worker")


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


class Worker:
    """Judges with what it has; finds the rest."""

    def __init__(
        self,
        config: Path,
        settings: Settings,
        upstreams: tuple[Upstream, ...],
        workers: int,
        node: str | None = None,
        *,
        keeps_accounts: bool = True,
    ) -> None:
        """``node``: the name in records, where it is not the settings'.

        ``keeps_accounts``: take part in the background work on accounts, in a thread.
        """
        self._settings = settings
        self._workers = workers
        self._node = node or settings.audit.node
        self._accounts: AccountStore | None = None
        self._snapshot: Snapshot | None = None
        self._audit: AuditLog | None = None
        self._pipeline: Pipeline | None = None
        self._world: World | None = None
        self._lacking: dict[str, str] = {}
        self._reloader = Reloader(config, settings, upstreams, self._use, utc_now, self._in_force)
        self._keeper = Keeper(settings, self._node, lambda: self._world, lambda: self._audit)
        self._keeps_accounts = keeps_accounts
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="worker", daemon=True)

    # -- for the gateway -----------------------------------------------------------------------

    async def judge(self, asked: Asked, at: datetime) -> Judged:
        """Judge a request."""
        return await self._ready().judge(asked, at)

    def judge_now(
        self, asked: Asked, at: datetime, size: int = 0, alike: Alike | None = None
    ) -> Judged | Pending:
        """Judge a request without waiting for its record."""
        pipeline = self._pipeline or self._ready()
        return pipeline.judge_now(asked, at, size, alike)

    def alike(self, asked: Asked) -> Alike:
        """Find what is kept of others that asked the same."""
        return (self._pipeline or self._ready()).alike(asked)

    def pipeline(self) -> Pipeline:
        """Give the pipeline. Raises ``Unavailable`` while there is none."""
        return self._ready()

    def arrangement(self, asked: Asked) -> Arrangement | None:
        """Say what the policy has in place of the model asked for."""
        return (self._pipeline or self._ready()).arrangement(asked)

    def outcome(self, judged: Judged, outcome: Outcome) -> None:
        """Record what became of it."""
        self._ready().outcome(judged, outcome)

    def permitted_models(self, asked: Asked, at: datetime) -> tuple[str, ...]:
        """List what the caller may use."""
        return self._ready().permitted_models(asked, at)

    def ended(self, asked: Asked, judged: Judged, at: datetime) -> str | None:
        """Say why a permit given earlier is withdrawn, if it is."""
        return self._ready().ended(asked, judged, at)

    def version(self) -> object:
        """Give something that differs whenever a permit may have been withdrawn."""
        accounts = self._accounts
        return self._world and self._world.revision, accounts and accounts.sequence

    def record(self, event: Mapping[str, Any]) -> None:
        """Record a refusal that came before any judgement."""
        if self._audit is not None:
            self._audit.append_nowait(event, late=True)

    def style(self) -> Refusal:
        """Say how the policy in force words a refusal."""
        return self._world.table.policy.refusal if self._world else Refusal()

    def status(self) -> Mapping[str, Any]:
        """Say how this worker is, in JSON values."""
        from bailiwick.bootstrap import gauges

        gauges.report(self._reloader.status, self._accounts, self._pipeline)
        if self._keeps_accounts:
            gauges.report_keeper(self._keeper.status)
        return status_of(
            Parts(self._world, self._accounts, self._audit, self._reloader.status, self._lacking),
            utc_now(),
        )

    def reload(self) -> None:
        """Read again, soon, whatever is read from files."""
        self._reloader.ask()

    async def stop(self) -> None:
        """Let go of everything; what is queued is written first."""
        await asyncio.to_thread(self.close)

    # -- coming to be --------------------------------------------------------------------------

    def prepare(self) -> None:
        """Build the world and load the accounts before there are workers, so that each of them has
        both at once, and all of them share the memory.

        Raises ``BailiwickError`` with what is wrong.
        """
        self._reloader.prepare()
        settings = self._settings.accounts
        if settings.anonymous:
            AccountDatabase.open(settings.url, settings.secret, create=True).close()
        self._snapshot = load_snapshot(settings.url, settings.secret)

    def services(self) -> Services:
        """Begin, in the process that serves. The gateway calls it."""
        self.begin()
        gc.freeze()  # what was loaded stays; collecting must not walk through it again and again
        return Services(
            judge=self, record=self.record, style=self.style, status=self.status, stop=self.stop,
            reload=self.reload,
        )  # fmt: skip

    def begin(self) -> None:
        """Find everything that can be found now, and look after it from now on."""
        self._reloader.begin()
        self._find()
        self._reloader.start()
        self._thread.start()
        if self._keeps_accounts:
            self._keeper.start()

    def keep_accounts(self, parent: int) -> None:
        """Look after accounts in a process of its own, until told to stop or the parent is gone.

        Beside the requests of a worker it would take turns with them.
        """
        from bailiwick.bootstrap import gauges

        os.nice(KEEPER_NICE)
        told = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: told.set())
        signal.signal(signal.SIGHUP, lambda *_: self._reloader.ask())
        self._reloader.begin()
        self._reloader.start()
        self._keeper.start()
        while not told.is_set() and not select.select([parent], [], [], KEEPER_LOOK_S)[0]:
            if self._audit is None:
                self._try("audit", self._open_own_audit)
            gauges.report_keeper(self._keeper.status)
        self._keeper.close()
        self._reloader.close()
        self._close_audit()

    def close(self) -> None:
        """Stop looking, write what is queued."""
        self._stop.set()
        self._wake.set()
        self._thread.join()
        self._keeper.close()
        self._reloader.close()
        if self._accounts is not None:
            self._accounts.close()
        self._close_audit()

    def _close_audit(self) -> None:
        if self._audit is not None:
            try:
                self._audit.close()
            except AuditUnavailable as error:
                log.error("%s", error)

    def _use(self, world: World) -> None:
        self._world = world  # before the look at the pipeline: another thread may be making it
        if self._pipeline is not None:
            self._pipeline.use(world)
            self._record_policy(world)

    def _record_policy(self, world: World) -> None:
        """Put on record by which policy and data requests are judged from now on."""
        sources = world.locator.status(utc_now())
        self.record(
            {
                "kind": "policy",
                "name": world.table.policy.name,
                "revision": world.revision,
                "catalog": world.catalog.digest,
                "data": {row.name: str(row.built_at) for row in sources},
            }
        )

    def _keep(self) -> None:
        due = 0.0
        while not self._stop.is_set():
            self._wake.wait(RETRY_S)
            self._wake.clear()
            self._reloader.redirect()
            if self._pipeline is not None:
                self._pipeline.forget()
            if time.monotonic() >= due:
                if self._pipeline is None:
                    self._find()
                self._count_uses()
                due = time.monotonic() + RETRY_S

    def _count_uses(self) -> None:
        """Write down how often exemptions were used."""
        if self._pipeline is None or not self._pipeline.used:
            return
        used, self._pipeline.used = self._pipeline.used, Counter()
        settings = self._settings.accounts
        try:
            database = AccountDatabase.open(settings.url, settings.secret)
            try:
                Directives(database).count_uses(used)
            finally:
                database.close()
        except (BailiwickError, OSError) as error:
            self._pipeline.used += used
            log.warning("the use of exemptions cannot be written down now: %s", error)

    def _find(self) -> None:
        """Open what is not open yet, and judge once everything is."""
        if self._accounts is None:
            self._try("accounts", self._open_accounts)
        if self._audit is None:
            self._try("audit", self._open_audit)
        if self._pipeline is None and self._audit is not None and not self._lacking:
            self._reloader.redirect()
            self._pipeline = self._make_pipeline(self._audit)
            if self._world is not None:
                self._use(self._world)

    def _try(self, what: str, find: Callable[[], None]) -> None:
        try:
            find()
        except (BailiwickError, OSError) as error:
            if self._lacking.get(what) != str(error):
                log.error("not ready: %s", error)
            self._lacking[what] = str(error)
        else:
            self._lacking.pop(what, None)

    def _open_accounts(self) -> None:
        settings = self._settings.accounts
        if settings.anonymous:
            AccountDatabase.open(settings.url, settings.secret, create=True)
        store = AccountStore.open(
            settings.url, settings.secret, poll=settings.poll, max_stale=settings.max_stale,
            snapshot=self._snapshot, looked=self._wake.set,
        )  # fmt: skip
        self._snapshot = None  # it is the store's now
        store.start()
        self._accounts = store

    def _in_force(self) -> InForce:
        return self._accounts.in_force if self._accounts is not None else InForce()

    def _open_audit(self) -> None:
        self._audit = open_audit(self._settings, self._workers, self._node)

    def _open_own_audit(self) -> None:
        """Write beside the workers, as one more."""
        number = self._workers + 1
        self._audit = open_audit(self._settings, number, self._node, first=number)

    def _make_pipeline(self, audit: AuditLog) -> Pipeline:
        settings = self._settings
        return Pipeline(
            self._accounts,
            audit,
            open_pseudonyms(settings),
            anonymous=settings.accounts.anonymous,
            keep_raw=raw_days(settings) > 0,
        )

    def _ready(self) -> Pipeline:
        if self._pipeline is None:
            raise Unavailable("not_ready")
        return self._pipeline


def open_audit(settings: Settings, workers: int, node: str, *, first: int = 1) -> AuditLog:
    """Open the audit log under the first number that no other worker writes as."""
    audit = settings.audit
    taken: AuditUnavailable | None = None
    for number in range(first, workers + 1):
        try:
            return AuditLog.open(
                audit.directory,
                node=node,
                worker=str(number),
                clock=utc_now,
                origin=audit.origin,
                keys=audit.keys,
                outside=audit.outside,
                settings=audit_options(settings),
                lock_seconds=0.0,
            )
        except AuditUnavailable as error:
            taken = error
    raise taken or AuditUnavailable("there is no worker to write as")


def audit_options(settings: Settings) -> AuditOptions:
    """Translate settings for the audit log."""
    audit = settings.audit
    return AuditOptions(
        segment_bytes=audit.segment,
        checkpoint_seconds=audit.checkpoint_every.total_seconds(),
        queue=audit.queue,
        raw_days=raw_days(settings),
        unsafe_no_fsync=not audit.fsync,
    )


def open_pseudonyms(settings: Settings) -> Pseudonyms:
    """Open the keys that stand in for addresses."""
    audit = settings.audit
    directory = audit.pseudonyms or audit.directory / "pseudonyms"
    return Pseudonyms(directory, audit.pseudonym_period)


def raw_days(settings: Settings) -> int:
    """Give the days that raw addresses are kept, begun ones counted."""
    return -(-int(settings.audit.raw_retention.total_seconds()) // DAY_S)
