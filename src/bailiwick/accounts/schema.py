"""The tables, in SQL that SQLite and PostgreSQL both speak.

Times are whole milliseconds since 1970 (UTC): one type that both databases order alike. Nothing
here is ever deleted; what no longer holds is superseded, revoked or removed, by a sequence number
of ``history``. Only what is personal can be erased, and that stands in ``personal`` alone. What
passes by itself is no history: ``attempts`` and ``logins``.

``migrations`` has the steps that lead here from every earlier version.
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
    UniqueConstraint,
)

SCHEMA_VERSION = 7

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
    Column("latest_at", BigInteger, nullable=False),
)
"""``latest_at``: the latest time of any change, so that a clock set back revives nothing.

One row, incremented first in every writing transaction: its lock makes writers take turns, so
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
    Column("probation_until", BigInteger, nullable=True),
    sqlite_with_rowid=False,
)
"""Organisations and accounts; an organisation may belong to another. ``probation_until``: after a
suspension was lifted, automation only asks for reviews until then."""

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

attesters = Table(
    "attesters",
    metadata,
    Column("account_id", String(64), ForeignKey("accounts.id"), primary_key=True),
    Column("kid", String(64), primary_key=True),
    Column("algorithm", String(8), nullable=False),
    Column("key", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=True),
)
"""Public keys (PEM) that sign what an account or organisation says of its own users."""

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
    Column("account_id", String(64), ForeignKey("accounts.id"), nullable=True),
    Column("what", String(32), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("detail", Text, nullable=False),
)
"""One row for every change, the feed that gateways follow, and the outbox of the audit log.
``account_id`` NULL: it is about no account in particular. ``detail`` is JSON."""

