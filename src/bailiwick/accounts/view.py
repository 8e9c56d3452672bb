"""An account as a request meets it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bailiwick.accounts.derive import Evidence
from bailiwick.facts import Fact


@dataclass(frozen=True, slots=True, eq=False)
class AccountView:
    """One key's account at one moment: who it is, and what is known of it."""

    id: str
    key_id: str
    """Empty where an account was looked up by its id."""
    status: str
    """The strictest of its own and its organisations'."""
    principals: frozenset[str]
    """The ids of the account, of its organisations and of the key."""
    values: Mapping[str, Fact]
    """Facts of the account layer. Views that know the same share one object; what is missing is
    ``UNKNOWN``; ``labels`` is always known."""
    valid_until: datetime | None
    """When the first thing that these facts rest on expires; ``None``: never by itself."""
    evidence: tuple[Evidence, ...]
    """What the facts rest on, the parents' included."""
