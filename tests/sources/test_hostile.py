"""Whatever a sender or a file says: it is refused with a reason, or every database can hold it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bailiwick.accounts import AccountDatabase, show_account
from bailiwick.accounts.sources import (
    BadEvent,
    BadSignature,
    NotJson,
    import_evidence,
    read_cloud_event,
    read_json,
    read_stripe_event,
    take_in,
    verify_stripe,
)
from bailiwick.errors import InvalidInput
from sources.conftest import NOW, current
from sources.stripes import SECRET

BY = {"actor": "tester", "reason": "an import"}
CLOUD: dict[str, Any] = {
    "specversion": "1.0", "id": "e-1", "source": "/kyc", "type": "bailiwick.evidence",
    "time": "2026-06-01T12:00:00Z", "subject": "acme",
}  # fmt: skip
US = {"country": "US"}


@pytest.mark.parametrize(
    "statement",
    [
        {"kind": "x" * 1000, "address": US},
        {"kind": "list", "address": US},
        {"kind": "ownership.o", "address": US},
        {"kind": "billing", "number": "+14155552671"},
        {"kind": "phone", "number": 1},
        {"kind": "billing"},
        {"kind": "billing", "values": ["US"], "address": {"country": "CA"}},
    ],
)
def test_a_statement_that_is_read_as_another_one_is_refused(statement: Any) -> None:
    with pytest.raises(BadEvent):
        read_cloud_event({**CLOUD, "data": {"statements": [statement]}}, "kyc", "T1")


@pytest.mark.parametrize(
    "more",
    [
        {"time": "0001-01-01T00:00:00+23:59"},
        {"time": "9999-12-31T23:59:59-23:59"},
        {"id": "e\0"},
        {"subject": "\ud800"},
        {"data": {"statements": [], "links": {"card": "\ud800"}}},
    ],
)
def test_an_event_that_no_database_could_hold_is_refused(more: Any) -> None:
    with pytest.raises(BadEvent):
        read_cloud_event({**CLOUD, "data": {"statements": []}, **more}, "kyc", "T1")


def stripe_event(kind: str = "customer.updated", **of: Any) -> dict[str, Any]:
    found = {"id": "cus_1", "metadata": {"bailiwick_account": "acme"}, "address": US, **of}
    return {"id": "evt_1", "type": kind, "created": 1_780_000_000, "data": {"object": found}}


@pytest.mark.parametrize(
    "body", [stripe_event("customer.\0"), stripe_event(id="cus 1"), stripe_event(id="cus\0")]
)
def test_an_event_of_stripe_that_no_database_could_hold_is_refused(body: Any) -> None:
    with pytest.raises(BadEvent):
        read_stripe_event(body)


@pytest.mark.parametrize(
    "of",
    [
        {"email": "a@\ud800.example"},
        {"metadata": {"bailiwick_account": "acme\0"}},
        {"customer": "cus\0"},
        {"phone": "+1\0"},
        {"address": {"country": "US", "state": "\0", "postal_code": "\ud800", "line1": "\0"}},
    ],
)
def test_what_is_not_usable_in_an_event_is_left_out(database: AccountDatabase, of: Any) -> None:
    (outcome,) = take_in(database, [read_stripe_event(stripe_event(**of))])

    assert outcome in {"applied", "waiting"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"value": 840}, "`value` is not a text"),
        ({"value": None}, "`value` is not a text"),
        ({"value": ["CA"]}, "`value` is not a text"),
        ({"value": "CA", "expires_at": 20270101}, "`expires_at` is not a text"),
        ({"value": "CA", "tier": 1}, "`tier` is not a text"),
        ({"value": "CA", "against_interest": True}, "`against_interest` is not a text"),
        ({"address": "Berlin"}, "`address` is not a text"),
        ({"value": "CA", "address": US}, "`value` and `address` say the same thing twice"),
    ],
)
def test_a_value_of_another_type_is_told_and_withdraws_nothing(
    database: AccountDatabase, row: Any, said: str
) -> None:
    database.set_evidence("acme", "billing", ["US"], source="import", **BY)
    before = show_account(database, "acme")

    with pytest.raises(InvalidInput, match=said):
        import_evidence(
            database, json.dumps([{"account": "acme", "kind": "billing", **row}]), "e.json", **BY
        )

    assert show_account(database, "acme") == before


WORDS = st.sampled_from(
    [
        "US",
        "CA",
        "T1",
        "T9",
        "billing",
        "list",
        "phone",
        "acme",
        "",
        "\0",
        "\ud800",
        "\u202e",
        "x" * 300,
    ]
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    "id", "type", "created", "data", "object", "address", "country", "state", "postal_code", "line1",
    "phone", "email", "metadata", "bailiwick_account", "card", "funding", "checks", "billing_details",
    "status", "verification", "last_verification_report", "customer", "tax", "location", "source",
    "previous_attributes", "specversion", "time", "subject", "statements", "links", "kind", "values",
    "tier", "number", "payer",
)  # fmt: skip


def shaped(like: Any) -> Any:
    """Give values that look like this one, with any part of it exchanged."""
    if isinstance(like, dict):
        whole = st.fixed_dictionaries({key: shaped(value) for key, value in like.items()})
        more = st.dictionaries(st.sampled_from(KEYS), PLAIN, max_size=2)
        return st.builds(lambda one, other: {**one, **other}, whole, more) | PLAIN
    if isinstance(like, list):
        return st.lists(shaped(like[0]), max_size=3) | PLAIN
    return st.just(like) | PLAIN


CARD = {
    "id": "pm_1", "customer": "cus_1", "billing_details": {"address": US, "email": "a@b.example"},
    "card": {"country": "CA", "funding": "credit", "fingerprint": "f", "checks": {}},
}  # fmt: skip
REPORT = {"document": {"issuing_country": "US"}}
SESSION = {"id": "vs_1", "status": "verified", "last_verification_report": REPORT}
STRIPES = st.one_of(
    shaped(stripe_event(phone="+14155552671")),
    shaped({**stripe_event("payment_method.attached"), "data": {"object": CARD}}),
    shaped({**stripe_event("identity.verification_session.verified"), "data": {"object": SESSION}}),
    shaped(
        stripe_event("customer.tax_id.created", country="US", verification={"status": "verified"})
    ),
)
STATEMENTS = [{"kind": "billing", "values": ["US"], "tier": "T1"}]
CLOUDS = shaped({**CLOUD, "data": {"statements": STATEMENTS, "links": {"card": "c"}}})
FEW = settings(max_examples=60)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("hostile")
    made = AccountDatabase.open(
        f"sqlite:///{folder / 'a.db'}", folder / "s", create=True, clock=lambda: NOW
    )
    made.add_account("Acme", id="acme", **BY)
    yield made
    made.close()


@FEW
@given(body=STRIPES)
def test_any_event_of_stripe_is_refused_or_written_down(kept: AccountDatabase, body: Any) -> None:
    refused_or_written(kept, lambda: read_stripe_event(body))


@FEW
@given(body=CLOUDS)
def test_any_cloud_event_is_refused_or_written_down(kept: AccountDatabase, body: Any) -> None:
    refused_or_written(kept, lambda: read_cloud_event(body, "kyc", "T2"))


def refused_or_written(kept: AccountDatabase, read: Any) -> None:
    try:
        event = read()
    except BadEvent:
        return
    (outcome,) = take_in(kept, [event])
    assert outcome in {"applied", "waiting", "older", "ignored", "duplicate"}
    for text in (event.id, event.type, event.object, event.owner, event.account):
        assert text is None or text.isprintable(), "PostgreSQL holds no NUL"


@FEW
@given(body=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))  # fmt: skip
def test_any_body_is_json_or_it_is_said_that_it_is_not(body: bytes) -> None:
    try:
        value = read_json(body)
    except NotJson:
        return
    for read in (read_stripe_event, lambda one: read_cloud_event(one, "kyc", "T1")):
        try:
            read(value)
        except BadEvent:
            continue


@FEW
@given(header=st.text(max_size=200) | st.lists(st.sampled_from(["t=1780000000", "v1=00", "t=", "v1", ",", "=", "t=٣", "v1=\ud800"])).map(",".join))  # fmt: skip
def test_no_header_that_was_made_up_is_a_signature(header: str) -> None:
    with pytest.raises(BadSignature):
        verify_stripe(b"{}", header, [SECRET], NOW)


ROW = shaped(
    {"account": "acme", "kind": "billing", "value": "US", "tier": "T2", "expires_at": "2027-01-01"}
)
FILES = st.one_of(
    st.tuples(st.text(max_size=200), st.sampled_from(["e.csv", "e.json"])),
    st.tuples(st.lists(ROW, max_size=3).map(json.dumps), st.just("e.json")),
    st.tuples(
        st.lists(st.lists(WORDS | st.sampled_from(['"', '","', "\n", "\r", ";"]), max_size=5).map(",".join), max_size=4)
        .map(lambda rows: "\n".join(["account,kind,value,tier", *rows])),
        st.just("e.csv"),
    ),
)  # fmt: skip


@FEW
@given(file=FILES)
def test_any_file_is_imported_in_whole_or_every_problem_has_a_place(
    kept: AccountDatabase, file: tuple[str, str]
) -> None:
    before = current(kept)
    problems: list[Any] = []
    try:
        count = import_evidence(kept, *file, **BY)
    except InvalidInput as refused:
        count, problems = 0, list(refused.problems)

    assert bool(count) is not bool(problems)
    assert all(one.position is not None for one in problems)
    assert count or current(kept) == before
