"""What a person has judged of an account is not raised again: one rule, wherever a sign comes from.

A sign names what was seen: evidence by its code and values, use by the detector's code, and a
cluster by each kind of link. It says nothing of keys, rules, amounts or other accounts, so the same
seen anew is the same sign. A case holds every sign that was brought against each of its accounts.

- Decided in favour of an account, by whatever path: each of them is muted for its time.
- Decided otherwise: what was seen before is judged, and what is seen later is news.

A detector's sign is muted by when it was *seen*. Reading old records again raises nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import insert, select

from bailiwick.accounts import schema
from bailiwick.accounts.change import Change
from bailiwick.policy import Review

_KEEP, _MUTE = insert(schema.case_signs), insert(schema.mutes)


@dataclass(frozen=True, slots=True)
class Sign:
    """What is held against one account."""

    fingerprint: str
    mute_s: int | None = None
    """For how long it is muted after a decision in favour; ``None``: as the policy says."""


def hold(change: Change, case: str, account: str, signs: Iterable[Sign]) -> int:
    """Keep with a case what is held against an account; returns how much of it is new."""
    kept = {one.fingerprint for one in signs_of(change, case, account)}
    return keep(change, case, account, (one for one in signs if one.fingerprint not in kept))


def keep(change: Change, case: str, account: str, signs: Iterable[Sign]) -> int:
    """Keep with a case what it does not hold yet; returns how much that is."""
    new = {one.fingerprint: one for one in signs}
    for one in new.values():
        row = {
            "case_id": case,
            "account_id": account,
            "fingerprint": one.fingerprint,
            "mute_s": one.mute_s,
        }
        change.write(_KEEP, row)
    return len(new)


def signs_of(change: Change, case: str, account: str) -> list[Sign]:
    """Read what a case holds against an account."""
    table = schema.case_signs
    rows = change.connection.execute(
        select(table.c.fingerprint, table.c.mute_s)
        .where((table.c.case_id == case) & (table.c.account_id == account))
        .order_by(table.c.fingerprint)
    )
    return [Sign(row.fingerprint, row.mute_s) for row in rows]


def mute(
    change: Change, account: str, signs: Iterable[Sign], review: Review, *, in_favour: bool = True
) -> None:
    """Note that these were judged."""
    latest = change.latest()
    for one in sorted(set(signs), key=lambda sign: sign.fingerprint):
        lasts = review.mute_s if one.mute_s is None else one.mute_s
        row = {
            "account_id": account,
            "fingerprint": one.fingerprint,
            "until_at": change.at + (lasts * 1000 if in_favour else 0),
            "by": change.actor,
            "seq": latest,
        }
        change.write(_MUTE, row)


def is_muted(change: Change, account: str, fingerprint: str, seen_at: int) -> bool:
    """Whether what was seen then was judged already, or not long before."""
    table = schema.mutes
    which = (table.c.account_id == account) & (table.c.fingerprint == fingerprint)
    found = select(table.c.id).where(which & (table.c.until_at > min(seen_at, change.at)))
    return change.connection.execute(found).first() is not None
