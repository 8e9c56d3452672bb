"""Notice that files have changed, and that whoever writes them is done."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Stamp = tuple[int, int, int] | None


@dataclass(slots=True)
class _File:
    """What was last seen of a file."""

    stamp: Stamp
    """Its state without its content; ``None``: it is not there."""
    digest: str | None
    """SHA-256 of the content that is in use; ``None``: it could not be read."""


class Watcher:
    """Looks at files: at their stamps often, at their content only when a stamp has changed."""

    def __init__(self, settle_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settle_s = settle_s
        self._monotonic = monotonic
        self._files: dict[Path, _File] = {}
        self._before: dict[Path, _File] = {}
        self._moved_at: float | None = None

    @property
    def settling(self) -> bool:
        """Whether a change was seen and it is not sure yet that it is complete."""
        return self._moved_at is not None

    def begin(self) -> None:
        """Start over: look only at the files that are noted from now on."""
        self._before, self._files = self._files, {}
        self._moved_at = None

    def note(self, path: Path) -> None:
        """Look at a file, which is read next: a change while it is read will be seen."""
        now, before = stamp(path), self._before.get(path)
        known = before is not None and before.stamp == now and now is not None
        self._files[path] = _File(now, before.digest if known and before else digest(path))

    def untouched(self) -> bool:
        """Whether every file is as it was when it was read."""
        return all(stamp(path) == known.stamp for path, known in self._files.items())

    def changed(self) -> bool:
        """Whether files have other contents than those in use, and were left alone since."""
        for path, known in self._files.items():
            if (now := stamp(path)) != known.stamp:
                known.stamp, self._moved_at = now, self._monotonic()
        if self._moved_at is None or self._monotonic() - self._moved_at < self._settle_s:
            return False
        self._moved_at = None
        return any(digest(path) != known.digest for path, known in self._files.items())


def stamp(path: Path) -> Stamp:
    """Tell a file from an earlier state of it without reading it; ``None``: it is not there."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


def digest(path: Path) -> str | None:
    """Give the SHA-256 of a file; ``None``: it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
