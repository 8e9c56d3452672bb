"""Noticing that files have changed."""

import os
from pathlib import Path

import pytest

from bailiwick.bootstrap.watch import Watcher


class Ticks:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text("one")
    return path


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def watcher(file: Path, ticks: Ticks) -> Watcher:
    watcher = Watcher(1.0, ticks)
    watcher.begin()
    watcher.note(file)
    return watcher


def test_nothing_has_changed_at_first(watcher: Watcher) -> None:
    assert not watcher.changed()
    assert not watcher.settling


def test_a_change_counts_once_it_was_left_alone(watcher: Watcher, file: Path, ticks: Ticks) -> None:
    file.write_text("two")

    assert not watcher.changed()
    assert watcher.settling
    ticks.now = 1.0
    assert watcher.changed()
    assert not watcher.settling


def test_a_file_that_is_still_being_written_is_waited_for(
    watcher: Watcher, file: Path, ticks: Ticks
) -> None:
    for second in range(5):
        ticks.now = second * 0.9
        file.write_text("x" * (second + 4))
        assert not watcher.changed()

    ticks.now += 1.5
    assert watcher.changed()


def test_a_file_that_was_touched_or_written_back_has_not_changed(
    watcher: Watcher, file: Path, ticks: Ticks
) -> None:
    os.utime(file, (1, 1))
    watcher.changed()
    ticks.now = 2.0

    assert not watcher.changed()
    assert not watcher.settling


def test_a_file_replaced_by_one_of_the_same_size_and_date_has_changed(
    watcher: Watcher, file: Path, ticks: Ticks
) -> None:
    state = file.stat()
    other = file.with_name("other")
    other.write_text("two")
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.rename(file)
    watcher.changed()
    ticks.now = 1.0

    assert watcher.changed()


def test_a_file_that_goes_and_one_that_comes_are_changes(tmp_path: Path, ticks: Ticks) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.write_text("x")
    watcher = Watcher(0.0, ticks)
    for change in (here.unlink, lambda: there.write_text("y")):
        watcher.begin()
        watcher.note(here)
        watcher.note(there)
        change()

        assert watcher.changed()


def test_a_change_between_noting_and_reading_is_seen(
    watcher: Watcher, file: Path, ticks: Ticks
) -> None:
    watcher.begin()
    watcher.note(file)
    file.write_text("changed while it was read")
    ticks.now = 5.0
    watcher.changed()
    ticks.now = 6.0

    assert watcher.changed()
