"""Who stands behind a key: accounts, their organisations, evidence, labels and status.

``AccountDatabase`` writes, ``list_accounts`` and ``show_account`` read for people, and
``AccountStore`` is the snapshot that a gateway asks on every request.
"""

from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.derive import Evidence
from bailiwick.accounts.engine import AccountsUnavailable
from bailiwick.accounts.keys import KeySecret, NewKey
from bailiwick.accounts.listing import (
    AccountDetails,
    AccountSummary,
    EvidenceRow,
    HistoryRow,
    KeyRow,
    LabelRow,
    list_accounts,
    show_account,
)
from bailiwick.accounts.opening import upgrade
from bailiwick.accounts.store import AccountStore, StoreStatus
from bailiwick.accounts.values import (
    ACCOUNT_STATUSES,
    AUTOMATION,
    EVIDENCE_KINDS,
    PLACE_KINDS,
    TIERS,
)
from bailiwick.accounts.view import AccountView

__all__ = [
    "ACCOUNT_STATUSES",
    "AUTOMATION",
    "EVIDENCE_KINDS",
    "PLACE_KINDS",
    "TIERS",
    "AccountDatabase",
    "AccountDetails",
    "AccountStore",
    "AccountSummary",
    "AccountView",
    "AccountsUnavailable",
    "Evidence",
    "EvidenceRow",
    "HistoryRow",
    "KeyRow",
    "KeySecret",
    "LabelRow",
    "NewKey",
    "StoreStatus",
    "list_accounts",
    "show_account",
    "upgrade",
]
