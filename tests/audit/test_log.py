"""Appending: durable before it is acknowledged, in batches, in order, one writer a file."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop

from audit.helpers import Clock, OpenLog, kinds, records, segments
from bailiwick.audit import AuditLog, AuditUnavailable, Settings, show, verify
from bailiwick.errors import InvalidInput

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run_in(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main)

    return run_in


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> "Gate":
    """A disk that answers when the test lets it: nothing real can be made to wait on demand."""
    gate = Gate()
    monkeypatch.setattr("bailiwick.audit.segment.sync", gate.sync)
    return gate


class Gate:
    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.syncs = 0

    def sync(self, descriptor: int) -> None:
        self.open.wait(20)
        self.syncs += 1


def on_disk(directory: Path) -> str:
    return "".join(path.read_text() for path in segments(directory))


def test_a_record_is_on_disk_when_its_receipt_is_awaited(
    run: Run, open_log: OpenLog, directory: Path
) -> None:
    async def main() -> None:
        log = open_log()
        await log.append({"kind": "decision", "id": "dec_1"})
        assert '"id":"dec_1"' in on_disk(directory)
        await log.append({"kind": "decision", "id": "dec_2"}).durable()
        assert '"id":"dec_2"' in on_disk(directory)

    run(main())


def test_no_record_is_acknowledged_before_the_disk_has_answered(
    run: Run, open_log: OpenLog, gate: Gate
) -> None:
    async def main() -> None:
        log = open_log()
        gate.open.clear()
        waiting = asyncio.ensure_future(log.append({"kind": "decision"}).durable())
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        gate.open.set()
        await waiting

    run(main())


def test_callers_who_wait_together_share_syncs(run: Run, open_log: OpenLog, gate: Gate) -> None:
    async def client(log: AuditLog) -> None:
        for _ in range(20):
            await log.append({"kind": "decision"})

    async def main() -> None:
        log = open_log()
        before = gate.syncs
        await asyncio.gather(*(client(log) for _ in range(50)))
        assert gate.syncs - before < 20 * 50 / 5
        assert log.status().records == 20 * 50

    run(main())


def test_a_batch_is_bounded(open_log: OpenLog, gate: Gate) -> None:
    async def main(text: str, count: int, syncs: range) -> None:
        log = open_log(worker=str(count))
        before = gate.syncs
        gate.open.clear()
        receipts = [log.append({"kind": "decision", "text": [text] * 4}) for _ in range(count)]
        gate.open.set()
        for receipt in receipts:
            await receipt
        assert gate.syncs - before in syncs

    asyncio.run(main("x", 5120, range(10, 20)))
    asyncio.run(main("x" * 4000, 640, range(10, 20)))


def test_a_record_that_nobody_waits_for_becomes_durable_by_itself(
    open_log: OpenLog, directory: Path
) -> None:
    log = open_log()

    log.append_nowait({"kind": "decision", "id": "dec_refused"})

    until = time.monotonic() + 10
    while "dec_refused" not in on_disk(directory) and time.monotonic() < until:
        time.sleep(0.001)
    assert "dec_refused" in on_disk(directory)


def test_many_records_that_nobody_waits_for_share_syncs(open_log: OpenLog, gate: Gate) -> None:
    log = open_log()
    before = gate.syncs

    for _ in range(1000):
        log.append_nowait({"kind": "decision"})
    log.close()

    assert gate.syncs - before < 100
    assert log.status().records == 1000


def test_closing_writes_what_is_queued_and_signs_it(open_log: OpenLog, directory: Path) -> None:
    log = open_log()
    for number in range(500):
        log.append_nowait({"kind": "outcome", "id": number})

    log.close()

    report = verify(directory, log.public_key)
    assert report.ok
    assert [record.event.get("id") for record in records(directory)] == [None, *range(500)]
    assert report.chains[0].signed == report.chains[0].records == 502


def test_a_closed_log_refuses(open_log: OpenLog) -> None:
    log = open_log()
    log.close()

    with pytest.raises(AuditUnavailable, match="closed"):
        log.append_nowait({"kind": "decision"}, late=True)
    assert not log.available


def test_a_full_queue_refuses_and_drops_nothing(
    open_log: OpenLog, gate: Gate, directory: Path
) -> None:
    log = open_log(settings=Settings(queue=100, stall_seconds=60))
    gate.open.clear()

    accepted = 0
    while accepted < 1000 and log.status().queued < 100:
        log.append_nowait({"kind": "decision"})
        accepted += 1
    with pytest.raises(AuditUnavailable, match="queue is full"):
        log.append_nowait({"kind": "decision"})
    gate.open.set()
    log.close()

    assert 100 <= accepted < 300
    assert kinds(directory).count("decision") == accepted


def test_a_disk_that_hangs_makes_the_log_unavailable_until_it_answers(
    run: Run, open_log: OpenLog, gate: Gate
) -> None:
    async def main() -> None:
        log = open_log(settings=Settings(stall_seconds=0.1))
        gate.open.clear()
        with pytest.raises(AuditUnavailable, match="does not answer"):
            await log.append({"kind": "decision"})
        assert not log.available
        assert log.status().reason == "the disk does not answer"
        with pytest.raises(AuditUnavailable, match="does not answer"):
            log.append({"kind": "decision"})
        gate.open.set()
        while not log.available:
            await asyncio.sleep(0.01)
        await log.append({"kind": "decision"})

    run(main())


def test_a_caller_who_leaves_does_not_disturb_the_others(
    run: Run, open_log: OpenLog, gate: Gate, directory: Path
) -> None:
    async def main() -> None:
        log = open_log()
        gate.open.clear()
        first = asyncio.ensure_future(log.append({"kind": "decision", "id": "left"}).durable())
        second = asyncio.ensure_future(log.append({"kind": "decision", "id": "stayed"}).durable())
        await asyncio.sleep(0.02)
        first.cancel()
        gate.open.set()
        await second
        assert first.cancelled()

    run(main())
    assert "left" in on_disk(directory)


def test_a_log_serves_several_event_loops(open_log: OpenLog, directory: Path) -> None:
    log = open_log()

    async def main() -> None:
        await asyncio.gather(*(log.append({"kind": "decision"}).durable() for _ in range(50)))

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()

    assert kinds(directory).count("decision") == 200
    assert verify(directory, log.public_key).ok


@pytest.mark.parametrize("event", [{}, {"kind": 1}, {"kind": "start"}, {"kind": "checkpoint"}])
def test_the_logs_own_kinds_cannot_be_written_by_others(
    open_log: OpenLog, event: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="kind"):
        open_log().append_nowait(event)


# ---- the chain over segments and processes -------------------------------------------------------


def test_the_first_record_says_how_the_log_began(open_log: OpenLog, directory: Path) -> None:
    log = open_log()
    log.close()
    again = open_log()
    again.close()

    first, stop, second, _ = (entry.record for entry in show(directory))
    assert first.event == {
        "kind": "start",
        "reason": "first",
        "key": log.public_key,
        "fsync": True,
    }
    assert second.event["reason"] == "restart"
    assert second.event["previous"]["segment"] == segments(directory)[0].name
    assert second.event["previous"]["bytes"] == segments(directory)[0].stat().st_size
    assert stop.event == {"kind": "stop"}
    assert (second.seq, second.previous) == (stop.seq + 1, stop.sha256)


def test_segments_rotate_by_size_and_stay_one_chain(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log(settings=Settings(segment_bytes=20_000))

    for _ in range(20):
        write(log, 20)
    log.close()

    report = verify(directory, log.public_key)
    assert report.ok
    assert len(segments(directory)) > 5
    assert all(path.stat().st_size < 60_000 for path in segments(directory))
    assert report.chains[0].signed == report.chains[0].records
    assert len(list(directory.glob("*.checkpoint"))) == len(segments(directory))


def test_segments_rotate_by_age(open_log: OpenLog, directory: Path, write: Any) -> None:
    log = open_log(settings=Settings(segment_seconds=0.05))

    write(log, 1)
    time.sleep(0.1)
    write(log, 1)
    log.close()

    assert len(segments(directory)) >= 2
    assert verify(directory, log.public_key).ok


def test_checkpoints_are_signed_every_so_many_records_and_kept_outside(
    open_log: OpenLog, directory: Path, outside: Path, write: Any
) -> None:
    log = open_log(outside=[outside], settings=Settings(checkpoint_records=100))

    for _ in range(5):
        write(log, 100)
    log.close()

    assert kinds(directory).count("checkpoint") >= 4
    assert len(list(outside.rglob("*.checkpoint"))) >= 1
    report = verify(directory, log.public_key, outside)
    assert report.ok
    assert report.checkpoints >= 6


def test_checkpoints_are_signed_after_so_many_seconds_and_then_only_for_something_new(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log(settings=Settings(checkpoint_seconds=0.05))

    write(log, 3)
    time.sleep(0.5)
    log.close()

    assert 1 <= kinds(directory).count("checkpoint") <= 3


def test_an_outside_place_can_be_any_function(open_log: OpenLog, write: Any) -> None:
    kept: dict[str, bytes] = {}
    log = open_log(outside=[kept.__setitem__])

    write(log, 10)
    log.close()

    ((name, note),) = kept.items()
    assert name.endswith(".000000000001/000000000012.checkpoint")
    assert note.startswith(b"bailiwick/gw-1/")


def test_an_outside_place_that_fails_stops_nothing_and_is_told(
    open_log: OpenLog, directory: Path, tmp_path: Path, write: Any
) -> None:
    log = open_log(outside=[tmp_path / "missing"], settings=Settings(checkpoint_records=10))

    write(log, 100)
    until = time.monotonic() + 10
    while log.status().outside[0].reason is None and time.monotonic() < until:
        time.sleep(0.01)
    status = log.status()
    log.close()

    assert status.available
    assert "No such file" in str(status.outside[0].reason)
    assert status.outside[0].failing_since is not None
    assert not (tmp_path / "missing").exists()


def test_an_outside_place_that_comes_back_gets_the_newest_checkpoint(
    open_log: OpenLog, tmp_path: Path, write: Any
) -> None:
    place = tmp_path / "place"
    log = open_log(outside=[place], settings=Settings(checkpoint_records=10))

    write(log, 100)
    place.mkdir()
    log.close()

    sizes = [int(path.stem) for path in place.rglob("*.checkpoint")]
    assert max(sizes) == log.status().seq


def test_a_clock_that_is_set_back_breaks_no_order(
    open_log: OpenLog, directory: Path, clock: Clock, write: Any
) -> None:
    log = open_log()
    write(log, 3)
    clock.now -= timedelta(days=1)
    write(log, 3)
    log.close()
    clock.now -= timedelta(days=1)
    again = open_log()
    write(again, 3)
    again.close()

    chain = [json.loads(line) for line in on_disk(directory).splitlines()]
    assert [record["seq"] for record in chain] == list(range(1, 14))
    assert sorted(record["at"] for record in chain) != [record["at"] for record in chain]
    assert verify(directory, log.public_key).ok


def test_workers_write_side_by_side(open_log: OpenLog, directory: Path, write: Any) -> None:
    logs = [open_log(worker=str(number)) for number in range(3)]

    for log in logs:
        write(log, 20)
    for log in logs:
        log.close()

    report = verify(directory, logs[0].public_key)
    assert report.ok
    assert [chain.writer for chain in report.chains] == ["gw-1/0", "gw-1/1", "gw-1/2"]


def test_two_processes_cannot_write_one_chain(open_log: OpenLog, directory: Path) -> None:
    open_log()
    second = (
        "from datetime import UTC, datetime; from pathlib import Path; import sys\n"
        "from bailiwick.audit import AuditLog\n"
        "clock = lambda: datetime.now(UTC)\n"
        "AuditLog.open(Path(sys.argv[1]), node='gw-1', clock=clock, lock_seconds=0)"
    )

    result = subprocess.run(
        [sys.executable, "-c", second, str(directory)], capture_output=True, text=True, check=False
    )

    assert (
        "AuditUnavailable: the audit log of `gw-1.0` is written by another process" in result.stderr
    )


def test_a_writer_waits_for_the_one_before_it_to_end(open_log: OpenLog) -> None:
    first = open_log()
    ending = threading.Timer(0.2, first.close)
    ending.start()

    second = open_log(lock_seconds=10)
    ending.join()

    assert second.available


def test_not_waiting_for_the_disk_is_loud_and_on_record(
    open_log: OpenLog, directory: Path, caplog: pytest.LogCaptureFixture, gate: Gate, write: Any
) -> None:
    with caplog.at_level(logging.WARNING):
        log = open_log(settings=Settings(unsafe_no_fsync=True))
    write(log, 10)
    log.close()

    assert "UNSAFE" in caplog.text
    assert records(directory)[0].event["fsync"] is False
    assert gate.syncs == 0


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ({"node": "a/b"}, "node"),
        ({"node": ""}, "node"),
        ({"node": "gw", "worker": "a.b"}, "worker"),
        ({"node": "gw", "origin": "a b"}, "origin"),
        ({"node": "gw", "origin": "a+b"}, "origin"),
    ],
)
def test_names_that_would_break_file_names_or_notes_are_refused(
    directory: Path, clock: Clock, names: dict[str, str], what: str
) -> None:
    with pytest.raises(InvalidInput, match=f"`{what}`"):
        AuditLog.open(directory, clock=clock, **names)


@pytest.mark.parametrize(
    "bad", [{"gather_ms": 11}, {"linger_ms": -1}, {"queue": 1}, {"raw_days": -1}]
)
def test_settings_outside_their_bounds_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Settings(**bad)


def test_a_clock_without_a_zone_is_refused(directory: Path) -> None:
    with pytest.raises(ValueError, match="aware"):
        AuditLog.open(directory, node="gw-1", clock=lambda: datetime.now(UTC).replace(tzinfo=None))


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(AuditUnavailable, match="cannot be opened"):
        AuditLog.open(tmp_path / "file" / "audit", node="gw-1", clock=clock)
