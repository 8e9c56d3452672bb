"""Writing: every change is one transaction with its history row and its place in the sequence.

What a person gives wrongly is refused before anything is written. Nothing is deleted: evidence is
superseded by a newer statement of its own source, labels are removed, keys are revoked, and the
history says by whom and why.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from bailiwick.accounts import attesters, personal, schema
from bailiwick.accounts.change import Batch, Change
from bailiwick.accounts.engine import AccountsUnavailable, make_engine, reading, writing
from bailiwick.accounts.keys import SHOWN, KeySecret, NewKey, key_id, new_raw_key
from bailiwick.accounts.machine import FIRST_STATUSES
from bailiwick.accounts.opening import check_schema, prepare
from bailiwick.accounts.values import AUTOMATION, Checks, milliseconds
from bailiwick.errors import InvalidInput

KINDS = ("account", "organisation")
MAX_LEVELS = 8
"""Longest chain from an account to its topmost organisation."""


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


class AccountDatabase:
    """The accounts, for those who administer them."""

    def __init__(
        self, engine: Engine, secret: KeySecret, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._engine = engine
        self._secret = secret
        self._clock = clock
        self.authenticated: str | None = None
        """What shows that people are who they say; every history row of theirs has it."""

    @classmethod
    def open(
        cls,
        url: str,
        secret_file: Path,
        *,
        create: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ) -> "AccountDatabase":
        """Connect; with ``create`` make the file, the tables and the secret where they are missing.

        Raises ``AccountsUnavailable`` for a database that is missing, of another version or made
        with another secret.
        """
        if create:
            prepare(url, secret_file)
        engine = make_engine(url)
        secret = KeySecret.load(secret_file)
        try:
            with reading(engine) as connection:
                check_schema(connection, engine, secret)
        except AccountsUnavailable:
            engine.dispose()
            raise
        return cls(engine, secret, clock)

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    @property
    def engine(self) -> Engine:
        """The connections, for reading."""
        return self._engine

    def digest(self, text: str) -> str:
        """Give a keyed digest under this installation's secret: equal texts have equal ones."""
        return self._secret.digest(text).hex()

    def now(self) -> datetime:
        """Ask this database's clock."""
        return self._clock()

    def add_account(
        self,
        name: str,
        *,
        actor: str,
        reason: str,
        id: str | None = None,  # noqa: A002 - the column's name
        kind: str = "account",
        parent: str | None = None,
        status: str = "active",
    ) -> str:
        """Add an account or an organisation; returns its id."""
        identity = f"acct_{secrets.token_hex(8)}" if id is None else id
        checks = Checks()
        name = checks.words("the name", name, 200)
        checks.name("the id", identity)
        if checks.status(status) and status not in FIRST_STATUSES:
            checks.report(
                f"a new account cannot be {status}", f"it is one of: {', '.join(FIRST_STATUSES)}"
            )
        if kind not in KINDS:
            checks.report(f"unknown kind of account `{kind}`", f"kinds: {', '.join(KINDS)}")
        row = {"id": identity, "kind": kind, "name": name, "parent_id": parent, "status": status}
        with self.changing(actor, reason, checks) as change:
            self._refuse_taken(change.connection, identity)
            if parent is not None:
                _check_parent(change.connection, parent)
            change.connection.execute(insert(schema.accounts).values(**row, created_at=change.at))
            change.record(identity, "account.added", row)
        return identity

    def add_key(
        self, account: str, *, actor: str, reason: str, expires_at: datetime | None = None
    ) -> NewKey:
        """Make a key for an account. This is the only time that anybody sees it."""
        checks = Checks()
        expires = checks.expiry(expires_at, self._clock())
        raw = new_raw_key()
        digest = self._secret.digest(raw)
        row = {"id": key_id(digest), "shown": raw[:SHOWN], "expires_at": expires}
        with self.changing(actor, reason, checks) as change:
            owner = find_account(change.connection, account)
            if owner.kind != "account":
                raise InvalidInput.of(
                    f"`{account}` is an organisation, and only an account has keys",
                    f"add one under it: bailiwick accounts add NAME --parent {account}",
                )
            change.connection.execute(
                insert(schema.keys).values(
                    **row, account_id=account, digest=digest, created_at=change.at
                )
            )
            change.record(account, "key.added", row)
        return NewKey(row["id"], account, raw)  # type: ignore[arg-type]  # the row mixes types

    def revoke_key(self, key: str, *, actor: str, reason: str) -> None:
        """Make a key worthless, for good."""
        table = schema.keys
        with self.changing(actor, reason) as change:
            row = change.connection.execute(select(table).where(table.c.id == key)).one_or_none()
            if row is None:
                raise InvalidInput.of(
                    f"no key has the id `{key}`",
                    "give its id (key_...), which `bailiwick accounts show ACCOUNT` lists",
                )
            if row.revoked_at is not None:
                raise InvalidInput.of(f"the key `{key}` is revoked already")
            change.connection.execute(
                update(table).where(table.c.id == key).values(revoked_at=change.at)
            )
            change.record(row.account_id, "key.revoked", {"id": key})

    def add_attester(
        self, account: str, key: str, *, actor: str, reason: str, kid: str | None = None
    ) -> str:
        """Let a public key (PEM or JWK) attest for an account or organisation; returns its name."""
        found = attesters.read_key(key, kid)
        checks = Checks()
        checks.name("the name of the key", found.kid)
        with self.changing(actor, reason, checks) as change:
            find_account(change.connection, account)
            attesters.add(change, account, found)
        return found.kid

    def end_attester(self, account: str, kid: str, *, actor: str, reason: str) -> None:
        """Let a key attest no more, for good."""
        with self.changing(actor, reason) as change:
            find_account(change.connection, account)
            attesters.end(change, account, kid)

    def set_evidence(
        self,
        account: str,
        kind: str,
        values: Sequence[str],
        *,
        actor: str,
        reason: str,
        source: str = "operator",
        tier: str = "T3",
        observed_at: datetime | None = None,
        expires_at: datetime | None = None,
        against_interest: bool = False,
        commitment: str | None = None,
        raw: str | None = None,
    ) -> None:
        """Write down what a source says of one kind; several values are several candidates.

        It supersedes what the same source said before, unless that was observed later. No values
        at all: the source no longer says anything. ``raw`` is what the source said word for word:
        it is kept apart and can be erased, and ``commitment`` is made from it.
        """
        checks = Checks()
        checks.kind(kind)
        checks.name("the source", source)
        observed = checks.observed(observed_at, self._clock())
        known = sorted({checks.value(kind, value) for value in checks.few(f"`{kind}`", values)})
        row = {
            "kind": kind,
            "source": source,
            "tier": checks.tier(tier),
            "observed_at": milliseconds(observed),
            "expires_at": checks.expiry(expires_at, observed),
            "against_interest": against_interest,
            "commitment": checks.commitment(commitment),
        }
        if raw is not None and commitment is not None:
            checks.report("there is a commitment and a raw value", "give one of them")
        with self.changing(actor, reason, checks) as change:
            find_account(change.connection, account)
            if raw is not None:
                row["commitment"] = personal.keep_personal(change, account, kind, raw)
            seq = change.record(account, "evidence.set", {**row, "values": known})
            late = _supersede(change.connection, account, row, seq)
            row |= {"added_seq": seq, "superseded_seq": seq if late else None}
            rows = [{**row, "account_id": account, "value": value} for value in known or (None,)]
            change.connection.execute(insert(schema.evidence), rows)

    def set_label(
        self,
        account: str,
        label: str,
        *,
        actor: str,
        reason: str,
        source: str = "operator",
        expires_at: datetime | None = None,
    ) -> None:
        """Grant a label; the actor is its grantor. An earlier grant of it is replaced."""
        checks = Checks()
        checks.name("the label", label)
        checks.name("the source", source)
        expires = checks.expiry(expires_at, self._clock())
        row = {"name": label, "source": source, "grantor": actor, "expires_at": expires}
        with self.changing(actor, reason, checks) as change:
            find_account(change.connection, account)
            seq = change.record(account, "label.set", row)
            _remove_label(change.connection, account, label, seq)
            change.connection.execute(
                insert(schema.labels).values(**row, account_id=account, granted_at=change.at)
            )

    def set_contact(self, account: str, contact: str, *, actor: str, reason: str) -> None:
        """Say to which e-mail address notices to the account go."""
        checks = Checks()
        checks.contact(contact)
        with self.changing(actor, reason, checks) as change:
            find_account(change.connection, account)
            seq = change.record(account, "contact.set", {})
            personal.replace_contact(change, account, contact, seq)

    def erase_personal(self, account: str, *, actor: str, reason: str) -> int:
        """Erase all raw personal values of an account; returns how many there were.

        Evidence, history and the audit log stay: they only hold commitments.
        """
        with self.changing(actor, reason) as change:
            find_account(change.connection, account)
            erased = personal.erase(change, account)
            change.record(account, "personal.erased", {"values": erased})
        return erased

    def remove_label(self, account: str, label: str, *, actor: str, reason: str) -> None:
        """Take a label away."""
        with self.changing(actor, reason) as change:
            find_account(change.connection, account)
            seq = change.record(account, "label.removed", {"name": label})
            if not _remove_label(change.connection, account, label, seq):
                raise InvalidInput.of(f"the account `{account}` has no label `{label}`")

    @contextmanager
    def changing(self, actor: str, reason: str, checks: Checks | None = None) -> Iterator[Change]:
        """Begin a transaction of a person; nothing is written if anything in it is refused."""
        checks = checks or Checks()
        checks.person(actor)
        reason = checks.words("the reason", reason, 500)
        checks.finish()
        with writing(self._engine) as connection:
            now = milliseconds(self._clock())
            yield Change(connection, now, actor, reason, self.authenticated)

    @contextmanager
    def automating(self, reason: str) -> Iterator[Change]:
        """Begin a transaction of automation."""
        with writing(self._engine) as connection:
            yield Change(connection, milliseconds(self._clock()), AUTOMATION, reason)

    @contextmanager
    def batching(self, reason: str) -> Iterator[Batch]:
        """Begin a transaction of automation that changes many accounts at once."""
        with self.automating(reason) as change:
            batch = Batch.of(change)
            yield batch
            batch.finish()

    def _refuse_taken(self, connection: Connection, identity: str) -> None:
        table = schema.accounts
        if connection.execute(select(table.c.id).where(table.c.id == identity)).first():
            raise InvalidInput.of(f"an account with the id `{identity}` exists already")


