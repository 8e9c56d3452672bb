"""The shape of a policy file: which keys there are and what text each takes.

Pydantic checks the shape and publishes the JSON Schema for editors; ``read`` gives the names their
meaning. Every scalar arrives as text (``bailiwick.documents``), so each type says how it reads it.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from bailiwick.errors import InvalidInput
from bailiwick.facts import DIMENSIONS, FEATURES, NETWORKS, read_time
from bailiwick.policy.rules import COUNTABLE, FINDING_KINDS, RuleEffect
from bailiwick.shapes import keys_at

DURATION = re.compile(r"([0-9]{1,6}) ?(s|m|h|d)")
SHARE = re.compile(r"^(100|[0-9]{1,2}(?:\.[0-9]{1,4})?) ?%$")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _reading(read: Callable[[str], Any], schema: dict[str, Any]) -> Any:
    def validate(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError("needs one plain value here, not a list or mapping")
        try:
            return read(value)
        except InvalidInput as error:
            problem = error.problems[0]
            raise ValueError(f"{problem.message}; {problem.help}") from None

    return BeforeValidator(validate), WithJsonSchema(schema)


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"`{text}` is neither `true` nor `false`")
    return text == "true"


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) < 1:
        raise ValueError(f"`{text}` is not a whole number above zero")
    return int(text)


def _seconds(text: str) -> int:
    match = DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not a duration; write it as 90s, 15m, 72h or 45d")
    return int(timedelta(**{UNITS[match[2]]: int(match[1])}).total_seconds())


def _delay(text: str) -> int:
    return 0 if text == "0" else _seconds(text)


def _share(text: str) -> Decimal:
    match = SHARE.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not a share; write it as 0.5%")
    return Decimal(match[1]) / 100


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{text}` is not a date; write it as 2026-06-01") from None


def _amount(text: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise ValueError(f"`{text}` is not an amount; write it as 84 or 0.25")
    return Decimal(text)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _no_repeats(values: list[str]) -> list[str]:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"`{repeated[0]}` is listed twice")
    return values


_TEXTS_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
    ]
}
_DATED = {"type": "string", "format": "date-time"}

Flag = Annotated[bool, *_reading(_flag, {"type": "boolean"})]
Whole = Annotated[int, *_reading(_whole, {"type": "integer", "minimum": 1})]
Seconds = Annotated[
    int, *_reading(_seconds, {"type": "string", "pattern": f"^{DURATION.pattern}$"})
]
Delay = Annotated[
    int,
    *_reading(_delay, {"type": "string", "pattern": f"^({DURATION.pattern}|0)$"}),
]
Share = Annotated[Decimal, *_reading(_share, {"type": "string", "pattern": SHARE.pattern})]
Amount = Annotated[Decimal, *_reading(_amount, {"type": "number", "minimum": 0})]
Day = Annotated[date, *_reading(_day, {"type": "string", "format": "date"})]
Moment = Annotated[
    datetime, *_reading(read_time, {"anyOf": [_DATED, {"type": "string", "format": "date"}]})
]
Texts = Annotated[
    list[str],
    BeforeValidator(_listed),
    Field(min_length=1),
    AfterValidator(_no_repeats),
    WithJsonSchema(_TEXTS_SCHEMA),
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]

_VALUES_SCHEMA = {
    "anyOf": [
        *_TEXTS_SCHEMA["anyOf"],
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "in": _TEXTS_SCHEMA,
                "not": _TEXTS_SCHEMA,
                "any": _TEXTS_SCHEMA,
                "all": _TEXTS_SCHEMA,
                "none": _TEXTS_SCHEMA,
                "unknown": {"const": "ok"},
            },
        },
    ]
}
_CONDITIONS_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "hidden": {"enum": ["ok", "yes", "no"]},
        "ownership": {"type": "object", "additionalProperties": _VALUES_SCHEMA},
        "end_user": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"place": _VALUES_SCHEMA, "labels": _VALUES_SCHEMA},
        },
        **{name: _VALUES_SCHEMA for name in DIMENSIONS if "." not in name},
    },
}
Conditions = Annotated[dict[str, Any], WithJsonSchema(_CONDITIONS_SCHEMA)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def _needs(*keys: str, exactly: str = "anyOf") -> ConfigDict:
    """Tell editors which keys one must be given of; validators say it to everybody else."""
    return ConfigDict(json_schema_extra={exactly: [{"required": [str(key)]} for key in keys]})


class EvidenceShape(_Shape):
    """What must be known, and how old data may be."""

    required: Texts | None = Field(
        None, description="Dimensions whose absence makes a deny or restrict that names them match."
    )
    max_age: dict[str, Seconds] | None = Field(
        None,
        description="Source of evidence to the age beyond which its answers count as unknown.",
    )


class PlaceGroupShape(_Shape):
    """A named group of places."""

    model_config = _needs("include", "use")

    include: Texts | None = Field(None, description="ISO 3166 codes.")
    use: Texts | None = Field(None, description="Built-in groups, or groups of this policy.")
    exclude: Texts | None = Field(None, description="ISO 3166 codes taken out again.")
    territories: Literal["inherit", "listed-only"] | None = Field(
        None, description="Whether a country's territories come with it. HK, MO and TW never do."
    )
    if_subdivision_unknown: Literal["match", "no_match"] | None = Field(
        None,
        description="What a country alone answers where the group names one of its subdivisions.",
    )
    source: str | None = Field(None, description="Where the list comes from.")
    as_of: Day | None = Field(None, description="The date of the list.")


class ModelGroupShape(_Shape):
    """A named group of models. All keys that are given must hold."""

    ids: Texts | None = Field(None, description="Catalogue ids; `*` stands for any characters.")
    exclude: Texts | None = Field(None, description="Ids or patterns taken out again.")
    provider: Texts | None = None
    provider_country: Texts | None = Field(None, description="ISO 3166-1 codes or groups.")
    openness: Texts | None = Field(None, description="`restricted`, `open-weight` or `open`.")
    family: Texts | None = None
    controlled: Flag | None = Field(
        None,
        description="`false`: these models may be served when records cannot be kept, and to "
        "accounts that are restricted or not verified yet. Default true.",
    )


class QuotaShape(_Shape):
    """How much may be used in a while."""

    model_config = _needs("requests", "tokens")

    requests: Whole | None = None
    tokens: Whole | None = None
    per: Literal["second", "minute", "hour", "day"]
    by: Literal["account", "key", "address", "place", "model", "everybody"] = "account"

    @model_validator(mode="after")
    def _counts_something(self) -> Self:
        if self.requests is None and self.tokens is None:
            raise ValueError("a quota needs `requests` or `tokens`")
        return self


class DeniedFeaturesShape(_Shape):
    """Features that may not be used."""

    deny: Texts = Field(description=f"Of {', '.join(FEATURES)}.")


class RestrictionShape(_Shape):
    """What a restrict holds the request to."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    quota: QuotaShape | None = None
    headers: dict[str, str] | None = Field(None, description="Sent to the upstream.")
    features: DeniedFeaturesShape | None = None
    max_output_tokens: Whole | None = None
    max_input_tokens: Whole | None = None
    max_body_bytes: Whole | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("`to` is empty; say what the restrict holds the request to")
        return self


