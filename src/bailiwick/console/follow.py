"""What an app rests on, read again when its files change; the last good reading stays otherwise."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Generic, TypeVar

from bailiwick.accounts import Desk
from bailiwick.bootstrap import Watcher
from bailiwick.catalog import Catalog
from bailiwick.errors import BailiwickError

log = logging.getLogger("bailiwick.console")
Noting = Callable[[Path], None]
"""Hears of every file that is about to be read."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Office:
    """The desk under the policy in force, and the catalogue that the policy was read against."""

    desk: Desk
    catalog: Catalog


class Followed(Generic[T]):
    """Gives what files say now. Asking looks at them at most once in ``interval``."""

    def __init__(
        self,
        what: str,
        read: Callable[[Noting], T],
        interval: timedelta = timedelta(seconds=1),
        settle: timedelta = timedelta(0),
    ) -> None:
        """Read for the first time. Raises ``BailiwickError`` for files that are not good."""
        self._what, self._read = what, read
        self._interval_s = interval.total_seconds()
        self._watcher = Watcher(settle.total_seconds())
        self._lock = threading.Lock()
        self._watcher.begin()
        self._value = read(self._watcher.note)
        self._looked = time.monotonic()

    def __call__(self) -> T:
        """Give the value of the moment."""
        if time.monotonic() - self._looked >= self._interval_s and self._lock.acquire(
            blocking=False
        ):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._value

    def _look(self) -> None:
        self._looked = time.monotonic()
        if not self._watcher.changed():
            return
        self._watcher.begin()
        try:
            self._value = self._read(self._watcher.note)
        except (BailiwickError, OSError) as error:
            log.error("the %s of before stays in use: %s", self._what, error)
        else:
            log.info("the %s was read again", self._what)
