"""The JSON Schema of a replay's result, for programs that read it."""

from typing import Any

from bailiwick.json_schema import (
    COUNT,
    MAYBE,
    NUMBER,
    TEXT,
    TIME,
    document,
    listed,
    mapped,
    rows_schema,
    whole,
)
from bailiwick.replay.result import NO_FIGURES, SCHEMA
from bailiwick.replay.tally import CHANGES, MEASURES


def replay_schema() -> dict[str, Any]:
    """Give the JSON Schema of what ``bailiwick replay --json`` prints."""
    return document(
        SCHEMA,
        partial={"type": "boolean"},
        summary=whole(**dict.fromkeys(NO_FIGURES, NUMBER)),
        rows=rows_schema("judged"),
        period=whole(first=TIME, last=TIME),
        totals=_totals(),
        by_country=listed(_line()),
        by_model=listed(_line()),
        by_layer=listed(whole(layer=TEXT, **_changes())),
        by_reason=listed(whole(reason=TEXT, **_changes())),
        by_day=listed(_line()),
        accounts=whole(
            affected=COUNT,
            without_account=COUNT,
            top=listed(_line(places=listed(TEXT), models=listed(TEXT))),
        ),
        examples=listed(_example()),
        confidence=whole(firm=COUNT, contested=COUNT, unknown=COUNT),
        evidence=listed(whole(fact=TEXT, known=COUNT, unknown=COUNT)),
        beyond_diff=_beyond_diff(),
        dates=listed(whole(**{"from": TEXT}, rules=listed(TEXT), **_changes())),
        unknown_models=listed(whole(name=TEXT, requests=COUNT)),
        method=_method(),
    )


def _measures(**more: Any) -> dict[str, Any]:
    return whole(**dict.fromkeys(MEASURES[:3], COUNT), cost_usd=NUMBER, **more)


def _changes() -> dict[str, Any]:
    return {"newly_denied": _measures(), "newly_permitted": _measures()}


def _line(**more: Any) -> dict[str, Any]:
    """Describe one line of a group; the name is null for what has none."""
    counts = dict.fromkeys(("requests", "denied_before", "denied_after"), COUNT)
    return whole(name=MAYBE, **counts, **_changes(), **more)


def _totals() -> dict[str, Any]:
    counted = {"newly_denied", "newly_permitted", "all"}
    return whole(
        **{
            name: _measures(accounts=COUNT) if name in counted else _measures()
            for name in (*CHANGES, "all")
        }
    )


def _example() -> dict[str, Any]:
    return whole(
        change={"enum": ["newly_denied", "newly_permitted"]},
        requests=COUNT,
        at=MAYBE,
        model=MAYBE,
        facts=mapped(TEXT),
        before=TEXT,
        after=TEXT,
        would_be_permitted_if=listed(TEXT),
    )


def _beyond_diff() -> dict[str, Any]:
    names = ("differences", "met_by_traffic", "not_met", "models_differing", "models_used")
    largest = whole(models=listed(TEXT), old=TEXT, new=TEXT, requests=COUNT)
    compared = whole(
        compared={"const": True}, **dict.fromkeys(names, COUNT), largest=listed(largest)
    )
    return {"oneOf": [compared, whole(compared={"const": False}, why=TEXT)]}


def _method() -> dict[str, Any]:
    policy = whole(file=TEXT, name=MAYBE, revision=TEXT)
    return whole(
        policy=policy,
        baseline={"oneOf": [policy, {"type": "null"}]},
        recorded=whole(rows=COUNT, denied=COUNT),
        judged_at=TEXT,
        assumed=mapped(TEXT),
        accounts=MAYBE,
        files=listed(TEXT),
        chunks=whole(all=COUNT, read=COUNT),
        engine=TEXT,
        made_at=TEXT,
        location=listed(whole(name=TEXT, built_at=TIME, freshness=TEXT, licence=TEXT, credit=TEXT)),
        prices=listed(whole(source=TEXT, as_of=TEXT)),
        rows_without_price=COUNT,
        about=listed(whole(what=TEXT, source=TEXT, as_of=TEXT, about=TEXT)),
    )
