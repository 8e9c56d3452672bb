"""Where evidence comes from: webhooks, files and tokens, and what a phone number or address says.

``read_stripe_event`` and ``read_cloud_event`` say what an event means, ``Inbox`` writes events down
and says when that is durable, ``import_evidence`` takes files.
"""

from bailiwick.accounts.sources.addresses import Address, read_address
from bailiwick.accounts.sources.cloudevents import read_cloud_event
from bailiwick.accounts.sources.events import BadEvent, Event, Said
from bailiwick.accounts.sources.imports import import_evidence
from bailiwick.accounts.sources.inbox import Inbox, InboxFull, link_owner, take_in
from bailiwick.accounts.sources.oidc import Claims, Issuer, TokenReader
from bailiwick.accounts.sources.phones import phone_place
from bailiwick.accounts.sources.signatures import (
    TOLERANCE,
    BadSignature,
    standard_key,
    verify_standard,
    verify_stripe,
)
from bailiwick.accounts.sources.stripe import read_stripe_event
from bailiwick.documents import NotJson, read_json

__all__ = [
    "Address", "BadEvent", "BadSignature", "Claims", "Event", "Inbox", "InboxFull", "Issuer",
    "NotJson", "Said", "TOLERANCE", "TokenReader", "import_evidence", "link_owner", "phone_place",
    "read_address", "read_cloud_event", "read_json", "read_stripe_event", "standard_key",
    "take_in", "verify_standard", "verify_stripe",
]  # fmt: skip
