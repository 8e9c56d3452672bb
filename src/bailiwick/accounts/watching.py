"""Notice that the database has changed, without reading it: PostgreSQL tells, SQLite counts.

A watch may say that something changed when nothing has, and is lost when the database goes away:
whoever waits looks anyway after a while.
"""

import select
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from bailiwick.accounts.change import CHANNEL

LOOK_S: Final = 0.02
"""How often SQLite's count is read (some microseconds each)."""
ANSWER_S: Final = 0.1
"""How soon a wait for PostgreSQL notices that it is to end."""


class Watch:
    """Waits; it knows of no better way."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop

    def wait(self, seconds: float) -> None:
        """Return once something may have changed, or ``stop`` is set, or after ``seconds``."""
        self.stop.wait(seconds)

    def close(self) -> None:
        """Let go of the connection."""


class PostgresWatch(Watch):
    """Listens on a connection of its own."""

    def __init__(self, engine: Engine, stop: threading.Event) -> None:
        super().__init__(stop)
        self._engine = engine
        self._connection: Any = None

    def wait(self, seconds: float) -> None:
        """See ``Watch``."""
        try:
            if self._connection is None:
                self._listen()
                return  # something may have changed before we listened
            self._wait(time.monotonic() + seconds)
        except (OSError, SQLAlchemyError, self._engine.dialect.dbapi.Error):  # type: ignore[union-attr]
            self.close()  # the next look at the database says what is wrong
            self.stop.wait(min(seconds, ANSWER_S))

    def _listen(self) -> None:
        pooled = self._engine.raw_connection()
        self._connection = pooled.driver_connection
        pooled.detach()  # it is ours alone, until it is closed
        self._connection.autocommit = True
        self._connection.execute(f"LISTEN {CHANNEL}")

    def _wait(self, until: float) -> None:
        server = self._connection.pgconn
        told = False
        while not told and not self.stop.is_set() and (left := until - time.monotonic()) > 0:
            if select.select([server.socket], [], [], min(left, ANSWER_S))[0]:
                server.consume_input()
                while server.notifies() is not None:
                    told = True

    def close(self) -> None:
        """See ``Watch``."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class SqliteWatch(Watch):
    """Reads SQLite's own count of what other connections have committed."""

    def __init__(self, file: Path, stop: threading.Event) -> None:
        super().__init__(stop)
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[int, int] | None = None

    def wait(self, seconds: float) -> None:
        """See ``Watch``."""
        until = time.monotonic() + seconds
        while not self._changed() and time.monotonic() < until and not self.stop.wait(LOOK_S):
            pass

    def _changed(self) -> bool:
        try:
            file = self._file.stat().st_ino
            if self._connection is None or self._seen is None or self._seen[0] != file:
                self.close()
                self._connection = sqlite3.connect(
                    f"{self._file.absolute().as_uri()}?mode=rw", uri=True, timeout=0
                )
            count = self._connection.execute("PRAGMA data_version").fetchone()[0]
        except (OSError, sqlite3.Error):
            self.close()
            return False  # the next look at the database says what is wrong
        before, self._seen = self._seen, (file, count)
        return before != self._seen

    def close(self) -> None:
        """See ``Watch``."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = self._seen = None


def make_watch(engine: Engine, stop: threading.Event) -> Watch:
    """Choose the way of a database."""
    file = engine.get_execution_options().get("bailiwick_file")
    if file is not None:
        return SqliteWatch(Path(file), stop)
    return PostgresWatch(engine, stop) if engine.dialect.driver == "psycopg" else Watch(stop)
