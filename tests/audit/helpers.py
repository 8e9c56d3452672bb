"""What the tests of the audit log share beside fixtures."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bailiwick.audit import AuditLog, Record, show

OpenLog = Callable[..., AuditLog]


class Clock:
    """A clock that a test sets; each reading is a millisecond after the one before."""

    def __init__(self) -> None:
        self.now = datetime(2026, 7, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


def append(log: AuditLog, count: int, **fields: Any) -> None:
    """Append so many decisions and wait until they are durable."""

    async def main() -> None:
        receipts = [
            log.append({"kind": "decision", "id": f"dec_{number}", **fields})
            for number in range(count)
        ]
        for receipt in receipts:
            await receipt

    asyncio.run(main())


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.jsonl"))


def records(directory: Path) -> list[Record]:
    """All records but those that end a log when it is closed."""
    return [entry.record for entry in show(directory) if entry.record.event["kind"] != "stop"]


def unclose(directory: Path) -> Path:
    """Make the last segment what it is when its process was killed before any checkpoint."""
    path = segments(directory)[-1]
    text = path.read_bytes()
    path.write_bytes(text[: text[:-1].rindex(b"\n") + 1])
    path.with_suffix(".checkpoint").unlink()
    return path


def kinds(directory: Path) -> list[str]:
    return [record.event["kind"] for record in records(directory)]
