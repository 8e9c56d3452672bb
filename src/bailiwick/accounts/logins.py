"""Who is logged in: a random token for each login, kept as its hash, for all consoles together."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, insert, or_, select, update

from bailiwick.accounts import schema
from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.engine import reading
from bailiwick.accounts.values import milliseconds

MOST: Final = 1000
NOTED: Final = 10
"""Use is noted when a tenth of the time has passed after which an unused login ends."""
_table = schema.logins


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who has logged in."""

    name: str
    mark: str
    """Of what the login rests on; see ``Logins.mark``."""


class Logins:
    """The logins of one installation. A restart of a console ends none."""

    def __init__(self, database: AccountDatabase, idle: timedelta, longest: timedelta) -> None:
        """``idle``: how long one may go unused; ``longest``: how long it lasts in any case."""
        self._database = database
        self._idle_ms = idle // timedelta(milliseconds=1)
        self._longest_ms = longest // timedelta(milliseconds=1)

    def mark(self, *rests_on: str) -> str:
        """Give a keyed digest of what a login rests on: another one, another login."""
        return self._database.digest("\n".join(rests_on))

    def begin(self, name: str, mark: str) -> str:
        """Log somebody in; returns the token, which nobody can show again."""
        token = secrets.token_urlsafe(32)
        row = {"token_hash": _hash(token), "name": name, "mark": mark}
        with self._database.automating("login") as change:
            most_recent = select(_table.c.token_hash).order_by(_table.c.used_at.desc())
            change.connection.execute(delete(_table).where(self._ended(change.at)))
            change.connection.execute(
                delete(_table).where(_table.c.token_hash.in_(most_recent.offset(MOST - 1)))
            )
            change.connection.execute(
                insert(_table).values(**row, began_at=change.at, used_at=change.at)
            )
        return token

    def find(self, token: str) -> Login | None:
        """Find who holds a token, and note that it was used."""
        now, this = milliseconds(self._database.now()), _table.c.token_hash == _hash(token)
        with reading(self._database.engine) as connection:
            row = connection.execute(select(_table).where(this & ~self._ended(now))).one_or_none()
        if row is None:
            return None
        if now - row.used_at > self._idle_ms // NOTED:
            with self._database.automating("login") as change:
                change.connection.execute(update(_table).where(this).values(used_at=now))
        return Login(row.name, row.mark)

    def end(self, token: str) -> None:
        """Log out."""
        with self._database.automating("login") as change:
            change.connection.execute(delete(_table).where(_table.c.token_hash == _hash(token)))

    def _ended(self, now: int) -> ColumnElement[bool]:
        return or_(
            _table.c.used_at < now - self._idle_ms, _table.c.began_at < now - self._longest_ms
        )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
