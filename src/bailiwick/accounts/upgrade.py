"""Bring the tables to the version that this program needs, one step after the other."""

from pathlib import Path

from sqlalchemy import Connection, inspect, update

from bailiwick.accounts import schema

STEPS = Path(__file__).with_name("migrations")


def upgrade_tables(connection: Connection) -> None:
    """Run the steps that are missing, in the transaction of ``connection``."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(STEPS))
    config.attributes["connection"] = connection
    names = set(inspect(connection).get_table_names())
    if schema.schema_version.name in names and "migrations" not in names:
        command.stamp(config, "1")  # version 1 was made before there were steps
    command.upgrade(config, "head")
    connection.execute(update(schema.schema_version).values(version=schema.SCHEMA_VERSION))
