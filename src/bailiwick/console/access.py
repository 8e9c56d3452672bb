"""Who is asking, and whether they may: the one door that every route has."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from bailiwick.accounts import Desk
from bailiwick.console.follow import Office
from bailiwick.console.oidc import Oidc
from bailiwick.console.people import People, Person
from bailiwick.console.sessions import Sessions

BEARER: Final = HTTPBearer(auto_error=False, description="Token of a session, or an id token.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
PER_NAME: Final = RateLimitItemPerMinute(5, 5)
PER_SOURCE: Final = RateLimitItemPerMinute(30, 5)
"""Attempts in five minutes. Logging in forgets those of the name, never those of the source."""


class Door:
    """Logins, sessions and id tokens of one console."""

    def __init__(
        self,
        people: Callable[[], People],
        oidc: Oidc | None = None,
        idle: timedelta = timedelta(minutes=30),
        longest: timedelta = timedelta(hours=12),
    ) -> None:
        """``people`` gives those who may log in at the moment."""
        self._people, self._oidc = people, oidc
        self.sessions = Sessions(idle, longest)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def log_in(self, name: str, password: str, source: str) -> str:
        """Begin a session for who has this password."""
        named = hashlib.sha256(name.casefold().encode()).hexdigest()
        free = self._limiter.hit(PER_SOURCE, "source", source)
        if not free or not self._limiter.hit(PER_NAME, "name", named):
            raise HTTPException(429, "too many attempts", {"Retry-After": "300"})
        person = self._people().verify(name, password)
        if person is None:
            raise HTTPException(401, "the name or the password is wrong")
        self._limiter.clear(PER_NAME, "name", named)
        return self.sessions.begin(person)

    def find(self, token: str) -> Person | None:
        """Find who holds a token."""
        if self._oidc is None or token.count(".") != 2:
            return self._of_session(token)
        person = self._oidc.verify(token)
        if person is None or self._people().knows(person.name):
            return None  # two people must never be one name
        return person

    def _of_session(self, token: str) -> Person | None:
        person = self.sessions.find(token)
        if person is not None and not self._people().still(person):
            self.sessions.end(token)
            return None
        return person


class Needs:
    """Lets somebody with a role in, and gives their name; nobody else."""

    def __init__(self, role: str) -> None:
        self.role = role

    def __call__(self, request: Request, bearer: Bearer) -> str:
        """Name who is asking."""
        person = who(request, bearer)
        if not person.may(self.role):
            raise HTTPException(403, f"this takes the role `{self.role}`")
        return person.name


def who(request: Request, bearer: Bearer) -> Person:
    """Find who is asking."""
    door: Door = request.app.state.door
    person = door.find(bearer.credentials) if bearer else None
    if person is None:
        raise HTTPException(401, "log in", {"WWW-Authenticate": "Bearer"})
    return person


def _office(request: Request) -> Office:
    found: Office = request.app.state.office()
    return found


AnyOffice = Annotated[Office, Depends(_office)]


def _desk(office: AnyOffice) -> Desk:
    return office.desk


AnyDesk = Annotated[Desk, Depends(_desk)]
Viewer = Annotated[str, Depends(Needs("viewer"))]
Reviewer = Annotated[str, Depends(Needs("reviewer"))]
Approver = Annotated[str, Depends(Needs("approver"))]
Admin = Annotated[str, Depends(Needs("admin"))]
