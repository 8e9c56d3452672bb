"""Version 2: the status machine, cases, appeals, notices, and what is personal."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Add the tables, and let history tell of what concerns no account in particular."""
    op.add_column("accounts", Column("probation_until", BigInteger, nullable=True))
    with op.batch_alter_table("history") as history:
        history.alter_column("account_id", existing_type=String(64), nullable=True)
    op.create_table(
        "transitions",
        Column("seq", BigInteger, ForeignKey("history.seq"), primary_key=True, autoincrement=False),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("number", Integer, nullable=False),
        Column("source", String(16), nullable=False),
        Column("target", String(16), nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("by", String(64), nullable=False),
        Column("second", String(64), nullable=True),
        Column("code", String(64), nullable=False),
        Column("finding", String(64), nullable=True),
        Column("fingerprint", String(64), nullable=True),
        Column("facts", Text, nullable=False),
        Column("revision", String(64), nullable=True),
        Column("cure_s", BigInteger, nullable=True),
        Column("then", String(16), nullable=True),
        Column("notice_id", String(40), nullable=True),
        Column("case_id", String(40), nullable=True),
    )
    op.create_table(
        "proposals",
        Column("id", String(40), primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("source", String(16), nullable=False),
        Column("target", String(16), nullable=False),
        Column("code", String(64), nullable=False),
        Column("reason", String(500), nullable=False),
        Column("proposed_by", String(64), nullable=False),
        Column("proposed_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("case_id", String(40), nullable=True),
        Column("state", String(16), nullable=False),
        Column("decided_by", String(64), nullable=True),
        Column("decided_at", BigInteger, nullable=True),
    )
    op.create_table(
        "cases",
        Column("id", String(40), primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("queue", String(32), nullable=False),
        Column("priority", Integer, nullable=False),
        Column("code", String(64), nullable=False),
        Column("finding", String(64), nullable=True),
        Column("fingerprint", String(64), nullable=True),
        Column("facts", Text, nullable=False),
        Column("revision", String(64), nullable=True),
        Column("opened_at", BigInteger, nullable=False),
        Column("opened_by", String(64), nullable=False),
        Column("look_by", BigInteger, nullable=True),
        Column("decide_by", BigInteger, nullable=False),
        Column("lapses_at", BigInteger, nullable=True),
        Column("extended_by", String(64), nullable=True),
        Column("breached_at", BigInteger, nullable=True),
        Column("assignee", String(64), nullable=True),
        Column("looked_at", BigInteger, nullable=True),
        Column("state", String(16), nullable=False),
        Column("disposition", String(16), nullable=True),
        Column("decided_by", String(64), nullable=True),
        Column("decided_at", BigInteger, nullable=True),
        Column("decision_reason", String(500), nullable=True),
    )
    op.create_table(
        "appeals",
        Column("id", String(40), primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("token_hash", LargeBinary(32), nullable=False, unique=True),
        Column("transition_seq", BigInteger, nullable=False),
        Column("round", Integer, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("state", String(16), nullable=False),
        Column("submitted_at", BigInteger, nullable=True),
        Column("text_id", String(40), nullable=True),
        Column("case_id", String(40), nullable=True),
        Column("decided_at", BigInteger, nullable=True),
        Column("decided_by", String(64), nullable=True),
        Column("answer", Text, nullable=True),
    )
    op.create_table(
        "notices",
        Column("id", String(40), primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("kind", String(32), nullable=False),
        Column("about", String(80), nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("subject", String(200), nullable=False),
        Column("body", Text, nullable=False),
        Column("token", String(64), nullable=True),
        Column("attempts", Integer, nullable=False),
        Column("next_at", BigInteger, nullable=False),
        Column("sent_at", BigInteger, nullable=True),
        Column("sent_by", String(16), nullable=True),
        Column("error", String(500), nullable=True),
        UniqueConstraint("account_id", "about", name="uq_notices_about"),
    )
    op.create_table(
        "personal",
        Column("id", String(40), primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("kind", String(64), nullable=False),
        Column("commitment", String(64), nullable=False),
        Column("salt", LargeBinary(32), nullable=True),
        Column("value", Text, nullable=True),
        Column("added_at", BigInteger, nullable=False),
        Column("replaced_seq", BigInteger, nullable=True),
        Column("erased_at", BigInteger, nullable=True),
    )
    op.create_table(
        "mutes",
        Column("id", Integer, primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
        Column("fingerprint", String(64), nullable=False),
        Column("until_at", BigInteger, nullable=False),
        Column("by", String(64), nullable=False),
        Column("seq", BigInteger, nullable=False),
    )
    op.create_table(
        "confirmations",
        Column("revision", String(64), primary_key=True),
        Column("at", BigInteger, nullable=False),
        Column("by", String(64), nullable=False),
        Column("affected", Integer, nullable=False),
    )
    op.create_table(
        "work",
        Column("name", String(32), primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        Column("revision", String(64), nullable=True),
        Column("at", BigInteger, nullable=True),
        Column("holder", String(80), nullable=True),
        Column("until_at", BigInteger, nullable=True),
        Column("claimed", BigInteger, nullable=True),
        Column("problem", String(500), nullable=True),
    )
    _indexes()


def _indexes() -> None:
    op.create_index("ix_evidence_expiry", "evidence", ["expires_at"])
    op.create_index("ix_accounts_status", "accounts", ["status"])
    op.create_index("ix_transitions_account", "transitions", ["account_id", "seq"])
    op.create_index("ix_transitions_at", "transitions", ["at"])
    op.create_index("ix_proposals_state", "proposals", ["state", "account_id"])
    op.create_index("ix_cases_state", "cases", ["state", "queue", "priority"])
    op.create_index("ix_cases_account", "cases", ["account_id"])
    op.create_index("ix_appeals_account", "appeals", ["account_id"])
    op.create_index("ix_notices_due", "notices", ["sent_at", "next_at"])
    op.create_index("ix_personal_account", "personal", ["account_id", "kind"])
    op.create_index("ix_mutes_account", "mutes", ["account_id"])
