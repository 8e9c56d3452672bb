"""Killed at any moment, cut at any byte: what was acknowledged is there, and the rest is told.

``AUDIT_KILLS=500 pytest tests/audit/test_crash.py`` kills more often than the default.
"""

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from audit.helpers import OpenLog, records, segments, unclose
from bailiwick.audit import verify

HAMMER = Path(__file__).parent / "hammer.py"
KILLS = int(os.environ.get("AUDIT_KILLS", "50"))


def test_every_acknowledged_record_survives_kills_at_random_moments(
    directory: Path, outside: Path, open_log: OpenLog
) -> None:
    seed = random.randrange(1 << 30)
    hammer = [sys.executable, str(HAMMER), str(directory), str(outside), str(KILLS), str(seed)]

    result = subprocess.run(hammer, capture_output=True, text=True, check=False, timeout=600)
    log = open_log(outside=[outside])
    log.close()

    assert result.returncode == 0, result.stderr
    acknowledged = result.stdout.split()
    kept = Counter(r.event["id"] for r in records(directory) if r.event["kind"] == "decision")
    report = verify(directory, log.public_key, outside)
    assert report.ok, (seed, report.problems[:5])
    assert len(acknowledged) > KILLS
    assert not set(acknowledged) - kept.keys(), seed
    assert set(kept.values()) == {1}, seed
    assert not list(directory.glob(".*.jsonl.new"))


def test_a_tail_cut_at_any_byte_of_the_last_record_is_reported_and_never_signed_over(
    open_log: OpenLog, directory: Path, write: Any, tmp_path: Path
) -> None:
    log = open_log()
    write(log, 3)
    log.close()
    segment = unclose(directory)
    whole = segment.read_bytes()
    begin_of_last = whole[:-1].rindex(b"\n") + 1

    for length in range(begin_of_last, len(whole)):
        segment.write_bytes(whole[:length])
        again = open_log()
        again.close()

        cut = length - begin_of_last
        recovery = records(directory)[3].event
        assert again.recovered is not None
        assert again.recovered.cut_bytes == cut
        assert (recovery["kind"], recovery.get("cut", {"bytes": 0})["bytes"]) == ("recovery", cut)
        assert segment.read_bytes() == whole[:length]
        report = verify(directory, log.public_key)
        assert report.ok, report.problems
        assert report.records == 5
        assert any(f"{cut} bytes behind" in str(n) for n in report.notices) == (cut > 0)
        for path in (*segments(directory)[1:], *directory.glob("*.checkpoint")):
            path.unlink()


def test_a_tail_cut_below_what_was_signed_is_damage_and_is_said_so(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log()
    write(log, 5)
    log.close()
    (segment,) = segments(directory)

    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[:4]) + lines[4][:50])
    again = open_log()
    again.close()

    assert again.recovered is not None
    assert (again.recovered.missing, again.recovered.cut_bytes) == (3, 50)
    problems = [str(problem) for problem in verify(directory, log.public_key).problems]
    assert problems == [f"{segment.name}: ends with 4 records; 7 were signed"]


def test_pages_that_never_reached_the_disk_are_cut_off(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log()
    write(log, 30)
    log.close()
    segment = unclose(directory)

    text = bytearray(segment.read_bytes())
    text[8192 : 8192 + 512] = bytes(512)  # a lost page before one that was written
    segment.write_bytes(text)
    again = open_log()
    write(again, 2)
    again.close()

    kept = len([line for line in bytes(text[:8192]).split(b"\n")[:-1] if line])
    assert again.recovered is not None
    assert again.recovered.cut_bytes > 512
    assert len(records(directory)) == kept + 3
    assert verify(directory, log.public_key).ok


def test_a_segment_with_nothing_good_in_it_is_left_and_continued_around(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log()
    write(log, 3)
    log.close()
    log = open_log()
    log.close()
    damaged = segments(directory)[1]
    damaged.write_bytes(b"?" * 300)

    again = open_log()
    write(again, 3)
    again.close()

    assert damaged.read_bytes() == b"?" * 300
    assert len(segments(directory)) == 3
    report = verify(directory, log.public_key)
    assert {problem.file for problem in report.problems} == {damaged.name}
    assert report.chains[0].last_seq == 10
