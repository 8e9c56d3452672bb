"""How long and how often to measure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    rounds: int = 3
    """How often each thing is measured; medians are over these."""
    seconds: float = 2.0
    """How long one round loads one server."""
    only: frozenset[str] = frozenset()
    """Servers to measure; empty: all of them."""
