"""The values a policy is made of once its names are resolved: rules, conditions, obligations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from bailiwick.documents import Value
from bailiwick.errors import Position, Problem
from bailiwick.facts import Kind, dimension
from bailiwick.places import PlaceSet, around

HIDDEN = "hidden"
"""The condition on whether an anonymizer hides the address. It reads the fact ``network``."""


class RuleEffect(StrEnum):
    """What a rule does when its conditions hold."""

    PERMIT = "permit"
    DENY = "deny"
    RESTRICT = "restrict"
    EXEMPT = "exempt"

    @property
    def is_strict(self) -> bool:
        """Deny and restrict: required evidence that is unknown matches, and one place is enough."""
        return self in {RuleEffect.DENY, RuleEffect.RESTRICT}


@dataclass(frozen=True, slots=True)
class Condition:
    """What one rule asks of one dimension."""

    dimension: str
    places: tuple[PlaceSet, ...] = ()
    choices: frozenset[str] = frozenset()
    negated: bool = False
    """The value must be outside ``places`` or ``choices``."""
    any_of: frozenset[str] = frozenset()
    all_of: frozenset[str] = frozenset()
    none_of: frozenset[str] = frozenset()
    unknown: bool = False
    """``unknown`` is listed: the condition holds when nothing is known."""
    _whole: frozenset[str] = field(init=False, repr=False, compare=False)
    """What those of ``places`` include that name countries only and exclude nothing."""
    _split: tuple[PlaceSet, ...] = field(init=False, repr=False, compare=False)
    """The other ones of ``places``."""

    def __post_init__(self) -> None:
        whole = [one.include for one in self.places if one.is_whole]
        object.__setattr__(self, "_whole", frozenset().union(*whole))
        split = tuple(one for one in self.places if not one.is_whole)
        object.__setattr__(self, "_split", split)

    @property
    def fact(self) -> str:
        """Name the fact that this condition reads."""
        return "network" if self.dimension == HIDDEN else self.dimension

    @property
    def kind(self) -> Kind:
        """Tell how the values of the fact combine."""
        known = dimension(self.fact)
        assert known is not None  # noqa: S101 - the reader made this condition from a dimension
        return known.kind

    def admits(self, value: str) -> bool:
        """Whether one candidate of a choice or place satisfies this."""
        inside = (
            value in self.choices
            or not self._whole.isdisjoint(around(value) if self._whole else ())
            or any(place.contains(value) for place in self._split)
        )
        return inside != self.negated

    def admits_names(self, names: frozenset[str]) -> bool:
        """Whether a known set satisfies this."""
        return (
            (not self.any_of or not self.any_of.isdisjoint(names))
            and self.all_of <= names
            and self.none_of.isdisjoint(names)
        )


@dataclass(frozen=True, slots=True, order=True)
class Quota:
    """How much may be used in a while. Every matching quota counts by itself."""

    rule: str
    per: str
    """``second``, ``minute``, ``hour`` or ``day``: a fixed window of that length."""
    by: str
    """Whose use adds up: account, key, address, place, model or everybody."""
    requests: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Obligations:
    """What a permitted request must be held to."""

    quotas: tuple[Quota, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    """Sent to the upstream with the request; a caller cannot override them."""
    denied_features: frozenset[str] = frozenset()
    max_output_tokens: int | None = None
    max_input_tokens: int | None = None
    max_body_bytes: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked."""
        return self is NO_OBLIGATIONS or self == NO_OBLIGATIONS

    def plus(self, other: "Obligations") -> "Obligations":
        """Add up: quotas and headers side by side, every other limit at its strictest."""
        return Obligations(
            quotas=tuple(sorted({*self.quotas, *other.quotas}, key=repr)),
            headers=tuple(sorted({*self.headers, *other.headers})),
            denied_features=self.denied_features | other.denied_features,
            max_output_tokens=_least(self.max_output_tokens, other.max_output_tokens),
            max_input_tokens=_least(self.max_input_tokens, other.max_input_tokens),
            max_body_bytes=_least(self.max_body_bytes, other.max_body_bytes),
        )


NO_OBLIGATIONS: Final = Obligations()


def _least(one: int | None, other: int | None) -> int | None:
    known = [value for value in (one, other) if value is not None]
    return min(known) if known else None


