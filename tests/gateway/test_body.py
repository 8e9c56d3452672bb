import json
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.front import Refused
from bailiwick.gateway.body import MANY, SHORT, inspect, read, serialise
from bailiwick.gateway.options import Limits

LIMITS = Limits()
A = b'{"model":"a"'


def code_of(raw: bytes, limits: Limits = LIMITS) -> str | None:
    try:
        read(raw, limits)
    except Refused as refused:
        return refused.code
    return None


def nested(depth: int) -> bytes:
    """Write a body whose innermost array is ``depth`` levels deep, the body being the first."""
    return A + b',"x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


REFUSED = [
    ("a repeated key", A + b',"model":"b"}', "body_duplicate_key"),
    ("a repeated key, apart", A + b',"x":1,"model":"a"}', "body_duplicate_key"),
    ("a repeated key, escaped", A + b',"mo\\u0064el":"b"}', "body_duplicate_key"),
    ("a repeated key, escaped first", b'{"\\u006dodel":"b","model":"a"}', "body_duplicate_key"),
    ("a repeated key of no concern", A + b',"x":1,"x":2}', "body_duplicate_key"),
    ("three times", b'{"a":1,"a":1,"a":1}', "body_duplicate_key"),
    ("another case", A + b',"Model":"b"}', "body_confusable_key"),
    ("another case alone", b'{"MODEL":"b"}', "body_confusable_key"),
    ("another case of stream", A + b',"Stream":true}', "body_confusable_key"),
    ("another case of tools", A + b',"TOOLS":[]}', "body_confusable_key"),
    ("another case of fallbacks", A + b',"Fallbacks":["b"]}', "body_confusable_key"),
    ("another case of messages", A + b',"Messages":[]}', "body_confusable_key"),
    ("another case of input", A + b',"Input":""}', "body_confusable_key"),
    ("another case of max_tokens", A + b',"Max_Tokens":9}', "body_confusable_key"),
    ("another case of any other key", A + b',"x":1,"X":2}', "body_confusable_key"),
    ("a long s", A + ',"\u017ftream":true}'.encode(), "body_confusable_key"),
    ("a kelvin sign", A + ',"max_to\u212aens":9}'.encode(), "body_confusable_key"),
    ("an escaped long s", A + b',"\\u017ftream":true}', "body_confusable_key"),
    ("a fallback list", A + b',"fallbacks":["b"]}', "body_refused_key"),
    ("a list of models", A + b',"models":["a","b"]}', "body_refused_key"),
    ("a route", A + b',"route":"fallback"}', "body_refused_key"),
    ("a provider", A + b',"provider":{"order":["x"]}}', "body_refused_key"),
    ("another place", A + b',"inference_geo":"global"}', "body_refused_key"),
    ("another server", A + b',"api_base":"http://x"}', "body_refused_key"),
    ("NaN", A + b',"x":NaN}', "body_not_json"),
    ("Infinity", A + b',"x":Infinity}', "body_not_json"),
    ("minus Infinity", A + b',"x":-Infinity}', "body_not_json"),
    ("a number that is too large", A + b',"x":1e999}', "body_number"),
    ("a number that is too small", A + b',"x":-1e999}', "body_number"),
    ("a number of 5,000 digits", A + b',"x":' + b"9" * 5000 + b"}", "body_number"),
    ("a leading zero", A + b',"x":01}', "body_not_json"),
    ("a plus", A + b',"x":+1}', "body_not_json"),
    ("a bare point", A + b',"x":.5}', "body_not_json"),
    ("a hexadecimal number", A + b',"x":0x10}', "body_not_json"),
    ("a lone high surrogate", A + b',"x":"\\ud800"}', "body_not_json"),
    ("a lone low surrogate", A + b',"x":"\\udc00"}', "body_not_json"),
    ("swapped surrogates", A + b',"x":"\\udc00\\ud800"}', "body_not_json"),
    ("a surrogate in a key", A + b',"\\ud800":1}', "body_not_json"),
    ("a byte order mark", b"\xef\xbb\xbf" + A + b"}", "body_not_json"),
    ("UTF-16", '{"model":"a"}'.encode("utf-16"), "body_not_utf8"),
    ("UTF-16 without a mark", '{"model":"a"}'.encode("utf-16-le"), "body_not_json"),
    ("UTF-32", '{"model":"a"}'.encode("utf-32"), "body_not_utf8"),
    ("Latin-1", b'{"model":"caf\xe9"}', "body_not_utf8"),
    ("an overlong slash", b'{"model":"a\xc0\xaf"}', "body_not_utf8"),
    ("an encoded surrogate", b'{"model":"\xed\xa0\x80"}', "body_not_utf8"),
    ("bad UTF-8 in a key", b'{"mod\xffel":"a"}', "body_not_utf8"),
    ("nothing", b"", "body_not_json"),
    ("blanks", b"  ", "body_not_json"),
    ("null", b"null", "body_not_object"),
    ("a list", b'[{"model":"a"}]', "body_not_object"),
    ("a text", b'"model"', "body_not_object"),
    ("a number", b"1", "body_not_object"),
    ("two values", A + b"}" + A + b"}", "body_not_json"),
    ("something behind", A + b"}x", "body_not_json"),
    ("a NUL behind", A + b"}\x00", "body_not_json"),
    ("a comment", A + b"/* b */}", "body_not_json"),
    ("a line comment", A + b"}// b", "body_not_json"),
    ("a trailing comma", A + b",}", "body_not_json"),
    ("single quotes", b"{'model':'a'}", "body_not_json"),
    ("a bare key", b'{model:"a"}', "body_not_json"),
    ("cut short", b'{"model":"a","mess', "body_not_json"),
    ("a raw control character", b'{"model":"a\n"}', "body_not_json"),
    ("a wrong escape", b'{"model":"\\x61"}', "body_not_json"),
    ("65 levels", nested(65), "body_too_deep"),
    ("100,000 levels", b"[" * 100_000, "body_not_object"),
    ("100,000 levels inside", A + b',"x":' + b"[" * 100_000, "body_too_deep"),
    ("65 levels of data", A + b',"metadata":' + nested(65).partition(b'"x":')[2], "body_too_deep"),
    ("a second model in a tool", A + b',"tools":[{"type":"advisor","model":"b"}]}', "model_ambiguous"),
    ("a second model further down", A + b',"x":[{"y":{"z":[{"model":"b"}]}}]}', "model_ambiguous"),
    ("a list of models further down", A + b',"x":{"models":["b"]}}', "model_ambiguous"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_body_that_could_be_read_otherwise_is_refused(raw: bytes, code: str) -> None:
    assert code_of(raw) == code


ACCEPTED = [
    ("blanks around", b' \n{"model":"a"}\r\n\t', {"model": "a"}),
    ("an escaped key", b'{"\\u006dodel":"a"}', {"model": "a"}),
    ("a key of another case that is like no other", A + b',"topK":1}', {"model": "a", "topK": 1}),
    ("a large whole number", A + b',"x":18446744073709551616}', {"model": "a", "x": 2**64}),
    ("a pair of surrogates", A + b',"x":"\\ud83d\\ude00"}', {"model": "a", "x": "\U0001f600"}),
    ("an escaped NUL in a text", A + b',"x":"\\u0000"}', {"model": "a", "x": "\x00"}),
    ("a repeated key further down", A + b',"x":{"y":1,"y":2}}', {"model": "a", "x": {"y": 2}}),
    ("64 levels", nested(64), None),
    ("a model in a tool's schema", A + b',"tools":[{"input_schema":{"properties":{"model":{}}}}]}', None),
    ("a model in what a tool was given", A + b',"messages":[{"content":[{"type":"tool_use",'
     b'"input":{"model":"b"}}]}]}', None),
    ("no model further down", A + b',"x":{"model":null}}', None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "value"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED]
)
def test_what_is_sent_on_is_exactly_the_value_that_was_judged(raw: bytes, value: object) -> None:
    body = read(raw, LIMITS)

    sent = serialise(body)

    assert json.loads(sent) == body
    assert value is None or body == value


keys = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(st.tuples(keys, values), max_size=6), st.booleans())
def test_keys_are_told_apart_however_they_are_written(
    pairs: list[tuple[str, object]], escaped: bool
) -> None:
    written = ",".join(
        f"{json.dumps(key, ensure_ascii=escaped)}:{json.dumps(value)}" for key, value in pairs
    )
    names = [key for key, _ in pairs]

    code = code_of(b"{" + written.encode() + b"}")

    if len(set(names)) < len(names):
        assert code == "body_duplicate_key"
    else:
        assert code != "body_duplicate_key"


@given(values)
def test_serialising_keeps_every_value(value: object) -> None:
    raw = msgspec.json.encode({"x": value})

    sent = serialise(read(raw, LIMITS))

    assert msgspec.json.encode(msgspec.json.decode(sent)) == raw


@given(names=st.lists(st.sampled_from(["model", "system", "stream", "Model", "n"]), max_size=5))
def test_a_short_body_is_read_as_a_long_one_is(names: list[str]) -> None:
    inner = ",".join(f'"{name}":[{{"{name}":1}}]' for name in names)
    short = b"{" + inner.encode() + b"}"
    long = short + b" " * SHORT

    assert code_of(short) == code_of(long)


nests = st.recursive(
    st.sampled_from([1, "model", '"model', "text", None]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "models", "x", "m\\u"]), inner, max_size=3)
    ),
)


