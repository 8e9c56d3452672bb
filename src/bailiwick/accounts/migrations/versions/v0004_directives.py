"""Version 4: emergency orders, and approvals of exemptions."""

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Add the tables, and remember the latest time of any change."""
    op.add_column("counter", Column("latest_at", BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE counter SET latest_at = COALESCE((SELECT MAX(at) FROM history), 0)")
    op.create_table(
        "orders",
        Column("id", String(40), primary_key=True),
        Column("models", Text, nullable=False),
        Column("places", Text, nullable=False),
        Column("except_places", Text, nullable=False),
        Column("except_principals", Text, nullable=False),
        Column("except_labels", Text, nullable=False),
        Column("reason", String(500), nullable=False),
        Column("by", String(64), nullable=False),
        Column("from_at", BigInteger, nullable=False),
        Column("review_by", BigInteger, nullable=False),
        Column("until_at", BigInteger, nullable=True),
        Column("ended_at", BigInteger, nullable=True),
        Column("ended_by", String(64), nullable=True),
    )
    op.create_table(
        "exemptions",
        Column("id", String(40), primary_key=True),
        Column("rule", String(160), nullable=False),
        Column("reason", String(500), nullable=False),
        Column("from_at", BigInteger, nullable=False),
        Column("until_at", BigInteger, nullable=False),
        Column("added_at", BigInteger, nullable=False),
        Column("added_by", String(64), nullable=False),
        Column("approved_at", BigInteger, nullable=True),
        Column("approved_by", String(64), nullable=True),
        Column("ended_at", BigInteger, nullable=True),
        Column("ended_by", String(64), nullable=True),
        Column("uses", BigInteger, nullable=False),
    )
