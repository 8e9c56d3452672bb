"""When the disk fails: everybody is told, nothing is lost silently, and it recovers by itself."""

import asyncio
import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.helpers import OpenLog, kinds, records, segments
from bailiwick.audit import AuditLog, AuditUnavailable, Settings, verify

RECOVERED_SECONDS = 10.0
"""Far more than it takes; these tests run on busy machines."""


def refused(log: AuditLog, text: str = "x") -> str:
    """Append until the log refuses; return why."""

    async def main() -> str:
        for _ in range(100_000):
            try:
                await log.append({"kind": "decision", "text": text})
            except AuditUnavailable as error:
                return str(error)
        return "never refused"

    return asyncio.run(main())


def wait_until(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + RECOVERED_SECONDS
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("needs root to mount a small file system")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_refuses_and_recovers_unaided_when_space_comes_back(
    small_disk: Path, open_log: OpenLog, write: Any
) -> None:
    directory = small_disk / "audit"
    log = open_log(at=directory)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3 << 20))

    reason = refused(log, "x" * 1500)

    assert "No space left on device" in reason
    assert not log.available
    assert log.interruption is not None
    assert log.status().reason == "No space left on device"
    with pytest.raises(AuditUnavailable):
        log.append_nowait({"kind": "decision"})
    log.append_nowait({"kind": "outcome", "id": "late"}, late=True)
    ballast.unlink()
    assert wait_until(lambda: log.available)
    write(log, 10)
    log.close()

    assert verify(directory, log.public_key).ok
    recovery = next(r for r in records(directory) if r.event["kind"] == "recovery")
    assert recovery.event["reason"] == "No space left on device"
    assert recovery.event["refused"] == 1
    assert records(directory)[recovery.seq].event["id"] == "late"


LIMITED = """
import asyncio, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from bailiwick.audit import AuditLog, AuditUnavailable

log = AuditLog.open(Path(sys.argv[1]), node="gw-1", clock=lambda: datetime.now(UTC))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

async def main():
    refusals = 0
    for number in range(40):
        if number == 10:
            (segment,) = Path(sys.argv[1]).glob("*.jsonl")
            torn = segment.stat().st_size + 500  # in the middle of the next record
            resource.setrlimit(resource.RLIMIT_FSIZE, (torn, hard))
        if number == 30:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            for _ in range(1000):
                if log.available:
                    break
                await asyncio.sleep(0.01)
        try:
            await log.append({"kind": "decision", "id": number, "text": "x" * 1000})
            print(number)
        except AuditUnavailable as error:
            refusals += 1
            assert "File too large" in str(error), error
    assert refusals, "never refused"

asyncio.run(main())
log.close()
"""


def test_a_write_that_stops_half_way_is_declared_and_left_as_it_is(directory: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(directory)], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    acknowledged = [int(line) for line in result.stdout.split()]
    kept = [r.event["id"] for r in records(directory) if r.event["kind"] == "decision"]
    assert kept == acknowledged
    assert set(range(30, 40)) <= set(acknowledged)
    cuts = [r.event["cut"] for r in records(directory) if "cut" in r.event]
    assert sum(cut["bytes"] for cut in cuts) > 0
    report = verify(directory, directory / "keys" / "public-keys")
    assert report.ok
    assert any("cut by a crash, as declared" in str(notice) for notice in report.notices)


class FailingSync:
    """A sync that fails: no disk can be made to do so on demand."""

    def __init__(self) -> None:
        self.fails = False
        self.used: list[int] = []
        self.inodes: list[int] = []

    def __call__(self, descriptor: int) -> None:
        self.inodes.append(os.fstat(descriptor).st_ino)
        if self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FailingSync:
    disk = FailingSync()
    monkeypatch.setattr("bailiwick.audit.segment.sync", disk)
    return disk