@given(nests, st.booleans(), st.integers(1, 8))
def test_a_short_body_that_is_read_holds_nothing_that_a_walk_would_find(
    value: object, escaped: bool, depth: int
) -> None:
    raw = json.dumps({"model": "a", "messages": value}).encode()
    if escaped:
        raw = raw.replace(b"mod", b"m\\u006fd")
    limits = Limits(json_depth=depth)

    if code_of(raw, limits) is None:
        inspect(json.loads(raw), limits)


def test_many_small_values_are_refused_before_they_take_memory() -> None:
    bomb = b'{"x":[' + b"[]," * 600_000 + b"[]]}"
    before = sys.getallocatedblocks()

    code = code_of(bomb)

    assert len(bomb) > MANY
    assert code == "body_too_many_values"
    assert sys.getallocatedblocks() - before < 10_000


def test_a_large_text_is_not_many_values() -> None:
    raw = json.dumps({"model": "a", "x": "word, " * 50_000 + "y" * MANY}).encode()

    assert code_of(raw) is None


def test_a_message_about_a_key_shows_it_without_harm() -> None:
    with pytest.raises(Refused) as refused:
        read(b'{"\\u001b[31mMODEL":1,"\\u001b[31mmodel":2}', LIMITS)

    assert "\x1b" not in refused.value.message
