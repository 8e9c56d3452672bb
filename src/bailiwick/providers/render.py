"""Write a pack as YAML, and the rule set of a policy that follows from it."""

import json
from collections.abc import Iterator
from typing import Any

from bailiwick.errors import BailiwickError
from bailiwick.places import countries, territories_of
from bailiwick.providers.values import Pack

SERVED, EXCLUDED, OUTSIDE = "served", "excluded-subdivisions", "not-served"


def rule_set(pack: Pack) -> str:
    """Write the rule set that ``use: provider/NAME`` stands for, as policy text (YAML).

    It permits where the place is listed, for the caller and, where it is known, for the gateway's
    own exit, which is what the provider sees. Raises ``BailiwickError`` for a pack of which no
    rules follow.
    """
    rules = list(_rules(pack))
    if not rules:
        raise BailiwickError(
            f"no rules follow from `{pack.authority}`: no list of places was found",
            "that is neither everywhere nor nowhere; write what you know as rules of your own",
        )
    parts: dict[str, Any] = {
        "bailiwick": 1,
        "name": pack.name,
        "about": f"{pack.title}, as reported",
        "authority": pack.authority,
        "source": pack.source,
        "as_of": pack.as_of.isoformat(),
        "complete": pack.complete and not pack.changed_since,
    }
    if pack.unnamed_exceptions:
        parts["unnamed_exceptions"] = dict(pack.unnamed_exceptions)
    parts["places"] = dict(_places(pack))
    if pack.ownership:
        seeds = {"headquarters": OUTSIDE}
        test = {"threshold": pack.ownership.threshold, "seeds": seeds}
        parts["ownership"] = {pack.ownership.name: test}
    parts["rules"] = rules
    return _yaml({name: part for name, part in parts.items() if part != {}})


def render_pack(pack: Pack) -> str:
    """Write a pack as the text that ``read_pack`` reads."""
    whole: dict[str, Any] = {
        "provider_pack": 1,
        "name": pack.name,
        "title": pack.title,
        "source": pack.source,
        "other_sources": list(pack.other_sources),
        "captured_via": pack.captured_via,
        "as_of": pack.as_of.isoformat(),
        "complete": pack.complete,
        "changed_since": "unknown" if pack.changed_since is None else pack.changed_since,
        "models": {name: list(one) for name, one in pack.models.items()},
        "territories": pack.territories,
        "territories_note": pack.territories_note,
        "served": sorted(pack.served or ()),
        "excluded": {one.place: one.name for one in pack.excluded},
        "excluded_wording": pack.excluded_wording,
        "unnamed_exceptions": dict(pack.unnamed_exceptions or {}),
        "later": [_later(one) for one in pack.later],
        "ownership": _plain(pack.ownership),
        "licence": _plain(pack.licence),
        "notes": list(pack.notes),
    }
    return _yaml({name: one for name, one in whole.items() if one not in (None, [], {})})


def _places(pack: Pack) -> Iterator[tuple[str, dict[str, Any]]]:
    origin = {"source": pack.source, "as_of": pack.as_of.isoformat()}
    if pack.served:
        yield SERVED, {
            "include": sorted(pack.served), "territories": pack.territories, **origin
        }  # fmt: skip
    if pack.ownership:
        yield OUTSIDE, {"include": _outside(pack), "territories": "listed-only", **origin}
    if pack.excluded:
        yield (
            EXCLUDED,
            {
                "include": [one.place for one in pack.excluded],
                "if_subdivision_unknown": "no_match",
                **origin,
            },
        )


def _outside(pack: Pack) -> list[str]:
    """List the countries and territories that are not served."""
    served = set(pack.served or ())
    if pack.territories == "inherit":
        served.update(*(territories_of(place) for place in served))
    return [place for place in countries() if place not in served]


def _rules(pack: Pack) -> Iterator[dict[str, Any]]:
    models = {name: list(one) for name, one in pack.models.items()}
    if pack.served:
        basis = f"{pack.title}: list of {pack.as_of}, as reported"
        where = {"address": SERVED, "egress": [SERVED, "unknown"]}
        yield {"id": SERVED, "permit": models, "where": where, "basis": basis}
    if pack.excluded:
        basis = pack.excluded_wording or "the list makes exceptions"
        for fact in ("address", "egress"):
            name = EXCLUDED if fact == "address" else f"{EXCLUDED}-{fact}"
            yield {"id": name, "deny": models, "where": {fact: EXCLUDED}, "basis": basis}
    if term := pack.ownership:
        where_owned = {"ownership": {term.name: "yes"}}
        basis = f"{term.wording} ({term.source}, {term.as_of}, as reported)"
        yield {"id": term.name, "deny": models, "where": where_owned, "basis": basis}
    if licence := pack.licence:
        deployed = {"action": ["deploy", "tune"], "registered": licence.registered}
        ids = {"ids": list(licence.ids)}
        yield {"id": "licence", "deny": ids, "where": deployed, "basis": licence.wording}


def _later(one: Any) -> dict[str, Any]:
    found = {
        "places": sorted(one.places),
        "source": one.source,
        "as_of": one.as_of.isoformat() if one.as_of else None,
        "readable_up_to": one.readable_up_to,
    }
    return {name: value for name, value in found.items() if value is not None}


def _plain(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    names = value.__slots__
    found = {name: getattr(value, name) for name in names}
    return {name: list(one) if isinstance(one, tuple) else str(one) for name, one in found.items()}


def _yaml(value: dict[str, Any]) -> str:
    """Write YAML 1.2: one line for each key or list item; every text is quoted."""
    return "\n".join([*_lines(value, ""), "...", ""])


def _lines(value: dict[str, Any], indent: str) -> Iterator[str]:
    for key, one in value.items():
        if isinstance(one, dict):
            yield f"{indent}{key}:"
            yield from _lines(one, indent + "  ")
        elif isinstance(one, list) and one and isinstance(one[0], dict):
            yield f"{indent}{key}:"
            for item in one:
                first, *rest = _lines(item, "")
                yield f"{indent}  - {first}"
                yield from (f"{indent}    {line}" for line in rest)
        elif isinstance(one, list) and len(one) > 12:
            yield f"{indent}{key}:"
            yield from _wrapped([_scalar(item) for item in one], indent + "  ")
        elif isinstance(one, list):
            yield f"{indent}{key}: [{', '.join(_scalar(item) for item in one)}]"
        else:
            yield f"{indent}{key}: {_scalar(one)}"


def _wrapped(items: list[str], indent: str) -> Iterator[str]:
    rows = [items[at : at + 20] for at in range(0, len(items), 20)]
    for number, row in enumerate(rows):
        begin = "[" if number == 0 else " "
        end = "]" if number == len(rows) - 1 else ","
        yield f"{indent}{begin}{', '.join(row)}{end}"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    plain = text.replace("-", "").replace("_", "").isalnum() and text.isascii()
    return text if plain else json.dumps(text, ensure_ascii=False)
