"""Connections: SQLite in WAL mode with synchronous FULL by default, any SQLAlchemy URL by choice.

Readers see one moment of the database for a whole transaction; writers take turns. A SQLite file
is only ever created on purpose: a path that points nowhere is a database that is down.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from bailiwick.errors import BailiwickError, InvalidInput

BUSY_TIMEOUT_S = 5.0
"""How long a writer waits for another one to finish."""
ONE_WRITER = "SELECT pg_advisory_xact_lock(7310589372650)"
"""Writers take turns from before they read, so sequence numbers become visible in their order."""


class AccountsUnavailable(BailiwickError):
    """The account database cannot be used now; nothing was changed."""


def make_engine(url: str, *, create: bool = False) -> Engine:
    """Prepare connections to ``url``; ``create`` makes the SQLite file if there is none."""
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite":
        return _other_engine(parsed)
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidInput.of(
            f"the account database `{url}` has no file",
            "write sqlite:///accounts.db, or four slashes before an absolute path",
        )
    return _sqlite_engine(Path(parsed.database), create=create)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees one moment of the database."""
    with _explained(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that changes something: all of it or nothing."""
    with _explained(engine), engine.connect() as connection:
        connection.execution_options(bailiwick_begin="BEGIN IMMEDIATE")
        with connection.begin():
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(ONE_WRITER)
            yield connection


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise AccountsUnavailable(
            f"the account database `{name_of(engine)}` cannot be used: {_why(error)}"
        ) from error


def name_of(engine: Engine) -> str:
    """Name a database without its password."""
    file = engine.get_execution_options().get("bailiwick_file")
    return str(file or engine.url.render_as_string(hide_password=True))


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise InvalidInput.of(
            "the account database is not a URL", "write for example sqlite:///accounts.db"
        ) from None


def _other_engine(url: URL) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    try:
        return create_engine(url, pool_pre_ping=True, connect_args=_connect_arguments(url))
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        shown = url.render_as_string(hide_password=True)
        raise InvalidInput.of(
            f"no driver for the account database `{shown}`: {error}",
            "`pip install bailiwick[postgres]` has the driver of PostgreSQL; "
            "or use sqlite:///accounts.db",
        ) from None


def _connect_arguments(url: URL) -> dict[str, object]:
    """Notice a server that does not answer."""
    if url.drivername != "postgresql+psycopg":
        return {}
    return {"connect_timeout": int(BUSY_TIMEOUT_S), "application_name": "bailiwick"}


def _sqlite_engine(file: Path, *, create: bool) -> Engine:
    mode = "rwc" if create else "rw"
    uri = f"file:{quote(str(file.absolute()))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        if create:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what was erased is not left in a page
        return connection

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=NullPool,  # each look opens the path anew and so notices a replaced file
        execution_options={"bailiwick_file": str(file)},
    )
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    """Begin ourselves: a writer must hold the lock before it reads what it will change."""
    connection.exec_driver_sql(connection.get_execution_options().get("bailiwick_begin", "BEGIN"))


def _why(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