def test_after_a_failed_sync_its_file_is_never_written_again(
    open_log: OpenLog, directory: Path, disk: FailingSync, write: Any
) -> None:
    log = open_log()
    write(log, 5)
    abandoned = segments(directory)[0]

    disk.fails = True
    assert "Input/output error" in refused(log)
    length = abandoned.stat().st_size
    disk.fails = False
    calls = len(disk.inodes)
    assert wait_until(lambda: log.available)
    write(log, 5)
    log.close()

    assert abandoned.stat().st_size == length
    assert abandoned.stat().st_ino not in disk.inodes[calls:]
    assert kinds(directory).count("decision") == 10
    report = verify(directory, log.public_key)
    assert report.ok, report.problems
    assert records(directory)[6].event["cut"]["bytes"] > 0


def test_records_that_nobody_waited_for_are_written_once_after_the_failure(
    open_log: OpenLog, directory: Path, disk: FailingSync
) -> None:
    log = open_log()
    disk.fails = True
    for number in range(200):
        log.append_nowait({"kind": "outcome", "id": number}, late=True)
    assert wait_until(lambda: not log.available)
    for number in range(200, 300):
        log.append_nowait({"kind": "outcome", "id": number}, late=True)
    disk.fails = False
    assert wait_until(lambda: log.available)
    log.close()

    kept = [r.event["id"] for r in records(directory) if r.event["kind"] == "outcome"]
    assert kept == list(range(300))
    assert verify(directory, log.public_key).ok


def test_held_records_are_bounded(open_log: OpenLog, disk: FailingSync) -> None:
    log = open_log(settings=Settings(queue=64))
    disk.fails = True

    def outcome() -> str:
        try:
            log.append_nowait({"kind": "outcome"}, late=True)
        except AuditUnavailable as error:
            return str(error)
        return ""

    assert wait_until(lambda: "queue is full" in outcome())
    assert 64 <= log.status().queued <= 64 + 64


def test_closing_while_unavailable_says_what_is_lost(open_log: OpenLog, disk: FailingSync) -> None:
    log = open_log()
    disk.fails = True
    log.append_nowait({"kind": "outcome"})
    assert wait_until(lambda: not log.available)

    with pytest.raises(AuditUnavailable, match="1 accepted record"):
        log.close()


def test_a_log_opens_unavailable_when_only_the_disk_is_in_the_way(
    open_log: OpenLog, directory: Path, disk: FailingSync, write: Any
) -> None:
    disk.fails = True
    log = open_log()
    assert not log.available

    disk.fails = False
    assert wait_until(lambda: log.available)
    write(log, 3)
    log.close()

    assert verify(directory, log.public_key).ok
    assert records(directory)[0].event["kind"] == "recovery"


def test_a_removed_directory_is_noticed_and_recovered_from(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log()
    write(log, 5)

    shutil.rmtree(directory)
    assert "removed" in refused(log)
    assert not log.available
    directory.mkdir()
    assert wait_until(lambda: log.available)
    write(log, 5)
    log.close()

    report = verify(directory, log.public_key)
    assert [record.seq for record in records(directory)] == list(range(7, 13))
    assert any("record 7 where 1 should be: missing" in str(p) for p in report.problems)


@pytest.mark.parametrize("size", [0, 700, 100_000])
def test_a_segment_that_somebody_else_changes_is_given_up(
    open_log: OpenLog, directory: Path, write: Any, size: int
) -> None:
    log = open_log()
    write(log, 5)

    os.truncate(segments(directory)[0], size)
    assert "changed by somebody else" in refused(log)
    assert wait_until(lambda: log.available)
    write(log, 5)
    log.close()

    report = verify(directory, log.public_key)
    assert (size > 10_000) == report.ok


def test_a_mistake_of_ours_makes_the_log_unavailable_and_not_silent(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch, write: Any
) -> None:
    log = open_log()
    monkeypatch.setattr("bailiwick.audit.segment.seal", lambda body: 1 // 0)
    assert "division" in refused(log)

    monkeypatch.undo()
    assert wait_until(lambda: log.available)
    write(log, 3)
