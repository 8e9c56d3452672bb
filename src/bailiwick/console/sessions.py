"""Sessions: a random token for whoever has logged in, kept as its hash, in memory."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from bailiwick.console.people import Person

MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Session:
    """One login. Times are of a clock that only runs forwards, in seconds."""

    person: Person
    began: float
    used: float


class Sessions:
    """The sessions of one console; a restart ends them."""

    def __init__(
        self, idle: timedelta, longest: timedelta, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._idle_s, self._longest_s = idle.total_seconds(), longest.total_seconds()
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[bytes, Session] = {}

    def begin(self, person: Person) -> str:
        """Begin a session; returns its token, which nobody can show again."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._drop_ended(now)
            self._sessions[_hash(token)] = Session(person, now, now)
        return token

    def find(self, token: str) -> Person | None:
        """Find who holds a token, and note that it was used."""
        key, now = _hash(token), self._clock()
        with self._lock:
            session = self._sessions.get(key)
            if session is None or self._ended(session, now):
                self._sessions.pop(key, None)
                return None
            self._sessions[key] = replace(session, used=now)
            return session.person

    def end(self, token: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(_hash(token), None)

    def _ended(self, session: Session, now: float) -> bool:
        return now - session.used > self._idle_s or now - session.began > self._longest_s

    def _drop_ended(self, now: float) -> None:
        live = {k: one for k, one in self._sessions.items() if not self._ended(one, now)}
        while len(live) >= MOST:
            live.pop(min(live, key=lambda key: live[key].used))
        self._sessions = live


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
