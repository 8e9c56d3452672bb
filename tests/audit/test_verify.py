"""Verification finds whatever was done to a log, and says where."""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from audit.helpers import Clock, OpenLog, append, segments, unclose
from bailiwick.audit import AuditLog, Report, Settings, verify
from bailiwick.audit import verify as verify_function
from bailiwick.audit.verify import seal

TAMPERINGS = int(os.environ.get("AUDIT_TAMPERINGS", "1000"))


@dataclass(frozen=True)
class Case:
    """A log of two workers with a rotation, a crash and a recovery, and earlier states of it."""

    directory: Path
    outside: Path
    key: str
    earlier: tuple[dict[str, bytes], ...]
    """What the files were at earlier moments."""

    def files(self) -> dict[str, bytes]:
        return snapshot(self.directory)

    def restore(self, files: dict[str, bytes]) -> None:
        """Make the log what it was; only what differs is touched."""
        now = self.files()
        for name in now.keys() - files.keys():
            (self.directory / name).unlink()
        for name, text in files.items():
            if now.get(name) != text:
                (self.directory / name).write_bytes(text)

    def check(self) -> Report:
        return verify(self.directory, self.key, self.outside)


def log_files(directory: Path) -> list[Path]:
    return sorted(p for p in directory.iterdir() if p.suffix in (".jsonl", ".checkpoint"))


def snapshot(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in log_files(directory)}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Case:
    place = tmp_path_factory.mktemp("built")
    directory, outside = place / "audit", place / "outside"
    outside.mkdir()
    clock = Clock()
    often = Settings(segment_bytes=4500, checkpoint_records=6)
    earlier = []

    def write(worker: str, batches: list[int], settings: Settings = often) -> str:
        log = AuditLog.open(
            directory, node="gw-1", worker=worker, clock=clock, outside=[outside], settings=settings
        )
        for count in batches:
            append(log, count)
        log.close()
        return log.public_key

    for worker in ("0", "1"):
        write(worker, [8, 8])
        earlier.append(snapshot(directory))
        write(worker, [8], Settings())
        last = unclose(directory)
        shutil.rmtree(outside / last.stem)
        last.write_bytes(last.read_bytes()[:-40])  # a crash tore the last record
        write(worker, [5])
        earlier.append(snapshot(directory))
        key = write(worker, [5])
    earlier = [files for files in earlier if is_past(files, directory)]
    return Case(directory, outside, key, tuple(earlier))


@pytest.fixture
def case(built: Case, tmp_path: Path) -> Case:
    shutil.copytree(built.directory, tmp_path / "audit")
    shutil.copytree(built.outside, tmp_path / "outside")
    return replace(built, directory=tmp_path / "audit", outside=tmp_path / "outside")


def is_past(files: dict[str, bytes], directory: Path) -> bool:
    """Whether a snapshot is of a state before the tear: putting it back is a rollback."""
    return all((directory / name).exists() for name in files) and files != snapshot(directory)


def test_a_log_with_a_rotation_a_crash_and_a_recovery_is_whole(case: Case) -> None:
    report = case.check()

    assert report.ok, report.problems
    assert len(segments(case.directory)) >= 6
    assert report.checkpoints > 8
    assert all(chain.signed == chain.records for chain in report.chains)
    assert any("were cut by a crash, as declared" in str(n) for n in report.notices)


# ---- one by one, with the line -------------------------------------------------------------------


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def problems(case: Case) -> list[str]:
    return [str(problem) for problem in case.check().problems]


def test_a_flipped_bit_is_found_in_its_line(case: Case) -> None:
    path = segments(case.directory)[0]
    lines = lines_of(path)
    lines[4] = lines[4].replace(b"dec_", b"deb_", 1)
    path.write_bytes(b"".join(lines))

    assert f"{path.name}:5: the record does not match its own hash" in problems(case)


def test_a_deleted_line_is_found_where_it_is_missing(case: Case) -> None:
    path = segments(case.directory)[0]
    lines = lines_of(path)
    del lines[4]
    path.write_bytes(b"".join(lines))

    assert f"{path.name}:5: record 6 where 5 should be: missing or out of order" in problems(case)


def test_swapped_lines_are_found(case: Case) -> None:
    path = segments(case.directory)[0]
    lines = lines_of(path)
    lines[4], lines[5] = lines[5], lines[4]
    path.write_bytes(b"".join(lines))

    assert f"{path.name}:5: record 6 where 5 should be: missing or out of order" in problems(case)