@dataclass(frozen=True, slots=True)
class Rule:
    """A conjunction of conditions with one effect. The order of rules never matters."""

    id: str
    effect: RuleEffect
    models: frozenset[str]
    """Catalogue ids that the rule is about, resolved."""
    authority: str = "operator"
    where: tuple[Condition, ...] = ()
    where_any: tuple[tuple[Condition, ...], ...] = ()
    """All conditions of one of these must hold as well, if there are any."""
    required: frozenset[str] = frozenset()
    """Dimensions whose absence makes a deny or restrict match too."""
    from_at: datetime | None = None
    until_at: datetime | None = None
    """Half-open: the rule is in force from ``from_at`` and no longer at ``until_at``."""
    absolute: bool = False
    lifts: frozenset[str] = frozenset()
    """The denies and restricts that an exempt lifts."""
    obligations: Obligations = Obligations()
    code: str = "rule.denied"
    """The reason code of a refusal by this rule."""
    detail: str | None = None
    """What in particular, such as the feature that is denied."""
    basis: str | None = None
    selector: tuple[str, ...] = ()
    """How the author wrote the models."""
    position: Position | None = field(default=None, compare=False)

    def in_force(self, at: datetime) -> bool:
        """Whether the rule counts at ``at``."""
        started = self.from_at is None or self.from_at <= at
        return started and (self.until_at is None or at < self.until_at)

    @property
    def disjuncts(self) -> tuple[tuple[Condition, ...], ...]:
        """The ways in which the rule can match: all conditions of one of them hold."""
        if not self.where_any:
            return (self.where,)
        return tuple((*self.where, *one) for one in self.where_any)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How the edge words a refusal."""

    status: int = 403
    """403, or 451 for a legal demand (RFC 7725)."""
    message: str = "generic"
    """``generic`` says "Access Denied"; ``informative`` says place, rule owner and appeal."""
    blocked_by: str | None = None
    """URL of who blocks, sent as ``Link: rel="blocked-by"`` with a 451."""
    appeal: str | None = None
    """URL where a person can object."""
    exemption: str | None = None
    """URL where a person can ask for an exemption."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """What may answer in place of some models. Each candidate is decided afresh."""

    name: str
    models: frozenset[str]
    candidates: tuple[str, ...]
    """Catalogue ids, the first one that is permitted answers."""
    when: frozenset[str]
    """Of ``denied`` (by this policy) and ``refused`` (by region, by the upstream)."""
    always: bool
    """Whether requests need not ask for it."""
    translate: bool
    """Whether models that are served in the other dialect only come into question."""


@dataclass(frozen=True, slots=True)
class Example:
    """One embedded test: facts and what the policy must say to them."""

    note: str
    facts: Mapping[str, Value]
    want: Mapping[str, Value]
    approved: frozenset[str]
    position: Position


FINDING_KINDS = (
    "billing", "card", "registered", "document", "phone", "ownership",
    "tax", "owner", "nationality", "funding", "address_check", "list", "name", "order",
)  # fmt: skip
"""Kinds of evidence that a finding can be about."""
UNASKED_KINDS = frozenset({"tax", "owner", "nationality", "funding", "address_check"})
"""Of these, the ones that count for a finding only if it names them."""
HOUR_S = 3600
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class Finding:
    """What a mismatch of account evidence leads to (carried out by the account layer)."""

    name: str
    of: str
    """The permit whose account conditions are compared with the evidence."""
    then: str
    """``review``, ``restrict`` or ``suspend``: the most that may follow. What evidence is not
    strong enough for becomes a review."""
    cure_s: int | None = None
    """Seconds the account has to clear it before ``next``, counted from its notice."""
    next: str | None = None
    kinds: frozenset[str] = frozenset()
    """Kinds of evidence that count; empty: those that the permit asks about, lists and orders."""
    position: Position | None = field(default=None, compare=False)

    @property
    def cure(self) -> int:
        """Seconds from the notice of a restriction to the suspension, if one follows."""
        return 72 * HOUR_S if self.cure_s is None else self.cure_s

    @property
    def suspends(self) -> bool:
        """Whether a suspension follows a restriction by itself."""
        return self.then == "suspend" or self.next == "suspend"

    def is_about(self, kind: str) -> bool:
        """Whether a kind of evidence counts."""
        return kind in self.kinds if self.kinds else kind not in UNASKED_KINDS


@dataclass(frozen=True, slots=True)
class Review:
    """Service levels, delays and caps of reviews. Times are seconds."""

    look_s: int = DAY_S
    """First look of a person at a restriction or suspension."""
    decide_s: int = 2 * DAY_S
    appeal_s: int = 7 * DAY_S
    """Answer to an appeal."""
    appeal_open_s: int = 182 * DAY_S
    """How long after a notice one can appeal."""
    not_proven_s: int = 14 * DAY_S
    """After which a review without a decision ends in favour of the account."""
    mute_s: int = 90 * DAY_S
    """How long the same evidence is not held against an account again."""
    probation_s: int = 30 * DAY_S
    """After a reinstatement, how long automation only asks for reviews."""
    terminate_after_s: int = 30 * DAY_S
    """Least time from the notice of a suspension to a termination."""
    announce_s: int = 7 * DAY_S
    """How long before a rule begins or ends the accounts that it touches are told."""
    suspend_accounts: int = 5
    suspend_share: Decimal = Decimal("0.005")
    """Automation suspends at most the greater of these two in an hour."""
    confirm_accounts: int = 10
    confirm_share: Decimal = Decimal("0.01")
    """Beyond the greater of these two, a person must have agreed to what would change."""
    require: frozenset[str] = frozenset()
    """Evidence for an account to become active; empty: what the permits of findings ask for."""


COUNTABLE = ("shareholding", "votingRights", "rightsToProfitOrIncome",
             "rightsToSurplusAssetsOnDissolution", "beneficiaryOfLegalArrangement")  # fmt: skip
"""Interests (BODS 0.4) that are held in shares of a whole."""


@dataclass(frozen=True, slots=True)
class OwnershipRule:
    """One ownership test, by name. Its outcome is the fact ``ownership.NAME``."""

    name: str
    threshold: Fraction
    """Share of the whole, over 0 and at most 1."""
    strict: bool
    """Whether a share must be more than the threshold; else the threshold itself is enough."""
    listed: tuple[str, ...] = ()
    """Files of identifiers of listed owners, relative to the file of ``position``."""
    headquarters: tuple[PlaceSet, ...] = ()
    """Companies with their headquarters in one of these count like listed ones."""
    method: str = "aggregate"
    """``aggregate``: whoever passes the threshold hands on all that it holds (a fixed point).
    ``multiplied``: shares are multiplied along each chain of holders and the chains added up."""
    interests: tuple[str, ...] = COUNTABLE[:1]
    undisclosed: str = "clear"
    """``clear`` or ``unknown``: shares whose holder the data does not name."""
    if_headquarters_unknown: str = "unknown"
    """``unknown``, or ``jurisdiction``, which then stands in."""
    basis: str | None = None
    source: str | None = None
    as_of: date | None = None
    position: Position | None = None

    @property
    def words(self) -> str:
        """The threshold for people: ``50 % or more``, ``more than 50 %``."""
        percent = self.threshold * 100
        share = f"{Decimal(percent.numerator) / percent.denominator:f} %"
        return f"more than {share}" if self.strict else f"{share} or more"

    def is_passed(self, share: Fraction, beyond: int = 0) -> bool:
        """Whether ``share`` passes; ``beyond`` is 1 just above it and -1 just below it."""
        reached = (share, beyond)
        return reached > (self.threshold, 0) if self.strict else reached >= (self.threshold, 0)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What guardrails of a cloud, or an edge alone, leave open, and who closes it."""

    targets: frozenset[str]
    """Clouds and edges."""
    of: frozenset[str]
    """Facts that they cannot see, ``obligations``, ``time``, ``model`` or ``exemptions``."""
    by: str
    """``edge``, ``gateway``, ``account``, ``perimeter`` or ``procedure``."""
    rules: frozenset[str]
    """Only these rules; empty: every rule."""
    note: str | None = None
    position: Position | None = None

    def covers(self, target: str, rule: str, what: str) -> bool:
        """Whether this is about ``what`` of ``rule`` in a cloud or at an edge."""
        named = what in self.of or what.split(".", maxsplit=1)[0] in self.of
        return target in self.targets and named and (not self.rules or rule in self.rules)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One owner's rules, and how far their source can be trusted."""

    authority: str
    file: str
    source: str | None
    as_of: date | None
    """The day on which the source said so."""
    complete: bool
    """``False``: lists of the source are known to have gaps."""
    unnamed_exceptions: Mapping[str, str]
    """Country to the words in which the source makes exceptions that it does not name."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy, names resolved, ready to compile."""

    name: str
    rules: tuple[Rule, ...]
    models: frozenset[str]
    """Every id of the catalogue the policy was read against."""
    controlled: frozenset[str]
    """Models that are controlled: all, but those that only uncontrolled groups name."""
    place_groups: Mapping[str, PlaceSet]
    model_groups: Mapping[str, frozenset[str]]
    anonymizers: Mapping[str, str]
    max_age_s: Mapping[str, int]
    refusal: Refusal
    examples: tuple[Example, ...]
    findings: tuple[Finding, ...]
    ownership: Mapping[str, OwnershipRule]
    review: Review
    digest: str
    """SHA-256 over everything that can change a decision, in a canonical form."""
    acknowledged: tuple[Acknowledgement, ...] = ()
    about: str | None = None
    source: str | None = None
    as_of: date | None = None
    files: tuple[str, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    """In the order of the file; the first that names a model counts."""
    rule_sets: tuple[RuleSet, ...] = ()
    """The policy's own rule set first, then those that it uses."""
    finished: bool = False
    """Every file marks its own end, so none of them can have been cut short."""
    warnings: tuple[Problem, ...] = ()

    def fallback(self, model: str) -> Fallback | None:
        """Find what may answer in place of ``model``."""
        return next((one for one in self.fallbacks if model in one.models), None)