Selector = Annotated[
    Annotated[Texts, Tag("list")] | Annotated[ModelGroupShape, Tag("group")],
    Discriminator(lambda value: "group" if isinstance(value, dict) else "list"),
]
"""Group names, ids and patterns, or a group without a name."""


class RuleShape(_Shape):
    """One rule: exactly one of `permit`, `deny`, `restrict`, `exempt`, and its conditions."""

    model_config = _needs(*RuleEffect, exactly="oneOf")

    id: Name
    permit: Selector | None = Field(None, description="Models that this permits.")
    deny: Selector | None = Field(None, description="Models that this denies.")
    restrict: Selector | None = Field(None, description="Models that this holds to `to`.")
    exempt: Selector | None = Field(None, description="Models for which `lifts` are lifted.")
    where: Conditions | None = Field(None, description="All of these must hold.")
    where_any: Conditions | None = Field(None, description="One of these must hold as well.")
    labels: Annotated[Any, WithJsonSchema(_VALUES_SCHEMA)] = Field(
        None, description="Short for a condition on labels in `where`."
    )
    requires: Texts | None = Field(
        None, description="As `evidence.required`, for this deny or restrict alone."
    )
    from_: Moment | None = Field(None, alias="from", description="In force from then on.")
    until: Moment | None = Field(None, description="No longer in force from then on.")
    absolute: Flag | None = Field(None, description="No exemption lifts this deny.")
    lifts: Texts | None = Field(None, description="Ids of the rules that an exempt lifts.")
    to: RestrictionShape | None = Field(None, description="What a restrict asks for.")
    authority: Name | None = Field(None, description="Whose rule this is.")
    basis: str | None = Field(None, description="Contract, law or decision behind the rule.")
    source: str | None = None
    as_of: Day | None = None
    note: str | None = None

    @property
    def effect(self) -> RuleEffect:
        """The one effect that is given."""
        return next(effect for effect in RuleEffect if getattr(self, effect.value) is not None)

    @model_validator(mode="after")
    def _fits_its_effect(self) -> Self:
        given = [effect for effect in RuleEffect if getattr(self, effect.value) is not None]
        if len(given) != 1:
            raise ValueError("a rule has exactly one of `permit`, `deny`, `restrict`, `exempt`")
        for key, only in {
            "absolute": {RuleEffect.DENY},
            "lifts": {RuleEffect.EXEMPT},
            "to": {RuleEffect.RESTRICT},
            "requires": {RuleEffect.DENY, RuleEffect.RESTRICT},
        }.items():
            if getattr(self, key) is not None and given[0] not in only:
                raise ValueError(f"`{key}` goes with {' or '.join(sorted(only))} only")
        for key, effect in {"lifts": RuleEffect.EXEMPT, "to": RuleEffect.RESTRICT}.items():
            if given[0] is effect and getattr(self, key) is None:
                raise ValueError(f"a rule with `{effect.value}` needs `{key}`")
        if self.from_ and self.until and self.from_ >= self.until:
            raise ValueError("`until` is not after `from`, so the rule is never in force")
        return self


