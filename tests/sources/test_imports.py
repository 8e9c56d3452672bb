"""Imports of evidence: all rows or none."""

import json

import pytest

from bailiwick.accounts import AccountDatabase, show_account
from bailiwick.accounts.sources import import_evidence
from bailiwick.errors import InvalidInput
from sources.conftest import current

BY = {"actor": "tester", "reason": "an import"}
GOOD = "account,kind,value,tier,source,observed_at\nacme,billing,US DE,T2,crm,2026-06-01\nacme,phone,+77011234567,,,\n"


def wrong(database: AccountDatabase, text: str, file: str = "e.csv") -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        import_evidence(database, text, file, **BY)
    return [str(one).split("\n")[0] for one in caught.value.problems]


def test_rows_become_evidence_with_their_source_and_tier(database: AccountDatabase) -> None:
    assert import_evidence(database, GOOD, "e.csv", **BY) == 2
    assert current(database) == {
        ("billing", "US", "T2", "crm"), ("billing", "DE", "T2", "crm"), ("phone", "KZ", "T3", "import"),
    }  # fmt: skip


def test_a_json_file_may_have_addresses(database: AccountDatabase) -> None:
    rows = [{"account": "acme", "kind": "registered", "address": {"country": "UA", "state": "Crimea"}, "tier": "T1"}]  # fmt: skip

    import_evidence(database, json.dumps(rows), "e.json", **BY)

    assert current(database) == {("registered", "UA-43", "T1", "import")}


def test_every_bad_row_is_told_and_nothing_changes(database: AccountDatabase) -> None:
    import_evidence(database, GOOD, "e.csv", **BY)
    before = show_account(database, "acme")

    found = wrong(
        database,
        "account,kind,value,tier,expires_at\n"
        "acme,card,US,,\n"
        "nobody,card,US,,\n"
        "acme,colour,red,,\n"
        "acme,billing,QQ,,\n"
        "acme,registered,US,T9,\n"
        "acme,phone,+12,,\n"
        "acme,document,US,,yesterday\n"
        "acme,tax,US,,2020-01-01\n"
        "acme,card,DE,,\n"
        "acme,owner\n",
    )

    assert found == [
        "e.csv:3: no account has the id `nobody`",
        "e.csv:4: unknown kind of evidence `colour`",
        "e.csv:4: unknown place `red`",
        "e.csv:5: unknown place `QQ`",
        "e.csv:6: unknown tier `T9`",
        "e.csv:7: the phone number has no place",
        "e.csv:8: `expires_at`: `yesterday` is not a time",
        "e.csv:9: expiry `2020-01-01T00:00:00+00:00` is not after `2026-07-01T00:00:00+00:00`",
        "e.csv:10: the same source states the same kind twice",
        "e.csv:11: 2 columns, and the header has 5",
    ]
    assert show_account(database, "acme") == before


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("e.csv", "", "e.csv: the file has no rows"),
        ("e.csv", "account,kind\n", "e.csv:1: column `value` is missing"),
        ("e.csv", "account,kind,value,colour\n", "e.csv:1: column `colour` is unknown or double"),
        ("e.csv", "account,kind,value\n", "e.csv: the file has no rows"),
        ("e.json", "{}", "e.json:1:1: `account` is missing"),
        ("e.json", "[1]", "e.json:1:2: not an object"),
        ("e.json", "[{]", "e.json:1:3: not JSON: Expecting property name enclosed in double quotes"),
        ("e.json", '[{"a": 1, "a": 2}]', "e.json:1:2: not JSON: the key `a` is given twice"),
        ("e.json", '[{"account": "acme", "kind": "card"}]', "e.json:1:2: `value` is missing"),
        ("e.json", '[{"account": "acme", "kind": "card", "address": {}}]', "e.json:1:2: the address names no country that is known"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_told(
    database: AccountDatabase, file: str, text: str, expected: str
) -> None:
    assert wrong(database, text, file) == [expected]


def test_an_import_supersedes_its_own_source_and_deletes_nothing(database: AccountDatabase) -> None:
    import_evidence(database, "account,kind,value,source\nacme,card,US,crm\n", "1.csv", **BY)
    import_evidence(database, "account,kind,value,source\nacme,card,DE,crm\n", "2.csv", **BY)
    import_evidence(database, "account,kind,value,source\nacme,card,FR,erp\n", "3.csv", **BY)

    assert current(database) == {("card", "DE", "T3", "crm"), ("card", "FR", "T3", "erp")}
    assert len(show_account(database, "acme").evidence) == 3


def test_a_dry_run_checks_and_changes_nothing(database: AccountDatabase) -> None:
    assert import_evidence(database, GOOD, "e.csv", **BY, dry=True) == 2
    assert current(database) == set()
