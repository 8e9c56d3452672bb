"""Version 7: keys with which accounts attest what they know of their own users."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, String, Text

revision = "7"
down_revision = "6"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "attesters",
        Column("account_id", String(64), ForeignKey("accounts.id"), primary_key=True),
        Column("kid", String(64), primary_key=True),
        Column("algorithm", String(8), nullable=False),
        Column("key", Text, nullable=False),
        Column("added_at", BigInteger, nullable=False),
        Column("ended_at", BigInteger, nullable=True),
    )
