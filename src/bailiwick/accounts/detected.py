"""What a detector saw becomes one case, about every account that it concerns.

All of them are put in review in one transaction, and the case alone names them together: what is
written of an account, and what the account may ever read, says nothing of the others.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bailiwick.accounts import cases, machine
from bailiwick.accounts.change import Change
from bailiwick.accounts.database import find_account
from bailiwick.accounts.moves import Rules, move_by_detector
from bailiwick.accounts.mutes import Sign, is_muted
from bailiwick.accounts.values import milliseconds

ENDED = frozenset({machine.TERMINATED, machine.CLOSED})


def report(
    change: Change,
    accounts: Sequence[str],
    code: str,
    fact: Mapping[str, object],
    rules: Rules,
    *,
    signs: Sequence[str],
    seen_at: datetime,
    mute: timedelta,
) -> str | None:
    """Open a case, or add to an open one; ``None``: all of it was judged, or nobody is left."""
    rows = {one: find_account(change.connection, one) for one in accounts}
    news = {
        one: _unjudged(change, one, signs, milliseconds(seen_at), mute)
        for one in accounts
        if rows[one].status not in ENDED
    }
    about = {account: some for account, some in news.items() if some}
    if not about:
        return None
    together = {**fact, "accounts": list(accounts)} if len(accounts) > 1 else fact
    case = _open_one(change, list(about), code)
    if case is None:
        case = cases.open_case(
            change, next(iter(about)), cases.REVIEW, code, [together],
            rules.policy.review, revision=rules.revision,
        )  # fmt: skip
    added = [cases.add_account(change, case, one, some) for one, some in about.items()]
    if any(added):
        cases.add_facts(change, case, together)
    for one in about:
        move_by_detector(change, rows[one], code, [fact], rules, case)
    return case


def _unjudged(
    change: Change, account: str, signs: Sequence[str], seen_at: int, mute: timedelta
) -> list[Sign]:
    lasts = int(mute.total_seconds())
    return [Sign(one, lasts) for one in signs if not is_muted(change, account, one, seen_at)]


def _open_one(change: Change, accounts: Sequence[str], code: str) -> str | None:
    """Find the open review that this belongs to: of the same sign, or the account's own."""
    open_for = {
        row.id: row
        for one in accounts
        for row in cases.open_cases(change.connection, one, cases.REVIEW)
    }
    same = [row.id for row in open_for.values() if row.code == code]
    if len(accounts) == 1:
        same += [row.id for row in open_for.values() if row.code != code]
    return next((one for one in same if not _decided_for(change, one, accounts)), None)


def _decided_for(change: Change, case: str, accounts: Sequence[str]) -> bool:
    about = cases.accounts_of(change.connection, case)
    return any(one.account in accounts and one.state != "open" for one in about)
