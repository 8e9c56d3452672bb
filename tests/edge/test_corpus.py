"""The shared corpus through real proxies: what an edge refuses, the policy denies, and the reverse."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest

from bailiwick.decision import DecisionTable, Effect, compile_table
from bailiwick.decision.universe import classes
from bailiwick.facts import PENDING, UNKNOWN, Facts
from bailiwick.location import AddressTable, Answer
from bailiwick.location.runs import Runs
from bailiwick.targets.edge import Edge, plan
from cases.corpus import NOW as CASES_AT
from cases.corpus import Case, corpus_catalog, load_cases
from edge.proxies import Proxy, StandIn, running_proxy, write

PLACES = ("XA", "XB", "XC", "XD", "XE", "XZ", "US", "DE", "FR", "UA", "RU", "CN", "HK", "NO", "GB")
"""Each has the block 11.N.0.0/16 in the tests' own address data."""


def address_of(place: str) -> str:
    return f"11.{PLACES.index(place)}.0.9"


@cache
def addresses() -> AddressTable:
    """Address data of the tests: every place has a block, all else is nowhere."""
    starts = [0, *((11 << 24) + (number << 16) for number in range(len(PLACES) + 1))]
    ids = [0, *range(1, len(PLACES) + 1), 0]
    high = np.array(starts, np.uint64)
    v4 = Runs(high, np.zeros_like(high), np.array(ids, np.uint16))
    v6 = Runs(np.zeros(1, np.uint64), np.zeros(1, np.uint64), np.zeros(1, np.uint16))
    return AddressTable(v4, v6, (Answer(()), *(Answer((place,)) for place in PLACES)))


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


def is_settled(table: DecisionTable, place: str) -> bool:
    """Whether the address alone denies every model: in general, or else in many samples."""
    random = Random(place)
    later = dict.fromkeys(table.asked, PENDING)
    options = {name: [*classes(table.rules, name), UNKNOWN] for name in sorted(table.asked)}
    for model in sorted(table.policy.models):
        at_place = {"address": frozenset({place})}
        decision = table.decide(Facts(model, CASES_AT, {**later, **at_place}))
        if [one.code for one in decision.reasons] == ["pending.many"]:
            for _ in range(50):
                facts = {name: random.choice(some) for name, some in options.items()}
                if (
                    table.decide(Facts(model, CASES_AT, {**facts, **at_place})).effect
                    is not Effect.DENY
                ):
                    return False
        elif decision.effect is not Effect.DENY:
            return False
    return True


def place_of(case: Case) -> str | None:
    given = case.facts.get("address")
    return given if isinstance(given, str) and given in PLACES else None


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_the_plan_refuses_nothing_that_could_be_permitted(policy: str) -> None:
    table = table_of(policy)
    made = plan(table, CASES_AT, PLACES)

    for place in made.refused:
        if place in PLACES:
            assert is_settled(table, place), place
    for case in POLICIES[policy]:
        if place_of(case) in made.refused:
            assert case.want["effect"] == "deny", case.note


@pytest.fixture(scope="module")
def service() -> Iterator[StandIn]:
    started = StandIn()
    yield started
    started.close()


@pytest.mark.parametrize("edge", list(Edge))
@pytest.mark.timeout(300)
def test_each_proxy_does_as_planned_in_every_case(
    edge: Edge, service: StandIn, tmp_path: Path
) -> None:
    asked = 0
    for policy in sorted(POLICIES):
        proxy = write(
            edge,
            tmp_path / policy,
            table_of(policy),
            addresses(),
            service=f"127.0.0.1:{service.port}",
        )
        places = {place_of(case) for case in POLICIES[policy]} - {None}
        if not places and not proxy.made.plan.refused:
            continue
        with running_proxy(proxy):
            for place in sorted(filter(None, places | {*PLACES[:3]})):
                asked += 1
                assert_as_planned(proxy, place)
    assert asked > 40


def assert_as_planned(proxy: Proxy, place: str) -> None:
    answer = proxy.ask(address_of(place))
    refused = place in proxy.made.plan.refused

    assert answer.status == (403 if refused else 204), (place, answer.text)
    assert (b"refused at the edge" in answer.text) is refused
