"""A key that is given twice anywhere is found, however it is written, and nothing else is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.gateway import Limits, Refused
from bailiwick.gateway.body import read, refuse_repeats

NAMES = st.sampled_from(["type", "a", "b", "a\\", "\\", '"', '":', "é", "a:", ""])
TEXTS = st.sampled_from(
    ["", '"', '":', "x\\", '{"a":1,"a":2}', "\\\\", 'a" :', "é", "\\u", "::", "\ud7ff"]
)


def written(text: str, escaped: bool) -> str:
    """Write a text in JSON, its colons with escapes if wished."""
    return json.dumps(text).replace(":", r"\u003A") if escaped else json.dumps(text)


VALUES = st.recursive(
    st.builds(written, TEXTS, st.booleans()),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda some: "[" + ",".join(some) + "]")
        | st.lists(
            st.tuples(
                st.builds(written, NAMES, st.booleans()), inner, st.sampled_from(["", " ", "\n\t"])
            ),
            max_size=4,
        ).map(lambda some: "{" + ",".join(f"{k}{gap}:{v}" for k, v, gap in some) + "}")
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


def look(raw: bytes) -> None:
    refuse_repeats(raw, read(raw, Limits()))


@given(VALUES, st.sampled_from([0, 5000]))
def test_it_is_refused_exactly_if_a_key_is_repeated(text: str, more: int) -> None:
    """Short bodies are looked at otherwise than long ones."""
    raw = f'{{"y": "{"-" * more}", "x": {text}}}'.encode()
    if has_repeats(text):
        with pytest.raises(Refused, match="given twice"):
            look(raw)
    else:
        look(raw)


@pytest.mark.parametrize("more", [b"", b" " * 5000], ids=["short", "long"])
@pytest.mark.parametrize(
    "part",
    [
        rb'{"x\\": 1, "type": "image", "type": "text"}',
        rb'{"said": "a\u003a", "type": "image", "ty\u0070e": "text"}',
        rb'{"a": 1, "a": "\u003A"}',
        rb'{"a": 1, "a\u003a": 1, "a\u003A": 2}',
        rb'{"a":1,"a":1}',
        rb'{"a" :1,"a": 1}',
        rb'{"a": 12345678901234567890123, "a": 1}',
    ],
)
def test_nothing_hides_a_repeat(part: bytes, more: bytes) -> None:
    with pytest.raises(Refused, match="given twice"):
        look(b'{"m": %b%b}' % (more, part))


@pytest.mark.parametrize("more", [b"", b" " * 5000], ids=["short", "long"])
@pytest.mark.parametrize(
    "value", [rb'"\\u"', rb'"\\"', rb'"\u003a"', rb'":"', b"1e3", b"12345678901234567890123"]
)
def test_what_only_looks_like_one_is_none(value: bytes, more: bytes) -> None:
    look(b'{"m":%b%b}' % (more, value))
