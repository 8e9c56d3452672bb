"""One event stays one line of ASCII, whatever is in it, and says what was cut."""

import json
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.audit.forms import form, reread
from bailiwick.audit.records import (
    DEPTH,
    ENTRIES,
    EVENT_CHARS,
    VALUE_CHARS,
    canonical,
    record_head,
    timestamp,
)
from bailiwick.audit.verify import printable

AT = datetime(2026, 7, 1, 12, 0, 0, 5, tzinfo=UTC)

HOSTILE = [
    "\r\n",
    "\n",
    "\r",
    "a\r\nSet-Cookie: x",
    '"}\n{"at":"2026-01-01T00:00:00.000000Z","event":{}}',
    '","sha256":"' + "0" * 64 + '"}',
    "\x00",
    "a\x00b",
    "\x1b[2J\x1b[1;1H",
    "\x1b]0;title\x07",
    "\x1b[31mred",
    "\x9b2J",
    "\x9d0;title\x9c",
    "\x07\x08\x0b\x0c",
    "\x7f\x7f\x7f",
    "\x85",
    "\u2028",
    "\u2029",
    "\u202eevil",
    "\u202a\u202b\u202c\u202d",
    "\u2066\u2067\u2068\u2069",
    "\u061c\u200e\u200f",
    "\u200b\u200c\u200d\u2060",
    "\ufeff",
    "\ufffe\uffff",
    "\ud800",
    "\udfff",
    "\ud83d",
    "\ude00\ud83d",
    "\U0001f600",
    "\U000e0041",
    "é" * 100,
    "${jndi:ldap://192.0.2.1/a}",
    "%0d%0a",
    "%s%n%x",
    "\\r\\n",
    "\\u000a",
    "\\",
    '"',
    "'; drop table records; --",
    "<script>alert(1)</script>",
    "=1+1",
    "x" * (1 << 20),
    "\n" * (1 << 20),
    "\x1b" * 100_000,
]


def head(event: dict[str, Any]) -> dict[str, Any]:
    text = record_head(AT, event)
    assert b"\n" not in text
    assert text.isascii()
    assert printable(text.decode()) == text.decode()
    decoded: dict[str, Any] = json.loads(text + b"}")
    return decoded


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("place", ["value", "name", "list", "deep"])
def test_a_hostile_text_stays_inside_its_record(value: str, place: str) -> None:
    event = {
        "value": {"kind": "k", "user_agent": value},
        "name": {"kind": "k", value: "x"},
        "list": {"kind": "k", "headers": [value, value]},
        "deep": {"kind": "k", "a": {"b": {"c": [{"d": value}]}}},
    }[place]

    record = head(event)

    assert list(record) in (["at", "event"], ["at", "capped", "event"])
    assert record["event"]["kind"] == "k"
    if (
        len(value) < VALUE_CHARS
        and place == "value"
        and not any(0xD800 <= ord(c) < 0xE000 for c in value)
    ):
        assert record["event"]["user_agent"] == value


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.text() | st.integers() | st.none() | st.booleans(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=20,
        ),
    )
)
def test_any_event_becomes_one_line_of_json(event: dict[str, Any]) -> None:
    record = head({**event, "kind": "k"})

    assert record["event"]["kind"] == "k"


@given(st.dictionaries(st.text(max_size=5), st.integers(-1000, 1000), max_size=6))
def test_the_order_of_keys_does_not_matter(event: dict[str, int]) -> None:
    backwards = dict(reversed(event.items()))

    assert record_head(AT, event) == record_head(AT, backwards)


def test_a_long_value_is_cut_and_the_record_says_how_long_it_was() -> None:
    record = head({"kind": "k", "headers": {"x-a/b~c": "y" * (1 << 20)}})

    assert record["event"]["headers"]["x-a/b~c"] == "y" * VALUE_CHARS
    assert record["capped"] == {"/headers/x-a~1b~0c": 1 << 20}


def test_many_values_share_one_budget() -> None:
    record = head({"kind": "k", "headers": ["z" * 4000 for _ in range(100)]})

    kept = sum(map(len, record["event"]["headers"]))
    assert EVENT_CHARS - 100 < kept <= EVENT_CHARS
    assert record["capped"]["/headers/20"] == 4000
    assert record["capped"]["more"] > 50


def test_long_lists_and_deep_trees_are_cut() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}

    long_record = head({"kind": "k", "list": list(range(5000))})
    deep_record = head({"kind": "k", "deep": deep})

    assert long_record["event"]["list"] == list(range(ENTRIES))
    assert long_record["capped"] == {"/list": 5000}
    assert list(deep_record["capped"].values()) == [0]
    assert next(iter(deep_record["capped"])).count("/a") == DEPTH - 1


def test_two_long_names_that_begin_alike_stay_two() -> None:
    record = head({"kind": "k", "n" * 5000: 1, "n" * 5001: 2})

    assert sorted(v for k, v in record["event"].items() if k != "kind") == [1, 2]


def test_values_that_json_does_not_know_are_written_as_text_or_lists() -> None:
    class Effect(StrEnum):
        PERMIT = "permit"

    short = {
        "kind": "k",
        "effect": Effect.PERMIT,
        "at": AT,
        "set": frozenset({"b", "a"}),
        "t": (1, 2),
    }
    long = {**short, "pad": "x" * 5000, "big": 10**5000, "view": MappingProxyType({1: 2})}

    for event in (short, long):
        record = head(event)
        assert record["event"]["effect"] == "permit"
        assert record["event"]["set"] == ["a", "b"]
        assert record["event"]["t"] == [1, 2]
        assert record["event"]["at"].startswith("2026-07-01T12:00:00")
    assert record["event"]["view"] == {"1": 2}
    assert record["event"]["big"].startswith("0x")


@pytest.mark.parametrize("microsecond", [0, 1, 500_000, 999_999])
def test_every_time_is_written_in_one_form(microsecond: int) -> None:
    at = AT.replace(microsecond=microsecond)
    elsewhere = at.astimezone(timezone(timedelta(hours=2)))

    assert head({"kind": "k"})["at"] == "2026-07-01T12:00:00.000005Z"
    assert timestamp(at) == timestamp(elsewhere) == f"2026-07-01T12:00:00.{microsecond:06d}Z"
    assert record_head(at, {}) == record_head(elsewhere, {})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        record_head(AT.replace(tzinfo=None), {})


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 10**9))
def test_a_form_that_is_filled_in_is_the_record_of_the_event(
    shared: str, filled: str, number: int
) -> None:
    event = {"kind": "decision", "shared": shared, "100%": shared, "id": filled, "n": number}

    written = form({**event, "id": None, "n": 0}, {"id": b"%b", "n": b"%d", "other": b"%b"})

    told = written % (canonical(filled), number)
    assert record_head(AT, told) == record_head(AT, event)
    assert reread(told) == event


def test_a_written_event_that_is_too_long_is_cut_like_any_other() -> None:
    event = {"kind": "decision", "path": "x" * (VALUE_CHARS + 1)}

    assert record_head(AT, canonical(event)) == record_head(AT, event)
