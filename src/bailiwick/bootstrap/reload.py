"""Keep the world up to date: a changed file is read, built and proved beside what is in use.

Only a world that has proved itself takes the place of the old one. Otherwise the last good one
stays, and why is visible until it is put right.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bailiwick.accounts import InForce
from bailiwick.bootstrap.build import Built, build_world
from bailiwick.bootstrap.files import read_settings
from bailiwick.bootstrap.orders import table_with
from bailiwick.bootstrap.watch import Watcher
from bailiwick.errors import BailiwickError, InvalidInput, Problem
from bailiwick.gateway import Upstream
from bailiwick.pipeline import World
from bailiwick.settings import Settings, UpstreamSettings

LIVE = frozenset({"policy", "catalog", "location", "shadow"})
"""Sections of the settings that take effect while the gateway runs."""
LIVE_IN_UPSTREAMS = frozenset({"processing", "egress", "endpoint"})

log = logging.getLogger("bailiwick.reload")


@dataclass(frozen=True, slots=True)
class ReloadStatus:
    """What became of the last attempts."""

    built_at: datetime | None
    """When the world in use was built; ``None``: there is none."""
    failed_at: datetime | None
    """When the newest files were refused; ``None``: they are in use."""
    reason: str | None
    """Why they were refused."""
    problems: tuple[Problem, ...]
    """Warnings about the world in use."""
    needs_restart: tuple[str, ...]
    """Settings that were changed and take effect only after a restart."""


class Reloader:
    """Builds the first world and every later one."""

    def __init__(
        self,
        config: Path,
        started_with: Settings,
        upstreams: tuple[Upstream, ...],
        use: Callable[[World], None],
        clock: Callable[[], datetime],
        in_force: Callable[[], InForce] = InForce,
    ) -> None:
        """``use`` is given each world that has proved itself; ``in_force`` is asked for the orders
        and approvals that count.
        """
        self._in_force = in_force
        self._directed = InForce()
        self._lock = threading.RLock()
        self._config = config
        self._started_with = started_with
        self._upstreams = upstreams
        self._use = use
        self._clock = clock
        self._interval_s = started_with.reload.interval.total_seconds()
        self._settle_s = started_with.reload.settle.total_seconds()
        self._watcher = Watcher(self._settle_s)
        self._world: World | None = None
        self._stop = threading.Event()
        self._told = threading.Event()
        self._thread: threading.Thread | None = None
        self.status = ReloadStatus(None, None, None, (), ())

    def prepare(self) -> None:
        """Read and build before there are workers. Raises ``BailiwickError`` with what is wrong."""
        settings, built = self._build()
        self._world = built.world
        self._succeeded(settings, built)

    def begin(self) -> None:
        """Use what was prepared, or read anew what has changed since."""
        if self._world is not None and self._watcher.untouched():
            self._use(self._world)
        else:
            self._world = None  # it may be old by now, so it is no last good one
            self.load()

    def load(self) -> bool:
        """Read and build now, whether or not anything has changed; whether it is in use."""
        with self._lock:
            return self._load()

    def redirect(self) -> bool:
        """Follow orders and approvals, without reading any file; whether they have changed."""
        with self._lock:
            found = self._in_force()
            if found == self._directed or self._world is None:
                return False
            table = table_with(self._world.table.policy, self._world.catalog, found)
            self._world, self._directed = self._world.with_table(table), found
            self._use(self._world)
            log.info("in use: policy `%s`, revision %s", *_identity(self._world))
            return True

    def _load(self) -> bool:
        try:
            settings, built = self._build()
        except (BailiwickError, OSError) as error:
            self._failed(str(error))
            return False
        except Exception as error:  # whatever it is, the last good world goes on
            log.exception("building failed in a way that was not foreseen")
            self._failed(f"{type(error).__name__}: {error}")
            return False
        self._world = built.world
        self._use(built.world)
        self._succeeded(settings, built)
        return True

    def look(self) -> bool:
        """Read and build if files have changed; whether they had."""
        if not self._watcher.changed():
            return False
        self.load()
        return True

    def start(self) -> None:
        """Look again and again, in a thread."""
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Have everything read again now, in the thread; for handlers of signals."""
        self._told.set()

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        self._told.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            told = self._told.wait(self._settle_s if self._watcher.settling else self._interval_s)
            if self._stop.is_set():
                return
            if told:
                self._told.clear()
                self.load()
            else:
                self.look()

    def _build(self) -> tuple[Settings, Built]:
        """Build from the files as they are. Every file is watched from before it is read."""
        self._watcher.begin()
        self._watcher.note(self._config)
        settings, in_force = read_settings(self._config), self._in_force()
        built = build_world(
            settings,
            self._config.absolute().parent,
            self._upstreams,
            self._clock(),
            previous=self._world,
            note=self._watcher.note,
            in_force=in_force,
        )
        self._refuse_cut(built.world)
        self._directed = in_force
        return settings, built

    def _refuse_cut(self, world: World) -> None:
        """Refuse a policy that has lost the line which says that it is whole."""
        if self._world and self._world.table.policy.finished and not world.table.policy.finished:
            raise InvalidInput.of(
                f"policy `{world.table.policy.name}` may be cut short: it lost its line `...`",
                "end every file of the policy with a line `...`",
            )

    def _succeeded(self, settings: Settings, built: Built) -> None:
        restart = tuple(sorted(_fixed_differences(self._started_with, settings)))
        self.status = ReloadStatus(self._clock(), None, None, built.problems, restart)
        log.info("in use: policy `%s`, revision %s", *_identity(built.world))
        for problem in built.problems:
            log.warning("%s", in_one_line(problem))
        if restart:
            log.warning("changed settings need a restart: %s", ", ".join(restart))

    def _failed(self, reason: str) -> None:
        self.status = replace(self.status, failed_at=self._clock(), reason=reason)
        kept = "the last good one stays in use" if self._world else "there is no good one"
        log.error("refused, %s: %s", kept, reason)


def in_one_line(problem: Problem) -> str:
    """Write a problem for a log."""
    where = f"{problem.position}: " if problem.position else ""
    return f"{where}{problem.message}" + (f" ({problem.help})" if problem.help else "")


def _identity(world: World) -> tuple[str, str]:
    return world.table.policy.name, world.revision[:12]


def _fixed_differences(one: Settings, other: Settings) -> Iterator[str]:
    """Name the settings that differ and take effect only at the start."""
    for section in Settings.model_fields:
        before, after = getattr(one, section), getattr(other, section)
        if section == "upstreams":
            before, after = (tuple(map(_fixed_part, several)) for several in (before, after))
        if section not in LIVE and before != after:
            yield section


def _fixed_part(upstream: UpstreamSettings) -> dict[str, Any]:
    return upstream.model_dump(exclude=set(LIVE_IN_UPSTREAMS))