transitions = Table(
    "transitions",
    metadata,
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
"""Every change of a status: the row of ``machine.TABLE``, by whom (``automation``, or one or two
people), for which reason, on which facts (JSON) and under which policy. ``cure_s``, ``then``: how
long the account has after the notice, and what follows."""

proposals = Table(
    "proposals",
    metadata,
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
"""Changes of status that wait for a second person. ``state``: open, approved or refused."""

cases = Table(
    "cases",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
    Column("queue", String(32), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("code", String(64), nullable=False),
    Column("finding", String(64), nullable=True),
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
"""Work for people. ``account_id``: the first account that it is about (``case_accounts`` has all).
``facts`` (JSON) is the evidence as it was when the case was opened, and what detectors saw since;
``look_by`` and ``decide_by`` are the service level; ``lapses_at``: when it closes as not proven by
itself. It ends with the last of its accounts, and what was decided then stands here."""

case_accounts = Table(
    "case_accounts",
    metadata,
    Column("case_id", String(40), ForeignKey("cases.id"), primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.id"), primary_key=True),
    Column("added_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("disposition", String(16), nullable=True),
    Column("decided_by", String(64), nullable=True),
    Column("decided_at", BigInteger, nullable=True),
    Column("decision_reason", String(500), nullable=True),
)
"""The accounts that a case is about: one, or all of a cluster. Each can be decided by itself."""

case_signs = Table(
    "case_signs",
    metadata,
    Column("case_id", String(40), ForeignKey("cases.id"), primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.id"), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("mute_s", BigInteger, nullable=True),
)
"""What a case holds against each of its accounts, and so what its decision mutes. ``mute_s``: for
how long; NULL: as the policy says."""

appeals = Table(
    "appeals",
    metadata,
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
"""One right to object for each adverse change: offered with its notice, then submitted, granted or
refused. ``token_hash``: SHA-256 of the token in the notice. ``text_id``: what was said, in
``personal``. ``round`` 2 is the one further look."""

notices = Table(
    "notices",
    metadata,
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
"""The outbox of notices. ``about``: what it is about, so that nothing is told twice. ``token``: the
appeal token, only until the notice has left."""

personal = Table(
    "personal",
    metadata,
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
"""Raw personal values: what evidence commits to, contacts, words of appeals. Erasing sets salt and
value to NULL; the commitment stays, and what was committed to cannot be guessed any more."""

mutes = Table(
    "mutes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("until_at", BigInteger, nullable=False),
    Column("by", String(64), nullable=False),
    Column("seq", BigInteger, nullable=False),
)
"""What a person has judged: the same of the same account is not raised again (``mutes``)."""

confirmations = Table(
    "confirmations",
    metadata,
    Column("revision", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("by", String(64), nullable=False),
    Column("affected", Integer, nullable=False),
)
"""Policies whose effect on accounts a person has seen and agreed to."""

work = Table(
    "work",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("revision", String(64), nullable=True),
    Column("at", BigInteger, nullable=True),
    Column("holder", String(80), nullable=True),
    Column("until_at", BigInteger, nullable=True),
    Column("claimed", BigInteger, nullable=True),
    Column("problem", String(500), nullable=True),
)
"""How far each kind of background work is, and who does it now: ``sweep`` and ``relay``.
``claimed``: up to which sequence the holder has begun to work, and not said yet that it is done."""

source_events = Table(
    "source_events",
    metadata,
    Column("sender", String(32), primary_key=True),
    Column("id", String(100), primary_key=True),
    Column("type", String(100), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=False),
)
"""Every event that a source has sent, so that none counts twice. ``outcome``: ``applied``,
``older`` than what is known of its object, ``waiting`` for a link to an account, or ``ignored``."""

source_objects = Table(
    "source_objects",
    metadata,
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
"""What the event that was created last says of an object (JSON: kinds, places, tiers; nothing
personal). ``owner``: the customer at the source. ``account_id``: the account that the object names
itself. ``written``, ``written_event``, ``written_to``: what
of it has become evidence, from which event, and of which account."""

source_links = Table(
    "source_links",
    metadata,
    Column("sender", String(32), primary_key=True),
    Column("owner", String(100), primary_key=True),
    Column("account_id", String(64), ForeignKey("accounts.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("event_id", String(100), nullable=False),
)
"""Which account a customer of a source is. ``event_id``: the event that said so, or empty for a
person's word, which no event changes."""

source_traces = Table(
    "source_traces",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("sender", String(32), primary_key=True),
    Column("object", String(150), primary_key=True),
    Column("kind", String(16), nullable=False),
)
"""What may link accounts (the same card): a keyed digest of it, and the object that has it."""

Index("ix_keys_account", keys.c.account_id)
Index("ix_accounts_parent", accounts.c.parent_id)
Index(  # holds all that a gateway loads, so that it reads nothing else
    "ix_evidence_current",
    *(evidence.c.account_id, evidence.c.superseded_seq, evidence.c.kind, evidence.c.value),
    *(evidence.c.source, evidence.c.tier, evidence.c.expires_at),
)
Index("ix_labels_account", labels.c.account_id, labels.c.removed_seq)
Index("ix_history_account", history.c.account_id, history.c.seq)
Index("ix_evidence_expiry", evidence.c.expires_at)
Index("ix_accounts_status", accounts.c.status)
Index("ix_transitions_account", transitions.c.account_id, transitions.c.seq)
Index("ix_transitions_at", transitions.c.at)
Index("ix_proposals_state", proposals.c.state, proposals.c.account_id)
Index("ix_cases_state", cases.c.state, cases.c.queue, cases.c.priority)
Index("ix_cases_account", cases.c.account_id)
Index("ix_case_accounts_account", case_accounts.c.account_id, case_accounts.c.state)
Index("ix_appeals_account", appeals.c.account_id)
Index("ix_notices_due", notices.c.sent_at, notices.c.next_at)
Index("ix_personal_account", personal.c.account_id, personal.c.kind)
Index("ix_mutes_account", mutes.c.account_id)
Index("ix_source_objects_owner", source_objects.c.sender, source_objects.c.owner)
Index("ix_source_events_received", source_events.c.received_at)

orders = Table(
    "orders",
    metadata,
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
"""Emergency orders. The lists are JSON; ``until_at``: it ends by itself then, which most do not."""

exemptions = Table(
    "exemptions",
    metadata,
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
"""Approvals of a policy's exempt rules: two people, dates, and how often one was used. Once ended
(revoked, or over) one never counts again, whatever a clock says."""

attempts = Table(
    "attempts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("until_at", BigInteger, nullable=False),
)
"""How often something was tried by somebody. ``name``: a keyed digest of both."""

logins = Table(
    "logins",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("mark", String(64), nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
)
"""Who is logged in at a console. ``token_hash``: SHA-256 of the token. ``mark``: a keyed digest of
the name, the role and the password's hash; a login ends when one of them changes."""
