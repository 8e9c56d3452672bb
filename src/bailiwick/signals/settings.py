"""What counts as a sign, as numbers that an operator can change."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a signal is given. The defaults are meant to leave ordinary people alone."""

    countries_a_day: int = 4
    """Countries of eyeball networks on one day, for one key."""
    days_a_week: int = 2
    """On so many of seven days."""
    window_s: int = 600
    """Uses within one window count as simultaneous."""
    uses_a_place: int = 2
    """So many from each of two countries in one window make it a simultaneous one."""
    windows_a_day: int = 3
    anonymizer_share: float = 0.8
    """More than that of all uses in seven days; a review only for accounts in ``at_home``."""
    anonymizer_uses: int = 200
    shared_accounts: int = 5
    """Accounts of different organisations that use one hosting address on one day."""
    shared_days: int = 3
    declared: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Networks that a key's holder has declared: they count for nothing."""
    at_home: frozenset[str] = frozenset()
    """Accounts that declared to use a home network only."""
    parents: Mapping[str, str] = field(default_factory=dict)
    """Account to its organisation: sharing within one is nothing."""
    most_keys: int = 200_000
    """Keys that are remembered; the ones that are idle longest are forgotten."""
    most_addresses: int = 200_000
    """Hosting addresses of one day that are remembered."""
