"""Whatever a file of ownership data says: it is a graph, or every problem in it has a place."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bailiwick.errors import InvalidInput
from bailiwick.ownership import judge, read_graph
from ownership.graphs import DAY, rule
from ownership.test_files import bods, entity, holds, person, wrong

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a", "XA", "\ud800", "0.5", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "id", "a"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
SHARE = {"exact": 50, "minimum": 50, "maximum": 100, "exclusiveMinimum": 25}
STATEMENTS = [
    entity("a", name="A", jurisdiction={"code": "XA"}, addresses=[{"type": "business"}]),
    person("p", names=[{"fullName": "P"}], identifiers=[{"scheme": "S", "id": "1"}]),
    holds("r", "p", "a", SHARE, dates={"startDate": "2020-01-01", "endDate": "2030-01-01"}),
    holds("c", "p", "a", {"exact": 10}, "indirect", componentRecords=["r"], recordStatus="new"),
    holds("u", {"reason": "noBeneficialOwners"}, "a", None),
]


def exchanged(like: Any) -> st.SearchStrategy[Any]:
    """Give values like this one with one part exchanged or left out."""
    own: list[st.SearchStrategy[Any]] = [PLAIN]
    if isinstance(like, dict):
        own += [
            exchanged(part).map(lambda new, key=key: {**like, key: new})
            for key, part in like.items()
        ]
        own += [st.just({k: v for k, v in like.items() if k != key}) for key in like]
    if isinstance(like, list) and like:
        own += [
            exchanged(part).map(lambda new, at=at: [*like[:at], new, *like[at + 1 :]])
            for at, part in enumerate(like)
        ]
    return st.one_of(own)  # fmt: skip


CELLS = st.sampled_from(
    ["x", "a", "50", "1/2", "10-20", "-1", "101", ">50", '"', "", "\0", "NaN", "1e9", "XA"]
)
ROWS = st.lists(st.lists(CELLS, max_size=5).map(",".join), max_size=4).map(
    lambda rows: "\n".join(["holder,subject,share", *rows])
)
FILES = st.one_of(
    exchanged(STATEMENTS).map(lambda value: ("f.json", json.dumps(value))),
    ROWS.map(lambda text: ("h.csv", text)),
    st.tuples(st.sampled_from(["f.json", "f.jsonl", "h.csv"]), st.text(max_size=80)),
)


@settings(max_examples=150)
@given(file=FILES)
def test_any_file_is_a_graph_or_every_problem_has_a_place(file: tuple[str, str]) -> None:
    problems: list[Any] = []
    try:
        graph = read_graph([file], DAY)
    except InvalidInput as refused:
        problems = list(refused.problems)
    else:
        judge(graph, rule(), {})

    assert all(str(one) for one in problems)


@pytest.mark.parametrize("odd", [[], {}, 1, None])
@pytest.mark.parametrize("key", ["type", "directOrIndirect"])
def test_a_word_of_another_type_is_told(key: str, odd: Any) -> None:
    made = holds("r", "p", "a", {"exact": 50})
    made["recordDetails"]["interests"][0][key] = odd

    (said,) = wrong("f.json", json.dumps([entity("a"), person("p"), made]))

    assert said.startswith("f.json:1:")
    assert bods(entity("a"), person("p"), holds("r", "p", "a", {"exact": 50})).holdings
