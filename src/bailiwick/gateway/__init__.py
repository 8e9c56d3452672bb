"""The gateway: a strict proxy that asks for a decision before anything leaves.

``serve`` runs it. A worker's ``Services`` hold a ``Judge``; ``bailiwick.pipeline`` is one.
"""

from bailiwick.gateway.obligations import unsupported
from bailiwick.gateway.options import GatewayOptions, Limits, Timeouts, Tls, Upstream
from bailiwick.gateway.ports import Judge, Recorder, Services
from bailiwick.gateway.serve import serve
from bailiwick.gateway.upstream import serving

__all__ = [
    "GatewayOptions", "Judge", "Limits", "Recorder", "Services", "Timeouts", "Tls", "Upstream",
    "serve", "serving", "unsupported",
]  # fmt: skip
