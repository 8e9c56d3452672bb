"""Older databases: refused with a hint, upgraded on request, equal to new ones afterwards."""

import sqlite3
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from bailiwick.accounts import AccountDatabase, AccountsUnavailable, schema, show_account, upgrade
from bailiwick.accounts.engine import make_engine, reading, writing

DOWN = (
    "DROP TABLE transitions", "DROP TABLE proposals", "DROP TABLE case_signs",
    "DROP TABLE case_accounts", "DROP TABLE cases", "DROP TABLE appeals",
    "DROP TABLE notices", "DROP TABLE personal", "DROP TABLE mutes", "DROP TABLE confirmations",
    "DROP TABLE work", "DROP TABLE migrations", "DROP INDEX ix_accounts_status",
    "DROP INDEX ix_evidence_expiry", "ALTER TABLE accounts DROP COLUMN probation_until",
    "DROP TABLE source_traces", "DROP TABLE source_links", "DROP TABLE source_objects",
    "DROP TABLE source_events",
    "DROP TABLE attesters", "DROP TABLE attempts", "DROP TABLE logins", "DROP TABLE orders", "DROP TABLE exemptions", "ALTER TABLE counter DROP COLUMN latest_at",
    "UPDATE schema_version SET version = 1",
)  # fmt: skip
"""What turns a database of this version into one of version 1."""


def differences(url: str) -> list[Any]:
    engine = make_engine(url)
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "migrations"})
        found = list(compare_metadata(context, schema.metadata))
    engine.dispose()
    return found


def age(url: str) -> None:
    engine = make_engine(url)
    with writing(engine) as connection:
        for statement in DOWN:
            connection.execute(text(statement))
    engine.dispose()


def test_the_steps_make_what_the_schema_says(place: Any) -> None:
    place.database()

    assert differences(place.url) == []


def test_an_older_database_is_refused_with_the_command_that_upgrades_it(
    place: Any, by: Any
) -> None:
    place.database().add_account("Acme", id="acme", **by)
    age(place.url)

    with pytest.raises(AccountsUnavailable, match="schema version 1") as caught:
        place.database(create=False)

    assert "bailiwick accounts upgrade" in (caught.value.help or "")


def test_an_upgrade_keeps_everything_and_ends_where_new_databases_are(place: Any, by: Any) -> None:
    database = place.database()
    database.add_account("Acme", id="acme", **by)
    database.set_evidence("acme", "billing", ["US"], **by)
    before = show_account(database, "acme")
    age(place.url)

    assert upgrade(place.url) == (1, schema.SCHEMA_VERSION)
    assert upgrade(place.url) == (schema.SCHEMA_VERSION, schema.SCHEMA_VERSION)

    assert show_account(place.database(create=False), "acme") == before
    assert differences(place.url) == []


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_an_upgrade_that_fails_changes_nothing(place: Any, by: Any) -> None:
    place.database().add_account("Acme", id="acme", **by)
    age(place.url)
    with sqlite3.connect(place.file) as raw:
        raw.execute("CREATE TABLE notices (mine TEXT)")
    tables = "SELECT name, sql FROM sqlite_master ORDER BY name"
    before = raw.execute(tables).fetchall()

    with pytest.raises(AccountsUnavailable, match="notices"):
        upgrade(place.url)

    assert raw.execute(tables).fetchall() == before


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_file_that_is_no_account_database_is_not_upgraded(place: Any) -> None:
    with sqlite3.connect(place.file) as raw:
        raw.execute("CREATE TABLE other (mine TEXT)")

    with pytest.raises(AccountsUnavailable, match="not an account database"):
        upgrade(place.url)


def test_a_database_that_is_current_opens(place: Any) -> None:
    assert isinstance(place.database(), AccountDatabase)