def find_account(connection: Connection, identity: str) -> Row[Any]:
    """Read an account's row; refuse an id that nobody has."""
    table = schema.accounts
    row = connection.execute(select(table).where(table.c.id == identity)).one_or_none()
    if row is None:
        raise InvalidInput.of(
            f"no account has the id `{identity[:80]}`", "`bailiwick accounts show` lists them"
        )
    return row


def _check_parent(connection: Connection, parent: str) -> None:
    """Refuse a parent that is no organisation or too deep. Parents never change: no cycles."""
    row = find_account(connection, parent)
    if row.kind != "organisation":
        raise InvalidInput.of(f"the parent `{parent}` is not an organisation")
    levels = 2
    while row.parent_id is not None:
        row = find_account(connection, row.parent_id)
        levels += 1
    if levels > MAX_LEVELS:
        raise InvalidInput.of(
            f"`{parent}` is {levels - 1} levels deep already, the most there can be"
        )


def _supersede(connection: Connection, account: str, row: Mapping[str, object], seq: int) -> bool:
    """Retire what the source said before; whether something newer stands and the row is late."""
    table = schema.evidence
    same = (
        (table.c.account_id == account)
        & (table.c.kind == row["kind"])
        & (table.c.source == row["source"])
        & table.c.superseded_seq.is_(None)
    )
    newer = select(table.c.id).where(same & (table.c.observed_at > row["observed_at"]))
    if connection.execute(newer).first():
        return True
    connection.execute(update(table).where(same).values(superseded_seq=seq))
    return False


def _remove_label(connection: Connection, account: str, label: str, seq: int) -> bool:
    table = schema.labels
    result = connection.execute(
        update(table)
        .where(
            (table.c.account_id == account)
            & (table.c.name == label)
            & table.c.removed_seq.is_(None)
        )
        .values(removed_seq=seq)
    )
    return bool(result.rowcount)
