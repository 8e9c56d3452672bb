"""Every change reaches the audit log exactly once, also after a crash at the worst moment."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import people
from bailiwick.accounts import relay, relay_history, show_account
from bailiwick.audit import AuditLog, Filters, show, verify


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def log(directory: Path) -> Iterator[AuditLog]:
    opened = AuditLog.open(directory, node="n1", worker="1", clock=now)
    yield opened
    opened.close()


@pytest.fixture
def acme(place: Any, database: Any, by: Any) -> str:
    place.clock.now = now()  # the log's own clock is the real one
    database.add_account("Acme", id="acme", **by)
    database.set_evidence("acme", "billing", ["CA"], **by)
    return "acme"


def ids(directory: Path) -> list[str]:
    entries = show(directory, Filters(kinds=frozenset({"account"})))
    return [str(entry.record.event["id"]).partition("-")[2] for entry in entries]


def relayed(database: Any, log: AuditLog, directory: Path, node: str = "n1") -> int:
    return asyncio.run(relay_history(database, log, directory, node))


def test_every_change_is_on_record_in_order_with_who_and_why(
    database: Any, acme: str, log: AuditLog, directory: Path
) -> None:
    people.suspend(database, acme)

    count = relayed(database, log, directory)

    history = show_account(database, acme).history
    assert count == len(history)
    assert ids(directory) == [str(row.seq) for row in history]
    events = [
        entry.record.event for entry in show(directory, Filters(kinds=frozenset({"account"})))
    ]
    moved = next(event for event in events if event["what"] == "status.set")
    assert (moved["actor"], moved["account"], moved["reason"]) == ("ann", acme, "a test")
    assert moved["detail"]["second"] == "bob"  # type: ignore[index]
    assert relayed(database, log, directory) == 0
    log.close()
    assert verify(directory).ok


def test_a_crash_after_appending_repeats_nothing(
    database: Any, acme: str, log: AuditLog, directory: Path, monkeypatch: Any, by: Any
) -> None:
    def crash(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(relay, "_settle", crash)
        with pytest.raises(KeyboardInterrupt):
            relayed(database, log, directory)
    database.set_label(acme, "later", **by)

    assert relayed(database, log, directory) == 0, "the open claim had arrived"
    assert relayed(database, log, directory) == 1
    assert ids(directory) == ["1", "2", "3"]


def test_a_crash_before_appending_loses_nothing(
    database: Any, acme: str, log: AuditLog, directory: Path
) -> None:
    relay._claim(database, directory, "n1", relay._instance(database))

    assert relayed(database, log, directory) == 2
    assert ids(directory) == ["1", "2"]


def test_another_machine_waits_for_a_claim_and_takes_it_over_with_a_word(
    database: Any, acme: str, log: AuditLog, directory: Path, clock: Any
) -> None:
    relay._claim(database, directory, "gone", relay._instance(database))

    assert relayed(database, log, directory) == 0
    clock.move(minutes=11)
    assert relayed(database, log, directory) == 2

    events = [
        entry.record.event for entry in show(directory, Filters(kinds=frozenset({"account"})))
    ]
    assert [event.get("repeated") for event in events] == [True, True]
