"""What accounts have in common, and what they declared as their own, for detectors.

Nothing of it names a card, a payer or an address: only that two accounts have the same.
"""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import Connection, and_, func, select

from bailiwick.accounts import schema
from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.engine import reading
from bailiwick.accounts.values import OWN_NETWORK, milliseconds


def common_links(database: AccountDatabase) -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Give, by kind and keyed digest, the accounts that share what the digest stands for."""
    trace, thing, link = schema.source_traces, schema.source_objects, schema.source_links
    owner = func.coalesce(link.c.account_id, thing.c.account_id)
    query = (
        select(trace.c.kind, trace.c.digest, owner)
        .join(thing, and_(thing.c.sender == trace.c.sender, thing.c.object == trace.c.object))
        .outerjoin(link, and_(link.c.sender == thing.c.sender, link.c.owner == thing.c.owner))
        .where(owner.is_not(None))
    )
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    with reading(database.engine) as connection:
        for kind, digest, account in connection.execute(query):
            found[kind][digest].add(account)
    return {
        kind: {digest: frozenset(some) for digest, some in links.items() if len(some) > 1}
        for kind, links in found.items()
    }


def declared_networks(database: AccountDatabase) -> Mapping[str, tuple[str, ...]]:
    """Give the networks that accounts declared as their own (CIDR), with their organisation's."""
    item = schema.evidence
    now = milliseconds(database.now())
    query = select(item.c.account_id, item.c.value).where(
        (item.c.kind == OWN_NETWORK)
        & item.c.superseded_seq.is_(None)
        & item.c.value.is_not(None)
        & (item.c.expires_at.is_(None) | (item.c.expires_at > now))
    )
    with reading(database.engine) as connection:
        own: dict[str, set[str]] = defaultdict(set)
        for account, network in connection.execute(query):
            own[account].add(network)
        if not own:
            return {}
        parents = _parents(connection)
    every = {
        one: set().union(*(own.get(up, set()) for up in _chain(one, parents))) for one in parents
    }
    return {account: tuple(sorted(some)) for account, some in every.items() if some}


def topmost_organisations(database: AccountDatabase) -> Mapping[str, str]:
    """Give the topmost organisation of every account that has one."""
    with reading(database.engine) as connection:
        parents = _parents(connection)
    return {one: _chain(one, parents)[-1] for one, parent in parents.items() if parent}


def _parents(connection: Connection) -> Mapping[str, str | None]:
    table = schema.accounts
    rows = connection.execute(select(table.c.id, table.c.parent_id)).all()
    return {row.id: row.parent_id for row in rows}


def _chain(account: str, parents: Mapping[str, str | None]) -> list[str]:
    found = [account]
    while (parent := parents[found[-1]]) is not None:
        found.append(parent)
    return found