class FindingShape(_Shape):
    """What a mismatch of account evidence leads to."""

    of: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/#-]{0,127}$")]
    kinds: Texts | None = Field(
        None, description=f"Evidence that counts, of {', '.join(FINDING_KINDS)}."
    )
    then: Literal["review", "restrict", "suspend"]
    cure: Delay | None = None
    next: Literal["suspend"] | None = None


class PartShape(_Shape):
    """A number of accounts and a share of all; the greater of the two counts."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    accounts: Whole | None = None
    share: Share | None = Field(None, description="Of all accounts, as `0.5%`.")


class ReviewShape(_Shape):
    """Service levels, delays and caps of reviews."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    look: Seconds | None = Field(None, description="First look at a restriction; default 24h.")
    decide: Seconds | None = Field(None, description="Decision of a review; default 2d.")
    appeal: Seconds | None = Field(None, description="Answer to an appeal; default 7d.")
    appeal_open: Seconds | None = Field(
        None, description="How long after a notice one can appeal; default 182d."
    )
    not_proven: Seconds | None = Field(
        None, description="After which an undecided review ends as not proven; default 14d."
    )
    mute: Seconds | None = Field(
        None, description="How long evidence that was judged is not raised again; default 90d."
    )
    probation: Seconds | None = Field(
        None, description="After a reinstatement automation only asks for reviews; default 30d."
    )
    terminate_after: Seconds | None = Field(
        None, description="Least time from a suspension's notice to a termination; default 30d."
    )
    announce: Seconds | None = Field(
        None, description="How long ahead accounts hear of dated rules; default 7d."
    )
    suspend_at_most: PartShape | None = Field(
        None, description="Automatic suspensions in an hour; default 5 accounts or 0.5%."
    )
    confirm_over: PartShape | None = Field(
        None, description="Beyond, a person confirms first; default 10 accounts or 1%."
    )
    require: Texts | None = Field(
        None, description="Evidence that a pending account needs to become active."
    )


