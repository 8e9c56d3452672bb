"""Version 6: attempts and logins, shared by processes."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String

revision = "6"
down_revision = "5"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "attempts",
        Column("name", String(64), primary_key=True),
        Column("count", Integer, nullable=False),
        Column("until_at", BigInteger, nullable=False),
    )
    op.create_table(
        "logins",
        Column("token_hash", LargeBinary(32), primary_key=True),
        Column("name", String(64), nullable=False),
        Column("mark", String(64), nullable=False),
        Column("began_at", BigInteger, nullable=False),
        Column("used_at", BigInteger, nullable=False),
    )
