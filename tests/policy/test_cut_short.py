"""A file that was cut short must never pass, unnoticed, for one that permits more.

YAML has no closing bracket, so many beginnings of a policy are policies, and some permit more than
the whole: the deny is missing, or the last condition of a permit. A file that ends with YAML's end
mark (``...``) cannot be cut without losing it, and ``Policy.finished`` tells.
"""

import json
from functools import cache
from itertools import product

import pytest

from bailiwick.decision import Decision, compile_table
from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput
from bailiwick.facts import read_facts, read_time
from bailiwick.policy import Policy
from policy.reading import HEAD, RULES, read, small_catalog

BLOCK = """bailiwick: 1
name: cut
places:
  home:
    include:
      - XA
      - XB
rules:
  - id: at-home
    permit: pa/*
    where:
      address: home
      billing: XA
  - id: embargo
    deny: "*"
    where_any:
      address: XB
      billing: XZ
    absolute: true
  - id: slow
    restrict: pa/small
    to:
      max_output_tokens: 100
...
"""
FLOW = """bailiwick: 1
name: cut
places: {home: {include: [XA, XB]}}
rules:
  - {id: at-home, permit: "pa/*", where: {address: home, billing: XA}}
  - {id: embargo, deny: "*", where_any: {address: XB, billing: XZ}, absolute: true}
  - {id: slow, restrict: pa/small, to: {max_output_tokens: 100}}
...
"""
JSON = json.dumps(parse_document(BLOCK, "block.yaml").value)
TEXTS = {"block": BLOCK, "flow": FLOW, "json": JSON}
FACTS = [
    read_facts({"model": model, "address": address, "billing": billing}, small_catalog(), read_time("2026-06-01"))
    for model, address, billing in product(["pa/small", "pa/frontier-1", "pb/open"], ["XA", "XB", "XZ"], ["XA", "XB", "XZ"])
]  # fmt: skip


def beginning(text: str) -> Policy | None:
    """Read what is left of a file; anything but a policy or an ``InvalidInput`` is a failure."""
    try:
        return read(text)
    except InvalidInput:
        return None


@cache
def beginnings(name: str) -> list[tuple[int, Policy]]:
    text = TEXTS[name]
    cut = ((length, beginning(text[:length])) for length in range(len(text)))
    return [(length, policy) for length, policy in cut if policy is not None]


def decide(policy: Policy) -> list[Decision]:
    table = compile_table(policy, small_catalog())
    return [table.decide(facts) for facts in FACTS]


def permits_more(policy: Policy, whole: list[Decision]) -> bool:
    """Whether anything is permitted that the whole refuses, or permitted with fewer obligations."""
    return any(
        one.permitted and (not other.permitted or one.obligations != other.obligations)
        for one, other in zip(decide(policy), whole, strict=True)
    )


@pytest.mark.parametrize("name", TEXTS)
def test_the_whole_file_is_known_to_be_whole(name: str) -> None:
    policy = read(TEXTS[name])

    assert policy.finished
    assert [one.code for one in policy.warnings] == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_cut_short_is_refused_or_known_to_be_unfinished(name: str) -> None:
    whole = decide(read(TEXTS[name]))

    for length, policy in beginnings(name):
        is_whole = TEXTS[name][length:].strip() == ""
        assert policy.finished is is_whole
        assert is_whole or "unfinished" in {one.code for one in policy.warnings}
        if policy.finished:
            assert decide(policy) == whole


def test_json_cut_short_is_never_read() -> None:
    assert beginnings("json") == []


@pytest.mark.parametrize("name", ["block", "flow"])
def test_this_is_why_a_file_marks_its_end(name: str) -> None:
    whole = decide(read(TEXTS[name]))

    widened = [length for length, policy in beginnings(name) if permits_more(policy, whole)]

    assert widened, "if no beginning permits more, the end mark is not needed any longer"


def test_one_unfinished_file_of_several_is_told() -> None:
    main = HEAD + "include: part.yaml\n" + RULES + "...\n"
    policy = read(main, {"part.yaml": "bailiwick: 1\nname: part\nplaces: {a: {include: [XA]}}\n"})

    assert not policy.finished
    assert [str(one.position) for one in policy.warnings] == ["part.yaml:1:1"]


def test_nothing_follows_the_end_mark() -> None:
    assert beginning(HEAD + RULES + "...\nname: other\n") is None
