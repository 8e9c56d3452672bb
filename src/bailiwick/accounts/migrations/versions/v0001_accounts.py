"""Version 1: accounts, keys, evidence, labels and their history."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Text,
)

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "schema_version",
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("instance", String(32), nullable=False),
        Column("secret_check", LargeBinary, nullable=False),
    )
    op.create_table(
        "counter",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("sequence", BigInteger, nullable=False),
    )
    op.create_table(
        "accounts",
        Column("id", String(64), primary_key=True),
        Column("kind", String(16), nullable=False),
        Column("name", String(200), nullable=False),
        Column("parent_id", String(64), ForeignKey("accounts.id"), nullable=True),
        Column("status", String(16), nullable=False),
        Column("created_at", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "keys",
        Column("id", String(32), primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("digest", LargeBinary(32), nullable=False, unique=True),
        Column("shown", String(16), nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=True),
        Column("revoked_at", BigInteger, nullable=True),
    )
    op.create_table(
        "evidence",
        Column("id", Integer, primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("kind", String(64), nullable=False),
        Column("value", String(64), nullable=True),
        Column("source", String(64), nullable=False),
        Column("tier", Integer, nullable=False),
        Column("observed_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=True),
        Column("against_interest", Boolean, nullable=False),
        Column("commitment", String(64), nullable=True),
        Column("added_seq", BigInteger, nullable=False),
        Column("superseded_seq", BigInteger, nullable=True),
    )
    op.create_table(
        "labels",
        Column("id", Integer, primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("name", String(64), nullable=False),
        Column("source", String(64), nullable=False),
        Column("grantor", String(64), nullable=False),
        Column("granted_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=True),
        Column("removed_seq", BigInteger, nullable=True),
    )
    op.create_table(
        "history",
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("at", BigInteger, nullable=False),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("what", String(32), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("reason", String(500), nullable=False),
        Column("detail", Text, nullable=False),
    )
    _indexes()


def _indexes() -> None:
    op.create_index("ix_keys_account", "keys", ["account_id"])
    op.create_index("ix_accounts_parent", "accounts", ["parent_id"])
    op.create_index(
        "ix_evidence_current",
        "evidence",
        ["account_id", "superseded_seq", "kind", "value", "source", "tier", "expires_at"],
    )
    op.create_index("ix_labels_account", "labels", ["account_id", "removed_seq"])
    op.create_index("ix_history_account", "history", ["account_id", "seq"])
