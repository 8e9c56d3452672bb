"""The whole gateway from its settings file: real processes, real requests, real files."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import people
from bailiwick.audit import show, verify
from bootstrap.helpers import NL, POLICY, US, Folder, Upstream
from bootstrap.running import Running, running, until


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.close()


def test_a_gateway_judges_forwards_records_and_follows_changes(
    folder: Folder, upstream: Upstream
) -> None:
    key = folder.add_key()
    with running(folder, upstream) as gateway:
        at_home, permitted = gateway.send(key, US)
        abroad, denied = gateway.send(key, NL)
        nobody, _ = gateway.send("bw_nobody", US)
        folder.write(policy=POLICY.replace("include: [US]", "include: [US, NL]"))
        after_reload = until(lambda: gateway.send(key, NL)[0] == 200)
        folder.write(policy="rules: [")
        refused = until(
            lambda: "YAML" in str(gateway.readiness()[1]["workers"]["each"][0]["reload"]["reason"])
        )
        last_good, _ = gateway.send(key, NL)
        people.suspend(folder.database(), "acme")
        suspended = until(lambda: gateway.send(key, NL)[0] == 403)

    assert (at_home, abroad, nobody) == (200, 403, 401)
    assert after_reload
    assert refused
    assert last_good == 200
    assert suspended
    headers, body = upstream.seen[0]
    assert headers["x-api-key"] == "upstream-secret"
    assert body["model"] == "claude-opus-4-1"
    assert key not in str(upstream.seen)
    _check_records(folder.path / "audit", permitted, denied)


def _check_records(audit: Path, permitted: str, denied: str) -> None:
    assert verify(audit).ok
    events = [entry.record.event for entry in show(audit)]
    decisions = {event["id"]: event for event in events if event["kind"] == "decision"}
    outcomes = {event["id"]: event for event in events if event["kind"] == "outcome"}
    assert decisions[permitted]["effect"] == "permit"
    assert decisions[denied]["effect"] == "deny"
    assert outcomes[permitted]["result"] == "completed"
    assert decisions[denied]["result"] == "refused"
    assert decisions[denied]["status"] == 403
    permits = {id_ for id_, event in decisions.items() if event["effect"] == "permit"}
    assert permits == outcomes.keys()
    assert any(
        event["kind"] == "refusal" and event["code"] == "unauthenticated" for event in events
    )


def test_a_hangup_has_every_worker_read_its_files_at_once(
    folder: Folder, upstream: Upstream
) -> None:
    key = folder.add_key()
    with running(folder, upstream, workers=2, interval="1h") as gateway:
        before = {gateway.send(key, NL)[0] for _ in range(10)}
        folder.write(policy=POLICY.replace("include: [US]", "include: [US, NL]"))
        gateway.process.send_signal(signal.SIGHUP)
        after = until(lambda: {gateway.send(key, NL)[0] for _ in range(10)} == {200})

    assert before == {403}
    assert after


def test_several_workers_start_and_each_keeps_a_log(folder: Folder, upstream: Upstream) -> None:
    key = folder.add_key()
    with running(folder, upstream, workers=2) as gateway:
        statuses = {gateway.send(key, NL)[0] for _ in range(10)}
        detail = gateway.readiness()[1]

    assert statuses == {403}
    assert detail["workers"]["able"] == 2
    assert len({one["audit"]["segment"] for one in detail["workers"]["each"]}) == 2
    assert verify(folder.path / "audit").ok


def test_a_start_without_a_good_policy_ends_at_once_and_says_why(
    folder: Folder, upstream: Upstream
) -> None:
    folder.add_key()
    folder.write(policy=POLICY.replace("include: [US]", "include: [USA]"))

    gateway = Running(folder, upstream, 1)

    assert gateway.process.wait(timeout=20) != 0
    assert "unknown place `USA`" in gateway.log.read_text()


def test_accounts_are_looked_after_in_a_process_beside_the_workers(
    folder: Folder, upstream: Upstream
) -> None:
    folder.add_key()

    def added() -> bool:
        events = [entry.record.event for entry in show(folder.path / "audit")]
        return any("account.added" in str(event) for event in events)

    with running(folder, upstream) as gateway:
        recorded = until(added, 20)
        writers = {path.name for path in (folder.path / "audit").iterdir() if path.is_dir()}
        ready = gateway.readiness()[0]

    assert ready
    assert recorded, writers
    assert verify(folder.path / "audit").ok
