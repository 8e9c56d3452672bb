"""Made-up policies and made-up traffic over them: 50 models, 250 places, 2,000 accounts.

The same seed makes the same policy and the same requests, on every machine.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeAlias

from bailiwick.catalog import Catalog, load_catalog
from bailiwick.documents import parse_document
from bailiwick.facts import NETWORKS, UNKNOWN, Fact
from bailiwick.places import countries

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PROVIDERS = 5
MODELS = tuple(f"p{number % PROVIDERS}/model-{number:02}" for number in range(50))
PLACES = countries()
LABELS = tuple(f"label-{number}" for number in range(20))
ORGANISATIONS = tuple(f"org-{number}" for number in range(40))
ACCOUNTS = 2000
GROUPS = range(40)
HIDING = ("tor", "residential_proxy", "proxy", "vpn")

FEATURE_SETS = [
    (frozenset[str](), 50),
    (frozenset({"streaming"}), 25),
    (frozenset({"tools"}), 10),
    (frozenset({"tools", "streaming"}), 10),
    (frozenset({"image_input"}), 5),
]
NETWORK_SHARES = {
    "residential": 70, "hosting": 20, "relay": 4, "vpn": 4, "proxy": 1, "tor": 1,
}  # fmt: skip


def catalog() -> Catalog:
    """Make a catalogue of 50 models by 5 providers."""
    providers = "".join(f"  p{number}: {{country: US}}\n" for number in range(PROVIDERS))
    models = "".join(f"  {name}: {{family: any, openness: restricted}}\n" for name in MODELS)
    text = (
        'catalog: 1\ndefaults: {source: "made up", as_of: 2026-01-01}\n'
        f"providers:\n{providers}models:\n{models}"
    )
    return load_catalog([parse_document(text, "made-up.yaml")])


Where: TypeAlias = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Plain:
    """A permit or a deny that every engine can say: each named fact is one of a list."""

    id: str
    permits: bool
    models: tuple[str, ...]
    where: Where

    def as_written(self) -> dict[str, Any]:
        """Write it as a rule of a policy."""
        where: dict[str, Any] = {name: list(values) for name, values in self.where.items()}
        if "labels" in where:
            where["labels"] = {"any": where["labels"]}
        if self.permits:
            where["hidden"] = "ok"
        return {
            "id": self.id,
            "permit" if self.permits else "deny": list(self.models),
            "where": where,
        }


def plain_rules(random: Random) -> list[Plain]:
    """Make ten rules: six permits and four denies."""

    def some(values: Sequence[str], low: int, high: int) -> tuple[str, ...]:
        return tuple(random.sample(values, random.randint(low, high)))

    permitting: list[Where] = [
        {"address": some(PLACES, 60, 120), "billing": some(PLACES, 100, 160)},
        {"address": some(PLACES, 60, 120), "registered": some(PLACES, 100, 160)},
        {"billing": some(PLACES, 60, 120), "card": some(PLACES, 100, 160)},
        {"labels": some(LABELS, 2, 4)},
        {"address": some(PLACES, 150, 200), "network": ("residential", "hosting")},
        {"address": some(PLACES, 20, 40)},
    ]
    denying: list[tuple[tuple[str, ...], Where]] = [
        (MODELS, {"address": some(PLACES, 4, 8)}),
        (MODELS, {"billing": some(PLACES, 4, 8)}),
        (some(MODELS, 10, 20), {"network": HIDING}),
        (some(MODELS, 10, 20), {"card": some(PLACES, 10, 20), "labels": some(LABELS, 1, 3)}),
    ]
    permits = [
        Plain(f"permit-{number}", True, some(MODELS, 30, 40), where)
        for number, where in enumerate(permitting)
    ]
    denies = [
        Plain(f"deny-{number}", False, models, where)
        for number, (models, where) in enumerate(denying)
    ]
    return [*permits, *denies]


def policy_text(
    rules: Sequence[Mapping[str, Any]], groups: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Write a policy; JSON is YAML too."""
    places = {name: {"include": list(group)} for name, group in (groups or {}).items()}
    whole = {"bailiwick": "1", "name": "made-up", "places": places, "rules": list(rules)}
    return json.dumps({key: value for key, value in whole.items() if value})


def place_groups(random: Random) -> dict[str, list[str]]:
    """Make the named groups that the rules of a large policy speak of."""
    return {f"group-{number}": random.sample(PLACES, random.randint(30, 150)) for number in GROUPS}


def many_rules(random: Random, count: int) -> list[dict[str, Any]]:
    """Make rules of all kinds: places, accounts, labels, networks, features, quotas, dates."""
    return [_one_rule(random, number) for number in range(count)]


