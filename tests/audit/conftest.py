"""Fixtures of the audit log's tests: places to write to, and logs that get closed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.helpers import Clock, OpenLog, append
from bailiwick.audit import AuditLog, AuditUnavailable


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    place = tmp_path / "outside"
    place.mkdir()
    return place


@pytest.fixture
def open_log(directory: Path, clock: Clock) -> Iterator[OpenLog]:
    opened: list[AuditLog] = []

    def open_one(worker: str = "0", at: Path = directory, **options: Any) -> AuditLog:
        options.setdefault("clock", clock)
        log = AuditLog.open(at, node="gw-1", worker=worker, **options)
        opened.append(log)
        return log

    yield open_one
    for log in opened:
        try:
            log.close()
        except AuditUnavailable:  # the test has broken it on purpose
            continue


@pytest.fixture
def write() -> Callable[..., None]:
    """Append so many events and wait until they are durable."""
    return append
