"""Writing accounts: what is kept, what is refused, and that it is all or nothing."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from bailiwick.accounts import (
    AccountDatabase,
    AccountsUnavailable,
    list_accounts,
    schema,
    show_account,
)
from bailiwick.errors import InvalidInput

LATER = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def acme(database: Any, by: Any) -> str:
    return str(database.add_account("Acme", id="acme", **by))


def test_every_change_has_a_history_row_with_who_when_and_why(
    database: Any, acme: str, clock: Any
) -> None:
    key = database.add_key(acme, actor="ann", reason="new customer")
    clock.move(hours=1)
    database.set_evidence(acme, "billing", ["US"], actor="ann", reason="invoice 7")
    database.set_label(acme, "research", actor="bob", reason="contract 12", expires_at=LATER)
    database.remove_label(acme, "research", actor="bob", reason="contract ended")
    database.revoke_key(key.id, actor="cid", reason="leaked")

    history = show_account(database, acme).history

    assert [(row.seq, row.what, row.actor, row.reason) for row in history] == [
        (1, "account.added", "tester", "a test"),
        (2, "key.added", "ann", "new customer"),
        (3, "evidence.set", "ann", "invoice 7"),
        (4, "label.set", "bob", "contract 12"),
        (5, "label.removed", "bob", "contract ended"),
        (6, "key.revoked", "cid", "leaked"),
    ]
    assert history[0].at == clock.now - timedelta(hours=1)
    assert history[-1].at == clock.now


def test_what_is_replaced_is_kept(database: Any, acme: str, by: Any) -> None:
    database.set_evidence(acme, "billing", ["US"], commitment="ab" * 32, **by)
    database.set_evidence(acme, "billing", ["UK", "US"], tier="T2", against_interest=True, **by)

    rows = show_account(database, acme).evidence

    assert [(row.value, row.tier, row.superseded) for row in rows] == [
        ("US", "T3", True),
        ("GB", "T2", False),
        ("US", "T2", False),
    ]
    assert rows[0].commitment == "ab" * 32
    assert [row.against_interest for row in rows] == [False, True, True]


def test_accounts_are_listed_with_their_parents_and_live_keys(
    database: Any, acme: str, by: Any
) -> None:
    database.add_account("Group", id="group", kind="organisation", **by)
    database.add_account("Sub", id="sub", parent="group", status="pending", **by)
    database.add_key("sub", **by)
    database.revoke_key(database.add_key("sub", **by).id, **by)

    found = list_accounts(database)

    assert [(one.id, one.kind, one.parent, one.status, one.keys) for one in found] == [
        ("acme", "account", None, "active", 0),
        ("group", "organisation", None, "active", 0),
        ("sub", "account", "group", "pending", 1),
    ]


def test_an_account_without_an_id_gets_one(database: Any, by: Any) -> None:
    made = database.add_account("Nobody Ltd.", **by)

    assert made.startswith("acct_")
    assert show_account(database, made).summary.name == "Nobody Ltd."


BAD: list[tuple[str, tuple[Any, ...], dict[str, Any], str, str]] = [
    ("add_account", ("Acme",), {"id": "acme"}, "exists already", ""),
    ("add_account", ("",), {}, "name is missing", "say it"),
    ("add_account", ("a\nb",), {}, "control characters", ""),
    ("add_account", ("x" * 201,), {}, "longer than 200", ""),
    ("add_account", ("A",), {"id": "a b"}, "not usable", "letters, digits"),
    ("add_account", ("A",), {"kind": "firm"}, "unknown kind of account `firm`", "organisation"),
    ("add_account", ("A",), {"parent": "acme"}, "not an organisation", ""),
    ("add_account", ("A",), {"parent": "nobody"}, "no account has the id `nobody`", "lists them"),
    ("add_account", ("A",), {"status": "actve"}, "unknown status `actve`", "`active`"),
    ("add_key", ("nobody",), {}, "no account has the id", ""),
    ("add_key", ("acme",), {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "is not after", ""),
    ("add_key", ("acme",), {"expires_at": datetime(2030, 1, 1)}, "no time zone", "Z"),  # noqa: DTZ001
    ("revoke_key", ("key_x",), {}, "no key has the id `key_x`", "not the key|its id"),
    ("set_evidence", ("acme", "biling", ["US"]), {}, "`biling`", "did you mean `billing`"),
    (
        "set_evidence",
        ("acme", "ownership.", ["no"]),
        {},
        "unknown kind",
        "kinds: billing|did you mean",
    ),
    ("set_evidence", ("acme", "billing", ["USA"]), {}, "unknown place `USA`", "US"),
    ("set_evidence", ("acme", "billing", ["EU"]), {}, "unknown place `EU`", ""),
    ("set_evidence", ("acme", "billing", ["US"]), {"tier": "T9"}, "unknown tier `T9`", "T1"),
    ("set_evidence", ("acme", "billing", ["US"]), {"source": ""}, "source", ""),
    ("set_evidence", ("acme", "billing", ["US"]), {"observed_at": LATER}, "in the future", ""),
    ("set_evidence", ("acme", "billing", ["US"]), {"commitment": "x"}, "hexadecimal", ""),
    ("set_evidence", ("acme", "billing", ["US"] * 9), {}, "9 values", "at most 8"),
    ("set_evidence", ("acme", "ownership.o", ["maybe"]), {}, "cannot be `maybe`", "unknown_share"),
    ("set_evidence", ("nobody", "billing", ["US"]), {}, "no account", ""),
    ("set_label", ("acme", "two words"), {}, "the label `two words`", ""),
    ("set_label", ("acme", "a;b"), {}, "the label", ""),
    ("remove_label", ("acme", "gold"), {}, "has no label `gold`", ""),
    ("add_account", ("A",), {"status": "suspended"}, "a new account cannot be suspended", "active"),
    ("set_label", ("acme", "gold"), {"reason": " "}, "reason is missing", "history"),
    ("set_label", ("acme", "gold"), {"actor": "x y"}, "the actor `x y`", ""),
    ("set_label", ("acme", "gold"), {"actor": "Automation"}, "no person can act as", "own name"),
    ("set_contact", ("acme", "nobody"), {}, "not an e-mail address", "@"),
    ("set_evidence", ("acme", "funding", ["cash"]), {}, "cannot be `cash`", "prepaid"),
    ("set_evidence", ("acme", "list", ["two words"]), {}, "not usable", ""),
    (
        "set_evidence",
        ("acme", "billing", ["US"]),
        {"raw": "x", "commitment": "ab" * 32},
        "a commitment and a raw value",
        "one",
    ),
]


@pytest.mark.parametrize(("verb", "args", "more", "message", "help_"), BAD)
def test_bad_input_is_refused_with_help_and_changes_nothing(
    database: Any, acme: str, by: Any, verb: str, args: Any, more: Any, message: str, help_: str
) -> None:
    before = _everything(database)

    with pytest.raises(InvalidInput, match=message) as caught:
        getattr(database, verb)(*args, **{**by, **more})

    assert _everything(database) == before
    if help_:
        assert any(
            part in (problem.help or "")
            for problem in caught.value.problems
            for part in help_.split("|")
        )


def test_all_problems_of_one_call_are_told_at_once(database: Any, acme: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        database.set_evidence(acme, "cards", ["USA"], tier="1", actor="", reason="")

    assert len(caught.value.problems) == 5


def test_only_an_account_has_keys(database: Any, by: Any) -> None:
    database.add_account("Group", id="group", kind="organisation", **by)

    with pytest.raises(InvalidInput, match="is an organisation"):
        database.add_key("group", **by)


def test_organisations_can_be_eight_levels_deep(database: Any, by: Any) -> None:
    parent = None
    for level in range(7):
        parent = database.add_account(
            f"L{level}", id=f"l{level}", kind="organisation", parent=parent, **by
        )
    database.add_account("Leaf", parent=parent, **by)
    deepest = database.add_account("L7", kind="organisation", parent=parent, **by)

    with pytest.raises(InvalidInput, match="8 levels deep"):
        database.add_account("Too deep", parent=deepest, **by)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_write_that_fails_midway_leaves_nothing(database: Any, acme: str, by: Any) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON evidence "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    before = _everything(database)

    with pytest.raises(AccountsUnavailable, match="disk full"):
        database.set_evidence(acme, "billing", ["US"], **by)

    assert _everything(database) == before


def test_writers_in_several_processes_take_turns_and_no_number_is_lost(
    place: Any, database: Any, acme: str
) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.starmap(_write_many, [(place.url, place.secret, acme, n) for n in range(3)])

    rows = show_account(database, acme).history
    assert [row.seq for row in rows] == list(range(1, 62))
    assert len(show_account(database, acme).labels) == 60


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_opening_what_is_not_there_says_so(place: Any) -> None:
    place.database()
    place.file.unlink()

    with pytest.raises(AccountsUnavailable, match=r"accounts\.db` cannot be used: unable to open"):
        place.database(create=False)

    assert not place.file.exists()


def test_another_schema_version_is_refused(place: Any, database: Any) -> None:
    with database.engine.begin() as connection:
        connection.execute(update(schema.schema_version).values(version=99))

    with pytest.raises(AccountsUnavailable, match="has schema version 99, and this program needs"):
        place.database()


@pytest.mark.parametrize("content", [b"not a database at all " * 100, b""])
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_file_that_is_not_ours_is_refused(place: Any, database: Any, content: bytes) -> None:
    for path in place.file.parent.glob("accounts.db*"):
        path.unlink()
    place.file.write_bytes(content)

    with pytest.raises(AccountsUnavailable, match=r"not a database|not an account database"):
        place.database(create=False)


@pytest.mark.parametrize(
    "url", ["accounts.db", "sqlite://", "sqlite:///:memory:", "nonsense://x/y"]
)
def test_a_url_that_cannot_be_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        AccountDatabase.open(url, tmp_path / "secret", create=True)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_crash_leaves_an_acknowledged_change_on_disk(
    place: Any, database: Any, acme: str
) -> None:
    """synchronous FULL and WAL, as the connections say of themselves."""
    with database.engine.connect() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert settings == ["wal", 2, 1]


def test_the_tables_are_portable_sql() -> None:
    """They compile for PostgreSQL as well; nothing in them is of SQLite alone."""
    dialect = postgresql.dialect()
    statements = [
        str(CreateTable(table).compile(dialect=dialect)) for table in schema.metadata.sorted_tables
    ]
    indexes = [
        str(CreateIndex(index).compile(dialect=dialect))
        for table in schema.metadata.sorted_tables
        for index in table.indexes
    ]

    assert len(statements) == len(schema.metadata.tables)
    assert len(indexes) == sum(len(table.indexes) for table in schema.metadata.tables.values())
    assert not any("ROWID" in text.upper() for text in statements)


def _everything(database: Any) -> list[Any]:
    with database.engine.connect() as connection:
        return [
            connection.execute(select(table)).all() for table in schema.metadata.sorted_tables
        ] + [connection.execute(select(func.count()).select_from(schema.history)).scalar()]


def _write_many(url: str, secret: Path, account: str, writer: int) -> None:
    database = AccountDatabase.open(url, secret)
    for n in range(20):
        database.set_label(account, f"w{writer}-{n}", actor="tester", reason="a test")
