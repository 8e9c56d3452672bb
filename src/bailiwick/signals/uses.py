"""One use of a key, as the audit log knows it, and what may be said of it."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bailiwick.audit import Record
from bailiwick.location import Cell
from bailiwick.places import country_of

EYEBALLS = frozenset({None, "residential", "unknown"})
"""Classes of networks that people look at screens from; what is unclassified may be one."""
ANONYMIZERS = frozenset({"tor", "residential_proxy", "proxy", "vpn", "relay"})
REVIEW, ADVISORY = "review", "advisory"


@dataclass(frozen=True, slots=True)
class Use:
    """One request: when, whose, and from where as far as it is known."""

    at: datetime
    account: str
    key: str
    country: str | None
    """The one country that the address is used in; ``None``: unknown or several candidates."""
    network: str | None
    """Class of the network."""
    prefix: str | None = None
    """Network of the address (/24 or /48)."""
    client: str | None = None
    """Keyed hash of the address, the same for one period of pseudonyms."""
    cell: Cell | None = None
    """Roughly where, if the records say."""
    build: str | None = None
    """Keyed hash of the client's user agent, the same for one period of pseudonyms."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that stands out. It never changes an account by itself."""

    code: str
    level: str
    """``review``: somebody should look; ``advisory``: shown in a case that there is anyway."""
    accounts: tuple[str, ...]
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def signs(self) -> tuple[str, ...]:
        """Name what was seen, so that it is not raised again once a person has judged it: the
        detector, and of a cluster each kind of link. A further kind of link is news.
        """
        kinds = self.facts.get("by")
        parts = [[one] for one in kinds] if kinds else [None]
        said = (json.dumps([self.code, part]) for part in parts)
        return tuple(hashlib.sha256(one.encode()).hexdigest() for one in said)


def uses_of(records: Iterable[Record]) -> Iterator[Use]:
    """Give the uses among audit records: decisions about an account's requests."""
    for record in records:
        event = record.event
        if event.get("kind") != "decision" or not event.get("account") or not event.get("key"):
            continue
        evidence = event.get("evidence") or {}
        address = event.get("address") or {}
        yield Use(
            at=datetime.fromisoformat(str(record.at)),
            account=str(event["account"]),
            key=str(event["key"]),
            country=_country(evidence.get("address")),
            network=_one(evidence.get("network")),
            prefix=address.get("network"),
            client=address.get("pseudonym"),
            cell=_cell(event.get("cell")),
            build=event.get("build"),
        )


def _country(written: object) -> str | None:
    """Take the country of all candidates, if it is one."""
    if not isinstance(written, list):
        return None
    countries = {country_of(place) for place in written if isinstance(place, str)}
    return countries.pop() if len(countries) == 1 else None


def _cell(written: object) -> Cell | None:
    if not isinstance(written, list) or len(written) != 3:
        return None
    latitude, longitude, radius_km = written
    return (latitude, longitude, radius_km)


def _one(written: object) -> str | None:
    return written[0] if isinstance(written, list) and len(written) == 1 else None
