"""A worker that lacks something is not ready, says what, and finds it by itself."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

import people
from bailiwick.bootstrap import Worker, gateway_options, open_audit, read_settings
from bailiwick.pipeline import Asked, Unauthenticated, Unavailable
from bootstrap.helpers import SETTINGS, US, Folder


@contextmanager
def working(folder: Folder) -> Iterator[Worker]:
    settings = read_settings(folder.config)
    options = gateway_options(settings, {})
    worker = Worker(folder.config, settings, options.upstreams, options.workers)
    worker.begin()
    try:
        yield worker
    finally:
        worker.close()


def ask(key: str | None) -> Asked:
    lines = [("x-forwarded-for", US)]
    names: frozenset[str] = frozenset()
    return Asked(
        "127.0.0.1", lines, key, "claude-opus-4-1", "infer", names, "anthropic", "/v1/messages"
    )


def judge(worker: Worker, key: str | None) -> Any:
    return asyncio.run(worker.judge(ask(key), datetime.now(UTC)))


def wait_until_ready(worker: Worker) -> None:
    until = time.monotonic() + 10
    while not worker.status()["ready"] and time.monotonic() < until:
        time.sleep(0.05)
    assert worker.status()["ready"]


def test_a_worker_with_everything_is_ready_and_judges(folder: Folder) -> None:
    key = folder.add_key()
    with working(folder) as worker:
        status = worker.status()
        judged = judge(worker, key)

    assert status["ready"]
    assert status["lacking"] == {}
    assert status["policy"]["name"] == "first"
    assert status["accounts"]["keys"] == 1
    assert status["audit"]["available"]
    assert judged.decision.permitted
    json.dumps(status)


def test_a_worker_without_a_good_policy_is_not_ready_until_there_is_one(folder: Folder) -> None:
    key = folder.add_key()
    good = folder.policy.read_text()
    folder.write(policy="rules: [")
    with working(folder) as worker:
        status = worker.status()
        with pytest.raises(Unavailable, match="not_ready"):
            judge(worker, key)
        folder.write(policy=good)
        wait_until_ready(worker)
        judged = judge(worker, key)

    assert not status["ready"]
    assert "not valid YAML" in status["lacking"]["policy"]
    assert judged.decision.permitted


def test_a_worker_without_the_account_database_is_not_ready_until_it_is_there(
    folder: Folder,
) -> None:
    with working(folder) as worker:
        status = worker.status()
        with pytest.raises(Unavailable, match="not_ready"):
            judge(worker, "bw_x")
        key = folder.add_key()
        wait_until_ready(worker)
        judged = judge(worker, key)

    assert not status["ready"]
    assert "accounts.secret" in status["lacking"]["accounts"]
    assert judged.decision.permitted


def test_a_worker_without_an_audit_log_is_not_ready(folder: Folder) -> None:
    key = folder.add_key()
    (folder.path / "audit").write_text("a file where a folder should be")
    with working(folder) as worker:
        status = worker.status()
        (folder.path / "audit").unlink()
        wait_until_ready(worker)
        judged = judge(worker, key)

    assert "audit" in status["lacking"]
    assert judged.decision.permitted


def test_a_policy_that_goes_bad_does_not_make_a_worker_unready(folder: Folder) -> None:
    key = folder.add_key()
    with working(folder) as worker:
        folder.write(policy="rules: [")
        until = time.monotonic() + 10
        while worker.status()["reload"]["reason"] is None and time.monotonic() < until:
            time.sleep(0.05)
        status = worker.status()
        judged = judge(worker, key)

    assert status["ready"]
    assert "not valid YAML" in status["reload"]["reason"]
    assert judged.decision.permitted


def test_a_suspension_reaches_a_running_worker(folder: Folder) -> None:
    key = folder.add_key()
    with working(folder) as worker:
        before = judge(worker, key)
        people.suspend(folder.database(), "acme")
        until = time.monotonic() + 5
        while judge(worker, key).decision.permitted and time.monotonic() < until:
            time.sleep(0.02)
        after = judge(worker, key)

    assert before.decision.permitted
    assert [reason.code for reason in after.decision.reasons] == ["account.status"]


def test_nobody_is_judged_without_a_key_unless_the_settings_say_so(folder: Folder) -> None:
    folder.add_key()
    with working(folder) as worker, pytest.raises(Unauthenticated):
        judge(worker, None)
    folder.write(settings=SETTINGS.replace("{poll: 100ms}", "{poll: 100ms, anonymous: true}"))
    with working(folder) as worker:
        judged = judge(worker, None)

    assert judged.account is None
    assert not judged.decision.permitted


def test_each_worker_writes_an_audit_log_of_its_own(folder: Folder) -> None:
    settings = read_settings(folder.config)
    logs = [open_audit(settings, 3, "gateway") for _ in range(3)]
    segments = {log.status().segment for log in logs}
    for log in logs:
        log.close()

    assert len(segments) == 3
