"""Personal values as they were, outside the chain, for as long as they may be kept.

The chain holds a commitment, SHA-256 of a random salt and the value. The salt and the value are
in a file of the day, ``raw-2026-07-01.NODE.WORKER.jsonl``, which is removed when its retention is
over. Then nobody can tell what was committed to, and the chain still verifies.
"""

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

from bailiwick.audit.records import VALUE_CHARS, canonical, timestamp
from bailiwick.audit.segment import Home

_log = logging.getLogger("bailiwick.audit")


def commitment(salt: bytes, value: str) -> str:
    """Commit to a value without telling it."""
    return hashlib.sha256(salt + value.encode("utf-8", "backslashreplace")).hexdigest()


class RawStore:
    """The raw values of one writer; with a retention of 0 days none are kept."""

    def __init__(self, home: Home, days: int) -> None:
        self._directory = home.directory / "raw"
        self._writer = f"{home.node}.{home.worker}"
        self._days = days
        self._purged: date | None = None

    def seal(self, values: Mapping[str, str], at: datetime) -> tuple[dict[str, str], bytes]:
        """Commit to values: what the chain gets, and the lines for the file of the day."""
        commitments: dict[str, str] = {}
        text = b""
        if self._days:
            for name, value in values.items():
                salt = secrets.token_bytes(16)
                kept = value[:VALUE_CHARS].encode("utf-8", "backslashreplace").decode()
                commitments[name] = commitment(salt, kept)
                text += _line(name, kept, salt, commitments[name], at)
        return commitments, text

    def write(self, text: Iterable[bytes], at: datetime) -> None:
        """Add lines to the file of the day; raises ``OSError``."""
        joined = b"".join(text)
        if joined:
            path = self._directory / f"raw-{at:%Y-%m-%d}.{self._writer}.jsonl"
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            with os.fdopen(os.open(path, flags, 0o600), "ab") as file:
                file.write(joined)

    def purge(self, today: date) -> None:
        """Remove what is older than its retention, once a day; other writers' files too."""
        if self._purged == today:
            return
        self._purged = today
        for path in self._directory.glob("raw-*.jsonl"):
            day = _day_of(path)
            if day is not None and day <= today - timedelta(days=max(self._days, 1)):
                path.unlink(missing_ok=True)
                _log.info("removed raw values of %s: their retention is over", day)


def find_raw(directory: Path, sought: str) -> str | None:
    """Find the value behind a commitment, if it is still kept and truly is that value."""
    for path in sorted(directory.glob("raw-*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                if sought.encode() in line and (value := _opened(line, sought)) is not None:
                    return value
    return None


def _opened(line: bytes, sought: str) -> str | None:
    try:
        entry = json.loads(line)
        value = str(entry["value"])
        return value if commitment(bytes.fromhex(entry["salt"]), value) == sought else None
    except (ValueError, KeyError, TypeError):
        return None


def _line(name: str, value: str, salt: bytes, commitment: str, at: datetime) -> bytes:
    entry = {"at": timestamp(at), "name": name, "salt": salt.hex(), "value": value}
    return canonical({**entry, "commitment": commitment}) + b"\n"


def _day_of(path: Path) -> date | None:
    try:
        return date.fromisoformat(path.name[4:14])
    except ValueError:
        return None
