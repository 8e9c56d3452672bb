"""Whatever stands where in a policy, it is read or refused with its problems; nothing else happens."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput, Position
from policy.reading import read

EVERYTHING = """
bailiwick: 1
name: whole
about: everything
as_of: 2026-06-01
authority: operator
evidence: {required: [address, ownership], max_age: {geo: 45d}}
anonymizers: {tor: hidden}
places:
  us: {include: [US], territories: inherit}
  part: {include: [UA], exclude: [UA-43], if_subdivision_unknown: match, as_of: 2026-01-01}
  both: {use: [us, EU], territories: listed-only}
models:
  frontier: {ids: [pa/frontier-*], exclude: pa/frontier-2, provider_country: XA, controlled: true}
ownership:
  half: {threshold: ">= 50%", seeds: {listed: x.yaml}, method: multiplied}
rules:
  - {id: a, permit: frontier, where: {address: us, hidden: ok, billing: {not: XA, unknown: ok}}}
  - {id: b, permit: {openness: open}, where_any: {address: {in: [us]}, billing: EU}, authority: law}
  - {id: c, deny: "*", where: {ownership: {half: yes}, end_user: {place: XA}}, absolute: true}
  - {id: d, restrict: [pa/small], where: {features: {any: [tools]}, network: vpn, labels: [x]},
     to: {quota: {requests: 5, per: minute}, headers: {x-a: b}, features: {deny: [tools]}}}
  - {id: e, exempt: pa/small, labels: {any: [x]}, lifts: [d], until: 2027-01-01T00:00Z}
accounts:
  f: {of: a, then: restrict, cure: 72h, next: suspend}
refusal: {status: 451, appeal: "https://example.org/a"}
tests:
  - {note: n, facts: {model: pa/small, labels: []}, want: {effect: permit}, approved: [e]}
"""
WHOLE = parse_document(EVERYTHING, "everything.yaml").value
JUNK: list[Any] = ["", [], {"a": "b"}, ["x", ["y"]]]

Path = tuple[str | int, ...]


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    for key, one in inner:
        yield from paths(one, (*path, key))


def replaced(path: Path, junk: Any) -> str:
    if not path:
        return json.dumps(junk)
    whole = copy.deepcopy(WHOLE)
    outer: Any = whole
    for key in path[:-1]:
        outer = outer[key]
    outer[path[-1]] = junk
    return json.dumps(whole)


def told(text: str) -> bool:
    """Read a policy; if it is refused, every problem says where it is."""
    try:
        read(text)
    except InvalidInput as error:
        found = error.problems
    else:
        return False
    assert found
    assert all(isinstance(one.position, Position) and one.message for one in found), text
    return True


def test_the_policy_that_is_broken_below_is_whole() -> None:
    assert read(EVERYTHING).name == "whole"


@pytest.mark.parametrize("junk", JUNK, ids=str)
def test_junk_anywhere_is_read_or_refused_with_its_place(junk: Any) -> None:
    refused = [path for path in paths(WHOLE) if told(replaced(path, junk))]

    assert len(refused) > 20


def test_leaving_out_any_part_is_read_or_refused() -> None:
    for path in paths(WHOLE):
        whole = copy.deepcopy(WHOLE)
        outer: Any = whole
        for key in path[:-1]:
            outer = outer[key]
        if not path:
            continue
        del outer[path[-1]]
        told(json.dumps(whole))
