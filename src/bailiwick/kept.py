"""Remember what is used again, up to so many things, and for a while after the last use."""

import time
from contextlib import suppress
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Things by key. Look into ``fresh`` first; what is not there may be found among the others."""

    def __init__(self, most: int, seconds: float) -> None:
        """``seconds``: what was not used for so long is forgotten within as many."""
        self.fresh: dict[Key, Value] = {}
        """What was used since the last change."""
        self._stale: dict[Key, Value] = {}
        self._most = most
        self._seconds = seconds
        self._since = time.monotonic()

    def __len__(self) -> int:
        return len(self.fresh) + len(self._stale)

    def find(self, key: Key) -> Value | None:
        """Find what is not fresh; then it is."""
        value = self._stale.pop(key, None)
        if value is not None:
            self.fresh[key] = value
        return value

    def keep(self, key: Key, value: Value) -> None:
        """Remember a thing, in place of one that was not used lately if there is no room."""
        if len(self.fresh) + len(self._stale) >= self._most:
            if not self._stale:
                self._stale, self.fresh = self.fresh, {}
            with suppress(KeyError):  # who forgets may be another thread
                self._stale.popitem()
        self.fresh[key] = value

    def forget(self, now: float) -> None:
        """Forget what was not used for a while; ``now`` is monotonic. To be called now and then."""
        if now - self._since >= self._seconds:
            self._since = now
            self._stale, self.fresh = self.fresh, {}
