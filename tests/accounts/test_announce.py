"""Accounts hear of a dated rule before it takes something from them, once, and nobody else does."""

from typing import Any

from sqlalchemy import select

import people
from bailiwick.accounts import announce, schema
from bailiwick.accounts.engine import reading
from bailiwick.decision import DecisionTable, compile_table

DATED = people.POLICY.replace(
    "accounts:",
    "  - {id: leaves, deny: frontier, where: {card: DE}, from: 2026-07-05T00:00Z}\n"
    "  - {id: far-off, deny: frontier, from: 2026-12-01T00:00Z}\n"
    "refusal: {exemption: https://example.org/ask}\n"
    "review: {announce: 7d}\n"
    "accounts:",
    1,
).replace("card: [home, unknown]", "card: [home, DE, unknown]")


def table() -> DecisionTable:
    return compile_table(people.policy(DATED), people.catalog())


def notices(database: Any) -> list[Any]:
    with reading(database.engine) as connection:
        return list(connection.execute(select(schema.notices)))


def fill(database: Any, by: Any) -> None:
    for account, card in (("german", "DE"), ("american", "US"), ("abroad", "DE")):
        database.add_account(account.title(), id=account, **by)
        home = "US" if account != "abroad" else "FR"
        for kind, value in (("billing", home), ("registered", home), ("card", card)):
            database.set_evidence(account, kind, [value], **by)


def test_only_those_who_lose_something_are_told_and_what(
    database: Any, by: Any, clock: Any
) -> None:
    fill(database, by)
    told = announce(people.desk(database, DATED), table())
    (notice,) = notices(database)

    assert told == 1
    assert (notice.account_id, notice.kind) == ("german", "policy")
    assert "From 2026-07-05 00:00 UTC" in notice.body
    assert "pa/frontier" in notice.body
    assert "rule leaves begins" in notice.body
    assert "https://example.org/ask" in notice.body


def test_nobody_is_told_twice(database: Any, by: Any) -> None:
    fill(database, by)
    desk = people.desk(database, DATED)

    assert [announce(desk, table()) for _ in range(2)] == [1, 0]


def test_nobody_is_told_of_what_is_far_off_or_past(database: Any, by: Any, clock: Any) -> None:
    fill(database, by)
    desk = people.desk(database, DATED)
    clock.move(days=30)
    between = announce(desk, table())
    clock.move(days=118)

    assert between == 0
    assert announce(desk, table()) == 1  # `far-off`: only the American still had something to lose
    assert [notice.account_id for notice in notices(database)] == ["american"]