def test_a_forged_line_with_a_good_hash_of_its_own_is_found(case: Case) -> None:
    path = segments(case.directory)[0]
    lines = lines_of(path)
    lines[4] = seal(lines[4][:-78].replace(b"dec_", b"deb_", 1))[0]
    path.write_bytes(b"".join(lines))

    found = problems(case)
    assert f"{path.name}:6: record 6 does not continue the record before it" in found
    assert any("are not those the checkpoint" in problem for problem in found)


def test_a_tail_forged_with_good_hashes_is_found_by_the_signature(case: Case) -> None:
    path = segments(case.directory)[-1]
    lines = lines_of(path)
    digest = json.loads(lines[2])["previous"]
    for number in range(2, len(lines)):
        body = lines[number][:-78].replace(b"dec_", b"deb_")
        before = json.loads(lines[number])["previous"]
        lines[number], new = seal(body.replace(before.encode(), digest.encode()))
        digest = new.hex()
    path.write_bytes(b"".join(lines))

    assert any("are not those the checkpoint" in problem for problem in problems(case))


def test_a_line_of_another_writer_is_found(case: Case) -> None:
    first, other = segments(case.directory)[0], segments(case.directory)[-1]
    lines = lines_of(first)
    lines.insert(3, lines_of(other)[1])
    first.write_bytes(b"".join(lines))

    assert any(f"{first.name}:4: written by `gw-1/1`" in problem for problem in problems(case))


def test_a_removed_segment_is_found(case: Case) -> None:
    path = segments(case.directory)[1]
    path.unlink()

    assert any(f"{path.name}: is missing" in problem for problem in problems(case))


def test_everything_of_one_worker_removed_is_found_by_the_outside(case: Case) -> None:
    for path in log_files(case.directory):
        if ".gw-1.1." in path.name:
            path.unlink()

    assert any("is missing; " in problem for problem in problems(case))
    assert verify(case.directory, case.key).ok


def test_a_rollback_of_everything_is_found_only_with_the_outside(
    open_log: OpenLog, directory: Path, outside: Path, write: Any
) -> None:
    log = open_log(outside=[outside])
    write(log, 5)
    log.close()
    before = snapshot(directory)
    log = open_log(outside=[outside])
    write(log, 5)
    log.close()

    Case(directory, outside, log.public_key, ()).restore(before)

    assert verify(directory, log.public_key).ok
    report = verify(directory, log.public_key, outside)
    assert not report.ok
    assert "is missing; 7 of its records were signed" in str(report.problems[0])
    alone = verify(directory, log.public_key)
    assert any("a rollback cannot be seen" in str(notice) for notice in alone.notices)


def test_a_removed_checkpoint_is_found(case: Case) -> None:
    path = min(case.directory.glob("*.checkpoint"))
    path.unlink()

    assert any("its checkpoint is of 0 records" in problem for problem in problems(case))
    assert not verify(case.directory, case.key).ok


def test_two_checkpoints_that_change_places_are_found(case: Case) -> None:
    first, second, *_ = sorted(case.directory.glob("*.checkpoint"))
    first_text, second_text = first.read_bytes(), second.read_bytes()
    first.write_bytes(second_text)
    second.write_bytes(first_text)

    assert any(f"{first.name}: is the checkpoint of `{second.stem}`" in p for p in problems(case))


def test_changed_bytes_behind_a_declared_cut_are_found(case: Case) -> None:
    torn = next(p for p in segments(case.directory) if not p.read_bytes().endswith(b"\n"))
    text = torn.read_bytes()

    torn.write_bytes(text[:-1] + b"?")
    assert any("or they changed since" in problem for problem in problems(case))
    torn.write_bytes(text[: text.rindex(b"\n") + 1])
    assert any("0 bytes behind its end" in problem for problem in problems(case))


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("extra", [b"x", b'{"at', b"x\n"])
def test_what_is_added_to_a_closed_log_is_found(
    open_log: OpenLog, directory: Path, write: Any, extra: bytes, restarted: bool
) -> None:
    log = open_log()
    write(log, 3)
    log.close()
    (path,) = segments(directory)
    with path.open("ab") as file:
        file.write(extra)
    if restarted:
        open_log().close()

    found = [str(problem) for problem in verify(directory, log.public_key).problems]
    assert f"{path.name}:6: follows the record with which the log was closed" in found


def test_a_strange_segment_file_is_found(case: Case) -> None:
    (case.directory / "extra.jsonl").write_text("{}\n")

    assert problems(case) == ["extra.jsonl: is not a segment of this log"]


