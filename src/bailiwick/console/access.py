"""Who is asking, and whether they may: the one door that every route has."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from bailiwick.accounts import AccountDatabase, Attempts, Desk, Logins
from bailiwick.console.follow import Office
from bailiwick.console.oidc import Oidc
from bailiwick.console.people import People, Person

BEARER: Final = HTTPBearer(auto_error=False, description="Token of a session, or an id token.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
PER_NAME: Final = 5
PER_SOURCE: Final = 30
"""Attempts in five minutes. Logging in forgets those of the name, never those of the source."""
WITHIN: Final = timedelta(minutes=5)


class Door:
    """Logins and id tokens. Consoles on one database share attempts and logins."""

    def __init__(
        self,
        people: Callable[[], People],
        database: AccountDatabase,
        oidc: Oidc | None = None,
        idle: timedelta = timedelta(minutes=30),
        longest: timedelta = timedelta(hours=12),
    ) -> None:
        """``people`` gives those who may log in at the moment."""
        self._people, self._oidc = people, oidc
        self.logins = Logins(database, idle, longest)
        self._attempts = Attempts(database)

    def log_in(self, name: str, password: str, source: str) -> str:
        """Begin a session for who has this password."""
        named, admit = name.casefold(), self._attempts.admit
        if not admit("source", source, PER_SOURCE, WITHIN) or not admit(
            "name", named, PER_NAME, WITHIN
        ):
            raise HTTPException(429, "too many attempts", {"Retry-After": "300"})
        person = self._people().verify(name, password)
        if person is None:
            raise HTTPException(401, "the name or the password is wrong")
        self._attempts.forget("name", named)
        return self.logins.begin(person.name, self._mark(person))

    def find(self, token: str) -> Person | None:
        """Find who holds a token."""
        if self._oidc is None or token.count(".") != 2:
            return self._logged_in(token)
        person = self._oidc.verify(token)
        if person is None or self._people().knows(person.name):
            return None  # two people must never be one name
        return person

    def _logged_in(self, token: str) -> Person | None:
        login = self.logins.find(token)
        if login is None:
            return None
        person = self._people().find(login.name)
        if person is None or self._mark(person) != login.mark:
            self.logins.end(token)
            return None
        return person

    def _mark(self, person: Person) -> str:
        return self.logins.mark(person.name, person.role, person.proof)


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
