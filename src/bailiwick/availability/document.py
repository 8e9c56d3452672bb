"""Availability as JSON: a documented, versioned shape (``docs/availability.md``)."""

from datetime import date, datetime
from typing import Any

from bailiwick.availability.values import Availability, LevelGroup, Offer, RuleNote
from bailiwick.decision import Access

SCHEMA = "bailiwick.availability/1"


def as_dict(found: Availability) -> dict[str, Any]:
    """Give everything that the pages say."""
    return {
        "schema": SCHEMA,
        "name": found.name,
        "about": found.about,
        "source": found.source,
        "as_of": _moment(found.as_of),
        "revision": found.revision,
        "at": _moment(found.at),
        "contact": {"appeal": found.appeal, "exemption": found.exemption},
        "places": dict(found.places),
        "models": [_offer(one) for one in found.offers],
        "not_offered": found.not_offered,
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "model": offer.model,
        "provider": offer.provider,
        "family": offer.family,
        "openness": offer.openness,
        "authorities": list(offer.authorities),
        "levels": [_group(one) for one in offer.groups],
        "coming": [
            {
                "at": _moment(one.at),
                "before": one.before.value,
                "after": one.after.value,
                "places": list(one.places),
            }
            for one in offer.coming
        ],
    }


def _group(group: LevelGroup) -> dict[str, Any]:
    return {
        "access": group.access.value,
        "places": list(group.places),
        "conditions": list(group.conditions),
        "obligations": list(group.obligations),
        "reasons": list(group.reasons),
        "rules": [_rule(one) for one in group.rules],
    }


def _rule(rule: RuleNote) -> dict[str, Any]:
    return {
        "id": rule.id,
        "effect": rule.effect,
        "authority": rule.authority,
        "words": rule.words,
        "basis": rule.basis,
        "from": _moment(rule.from_at),
        "until": _moment(rule.until_at),
    }


def _moment(at: date | datetime | None) -> str | None:
    return at.isoformat() if at else None


def schema() -> dict[str, Any]:
    """Give the JSON Schema of ``availability.json``."""
    text: dict[str, Any] = {"type": "string"}
    maybe: dict[str, Any] = {"type": ["string", "null"]}
    texts = {"type": "array", "items": text}
    access = {"enum": [one.value for one in Access]}
    rule = _object(
        id=text, effect=text, authority=text, words=text, basis=maybe,
        **{"from": maybe, "until": maybe},
    )  # fmt: skip
    level = _object(
        access=access, places={**texts, "minItems": 1}, conditions=texts, obligations=texts,
        reasons=texts, rules={"type": "array", "items": rule},
    )  # fmt: skip
    coming = _object(at=text, before=access, after=access, places=texts)
    model = _object(
        model=text, provider=text, family=text, openness=text, authorities=texts,
        levels={"type": "array", "items": level}, coming={"type": "array", "items": coming},
    )  # fmt: skip
    whole = _object(
        schema={"const": SCHEMA}, name=text, about=maybe, source=maybe, as_of=maybe, revision=text,
        at=text, contact=_object(appeal=maybe, exemption=maybe),
        places={"type": "object", "additionalProperties": text},
        models={"type": "array", "items": model}, not_offered={"type": "integer", "minimum": 0},
    )  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        **whole,
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }
