"""One at a time: whoever holds the lease does the background work of an installation.

Losing it costs nothing but time: every change reads what it rests on anew, in its own transaction.
"""

from datetime import timedelta

from sqlalchemy import insert, or_, select, update

from bailiwick.accounts import schema
from bailiwick.accounts.database import AccountDatabase

LEASE = "leader"
LASTS = timedelta(seconds=30)


def hold_lease(database: AccountDatabase, holder: str) -> bool:
    """Take the lease, or keep it; whether it is ours for the next half minute."""
    table = schema.work
    with database.automating("lease") as change:
        until = change.at + LASTS // timedelta(milliseconds=1)
        if not change.connection.execute(select(table).where(table.c.name == LEASE)).first():
            change.connection.execute(insert(table).values(name=LEASE, sequence=0))
        taken = change.connection.execute(
            update(table)
            .where(
                (table.c.name == LEASE)
                & or_(
                    table.c.holder.is_(None),
                    table.c.holder == holder,
                    table.c.until_at <= change.at,
                )
            )
            .values(holder=holder, until_at=until)
        )
        return bool(taken.rowcount)


def drop_lease(database: AccountDatabase, holder: str) -> None:
    """Let somebody else go on at once."""
    table = schema.work
    with database.automating("lease") as change:
        change.connection.execute(
            update(table)
            .where((table.c.name == LEASE) & (table.c.holder == holder))
            .values(holder=None, until_at=None)
        )