def _one_rule(random: Random, number: int) -> dict[str, Any]:
    kind = random.choices(("permit", "deny", "restrict"), (55, 35, 10))[0]
    models = random.sample(MODELS, random.randint(1, 4))
    rule: dict[str, Any] = {"id": f"r{number}", kind: models}
    wide = kind != "deny"
    rule["where"] = where = _conditions(random, wide)
    if wide and kind == "permit" and "address" in where and random.random() < 0.8:
        where["hidden"] = "ok"
    if random.random() < 0.15:
        rule["where_any"] = {
            "address": _places(random, wide),
            "billing": _places(random, wide),
        }
    if random.random() < 0.05:
        rule["until"] = (NOW + timedelta(days=random.randint(-30, 300))).isoformat()
    if kind == "restrict":
        rule["to"] = {"quota": {"requests": random.randint(10, 900), "per": "minute"}}
    return rule


def _places(random: Random, wide: bool) -> list[str]:
    if wide:
        return [f"group-{number}" for number in random.sample(GROUPS, random.randint(1, 2))]
    return random.sample(PLACES, random.randint(1, 4))


def _conditions(random: Random, wide: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"address": _places(random, wide)}
    choice = random.random()
    if choice < 0.3:
        made["billing"] = _places(random, True)
    elif choice < 0.4:
        made["card"] = [*_places(random, True), "unknown"]
    elif choice < 0.5:
        made["labels"] = {"any": random.sample(LABELS, 3)}
    elif choice < 0.6:
        made["registered"] = _places(random, True)
    elif choice < 0.7:
        made["network"] = random.sample(NETWORKS, 3)
    elif choice < 0.75:
        made["principal"] = {"any": random.sample(ORGANISATIONS, 3)}
    elif choice < 0.8:
        made["features"] = {"any": ["image_input", "tools"]}
    return made


@dataclass(frozen=True, slots=True)
class Caller:
    """One account."""

    number: int
    home: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, in the parts that have different sources."""

    model: str
    location: Mapping[str, Fact]
    account: Caller
    asked: Mapping[str, Fact]

    @property
    def values(self) -> dict[str, Fact]:
        return {**self.location, **self.account.facts, **self.asked, **ROUTE}


ROUTE: Mapping[str, Fact] = {
    "endpoint": frozenset({"US"}),
    "processing": frozenset({"US"}),
    "egress": frozenset({"US"}),
}


class World:
    """Who asks for what from where. Few do most of it, as everywhere."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._places = random.sample(PLACES, len(PLACES))
        self._models = random.sample(MODELS, len(MODELS))
        self._place_shares = _falling(len(PLACES))
        self._model_shares = _falling(len(MODELS))
        self.callers = [self._caller(number) for number in range(ACCOUNTS)]
        self._caller_shares = _falling(ACCOUNTS)

    def requests(self, count: int) -> Iterator[Request]:
        random = self._random
        callers = random.choices(self.callers, self._caller_shares, k=count)
        models = random.choices(self._models, self._model_shares, k=count)
        features = random.choices(*zip(*FEATURE_SETS, strict=True), k=count)
        for caller, model, used in zip(callers, models, features, strict=True):
            abroad = random.random() < 0.1
            place = self._place() if abroad else caller.home
            asked = {"action": frozenset({"infer"}), "features": used}
            yield Request(model, self._location(place), caller, asked)

    def _location(self, place: str) -> Mapping[str, Fact]:
        network = self._random.choices([*NETWORK_SHARES], [*NETWORK_SHARES.values()])[0]
        one = frozenset({place})
        return {"address": one, "network": frozenset({network}), "holder": one}

    def _caller(self, number: int) -> Caller:
        random, home = self._random, self._place()
        labels = frozenset(random.sample(LABELS, random.choice((0, 0, 1, 2, 3))))
        principals = {f"acct-{number}", f"key-{number}", random.choice(ORGANISATIONS)}
        facts: dict[str, Fact] = {
            "status": frozenset({"active"}),
            "billing": frozenset({home if random.random() < 0.95 else self._place()}),
            "registered": frozenset({home}),
            "card": frozenset({home if random.random() < 0.9 else self._place()}),
            "document": UNKNOWN,
            "phone": frozenset({home}),
            "labels": labels,
            "principal": frozenset(principals),
        }
        return Caller(number, home, facts)

    def _place(self) -> str:
        return self._random.choices(self._places, self._place_shares)[0]


def _falling(count: int) -> list[float]:
    """Give the shares of Zipf's law."""
    return [1 / (rank + 1) for rank in range(count)]
