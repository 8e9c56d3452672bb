"""The tables, in SQL that SQLite and PostgreSQL both speak.

Times are whole milliseconds since 1970 (UTC): one type that both databases order alike. Nothing
here is ever deleted; what no longer holds is superseded, revoked or removed, by a sequence number
of ``history``.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 1

metadata = MetaData()

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("instance", String(32), nullable=False),
    Column("secret_check", LargeBinary, nullable=False),
)
"""One row. ``instance``: random, so that a follower notices a database that was replaced.
``secret_check``: tells whether a key secret is the one that made the digests."""

counter = Table(
    "counter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
)
"""One row, incremented first in every writing transaction: its lock makes writers take turns, so
sequence numbers become visible in order and a follower cannot skip one."""

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(200), nullable=False),
    Column("parent_id", String(64), ForeignKey("accounts.id"), nullable=True),
    Column("status", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Organisations and accounts; an organisation may belong to another."""

keys = Table(
    "keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("shown", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=True),
    Column("revoked_at", BigInteger, nullable=True),
)
"""``digest``: HMAC-SHA256 of the whole key. ``shown``: its first characters, to tell keys apart."""

evidence = Table(
    "evidence",
    metadata,
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
"""What a source said of an account. ``value`` NULL: the source says that it no longer knows.
``commitment``: hex SHA-256 over a salted raw value that is kept elsewhere, or NULL."""

labels = Table(
    "labels",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("grantor", String(64), nullable=False),
    Column("granted_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=True),
    Column("removed_seq", BigInteger, nullable=True),
)

history = Table(
    "history",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
    Column("what", String(32), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("detail", Text, nullable=False),
)
"""One row for every change, and the feed that gateways follow. ``detail`` is JSON."""

Index("ix_keys_account", keys.c.account_id)
Index("ix_accounts_parent", accounts.c.parent_id)
Index(  # holds all that a gateway loads, so that it reads nothing else
    "ix_evidence_current",
    *(evidence.c.account_id, evidence.c.superseded_seq, evidence.c.kind, evidence.c.value),
    *(evidence.c.source, evidence.c.tier, evidence.c.expires_at),
)
Index("ix_labels_account", labels.c.account_id, labels.c.removed_seq)
Index("ix_history_account", history.c.account_id, history.c.seq)
