"""Findings that stand: what the evidence of one account says against a permit, and how surely.

A flag never changes access. Its class says the most that may follow from it: S may restrict and
suspend, R opens a review, A only informs one. A kind of evidence that is not known raises no flag:
unknown is neither "foreign" nor "domestic".
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bailiwick.decision import Contradiction, accepts_place, contradictions
from bailiwick.facts import Fact
from bailiwick.policy import Finding, Policy, Rule

DECLARED = 3
"""Tiers up to this one are verified, attested or declared; below it things are inferred."""
ATTESTED = 2
CODES = {
    "billing": "geo.billing_country",
    "registered": "geo.registered_country",
    "card": "geo.card_country",
    "document": "geo.document_country",
    "phone": "geo.phone_country",
    "tax": "geo.tax_country",
    "nationality": "geo.nationality",
    "owner": "own.headquarters",
}
"""Reason codes of places that a permit does not accept."""
OWN_PLACES = ("tax", "nationality", "owner")
"""Places that no rule asks about; they are compared with all places that the permit accepts."""
BY_ITSELF = ("billing", "registered")
"""Declared places that are enough by themselves: they speak against whoever declared them."""


class Grade(StrEnum):
    """The class of a flag."""

    SUSPEND = "S"
    REVIEW = "R"
    ADVISE = "A"


@dataclass(frozen=True, slots=True)
class Item:
    """One value that a source stated of an account."""

    kind: str
    value: str
    source: str
    tier: int
    observed_at: datetime
    expires_at: datetime | None = None
    against_interest: bool = False
    """Whoever declared it gains nothing by it, so it is likelier true."""

    def holds(self, at: datetime) -> bool:
        """Whether it still counts."""
        return self.expires_at is None or at < self.expires_at

    def as_dict(self) -> dict[str, object]:
        """Write it down as a fact that a decision rests on."""
        return {
            "kind": self.kind,
            "value": self.value,
            "source": self.source,
            "tier": f"T{self.tier}",
            "observed_at": self.observed_at.isoformat(timespec="seconds"),
            **({"against_interest": True} if self.against_interest else {}),
        }


@dataclass(frozen=True, slots=True)
class Flag:
    """One finding that stands."""

    finding: str
    """The policy's name for it."""
    rule: str
    """The permit that the evidence contradicts."""
    code: str
    kind: str
    grade: Grade
    then: str
    cure_s: int
    suspends: bool
    """Whether a suspension follows a restriction."""
    facts: tuple[Item, ...]
    exact: bool = False
    """It rests on an exact identifier or an order, so it may suspend at once."""

    @property
    def may_restrict(self) -> bool:
        """Whether automation may restrict or suspend on it."""
        return self.grade is Grade.SUSPEND and self.then != "review"

    @property
    def asks_for_review(self) -> bool:
        """Whether it opens a review."""
        return self.grade is not Grade.ADVISE

    @property
    def fingerprint(self) -> str:
        """Name the evidence: equal for the same values of the same sources, whenever observed."""
        facts = sorted((one.kind, one.value, one.source, one.tier) for one in self.facts)
        return hashlib.sha256(json.dumps([self.code, facts]).encode()).hexdigest()


def find_flags(policy: Policy, items: Sequence[Item], at: datetime) -> tuple[Flag, ...]:
    """List the findings that stand on the evidence of an account at one moment."""
    permits = {rule.id: rule for rule in policy.rules}
    known = by_kind(items, at)
    found = [
        flag
        for finding in policy.findings
        for flag in _of_finding(finding, permits[finding.of], known, items, at)
    ]
    return tuple(sorted(found, key=lambda flag: (flag.grade != Grade.SUSPEND, flag.code)))


def by_kind(items: Iterable[Item], at: datetime) -> dict[str, tuple[Item, ...]]:
    """Keep what counts: of each kind the unexpired items of its best tier."""
    kinds: dict[str, list[Item]] = {}
    for item in items:
        if item.holds(at):
            kinds.setdefault(item.kind, []).append(item)
    return {
        kind: tuple(one for one in several if one.tier == min(two.tier for two in several))
        for kind, several in kinds.items()
    }


def facts_of(known: Mapping[str, Sequence[Item]]) -> dict[str, Fact]:
    """Turn what counts into facts, as a decision sees them."""
    return {kind: frozenset(one.value for one in items) for kind, items in known.items()}


def is_complete(policy: Policy, items: Sequence[Item], at: datetime) -> bool:
    """Whether everything that makes an account active is known, accepted and not expired."""
    known = by_kind(items, at)
    values = facts_of(known)
    permits = [rule for rule in policy.rules if rule.id in {one.of for one in policy.findings}]
    required = policy.review.require or frozenset().union(*map(required_kinds, permits))
    return bool(required) and all(
        kind in known and any(_accepts(permit, kind, values) for permit in permits)
        for kind in required
    )


def required_kinds(permit: Rule) -> frozenset[str]:
    """Name the evidence that every way of a permit asks for and may not be unknown."""
    ways = [
        {one.fact for one in disjunct if one.fact in CODES and not one.unknown}
        for disjunct in permit.disjuncts
    ]
    return frozenset(set.intersection(*ways)) if ways else frozenset()


def _accepts(permit: Rule, kind: str, values: Mapping[str, Fact]) -> bool:
    fact = values[kind]
    if kind in OWN_PLACES:
        return isinstance(fact, frozenset) and all(accepts_place(permit, one) for one in fact)
    return not contradictions(permit, {kind: fact})


