"""Signs of shadow access in the audit records: resold, rented and pooled accounts.

A signal informs a reviewer or asks for a review. None of them suspends anybody: addresses are
wrong, networks are shared, people travel, and jobs run at night.
"""

from collections.abc import Iterable

from bailiwick.signals.detect import CODES, Detector
from bailiwick.signals.settings import Background, Thresholds
from bailiwick.signals.simulate import PERSONAS, Rates, simulate
from bailiwick.signals.uses import Signal, Use, uses_of


def detect(
    uses: Iterable[Use],
    thresholds: Thresholds | None = None,
    background: Background | None = None,
) -> list[Signal]:
    """Go through uses in the order of time, and give what stands out."""
    detector = Detector(thresholds or Thresholds(), background)
    found = [signal for use in uses for signal in detector.see(use)]
    return [*found, *detector.finish()]


__all__ = [
    "CODES",
    "PERSONAS",
    "Background",
    "Detector",
    "Rates",
    "Signal",
    "Thresholds",
    "Use",
    "detect",
    "simulate",
    "uses_of",
]
