"""What may be written: every value checked here, with help, before a transaction begins."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from ipaddress import ip_network
from typing import TypeVar

from bailiwick.errors import InvalidInput, Problem
from bailiwick.facts import OWNERSHIP_OUTCOMES, OWNERSHIP_PREFIX, STATUSES
from bailiwick.places import canonical, suggestions

FACT_PLACES = ("billing", "card", "registered", "document", "phone")
"""Kinds of evidence whose value is a place, and a fact that rules can ask for."""
PLACE_KINDS = (*FACT_PLACES, "tax", "owner", "nationality")
"""Kinds of evidence whose value is a place. ``owner``: an owner's headquarters."""
CHOICE_KINDS: Mapping[str, tuple[str, ...]] = {
    "funding": ("credit", "debit", "prepaid", "unknown"),
    "address_check": ("valid", "invalid"),
    "ownership_cycle": ("yes", "no"),
}
"""Kinds whose value is one of a few words."""
IDENTIFIER_KINDS = ("list", "name", "order")
"""Kinds whose value is an identifier: an exact match on a list (``LIST:ID``), a name that possibly
is on one, an operator's signed order."""
OWN_NETWORK = "own_network"
"""Kind whose value is a network that the account declares as its own, as the exits of a VPN."""
WIDEST_OWN_NETWORK: Mapping[int, int] = {4: 16, 6: 32}
"""Shortest prefix that can be declared, by IP version."""
EVIDENCE_KINDS = (*PLACE_KINDS, *CHOICE_KINDS, *IDENTIFIER_KINDS, OWN_NETWORK)
"""All kinds of evidence but ``ownership.RULE``."""
AUTOMATION = "automation"
"""The actor of what no person did. No person can be called so."""
TIERS = ("T1", "T2", "T3", "T4")
"""T1 document or registry, T2 attested by an issuer, T3 self-declared, T4 inferred."""
ACCOUNT_STATUSES = tuple(status for status in STATUSES if status != "none")
AT_ONCE = 500
"""Most ids in one question to the database."""
MOST_VALUES = 8
"""Most values that one statement can have."""
CLOCK_SKEW = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

T = TypeVar("T")


