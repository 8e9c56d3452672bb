"""What is personal: kept apart from evidence, history and the audit log, and erasable.

Elsewhere stands only a commitment, SHA-256 over a random salt and the value. Once both are erased
nobody can tell what was committed to, and every chain that holds the commitment stays whole.
"""

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from bailiwick.accounts import schema
from bailiwick.accounts.change import Change

CONTACT = "contact"
"""Kind of the e-mail address that notices go to."""

_table = schema.personal


def commitment(salt: bytes, value: str) -> str:
    """Commit to a value: hex SHA-256."""
    return hashlib.sha256(salt + value.encode()).hexdigest()


def keep_personal(change: Change, account: str, kind: str, value: str) -> str:
    """Keep a raw value; returns the commitment to it."""
    return _keep(change, account, kind, value)[1]


def keep_both(change: Change, account: str, kind: str, value: str) -> tuple[str, str]:
    """Keep a value; returns the id under which it is found, and the commitment to it."""
    return _keep(change, account, kind, value)


def keep_words(change: Change, account: str, kind: str, value: str) -> str:
    """Keep what somebody wrote; returns the id under which it is found."""
    return _keep(change, account, kind, value)[0]


def _keep(change: Change, account: str, kind: str, value: str) -> tuple[str, str]:
    salt, identity = secrets.token_bytes(32), f"per_{secrets.token_hex(12)}"
    row = {
        "id": identity,
        "account_id": account,
        "kind": kind,
        "commitment": commitment(salt, value),
        "salt": salt,
        "value": value,
        "added_at": change.at,
    }
    change.connection.execute(insert(_table).values(row))
    return identity, row["commitment"]  # type: ignore[return-value]  # the row mixes types


def replace_contact(change: Change, account: str, value: str, seq: int) -> None:
    """Make ``value`` the account's contact; an earlier one is erased."""
    _erase(change, (_table.c.account_id == account) & (_table.c.kind == CONTACT))
    change.connection.execute(
        update(_table)
        .where((_table.c.account_id == account) & (_table.c.kind == CONTACT))
        .values(replaced_seq=seq)
    )
    _keep(change, account, CONTACT, value)


def erase(change: Change, account: str) -> int:
    """Erase everything personal of an account; returns how many values that were."""
    return _erase(change, _table.c.account_id == account)


def _erase(change: Change, which: object) -> int:
    done = change.connection.execute(
        update(_table)
        .where(which & _table.c.value.is_not(None))  # type: ignore[operator]  # a column's condition
        .values(value=None, salt=None, erased_at=change.at)
    )
    return int(done.rowcount)


def read_words(connection: Connection, identity: str | None) -> str | None:
    """Read what was kept under an id; ``None``: nothing, or it was erased."""
    if identity is None:
        return None
    found = connection.execute(select(_table.c.value).where(_table.c.id == identity))
    return found.scalar_one_or_none()


def read_contact(connection: Connection, accounts: Sequence[str]) -> str | None:
    """Read the contact of the first of ``accounts`` that has one."""
    rows = connection.execute(
        select(_table.c.account_id, _table.c.value).where(
            _table.c.account_id.in_(accounts)
            & (_table.c.kind == CONTACT)
            & _table.c.value.is_not(None)
        )
    )
    found = {account: str(value) for account, value in rows}
    return next((found[account] for account in accounts if account in found), None)
