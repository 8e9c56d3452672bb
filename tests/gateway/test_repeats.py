"""A key that is given twice anywhere is found, however it is written, and nothing else is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.gateway import Limits, Refused
from bailiwick.gateway.body import parse, refuse_repeats

NAMES = st.sampled_from(["type", "a", "b", "a\\", "\\", '"', '":', "é", "a:", ""])
TEXTS = st.sampled_from(["", '"', '":', "x\\", '{"a":1,"a":2}', "\\\\", 'a" :', "é"])
VALUES = st.recursive(
    TEXTS.map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda some: "[" + ",".join(some) + "]")
        | st.lists(st.tuples(NAMES, inner, st.sampled_from(["", " ", "\n\t"])), max_size=4).map(
            lambda some: "{" + ",".join(f"{json.dumps(k)}{gap}:{v}" for k, v, gap in some) + "}"
        )
    ),
    max_leaves=12,
)


def has_repeats(text: str) -> bool:
    found = []

    def look(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found.append(len({name for name, _ in pairs}) < len(pairs))
        return dict(pairs)

    json.loads(text, object_pairs_hook=look)
    return any(found)


@given(VALUES)
def test_it_is_refused_exactly_if_a_key_is_repeated(text: str) -> None:
    raw = f'{{"x": {text}}}'.encode()
    parse(raw, Limits())
    if has_repeats(text):
        with pytest.raises(Refused, match="given twice"):
            refuse_repeats(raw)
    else:
        refuse_repeats(raw)


def test_a_backslash_at_the_end_of_a_key_hides_no_repeat() -> None:
    raw = rb'{"m": {"x\\": 1, "type": "image", "type": "text"}}'
    with pytest.raises(Refused, match="given twice"):
        refuse_repeats(raw)


def test_an_escape_hides_no_repeat() -> None:
    raw = rb'{"m": {"said": "a\u003a", "type": "image", "ty\u0070e": "text"}}'
    with pytest.raises(Refused, match="given twice"):
        refuse_repeats(raw)