class SamePerson(InvalidInput):
    """Somebody cannot do this because of what the same person did before: it takes another."""


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(slots=True)
class Checks:
    """Collects what is wrong, so that a person reads all of it at once."""

    problems: list[Problem] = field(default_factory=list)

    def report(self, message: str, help: str | None = None) -> None:  # noqa: A002 - the field's name
        """Add one problem."""
        self.problems.append(Problem(message, help))

    def finish(self) -> None:
        """Raise what was found."""
        if self.problems:
            raise InvalidInput(self.problems)

    def name(self, what: str, text: str) -> str:
        """Check an id, a label, a source: short, printable, without blanks."""
        if not is_name(text):
            self.report(
                f"{what} `{_printable(text)}` is not usable",
                "use up to 64 letters, digits and . _ : @ -, beginning with a letter or digit",
            )
        return text

    def person(self, name: str) -> str:
        """Check the name of a person who acts."""
        if name.casefold().partition(":")[0] == AUTOMATION:
            self.report(f"no person can act as `{AUTOMATION}`", "give the person's own name")
        return self.name("the actor", name)

    def words(self, what: str, text: str, longest: int) -> str:
        """Check a line of prose from a person."""
        if not text.strip():
            self.report(f"{what} is missing", "say it in a few words; it stays in the history")
        elif len(text) > longest or _CONTROL.search(text):
            self.report(f"{what} is longer than {longest} characters or has control characters")
        return text.strip()

    def kind(self, kind: str) -> str:
        """Check a kind of evidence."""
        rule = kind.removeprefix(OWNERSHIP_PREFIX)
        if kind not in EVIDENCE_KINDS and (rule == kind or not _NAME.fullmatch(rule)):
            near = get_close_matches(kind, EVIDENCE_KINDS, 1)
            known = ", ".join((*EVIDENCE_KINDS, "ownership.RULE"))
            self.report(
                f"unknown kind of evidence `{_printable(kind)}`",
                f"did you mean `{near[0]}`?" if near else f"kinds: {known}",
            )
        return kind

    def value(self, kind: str, value: str) -> str:
        """Make a place canonical; check a word or an identifier."""
        words = OWNERSHIP_OUTCOMES if kind.startswith(OWNERSHIP_PREFIX) else CHOICE_KINDS.get(kind)
        if words is not None:
            if value not in words:
                self.report(
                    f"`{kind}` cannot be `{_printable(value)}`", f"it is one of: {', '.join(words)}"
                )
            return value
        if kind == OWN_NETWORK:
            return self.network(value)
        if kind in IDENTIFIER_KINDS:
            return self.name(f"`{kind}`:", value)
        place = canonical(value)
        if place is None:
            near = ", ".join(f"`{code}`" for code in suggestions(value))
            self.report(
                f"unknown place `{_printable(value)}`",
                f"did you mean {near}?" if near else "write an ISO 3166 code such as US or UA-43",
            )
        return place or value

    def network(self, text: str) -> str:
        """Check a network in CIDR notation, not so wide that it would be anybody's."""
        try:
            found = ip_network(text)
        except ValueError:
            self.report(f"`{_printable(text)}` is not a network", "as in 192.0.2.0/24")
            return text
        widest = WIDEST_OWN_NETWORK[found.version]
        if found.prefixlen < widest or not found.is_global:
            self.report(f"`{found}` cannot be one account's own", f"public, /{widest} or narrower")
        return str(found)

    def tier(self, tier: str) -> int:
        """Turn T1 to T4 into a number."""
        if tier not in TIERS:
            self.report(
                f"unknown tier `{_printable(tier)}`",
                "T1 document or registry, T2 attested by an issuer, T3 self-declared, T4 inferred",
            )
            return 0
        return TIERS.index(tier) + 1

    def status(self, status: str) -> str:
        """Check an account's status."""
        if status not in ACCOUNT_STATUSES:
            near = get_close_matches(status, ACCOUNT_STATUSES, 1)
            self.report(
                f"unknown status `{_printable(status)}`",
                f"did you mean `{near[0]}`?"
                if near
                else f"statuses: {', '.join(ACCOUNT_STATUSES)}",
            )
        return status

    def expiry(self, at: datetime | None, after: datetime) -> int | None:
        """Read an end that lies after ``after``; ``None`` is no end."""
        if at is None:
            return None
        if at.tzinfo is None:
            self.report(f"expiry `{at}` has no time zone", "write for example 2027-01-31T00:00Z")
            return None
        if at <= after:
            self.report(f"expiry `{at.isoformat()}` is not after `{after.isoformat()}`")
        return milliseconds(at)

    def observed(self, at: datetime | None, now: datetime) -> datetime:
        """Read when a source saw something: now if nobody says, never in the future."""
        if at is None:
            return now
        if at.tzinfo is None:
            self.report(
                f"observation time `{at}` has no time zone", "write for example 2027-01-31T00:00Z"
            )
            return now
        if at > now + CLOCK_SKEW:
            self.report(f"observation time `{at.isoformat()}` lies in the future")
        return at

    def contact(self, contact: str) -> str:
        """Check where notices go."""
        if len(contact) > 254 or not re.fullmatch(r"[!#-+\--9=?A-~]+@[A-Za-z0-9.-]+", contact):
            self.report("the contact is not an e-mail address", "as in ops@example.org")
        return contact

    def commitment(self, text: str | None) -> str | None:
        """Check a hex SHA-256; ``None`` is none."""
        if text is not None and not re.fullmatch(r"[0-9a-f]{64}", text):
            self.report(
                "the commitment is not 64 hexadecimal digits", "it is a SHA-256 in lower case"
            )
        return text

    def few(self, what: str, values: Sequence[T]) -> Sequence[T]:
        """Refuse more values than the decision can take apart."""
        if len(values) > MOST_VALUES:
            self.report(f"{what} has {len(values)} values", f"at most {MOST_VALUES}")
        return values


def is_name(text: str) -> bool:
    """Whether a text can be a label, an id, a source."""
    return _NAME.fullmatch(text) is not None


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (at - EPOCH) // MILLISECOND


def moment(at: int | None) -> datetime | None:
    """Turn stored milliseconds into an aware UTC time."""
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC)


def _printable(text: str) -> str:
    return _CONTROL.sub("?", text)[:80]