class SeedsShape(_Shape):
    """Whose shares an ownership test counts."""

    model_config = _needs("listed", "headquarters")

    listed: Texts | None = Field(
        None, description="Files of listed identifiers, relative to this file."
    )
    headquarters: Texts | None = Field(
        None, description="Places or groups; companies with their headquarters there."
    )

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not self.listed and not self.headquarters:
            raise ValueError("`seeds` names nobody; give `listed` or `headquarters`")
        return self


class OwnershipShape(_Shape):
    """One ownership test."""

    threshold: Annotated[str, Field(pattern=r"^(>|>=) ?\d{1,3}(\.\d+)? ?%$")]
    seeds: SeedsShape
    method: Literal["aggregate", "multiplied"] = "aggregate"
    interests: Texts | None = Field(
        None, description=f"Interests that count: {', '.join(COUNTABLE)}. Default `{COUNTABLE[0]}`."
    )
    undisclosed: Literal["clear", "unknown"] = Field(
        "clear", description="What shares are whose holder the data does not name."
    )
    if_headquarters_unknown: Literal["unknown", "jurisdiction"] = Field(
        "unknown", description="Whether the jurisdiction may stand in for unknown headquarters."
    )
    basis: str | None = None
    source: str | None = None
    as_of: Day | None = None

    @field_validator("threshold")
    @classmethod
    def _can_be_passed(cls, text: str) -> str:
        share = Fraction(text.strip("<>=% "))
        if not 0 < share <= 100 or (share == 100 and not text.startswith(">=")):
            raise ValueError(f"`{text}` is passed always or never; write for example `>= 50%`")
        return text

    @field_validator("interests")
    @classmethod
    def _can_be_counted(cls, names: list[str] | None) -> list[str] | None:
        for name in names or ():
            if name not in COUNTABLE:
                raise ValueError(f"`{name}` has no share; countable are {', '.join(COUNTABLE)}")
        return names


class RefusalShape(_Shape):
    """How refusals are worded."""

    status: Literal["403", "451"] = Field(
        "403", json_schema_extra={"type": "integer", "enum": [403, 451]}
    )
    message: Literal["generic", "informative"] = "generic"
    blocked_by: str | None = None
    appeal: str | None = None
    exemption: str | None = None


class AcknowledgeShape(_Shape):
    """What a cloud or an edge cannot hold, and the point that holds it instead."""

    model_config = _needs("cloud", "edge")

    cloud: Annotated[list[Literal["aws", "gcp", "azure"]], BeforeValidator(_listed)] | None = Field(
        None, min_length=1, description="Clouds whose guardrails come out weaker."
    )
    edge: Annotated[list[Literal["envoy", "nginx", "haproxy"]], BeforeValidator(_listed)] | None = (
        Field(
            None,
            min_length=1,
            description="Edges that come out weaker, as they ask no decision service.",
        )
    )
    of: Texts = Field(
        description="Dimensions that it cannot see; `obligations` of a restrict; `time` for a "
        "rule that begins or ends; at an edge also the `model`, and `exemptions` that lift a deny."
    )
    by: Literal["edge", "gateway", "account", "perimeter", "procedure"] = Field(
        description="Who enforces it: the edge with its service, the gateway, the account layer, "
        "the network around the cloud, or people."
    )
    rules: Texts | None = Field(None, description="Only for these rules. Default: all.")
    note: str | None = None

    @model_validator(mode="after")
    def _names_a_target(self) -> Self:
        if self.cloud is None and self.edge is None:
            raise ValueError("an acknowledgement names a `cloud` or an `edge`")
        return self


