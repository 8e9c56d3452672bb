"""The JSON Schema of what ``bailiwick continuity --json`` prints."""

from typing import Any

from bailiwick.continuity.report import SCHEMA
from bailiwick.json_schema import (
    COUNT,
    MAYBE,
    TEXT,
    TIME,
    document,
    listed,
    mapped,
    rows_schema,
    whole,
)

MAYBE_NUMBER = {"type": ["number", "null"]}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
COUNTS = ("requests", "tokens", "accounts")
KINDS = ("withdrawal", "model", "ownership", "embargo", "scenario")


def continuity_schema() -> dict[str, Any]:
    """Give the JSON Schema."""
    impacts = listed(_impact())
    found = document(
        SCHEMA,
        served=_count(),
        denied_already=_count(),
        unknown_models=COUNT,
        requests_with_known_tokens=COUNT,
        days=MAYBE_NUMBER,
        target=SHARE,
        quality=MAYBE,
        models_in_use=listed(TEXT),
        candidates=listed(TEXT),
        losses=impacts,
        scenarios=impacts,
        proposal=whole(
            models=listed(TEXT),
            method={"enum": ["exact", "greedy"]},
            at_least=COUNT,
            worst_kept=SHARE,
            kept=mapped(SHARE),
            cannot_be_met=mapped(SHARE),
        ),
        empty={"const": True, "description": "nothing is served"},
        rows=rows_schema("used"),
        partial={"type": "boolean"},
    )
    found["required"].remove("empty")
    return found


def _count() -> dict[str, Any]:
    return whole(**dict.fromkeys(COUNTS, COUNT))


def _impact() -> dict[str, Any]:
    shared = whole(**dict.fromkeys(COUNTS, COUNT), **{f"{name}_share": SHARE for name in COUNTS})
    return whole(
        name=TEXT,
        kind={"enum": list(KINDS)},
        **{"from": TIME},
        until=TIME,
        **dict.fromkeys(("hit", "kept", "may_be_kept", "lost"), shared),
        stands_in=mapped(COUNT),
        cost_per_month_before=MAYBE_NUMBER,
        cost_per_month_after=MAYBE_NUMBER,
        cost_change=MAYBE_NUMBER,
        cost_change_share=MAYBE_NUMBER,
        quality_change=MAYBE_NUMBER,
        quality_known_requests=COUNT,
        does_not_fit=mapped(COUNT),
    )
