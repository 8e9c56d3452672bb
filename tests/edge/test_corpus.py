"""The shared corpus through real proxies: what an edge refuses, the policy denies, and the reverse."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest

from bailiwick.decision import DecisionTable, Effect, compile_table
from bailiwick.decision.universe import classes
from bailiwick.facts import PENDING, UNKNOWN, Fact, Facts, read_facts
from bailiwick.location import Everywhere, Runs, Said
from bailiwick.targets.edge import ALL, ASK, Edge, Plan, plan
from cases.corpus import NOW as CASES_AT
from cases.corpus import Case, corpus_catalog, load_cases
from edge.proxies import Proxy, StandIn, running_proxy, write

PLACES = ("XA", "XB", "XC", "XD", "XE", "XZ", "US", "DE", "FR", "UA", "RU", "CN", "HK", "NO", "GB")
SAID = (
    *(Said((place,)) for place in PLACES),
    *(Said((place,), "tor") for place in PLACES),
    *(Said((), network) for network in ("tor", "vpn", "hosting", "residential")),
    Said(("RU", "UA-43")),
    Said(("XA", "XB")),
)
"""Each has the block 11.N.0.0/16 in the tests' own address data."""


def address_of(said: Said) -> str:
    return f"11.{SAID.index(said)}.0.9"


@cache
def ground() -> Everywhere:
    """Address data of the tests: all else is nowhere."""
    starts = [0, *((11 << 24) + (number << 16) for number in range(len(SAID) + 1))]
    v4 = Runs.of(starts, [0, *range(1, len(SAID) + 1), 0], 32)
    return Everywhere(v4, Runs.nothing(), (Said(), *SAID), None, None)


def by_policy() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for case in load_cases():
        if not case.orders and not case.approved and case.fails is None:
            found.setdefault(case.policy, []).append(case)
    return found


POLICIES = by_policy()


@cache
def table_of(policy: str) -> DecisionTable:
    return compile_table(POLICIES[policy][0].read_policy(), corpus_catalog())


@cache
def plan_of(policy: str) -> Plan:
    return plan(table_of(policy), corpus_catalog(), ground(), CASES_AT)


def refused_at(made: Plan, said: Said) -> set[str]:
    """Name the models that the edge refuses at an address."""
    name = made.of[1 + SAID.index(said)]
    if name == ALL:
        return set(corpus_catalog().models)
    return {model for one in made.classes if one.name in made.sets[name] for model in one.models}


def facts_of(said: Said) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    if said.places:
        found["address"] = frozenset(said.places)
    if said.network:
        found["network"] = frozenset({said.network})
    return found


def is_settled(table: DecisionTable, model: str, said: Said) -> bool:
    """Whether what is said denies a model: in general, or else in many samples."""
    given = facts_of(said)
    later = dict.fromkeys(table.asked, PENDING)
    decision = table.decide(Facts(model, CASES_AT, {**later, **given}))
    if [one.code for one in decision.reasons] != ["pending.many"]:
        return decision.effect is Effect.DENY
    random = Random(f"{model} {said}")
    options = {name: [*classes(table.rules, name), UNKNOWN] for name in sorted(table.asked)}
    for _ in range(50):
        facts = {name: random.choice(some) for name, some in options.items()}
        if table.decide(Facts(model, CASES_AT, {**facts, **given})).effect is not Effect.DENY:
            return False
    return True


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_the_plan_refuses_nothing_that_could_be_permitted(policy: str) -> None:
    table, made = table_of(policy), plan_of(policy)

    for said in SAID:
        for model in refused_at(made, said):
            assert is_settled(table, model, said), (model, said)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_the_plan_agrees_with_every_case(policy: str) -> None:
    made, catalog = plan_of(policy), corpus_catalog()

    for case in POLICIES[policy]:
        facts = read_facts(case.facts, catalog, CASES_AT)
        address, network = facts.get("address"), facts.get("network")
        places = tuple(sorted(address)) if isinstance(address, frozenset) else ()
        said = Said(places, next(iter(network)) if isinstance(network, frozenset) else None)
        if said in SAID and facts.model in refused_at(made, said):
            assert case.want["effect"] == "deny", case.note


def test_models_are_refused_by_themselves_and_networks_too() -> None:
    """The corpus has policies for each kind of native refusal, so the tests here see them all."""
    plans = [plan_of(policy) for policy in POLICIES]

    assert sum(bool(made.refused) for made in plans) > 5
    assert sum(bool(made.classes) for made in plans) > 5
    assert any(one.networks for made in plans for one in made.classes)


@pytest.fixture(scope="module")
def service() -> Iterator[StandIn]:
    started = StandIn()
    yield started
    started.close()


@pytest.mark.parametrize("edge", list(Edge))
@pytest.mark.timeout(600)
def test_each_proxy_does_as_planned_in_every_case(
    edge: Edge, service: StandIn, tmp_path: Path
) -> None:
    asked = 0
    for policy in sorted(POLICIES):
        proxy = write(
            edge, tmp_path / policy, table_of(policy), corpus_catalog(), ground(), CASES_AT,
            service=f"127.0.0.1:{service.port}",
        )  # fmt: skip
        made = proxy.made.plan
        if not any(made.of):
            continue
        with running_proxy(proxy):
            for said in sorted(_shown(made), key=str):
                asked += 1
                assert_as_planned(proxy, said)
    assert asked > 40


def _shown(made: Plan) -> list[Said]:
    """Choose one of each set, and of those that are asked about."""
    found = {made.of[1 + number]: said for number, said in enumerate(SAID)}
    return list(found.values())


def assert_as_planned(proxy: Proxy, said: Said) -> None:
    made, address = proxy.made.plan, address_of(said)
    refused, everything = refused_at(made, said), made.of[1 + SAID.index(said)] == ALL
    one = next(iter(sorted(refused)), None)
    other = next(iter(sorted(set(corpus_catalog().models) - refused)), None)

    nobody = proxy.ask(address)
    assert nobody.status == (403 if everything else 204), (said, nobody.text)
    for model in filter(None, (one, other)):
        body = json.dumps({"max_tokens": 1, "model": model}).encode()
        by_body = proxy.ask(address, body)
        by_path = proxy.ask(address, None, path=f"/v1/models/{model}")
        by_header = proxy.ask(address, b'{"model": "x"}', {"x-model": model})
        sees = {by_path: True, by_header: True, by_body: proxy.edge.reads_bodies}
        for answer, seen in sees.items():
            native = everything or (model in refused and seen)
            assert answer.status == (403 if native else 204), (said, model, answer.text)
            assert (b"refused at the edge" in answer.text) is native


def test_the_ground_is_told_apart() -> None:
    assert {ALL, ASK} <= {name for policy in POLICIES for name in plan_of(policy).of}
