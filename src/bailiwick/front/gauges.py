"""Metrics of a listener's certificate. Imported in a worker only: importing it fixes how metrics
are kept.
"""

from typing import Final

from prometheus_client import Gauge

from bailiwick.front.certificates import Certificates

EXPIRES: Final = Gauge(
    "bailiwick_certificate_expires_timestamp_seconds",
    "Until when the certificate in use is valid (Unix time), of the worker where it ends first.",
    ("listener",),
    multiprocess_mode="livemin",
)
REFUSED: Final = Gauge(
    "bailiwick_certificate_refused",
    "1 while the newest files of a certificate are refused.",
    ("listener",),
    multiprocess_mode="livemax",
)


def report(listener: str, certificates: Certificates) -> None:
    """Write down how a listener's certificate is."""
    EXPIRES.labels(listener).set(certificates.expires_at.timestamp())
    REFUSED.labels(listener).set(certificates.refused is not None)
