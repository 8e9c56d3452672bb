"""Two people who change statuses, as the domain demands, for tests about something else."""

from functools import cache

from bailiwick.accounts import AccountDatabase, Desk, Moved
from bailiwick.catalog import Catalog, load_catalog
from bailiwick.documents import parse_document
from bailiwick.policy import Policy, read_policy

CATALOG = """
catalog: 1
defaults: {source: made up for tests, as_of: 2026-01-01}
providers:
  pa: {country: XA}
models:
  pa/frontier: {family: frontier, openness: restricted}
  pa/small: {family: small, openness: open}
"""
POLICY = """
bailiwick: 1
name: tested
places:
  home: {include: [US], territories: inherit}
models:
  frontier: {ids: [pa/frontier]}
  open: {openness: [open], controlled: false}
rules:
  - {id: everybody, permit: open}
  - {id: frontier-at-home, permit: frontier, where: {billing: home, registered: home, card: [home, unknown]}}
accounts:
  outside: {of: frontier-at-home, then: restrict, cure: 72h, next: suspend}
...
"""
FIRST, SECOND, THIRD = "ann", "bob", "cid"


@cache
def catalog() -> Catalog:
    return load_catalog([parse_document(CATALOG, "models.yaml")])


def policy(text: str = POLICY) -> Policy:
    return read_policy(text, "policy.yaml", catalog())


def desk(database: AccountDatabase, text: str = POLICY) -> Desk:
    return Desk(database, policy(text), appeal_link="https://gate.example/appeal/{token}")


def suspend(database: AccountDatabase, account: str, code: str = "terms.breach") -> Moved:
    """Two people suspend an account."""
    made = desk(database)
    asked = made.request_status(account, "suspended", by=FIRST, code=code, reason="a test")
    assert asked.proposal is not None
    return made.approve(asked.proposal, by=SECOND)


def close(database: AccountDatabase, account: str) -> Moved:
    return desk(database).request_status(
        account, "closed", by=FIRST, code="customer.closed", reason="a test"
    )
