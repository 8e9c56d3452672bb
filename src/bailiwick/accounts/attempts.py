"""How often somebody has tried: counted in the database, so that processes share it and none of
them forgets it when it starts again.

What was tried, and by whom, is kept as a keyed digest, and only as long as it counts.
"""

from datetime import timedelta

from sqlalchemy import delete, insert, select, update

from bailiwick.accounts import schema
from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.engine import reading
from bailiwick.accounts.values import milliseconds

_table = schema.attempts


class Attempts:
    """Counts attempts, from the first one on for as long as the caller says."""

    def __init__(self, database: AccountDatabase) -> None:
        self._database = database

    def admit(self, what: str, who: str, most: int, within: timedelta) -> bool:
        """Count an attempt; whether it is one of the first ``most`` since it began."""
        name = self._name(what, who)
        if self._count(name) >= most:
            return False  # without a turn among the writers: that is for those who may
        with self._database.automating("attempts") as change:
            change.connection.execute(delete(_table).where(_table.c.until_at <= change.at))
            count = change.connection.execute(
                update(_table)
                .where(_table.c.name == name)
                .values(count=_table.c.count + 1)
                .returning(_table.c.count)
            ).scalar_one_or_none()
            if count is None:
                until = change.at + within // timedelta(milliseconds=1)
                row = insert(_table).values(name=name, count=1, until_at=until)
                change.connection.execute(row)
            return (count or 1) <= most

    def forget(self, what: str, who: str) -> None:
        """Begin anew."""
        with self._database.automating("attempts") as change:
            change.connection.execute(delete(_table).where(_table.c.name == self._name(what, who)))

    def _count(self, name: str) -> int:
        now = milliseconds(self._database.now())
        query = select(_table.c.count).where((_table.c.name == name) & (_table.c.until_at > now))
        with reading(self._database.engine) as connection:
            return int(connection.execute(query).scalar_one_or_none() or 0)

    def _name(self, what: str, who: str) -> str:
        return self._database.digest(f"{what}\n{who}")