@pytest.mark.parametrize(
    "line", [b"{}\n", b"\n", b"\xff\xfe\n", b"[" * 500 + b"\n", b"null\n", b"x" * 2_000_000 + b"\n"]
)
def test_junk_is_a_finding_and_never_a_crash(case: Case, line: bytes) -> None:
    path = segments(case.directory)[-1]
    with path.open("ab") as file:
        file.write(line)

    assert any(path.name in problem for problem in problems(case))


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":1',
        b'{"at":1,"event":{},"node":"gw-1/1","previous":"","schema":"bailiwick.audit/1","seq":1',
        b'{"at":"","event":[],"node":"gw-1/1","previous":"","schema":"bailiwick.audit/1","seq":1',
        b'{"at":"","event":{},"node":"gw-1/1","previous":"","schema":"bailiwick.audit/9","seq":1',
        b'{"at":"","event":{},"node":"gw-1/1","previous":"","schema":"bailiwick.audit/1","seq":"1"',
        b'{"at":"","event":{},"node":"\\u001b[2J","previous":"","schema":"bailiwick.audit/1","seq":1',
    ],
)
def test_a_forged_record_of_any_shape_is_a_finding(case: Case, body: bytes) -> None:
    path = segments(case.directory)[-1]
    with path.open("ab") as file:
        file.write(seal(body)[0])

    assert any(path.name in problem for problem in problems(case))
    assert all(problem.isprintable() for problem in problems(case))


# ---- at random -----------------------------------------------------------------------------------


