"""The gateway: a strict proxy that asks for a decision before anything leaves.

``serve`` runs it. A worker's ``Services`` hold a ``Judge``; ``bailiwick.pipeline`` is one. What it
reads and how it refuses serves whoever decides for another proxy as well.
"""

from bailiwick.front import Refused, Reply
from bailiwick.gateway.dialects import ENDPOINTS, dialect_of
from bailiwick.gateway.identity import check_name, key_presented, tells_of_a_model
from bailiwick.gateway.obligations import unsupported
from bailiwick.gateway.options import GatewayOptions, Limits, Timeouts, Tls, Upstream
from bailiwick.gateway.ports import Judge, Recorder, Services
from bailiwick.gateway.quotas import Quotas
from bailiwick.gateway.reading import Reading, read_head, read_request
from bailiwick.gateway.respond import (
    DECISION_HEADER,
    STATUS,
    denial,
    refusal,
    unauthenticated,
)
from bailiwick.gateway.serve import admin, serve
from bailiwick.gateway.state import write_status
from bailiwick.gateway.translate import require_sdk
from bailiwick.gateway.upstream import serving

__all__ = [
    "GatewayOptions", "Judge", "Limits", "Recorder", "Services", "Timeouts", "Tls", "Upstream",
    "admin", "require_sdk", "serve", "serving", "unsupported", "write_status",
    "DECISION_HEADER", "ENDPOINTS", "Quotas", "STATUS", "Reading", "Refused", "Reply",
    "check_name", "denial", "dialect_of", "key_presented", "read_head", "read_request", "refusal",
    "tells_of_a_model", "unauthenticated",
]  # fmt: skip
