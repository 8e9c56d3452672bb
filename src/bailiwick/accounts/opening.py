"""Opening a database: ours, of this version and made with this key secret, or refused."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from bailiwick.accounts import schema
from bailiwick.accounts.engine import AccountsUnavailable, make_engine, name_of, reading, writing
from bailiwick.accounts.keys import KeySecret
from bailiwick.accounts.upgrade import upgrade_tables


def prepare(url: str, secret_file: Path) -> None:
    """Make the database file, its tables and the key secret where they are missing."""
    engine = make_engine(url, create=True)
    try:
        with reading(engine) as connection:
            exists = inspect(connection).has_table(schema.schema_version.name)
        if exists:
            return
        secret = KeySecret.load_or_create(secret_file)
        with writing(engine) as connection:
            _create_tables(connection, secret)
    finally:
        engine.dispose()


def upgrade(url: str) -> tuple[int, int]:
    """Bring an older database to this version; returns the version before and after."""
    engine = make_engine(url)
    try:
        with writing(engine) as connection:
            before = _version(connection, engine)
            if before < schema.SCHEMA_VERSION:
                upgrade_tables(connection)
            return before, max(before, schema.SCHEMA_VERSION)
    finally:
        engine.dispose()


def _version(connection: Connection, engine: Engine) -> int:
    if not inspect(connection).has_table(schema.schema_version.name):
        raise AccountsUnavailable(
            f"`{name_of(engine)}` is not an account database",
            "`bailiwick accounts add NAME` makes one where there is no file yet",
        )
    return int(connection.execute(select(schema.schema_version.c.version)).scalar_one())


def _create_tables(connection: Connection, secret: KeySecret) -> None:
    if inspect(connection).has_table(schema.schema_version.name):
        return
    upgrade_tables(connection)
    connection.execute(insert(schema.counter).values(id=1, sequence=0, latest_at=0))
    connection.execute(
        insert(schema.schema_version).values(
            version=schema.SCHEMA_VERSION,
            instance=secrets.token_hex(16),
            secret_check=secret.check(),
        )
    )


def check_schema(connection: Connection, engine: Engine, secret: KeySecret) -> str:
    """Return the database's instance; refuse one that is not ours, or not of this secret."""
    try:
        rows: Sequence[Row[Any]] = connection.execute(select(schema.schema_version)).all()
    except SQLAlchemyError as error:
        raise AccountsUnavailable(
            f"`{name_of(engine)}` is not an account database: {getattr(error, 'orig', error)}",
            "`bailiwick accounts add NAME` makes one where there is no file yet",
        ) from None
    if len(rows) != 1 or rows[0].version != schema.SCHEMA_VERSION:
        found = rows[0].version if rows else "none"
        raise AccountsUnavailable(
            f"the account database `{name_of(engine)}` has schema version {found}, "
            f"and this program needs {schema.SCHEMA_VERSION}",
            _version_help(rows[0].version if rows else 0),
        )
    if rows[0].secret_check != secret.check():
        raise AccountsUnavailable(
            f"the key secret is not the one that the keys in `{name_of(engine)}` were made with",
            "restore the secret file that belongs to this database",
        )
    return str(rows[0].instance)


def _version_help(found: int) -> str:
    if 0 < found < schema.SCHEMA_VERSION:
        return "back it up, then run `bailiwick accounts upgrade`"
    return "use the version of bailiwick that it was made with, or restore the matching backup"