def flip(chance: random.Random, files: dict[str, bytes], case: Case) -> None:
    name = chance.choice(sorted(files))
    text = bytearray(files[name])
    bit = chance.randrange(len(text) * 8)
    text[bit // 8] ^= 1 << bit % 8
    files[name] = bytes(text)


def some_segment(chance: random.Random, files: dict[str, bytes]) -> tuple[str, list[bytes]]:
    name = chance.choice(sorted(name for name in files if name.endswith(".jsonl")))
    return name, files[name].splitlines(keepends=True)


def delete(chance: random.Random, files: dict[str, bytes], case: Case) -> None:
    name, lines = some_segment(chance, files)
    start = chance.randrange(len(lines))
    del lines[start : start + chance.randint(1, 3)]
    files[name] = b"".join(lines)


def swap(chance: random.Random, files: dict[str, bytes], case: Case) -> None:
    name, lines = some_segment(chance, files)
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    files[name] = b"".join(lines)


def insert(chance: random.Random, files: dict[str, bytes], case: Case) -> None:
    name, lines = some_segment(chance, files)
    _, others = some_segment(chance, files)
    line = chance.choice([chance.choice(others), seal(chance.choice(others)[:-78] + b" ")[0]])
    lines.insert(chance.randint(0, len(lines)), line)
    files[name] = b"".join(lines)


def truncate(chance: random.Random, files: dict[str, bytes], case: Case) -> None:
    name = chance.choice(sorted(files))
    files[name] = files[name][: chance.randrange(len(files[name]))]


def remove(chance: random.Random, files: dict[str, bytes], case: Case) -> None:
    for name in chance.sample(sorted(files), chance.randint(1, 3)):
        del files[name]


def roll_back(chance: random.Random, files: dict[str, bytes], case: Case) -> None:
    earlier = chance.choice(case.earlier)
    if chance.random() < 0.5:
        files.clear()
        files.update(earlier)
    else:
        writer = chance.choice([".gw-1.0.", ".gw-1.1."])
        for name in [name for name in files if writer in name]:
            del files[name]
        files.update({name: text for name, text in earlier.items() if writer in name})


def rename(chance: random.Random, files: dict[str, bytes], case: Case) -> None:
    a, b = chance.sample(sorted(files), 2)
    files[a], files[b] = files[b], files[a]


HOW = (flip, delete, swap, insert, truncate, remove, roll_back, rename)


def test_every_one_of_a_thousand_random_tamperings_is_found(case: Case) -> None:
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    whole = case.files()
    missed = []
    tried = 0

    while tried < TAMPERINGS:
        how = HOW[tried % len(HOW)]
        files = dict(whole)
        how(chance, files, case)
        if files == whole:
            continue
        tried += 1
        case.restore(files)
        if case.check().ok:
            missed.append((how.__name__, tried))
    case.restore(whole)

    assert case.check().ok
    assert missed == [], seed


# ---- around it -----------------------------------------------------------------------------------


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_copied_file_verifies_alone(case: Case, tmp_path: Path) -> None:
    source = sys.modules[verify_function.__module__].__file__
    alone = tmp_path / "elsewhere" / "check.py"
    alone.parent.mkdir()
    shutil.copy(str(source), alone)
    keys = case.directory / "keys" / "public-keys"
    command = [sys.executable, "-I", str(alone), str(case.directory), "--key", str(keys)]

    whole = run([*command, "--outside", str(case.outside)])
    segments(case.directory)[0].unlink()
    damaged = run([*command, "--json"])

    assert (whole.returncode, whole.stderr) == (0, "")
    assert whole.stdout.endswith("whole\n")
    assert damaged.returncode == 1
    assert json.loads(damaged.stdout)["ok"] is False
    imports = [line for line in Path(str(source)).read_text().splitlines() if "bailiwick." in line]
    assert not any(line.startswith(("import ", "from ")) for line in imports)


def test_the_module_runs_as_a_program_and_warns_of_nothing(case: Case) -> None:
    command = [sys.executable, "-W", "error", "-m", "bailiwick.audit.verify", str(case.directory)]

    result = run(command)

    assert (result.returncode, result.stderr) == (0, "")
    assert "the key beside the log was used" in result.stdout


def test_a_log_that_cannot_be_read_is_exit_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bailiwick.audit.verify", str(tmp_path / "nowhere")]

    result = run(command)

    assert result.returncode == 2
    assert "nowhere" in result.stderr


def test_an_empty_directory_is_not_a_whole_log(tmp_path: Path) -> None:
    report = verify(tmp_path)

    assert [str(problem) for problem in report.problems] == [
        f"{tmp_path}: holds no segment of a log"
    ]


def test_an_outside_place_that_does_not_exist_is_an_error(case: Case, tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="nowhere"):
        verify(case.directory, case.key, tmp_path / "nowhere")


def test_a_log_can_be_verified_while_it_is_written(
    open_log: OpenLog, directory: Path, outside: Path, write: Any
) -> None:
    log = open_log(
        outside=[outside], settings=Settings(segment_bytes=100_000, checkpoint_records=50)
    )
    done = threading.Event()

    def keep_writing() -> None:
        while not done.is_set():
            write(log, 20)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    reports = [verify(directory, log.public_key, outside)]
    while reports[-1].records < 3000:
        reports.append(verify(directory, log.public_key, outside))
    done.set()
    writer.join()
    log.close()

    assert {report.problems for report in reports} == {()}
    assert len(segments(directory)) > 5


def test_the_first_segments_may_be_kept_elsewhere(case: Case) -> None:
    first = segments(case.directory)[0]
    first.unlink()
    first.with_suffix(".checkpoint").unlink()

    assert not case.check().ok
    report = verify(case.directory, case.key, case.outside, partial=True)
    assert report.ok, report.problems
    assert any("kept elsewhere" in str(notice) for notice in report.notices)


def test_records_after_the_last_checkpoint_are_counted_as_unsigned(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log()
    write(log, 7)

    report = verify(directory, log.public_key)

    assert report.ok
    assert (report.chains[0].records, report.chains[0].signed) == (8, 0)
    assert any("8 records are not signed yet" in str(notice) for notice in report.notices)


def test_without_a_key_the_chain_is_checked_and_the_report_says_that_nothing_more_was(
    case: Case,
) -> None:
    report = verify(case.directory)

    assert report.ok
    assert report.checkpoints == 0
    assert any("signatures were not checked" in str(notice) for notice in report.notices)


def test_progress_reaches_the_end(case: Case) -> None:
    steps: list[tuple[int, int]] = []

    verify(case.directory, case.key, progress=lambda done, total: steps.append((done, total)))

    assert steps[-1][0] == steps[-1][1] > 0


def test_other_logs_may_share_the_outside_place(
    case: Case, open_log: OpenLog, tmp_path: Path, write: Any, clock: Callable[[], Any]
) -> None:
    other = open_log(at=tmp_path / "other", origin="elsewhere", outside=[case.outside])
    write(other, 5)
    other.close()

    assert case.check().ok
    assert verify(tmp_path / "other", other.public_key, case.outside).ok


def test_an_outside_place_with_nothing_of_this_log_is_told(case: Case, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    report = verify(case.directory, case.key, tmp_path / "empty")

    assert any("no checkpoint of this log" in str(notice) for notice in report.notices)