class FallbackShape(_Shape):
    """What may answer in place of models that are denied, or refused by their provider."""

    model_config = _needs("to", "by")

    of: Selector = Field(description="Models in whose place another may answer.")
    to: Texts | None = Field(None, description="Models and groups that may, in this order.")
    by: Literal["quality", "price", "context"] | None = Field(
        None, description="Order by this instead; `quality` needs `benchmark`."
    )
    benchmark: str | None = Field(None, description="Score of the catalogue that is quality.")
    min: dict[str, Amount] | None = Field(None, description="Benchmark to the least score.")
    max_price: Amount | None = Field(None, description="USD for one million input tokens.")
    when: Texts | None = Field(
        None,
        description="`denied` by this policy, `refused` by region by the upstream; default both.",
    )
    opt_in: Literal["header", "policy"] = Field(
        "header",
        description="`header`: only for requests that ask for it; `policy`: for all others too.",
    )
    translate: Flag | None = Field(
        None, description="`true`: also models that are served in the other dialect only."
    )

    @model_validator(mode="after")
    def _has_an_order(self) -> Self:
        if self.to is None and self.by is None:
            raise ValueError("a fallback needs `to` or `by`; it has no default")
        if (self.by == "quality") != (self.benchmark is not None):
            raise ValueError("`benchmark` goes with `by: quality`, and that needs it")
        unknown = sorted(set(self.when or ()) - {"denied", "refused"})
        if unknown:
            raise ValueError(f"`{unknown[0]}` is neither `denied` nor `refused`")
        return self


class ExampleShape(_Shape):
    """One embedded test."""

    note: str
    facts: dict[str, Any]
    want: dict[str, Any]
    approved: Texts | None = Field(None, description="Exemptions that count as approved.")


class PolicyShape(_Shape):
    """A Bailiwick policy file."""

    bailiwick: Literal["1"] = Field(json_schema_extra={"type": "integer", "const": 1})
    name: Name
    about: str | None = None
    source: str | None = None
    as_of: Day | None = None
    complete: Flag | None = Field(
        None, description="`false`: lists of this rule set are known to have gaps; using it warns."
    )
    unnamed_exceptions: dict[str, str] | None = Field(
        None, description="Country to the words in which its source makes exceptions without names."
    )
    authority: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")] = "operator"
    include: Texts | None = Field(None, description="Files that are part of this rule set.")
    use: Texts | None = Field(None, description="Other rule sets, each with its own authority.")
    catalog: Texts | None = Field(None, description="Catalogue files that extend the built-in one.")
    evidence: EvidenceShape | None = None
    anonymizers: dict[str, Literal["hidden", "trust"]] | None = Field(
        None,
        description=f"Network class to `hidden` or `trust`: {', '.join(NETWORKS)}, unknown.",
    )
    places: dict[Name, PlaceGroupShape] | None = None
    models: dict[Name, ModelGroupShape] | None = None
    rules: Annotated[list[RuleShape], Field(min_length=1)] | None = None
    accounts: dict[Name, FindingShape] | None = None
    ownership: dict[Name, OwnershipShape] | None = None
    review: ReviewShape | None = None
    refusal: RefusalShape | None = None
    fallback: dict[Name, FallbackShape] | None = Field(
        None, description="What may answer in place of a model, by name of the arrangement."
    )
    acknowledge: Annotated[list[AcknowledgeShape], Field(min_length=1)] | None = Field(
        None, description="What guardrails of a cloud leave to another enforcing point."
    )
    tests: Annotated[list[ExampleShape], Field(min_length=1)] | None = None


@cache
def policy_schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of a policy file, for editors."""
    schema = _as_written(PolicyShape.model_json_schema(by_alias=True))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _as_written(schema: Any) -> Any:
    """Say what a file may hold: no null, no key that is not named, and no noise."""
    if isinstance(schema, list):
        return [_as_written(one) for one in schema if one != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _as_written(one) for key, one in schema.items() if one is not None}
    if isinstance(kept.get("title"), str):
        del kept["title"]
    closed = {"additionalProperties": False} if "patternProperties" in kept else {}
    return {**kept, **closed}


def known_keys(path: tuple[str | int, ...]) -> set[str]:
    """List the keys that the mapping at ``path`` of a policy file may have."""
    return keys_at(policy_schema(), path)
