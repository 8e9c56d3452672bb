"""Version 5: a case can be about several accounts, and keeps every sign that it is about."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, String

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """Add the tables, and fill them with the one account and sign that each case had."""
    op.create_table(
        "case_accounts",
        Column("case_id", String(40), ForeignKey("cases.id"), primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), primary_key=True),
        Column("added_at", BigInteger, nullable=False),
        Column("state", String(16), nullable=False),
        Column("disposition", String(16), nullable=True),
        Column("decided_by", String(64), nullable=True),
        Column("decided_at", BigInteger, nullable=True),
        Column("decision_reason", String(500), nullable=True),
    )
    op.create_index("ix_case_accounts_account", "case_accounts", ["account_id", "state"])
    op.create_table(
        "case_signs",
        Column("case_id", String(40), ForeignKey("cases.id"), primary_key=True),
        Column("account_id", String(64), ForeignKey("accounts.id"), primary_key=True),
        Column("fingerprint", String(64), primary_key=True),
        Column("mute_s", BigInteger, nullable=True),
    )
    op.execute(
        "INSERT INTO case_accounts SELECT id, account_id, opened_at, state, disposition, "
        "decided_by, decided_at, decision_reason FROM cases"
    )
    op.execute(
        "INSERT INTO case_signs SELECT id, account_id, fingerprint, NULL FROM cases "
        "WHERE fingerprint IS NOT NULL"
    )
    op.drop_column("cases", "fingerprint")
