"""Random policies and facts over a small world where everything meets everything.

Policies are written as text and read like anybody's, so the language is under test as well.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from bailiwick.catalog import Catalog, load_catalog
from bailiwick.documents import parse_document
from bailiwick.facts import DIMENSIONS, PENDING, UNKNOWN, Fact, Facts, Kind, dimension
from bailiwick.places import PlaceSet
from bailiwick.policy import Order, Policy, read_policy

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MODELS = ["pa/one", "pa/two", "pb/one"]
CODES = ["XA", "XB", "XC"]
PLACES = [*CODES, "XD", "XA-01", "XA-02"]
GROUPS = ["home", "split", "partly"]
LABELS = ["a", "b", "c"]
FEATURES = ["image_input", "tools", "audio_input"]
AUTHORITIES = ["operator", "law"]
OWNERSHIP = "own"
FACTS = [*DIMENSIONS, f"ownership.{OWNERSHIP}"]

CATALOG = """
catalog: 1
defaults: {source: "made up for tests", as_of: 2026-01-01}
providers:
  pa: {country: XA}
  pb: {country: XB}
models:
  pa/one: {family: one, openness: restricted}
  pa/two: {family: two, openness: open}
  pb/one: {family: one, openness: open-weight}
"""


def small_catalog() -> Catalog:
    return load_catalog([parse_document(CATALOG, "small.yaml")])


@dataclass(frozen=True)
class World:
    """One policy as text, read, with the orders and approvals it is compiled with."""

    text: str
    policy: Policy
    orders: tuple[Order, ...]
    approvals: frozenset[str]


def maybe(random: Random, chance: float) -> bool:
    return random.random() < chance


def some(random: Random, values: list[str], most: int = 2) -> list[str]:
    return random.sample(values, random.randint(1, min(most, len(values))))


def place_value(random: Random) -> Any:
    names = some(random, [*CODES, *GROUPS])
    if maybe(random, 0.2):
        return {"not": names, **({"unknown": "ok"} if maybe(random, 0.3) else {})}
    return [*names, "unknown"] if maybe(random, 0.2) else names


def choice_value(random: Random, values: list[str]) -> Any:
    names = some(random, values, 3)
    if maybe(random, 0.2):
        return {"not": names}
    return [*names, "unknown"] if maybe(random, 0.2) else names


def set_value(random: Random, values: list[str]) -> Any:
    parts = {key: some(random, values) for key in ("any", "all", "none") if maybe(random, 0.5)}
    parts = parts or {"any": some(random, values)}
    return {**parts, **({"unknown": "ok"} if maybe(random, 0.2) else {})}


def conditions(random: Random, effect: str, most: int = 3) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(random.randint(0, most)):
        name = random.choice(FACTS)
        known = dimension(name)
        assert known is not None
        if known.kind in {Kind.PLACE, Kind.ALL_PLACES}:
            value = place_value(random)
        elif known.kind is Kind.SET:
            value = set_value(random, FEATURES if name == "features" else LABELS)
        else:
            value = choice_value(random, list(known.values))
        outer, _, inner = name.partition(".")
        if inner:
            made.setdefault(outer, {})[inner] = value
        else:
            made[name] = value
    if "address" in made and effect in {"permit", "exempt"} and maybe(random, 0.4):
        made["hidden"] = "ok"
    elif maybe(random, 0.1):
        made["hidden"] = random.choice(["yes", "no"])
    return made


def rule(random: Random, index: int, strict_ids: list[str]) -> dict[str, Any]:
    effects = ["permit", "permit", "deny", "restrict", *(["exempt"] if strict_ids else [])]
    effect = random.choice(effects)
    models = random.choice([["*"], *[[one] for one in MODELS], ["pa/*"], ["chosen"]])
    made: dict[str, Any] = {"id": f"r{index}", effect: models}
    where = conditions(random, effect)
    if where:
        made["where"] = where
    anywhere = conditions(random, effect, 2)
    anywhere.pop("hidden", None)
    if anywhere and maybe(random, 0.4):
        made["where_any"] = anywhere
    if maybe(random, 0.2):
        made["from"] = (NOW + timedelta(days=random.randint(-3, 1))).isoformat()
    if maybe(random, 0.2) or effect == "exempt":
        made["until"] = (NOW + timedelta(days=random.randint(2, 4))).isoformat()
    if maybe(random, 0.3):
        made["authority"] = random.choice(AUTHORITIES)
    if effect == "deny" and maybe(random, 0.3):
        made["absolute"] = "true"
    if effect in {"deny", "restrict"} and maybe(random, 0.3):
        made["requires"] = some(random, ["address", "billing", "labels", "network", "ownership"])
    if effect == "restrict":
        made["to"] = random.choice(
            [
                {"features": {"deny": some(random, FEATURES)}},
                {"quota": {"requests": "5", "per": "minute"}},
                {"max_output_tokens": str(random.randint(1, 9))},
            ]
        )
    if effect == "exempt":
        made["exempt"] = [random.choice(MODELS)]
        made["labels"] = set_value(random, LABELS) | {"any": ["a"]}
        made.get("where", {}).pop("labels", None)
        if not made.get("where", {1: 1}):
            made.pop("where")
        made["lifts"] = some(random, strict_ids)
    return made


def world(random: Random, catalog: Catalog) -> World:
    rules: list[dict[str, Any]] = []
    for index in range(random.randint(1, 9)):
        liftable = [
            one["id"]
            for one in rules
            if ("deny" in one or "restrict" in one) and "absolute" not in one
        ]
        rules.append(rule(random, index, liftable))
    whole = {
        "bailiwick": "1",
        "name": "generated",
        "places": {
            "home": {"include": ["XA", "XB"]},
            "split": {
                "include": ["XC", "XA-01"],
                "if_subdivision_unknown": random.choice(["match", "no_match"]),
            },
            "partly": {
                "include": ["XA"],
                "exclude": ["XA-02"],
                "if_subdivision_unknown": random.choice(["match", "no_match"]),
            },
        },
        "models": {
            "chosen": {"ids": some(random, MODELS), "controlled": random.choice(["true", "false"])}
        },
        "ownership": {OWNERSHIP: {"threshold": ">= 50%", "seeds": {"listed": "nobody.yaml"}}},
        "anonymizers": {
            name: random.choice(["hidden", "trust"])
            for name in ("tor", "vpn", "relay", "unknown")
            if maybe(random, 0.5)
        },
        "rules": rules,
    }
    if not whole["anonymizers"]:
        del whole["anonymizers"]
    if maybe(random, 0.4):
        whole["evidence"] = {
            "required": some(random, ["address", "billing", "network", "ownership", "features"])
        }
    text = json.dumps(whole)
    policy = read_policy(text, "generated.yaml", catalog)
    exempts = [one["id"] for one in rules if "exempt" in one and maybe(random, 0.8)]
    return World(text, policy, tuple(orders(random)), frozenset(exempts))


def orders(random: Random) -> list[Order]:
    if not maybe(random, 0.15):
        return []
    group = PlaceSet(frozenset(some(random, CODES)), frozenset(), None)
    return [
        Order(
            id="o1",
            models=frozenset(some(random, MODELS)),
            reason="generated",
            by="nobody",
            from_at=NOW - timedelta(days=1),
            review_by=NOW,
            places=group if maybe(random, 0.3) else None,
            except_labels=frozenset(some(random, LABELS)) if maybe(random, 0.5) else frozenset(),
            except_principals=frozenset({"a"}) if maybe(random, 0.3) else frozenset(),
        )
    ]


def fact(random: Random, name: str) -> Fact:
    known = dimension(name)
    assert known is not None
    if maybe(random, 0.15):
        return UNKNOWN
    if known.kind is Kind.SET:
        names = FEATURES if name == "features" else LABELS
        return frozenset(one for one in names if maybe(random, 0.4))
    values = PLACES if known.kind in {Kind.PLACE, Kind.ALL_PLACES} else list(known.values)
    if name == "status":
        values = ["active"] * 9 + values
    count = 2 if maybe(random, 0.07) else 1
    return frozenset(random.choice(values) for _ in range(count))


def facts(random: Random, pending: float = 0.0) -> Facts:
    values = {name: fact(random, name) for name in FACTS if maybe(random, 0.85)}
    for name in FACTS:
        if maybe(random, pending):
            values[name] = PENDING
    at = NOW + timedelta(days=random.randint(-4, 5))
    model = random.choice([*MODELS, *MODELS, None]) if maybe(random, 0.1) else random.choice(MODELS)
    return Facts(model, at, values)