def _of_finding(
    finding: Finding,
    permit: Rule,
    known: Mapping[str, tuple[Item, ...]],
    items: Sequence[Item],
    at: datetime,
) -> Iterator[Flag]:
    contrary = contradictions(permit, facts_of(known))
    made = [
        *_places(contrary, known),
        *_own_places(permit, known),
        *_ownership(permit, contrary, known),
        *_lists(known),
        *_weak(known),
        *_expired(permit, known, items, at),
    ]
    together = _several_kinds(permit, known)
    for code, kind, grade, facts, exact in made:
        if not finding.is_about(kind):
            continue
        lifted = Grade.SUSPEND if kind in together and grade is Grade.REVIEW else grade
        if code == "evidence.conflict":
            lifted = grade
        yield Flag(
            finding.name, finding.of, code, kind, lifted, finding.then, finding.cure,
            finding.suspends, facts, exact,
        )  # fmt: skip


Made = tuple[str, str, Grade, tuple[Item, ...], bool]


def _places(
    contrary: Sequence[Contradiction], known: Mapping[str, tuple[Item, ...]]
) -> Iterator[Made]:
    """Compare the places that the permit asks about."""
    for found in contrary:
        if found.fact not in CODES:
            continue
        items = known[found.fact]
        if found.inside:
            yield "evidence.conflict", found.fact, Grade.REVIEW, items, False
            continue
        declared = found.fact in BY_ITSELF and items[0].tier <= DECLARED
        grade = Grade.SUSPEND if declared else Grade.REVIEW
        if declared and items[0].tier == DECLARED:
            items = tuple(replace(one, against_interest=True) for one in items)
        yield CODES[found.fact], found.fact, grade, items, False


def _own_places(permit: Rule, known: Mapping[str, tuple[Item, ...]]) -> Iterator[Made]:
    for kind in OWN_PLACES:
        items = known.get(kind, ())
        inside = [accepts_place(permit, one.value) for one in items]
        if items and not all(inside):
            code = "evidence.conflict" if any(inside) else CODES[kind]
            yield code, kind, Grade.REVIEW, items, False


def _ownership(
    permit: Rule, contrary: Sequence[Contradiction], known: Mapping[str, tuple[Item, ...]]
) -> Iterator[Made]:
    for found in contrary:
        if not found.fact.startswith("ownership."):
            continue
        items = known[found.fact]
        if found.inside:
            yield "evidence.conflict", "ownership", Grade.REVIEW, items, False
        elif found.outside == {"yes"}:
            grade = Grade.SUSPEND if items[0].tier <= DECLARED else Grade.REVIEW
            yield "own.over_threshold", "ownership", grade, items, False
        else:
            yield "own.unknown_share", "ownership", Grade.REVIEW, items, False
    cycle = tuple(one for one in known.get("ownership_cycle", ()) if one.value == "yes")
    if cycle and any(one.fact.startswith("ownership.") for way in permit.disjuncts for one in way):
        yield "own.cycle", "ownership", Grade.REVIEW, cycle, False


def _lists(known: Mapping[str, tuple[Item, ...]]) -> Iterator[Made]:
    if "list" in known:
        sure = known["list"][0].tier <= ATTESTED
        grade = Grade.SUSPEND if sure else Grade.REVIEW
        yield "list.exact_id", "list", grade, known["list"], sure
    if "order" in known:
        yield "order.operator", "order", Grade.SUSPEND, known["order"], True
    if "name" in known:
        yield "list.name_possible", "name", Grade.REVIEW, known["name"], False


def _weak(known: Mapping[str, tuple[Item, ...]]) -> Iterator[Made]:
    prepaid = tuple(one for one in known.get("funding", ()) if one.value == "prepaid")
    invalid = tuple(one for one in known.get("address_check", ()) if one.value == "invalid")
    if prepaid:
        yield "evidence.prepaid", "funding", Grade.REVIEW, prepaid, False
    if invalid:
        yield "evidence.address", "address_check", Grade.REVIEW, invalid, False


def _expired(
    permit: Rule, known: Mapping[str, tuple[Item, ...]], items: Sequence[Item], at: datetime
) -> Iterator[Made]:
    for kind in sorted(required_kinds(permit) - known.keys()):
        gone = tuple(one for one in items if one.kind == kind and not one.holds(at))
        if gone:
            yield "evidence.expired", kind, Grade.REVIEW, gone, False


def _several_kinds(permit: Rule, known: Mapping[str, tuple[Item, ...]]) -> frozenset[str]:
    """Name the kinds that together are enough: two independent ones, one of them attested, and
    every known one outside. Phone, nationality and owners never count.
    """
    groups = _independent(known)
    outside = {
        name: all(not _inside(permit, one) for one in items) for name, items in groups.items()
    }
    attested = any(one.tier <= ATTESTED for items in groups.values() for one in items)
    if len(groups) < 2 or not attested or not all(outside.values()):
        return frozenset()
    return frozenset(one.kind for items in groups.values() for one in items)


def _independent(known: Mapping[str, tuple[Item, ...]]) -> dict[str, list[Item]]:
    """Group by what is independent: a registry apart from addresses that somebody wrote down."""
    groups: dict[str, list[Item]] = {}
    for kind in ("card", "document", "tax", "billing", "registered"):
        for item in known.get(kind, ()):
            if item.tier > DECLARED:
                continue
            in_registry = kind == "registered" and item.tier == 1
            name = kind if kind in {"card", "document", "tax"} else "address"
            groups.setdefault("registry" if in_registry else name, []).append(item)
    return groups


def _inside(permit: Rule, item: Item) -> bool:
    own = [one for way in permit.disjuncts for one in way if one.fact == item.kind]
    return any(one.admits(item.value) for one in own) if own else accepts_place(permit, item.value)
