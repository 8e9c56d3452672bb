"""What counts as a sign, as numbers that an operator can change, and what is known beside uses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

IpNetwork: TypeAlias = IPv4Network | IPv6Network
Links: TypeAlias = Mapping[str, Mapping[str, frozenset[str]]]
"""By kind (``card``, ``payer``, ``address``) and keyed digest: the accounts that have it."""


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
    """So many from each of two places in one window, or before and after a journey."""
    apart_km: int = 500
    """Places that may be nearer than that are never apart."""
    windows_a_day: int = 3
    """So many windows of a day with simultaneous uses from places that are apart."""
    travel_km_h: int = 1000
    """Nobody travels faster."""
    travel_learning_days: int = 14
    """So long a key's places are only learned; between learned places nothing is travel."""
    travel_days: int = 3
    """On so many of seven days it is a review; before that it informs."""
    anonymizer_share: float = 0.8
    """More than that of all uses in seven days; a review only where networks were declared."""
    anonymizer_uses: int = 200
    shared_accounts: int = 5
    """Accounts of different organisations that have one link in common on one day."""
    shared_days: int = 3
    """On so many days, for links that are seen in use."""
    shared_cards: int = 3
    """Accounts of different organisations that pay with one card, or by one payer."""
    alike: float = 0.6
    """Accounts are active together when they share that much of their ten-minute windows."""
    mute: timedelta = timedelta(days=90)
    """What a reviewer has cleared is not raised again so long."""
    most_keys: int = 200_000
    """Keys and accounts that are remembered; the ones that are idle longest are forgotten."""
    most_links: int = 200_000
    """Different links of one kind that are remembered of one day."""


@dataclass(frozen=True, slots=True)
class Background:
    """What is known of accounts beside their uses."""

    declared: Mapping[str, tuple[IpNetwork, ...]] = field(default_factory=dict)
    """Networks that an account declared as its own: their uses count for nothing."""
    parents: Mapping[str, str] = field(default_factory=dict)
    """Account to its topmost organisation: sharing within one is nothing."""
    links: Links = field(default_factory=dict)

    def owner(self, account: str) -> str:
        """Name the organisation of an account, or the account itself."""
        return self.parents.get(account, account)

    def is_declared(self, account: str, prefix: str | None) -> bool:
        """Whether a /24 or /48 belongs to a network that the account declared."""
        networks = self.declared.get(account)
        if not networks or prefix is None:
            return False
        seen = _network(prefix)
        return any(seen.version == one.version and seen.overlaps(one) for one in networks)


@lru_cache(maxsize=4096)
def _network(text: str) -> IpNetwork:
    return ip_network(text, strict=False)
