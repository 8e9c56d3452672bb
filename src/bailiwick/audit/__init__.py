"""Records that last: appended durably, chained, signed, verifiable by anybody, private by design.

``AuditLog`` writes, ``verify`` checks, ``show`` and ``export`` read, ``Pseudonyms`` stands in for
personal values. ``docs/audit.md`` has the format.
"""

import warnings

# ``python -m bailiwick.audit.verify`` finds the module loaded already; it keeps no state.
warnings.filterwarnings("ignore", r"'bailiwick\.audit\.verify' found", RuntimeWarning, "runpy")

from bailiwick.audit.checkpoints import DirectoryOutside, Outside, OutsideStatus  # noqa: E402
from bailiwick.audit.forms import form, reread  # noqa: E402
from bailiwick.audit.intake import AuditUnavailable  # noqa: E402
from bailiwick.audit.journal import Interruption, Recovery  # noqa: E402
from bailiwick.audit.keys import rotate_key  # noqa: E402
from bailiwick.audit.log import AuditLog, Receipt, Status  # noqa: E402
from bailiwick.audit.pseudonyms import Pseudonyms  # noqa: E402
from bailiwick.audit.raw import find_raw  # noqa: E402
from bailiwick.audit.reading import Entry, Filters, export, show  # noqa: E402
from bailiwick.audit.records import Event, canonical, encoded, timestamp  # noqa: E402
from bailiwick.audit.settings import Settings  # noqa: E402
from bailiwick.audit.verify import (  # noqa: E402
    Chain,
    Finding,
    Record,
    Report,
    printable,
    public_keys,
    verify,
)

__all__ = [
    "AuditLog",
    "AuditUnavailable",
    "Receipt",
    "Event",
    "canonical",
    "encoded",
    "form",
    "reread",
    "Settings",
    "Status",
    "Interruption",
    "Recovery",
    "Outside",
    "OutsideStatus",
    "DirectoryOutside",
    "Pseudonyms",
    "find_raw",
    "rotate_key",
    "verify",
    "Report",
    "Finding",
    "Chain",
    "public_keys",
    "show",
    "export",
    "Entry",
    "Filters",
    "Record",
    "printable",
    "timestamp",
]
