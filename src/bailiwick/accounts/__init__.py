"""Who stands behind a key: accounts, their organisations, evidence, labels and status.

``AccountDatabase`` writes evidence, labels and keys; ``Desk`` is where statuses change, cases are
decided and appeals answered; ``list_accounts`` and ``show_account`` read for people, and
``AccountStore`` is the snapshot that a gateway asks on every request.
"""

from typing import TYPE_CHECKING

from bailiwick.accounts.attesters import Attester, read_key_file
from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.derive import Evidence
from bailiwick.accounts.directives import (
    Directives,
    InForce,
    StoredExemption,
    StoredOrder,
    check_exempt_rule,
    check_models,
)
from bailiwick.accounts.documents import decoded as decoded_documents
from bailiwick.accounts.engine import AccountsUnavailable
from bailiwick.accounts.keys import KeySecret, NewKey
from bailiwick.accounts.opening import upgrade
from bailiwick.accounts.snapshot import Snapshot
from bailiwick.accounts.store import AccountStore, StoreStatus, load_snapshot
from bailiwick.accounts.values import (
    ACCOUNT_STATUSES,
    AUTOMATION,
    EVIDENCE_KINDS,
    PLACE_KINDS,
    TIERS,
    SamePerson,
    is_name,
)
from bailiwick.accounts.view import AccountView
from bailiwick.later import later

if TYPE_CHECKING:
    from bailiwick.accounts.announcing import announce
    from bailiwick.accounts.appeals import AppealView, NoSuchAppeal
    from bailiwick.accounts.attempts import Attempts
    from bailiwick.accounts.cases import DISPOSITIONS, QUEUES
    from bailiwick.accounts.delivery import (
        Folder,
        Mail,
        NotDelivered,
        Notice,
        Transport,
        Webhook,
        deliver_notices,
    )
    from bailiwick.accounts.desk import Decided, Desk
    from bailiwick.accounts.flags import Flag, Grade, Item
    from bailiwick.accounts.known import known_accounts
    from bailiwick.accounts.lease import drop_lease, hold_lease
    from bailiwick.accounts.linked import (
        common_links,
        declared_networks,
        topmost_organisations,
    )
    from bailiwick.accounts.listing import (
        AccountDetails,
        AccountSummary,
        AttesterRow,
        EvidenceRow,
        HistoryRow,
        KeyRow,
        LabelRow,
        list_accounts,
        show_account,
    )
    from bailiwick.accounts.logins import Login, Logins
    from bailiwick.accounts.machine import TABLE
    from bailiwick.accounts.moves import Moved
    from bailiwick.accounts.notices import token_hash
    from bailiwick.accounts.relay import relay_history
    from bailiwick.accounts.report import TransparencyReport, transparency_report
    from bailiwick.accounts.steps import Step
    from bailiwick.accounts.sweeping import Impact, Swept, confirm, impact, sweep
    from bailiwick.accounts.wording import REASONS

__all__ = [
    "ACCOUNT_STATUSES",
    "AUTOMATION",
    "EVIDENCE_KINDS",
    "PLACE_KINDS",
    "TIERS",
    "DISPOSITIONS",
    "QUEUES",
    "REASONS",
    "TABLE",
    "AccountDatabase",
    "AccountDetails",
    "AccountStore",
    "AccountSummary",
    "AccountView",
    "AccountsUnavailable",
    "AppealView",
    "Attempts",
    "Attester",
    "AttesterRow",
    "Decided",
    "Desk",
    "Directives",
    "Evidence",
    "EvidenceRow",
    "HistoryRow",
    "Flag",
    "Folder",
    "Grade",
    "InForce",
    "Item",
    "Impact",
    "KeyRow",
    "KeySecret",
    "Login",
    "Logins",
    "LabelRow",
    "Mail",
    "Moved",
    "NewKey",
    "NoSuchAppeal",
    "NotDelivered",
    "Notice",
    "SamePerson",
    "Snapshot",
    "Step",
    "StoreStatus",
    "Swept",
    "TransparencyReport",
    "Transport",
    "Webhook",
    "announce",
    "check_exempt_rule",
    "check_models",
    "common_links",
    "declared_networks",
    "decoded_documents",
    "token_hash",
    "topmost_organisations",
    "confirm",
    "deliver_notices",
    "drop_lease",
    "hold_lease",
    "impact",
    "known_accounts",
    "load_snapshot",
    "read_key_file",
    "is_name",
    "StoredExemption",
    "StoredOrder",
    "list_accounts",
    "relay_history",
    "show_account",
    "sweep",
    "transparency_report",
    "upgrade",
]

if not TYPE_CHECKING:
    __getattr__ = later(
        __name__,
        {
            "announcing": ("announce",),
            "appeals": ("AppealView", "NoSuchAppeal"),
            "attempts": ("Attempts",),
            "cases": ("DISPOSITIONS", "QUEUES"),
            "delivery": (
                "Folder",
                "Mail",
                "NotDelivered",
                "Notice",
                "Transport",
                "Webhook",
                "deliver_notices",
            ),
            "desk": ("Decided", "Desk"),
            "flags": ("Flag", "Grade", "Item"),
            "known": ("known_accounts",),
            "lease": ("drop_lease", "hold_lease"),
            "linked": ("common_links", "declared_networks", "topmost_organisations"),
            "listing": (
                "AccountDetails",
                "AccountSummary",
                "AttesterRow",
                "EvidenceRow",
                "HistoryRow",
                "KeyRow",
                "LabelRow",
                "list_accounts",
                "show_account",
            ),
            "logins": ("Login", "Logins"),
            "machine": ("TABLE",),
            "moves": ("Moved",),
            "notices": ("token_hash",),
            "relay": ("relay_history",),
            "report": ("TransparencyReport", "transparency_report"),
            "steps": ("Step",),
            "sweeping": ("Impact", "Swept", "confirm", "impact", "sweep"),
            "wording": ("REASONS",),
        },
    )
