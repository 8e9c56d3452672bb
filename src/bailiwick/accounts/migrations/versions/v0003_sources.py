"""Version 3: events of sources, what they said last of each object, and whose objects those are."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, String, Text

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "source_events",
        Column("sender", String(32), primary_key=True),
        Column("id", String(100), primary_key=True),
        Column("type", String(100), nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("received_at", BigInteger, nullable=False),
        Column("outcome", String(16), nullable=False),
    )
    op.create_table(
        "source_objects",
        Column("sender", String(32), primary_key=True),
        Column("object", String(150), primary_key=True),
        Column("owner", String(100), nullable=True),
        Column("account_id", String(64), nullable=True),
        Column("created_at", BigInteger, nullable=False),
        Column("event_id", String(100), nullable=False),
        Column("source", String(64), nullable=False),
        Column("said", Text, nullable=False),
        Column("written", Text, nullable=False),
        Column("written_event", String(100), nullable=False),
        Column("written_to", String(64), nullable=True),
    )
    op.create_table(
        "source_links",
        Column("sender", String(32), primary_key=True),
        Column("owner", String(100), primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("event_id", String(100), nullable=False),
    )
    op.create_table(
        "source_traces",
        Column("digest", String(64), primary_key=True),
        Column("sender", String(32), primary_key=True),
        Column("object", String(150), primary_key=True),
        Column("kind", String(16), nullable=False),
    )
    op.create_index("ix_source_objects_owner", "source_objects", ["sender", "owner"])
    op.create_index("ix_source_events_received", "source_events", ["received_at"])
