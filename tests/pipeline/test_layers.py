"""Which layer decided, and what an upstream's places rule out."""

from typing import Any

import pytest

from bailiwick.facts import UNKNOWN
from pipeline.helpers import NOW

HEAD = """\
bailiwick: 1
name: layers
models: {opus: {ids: ["anthropic/claude-opus-*"]}}
rules:
"""
OPUS = "anthropic/claude-opus-4-1"
IN_US = "  - {id: in-us, permit: opus, where: {processing: US}}\n"
UNASKED = "  - {id: any, permit: opus}\n"


def route(*processing: str, egress: str | None = None) -> dict[str, Any]:
    return {
        "processing": frozenset(processing) or UNKNOWN,
        "egress": frozenset({egress}) if egress else UNKNOWN,
        "endpoint": UNKNOWN,
    }


@pytest.mark.parametrize(
    ("rules", "places", "ruled_out"),
    [
        (IN_US, route("US"), False),
        (IN_US, route("US", "DE"), True),
        (IN_US, route("DE"), True),
        (IN_US, route(), True),
        (UNASKED, route(), False),
        (UNASKED, route("KP"), False),
        (IN_US + UNASKED, route("DE"), False),
        (UNASKED + "  - {id: not-dprk, deny: opus, where: {processing: KP}}\n", route("KP"), True),
        (
            UNASKED + "  - {id: not-out, deny: opus, where: {egress: {not: US}}}\n",
            route(egress="DE"),
            True,
        ),
        (
            UNASKED + "  - {id: not-out, deny: opus, where: {egress: {not: US}}}\n",
            route(egress="US"),
            False,
        ),
        (
            UNASKED + "  - {id: both, deny: opus, where: {processing: KP, address: DE}}\n",
            route("KP"),
            False,
        ),
        (IN_US.replace("permit", "deny"), route("US"), True),
    ],
)
def test_places_rule_a_model_out_only_where_that_is_certain(
    make_world: Any, rules: str, places: dict[str, Any], ruled_out: bool
) -> None:
    world = make_world(HEAD + rules)

    assert world.layers.is_ruled_out(OPUS, NOW, places) is ruled_out


def test_a_deny_that_an_exemption_could_lift_does_not_rule_out(make_world: Any) -> None:
    rules = (
        UNASKED
        + "  - {id: not-dprk, deny: opus, where: {processing: KP}}\n"
        + "  - {id: relief, exempt: opus, lifts: [not-dprk], labels: {any: [x]}, until: 2027-01-01}\n"
    )
    world = make_world(HEAD + rules)

    assert not world.layers.is_ruled_out(OPUS, NOW, route("KP"))
