"""Who may use the console: a file of names, roles and Argon2id hashes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from bailiwick.accounts import AUTOMATION
from bailiwick.documents import Document
from bailiwick.errors import InvalidInput, Problem

ROLES: Final = ("viewer", "reviewer", "approver", "admin")
"""Each includes the ones before."""
RESERVED: Final = frozenset({AUTOMATION, "appellant"})
SHORTEST: Final = 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}")
_HASHER: Final = PasswordHasher()
_NOBODY: Final = _HASHER.hash("nobody has this password")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is logged in."""

    name: str
    """As it stands in the history."""
    role: str
    proof: str = field(default="", compare=False, repr=False)
    """What the login rests on; it ends when that is no longer good."""

    def may(self, role: str) -> bool:
        """Whether the role includes another."""
        return ROLES.index(self.role) >= ROLES.index(role)


def is_name(name: str) -> bool:
    """Whether a person can be called so."""
    first = name.casefold().partition(":")[0]
    return bool(_NAME.fullmatch(name)) and first not in RESERVED


class People:
    """The people of a users file."""

    def __init__(self, people: Mapping[str, tuple[Person, str]]) -> None:
        """``people``: by case-folded name, with the hash."""
        self._people = people

    def knows(self, name: str) -> bool:
        """Whether somebody is called so, however it is written."""
        return name.casefold() in self._people

    def find(self, name: str) -> Person | None:
        """Find a person by name, however it is written."""
        found = self._people.get(name.casefold())
        return found[0] if found else None

    def verify(self, name: str, password: str) -> Person | None:
        """Find who this is; it takes as long for a name that nobody has."""
        person, hashed = self._people.get(name.casefold(), (None, _NOBODY))
        try:
            _HASHER.verify(hashed, password)
        except Argon2Error:
            return None
        return person


def hash_password(password: str) -> str:
    """Hash a password with Argon2id. Raises ``InvalidInput`` for a short one."""
    if len(password) < SHORTEST:
        raise InvalidInput.of(f"the password is shorter than {SHORTEST} characters")
    return _HASHER.hash(password)


def read_people(document: Document) -> People:
    """Read a users file. Raises ``InvalidInput`` with every problem found."""
    whole: Any = document.value
    listed = whole.get("users") if isinstance(whole, dict) else None
    if not isinstance(listed, list) or not listed or set(whole) != {"users"}:
        raise InvalidInput.of(
            "a users file has one key, `users`, with a list", "see `bailiwick console user`",
            document.position(()),
        )  # fmt: skip
    found: dict[str, tuple[Person, str]] = {}
    problems = []
    for index, one in enumerate(listed):
        wrong = _wrong(one, found)
        if wrong is not None:
            problems.append(Problem(wrong, None, document.position(("users", index))))
        else:
            found[one["name"].casefold()] = (
                Person(one["name"], one["role"], one["hash"]),
                one["hash"],
            )
    if problems:
        raise InvalidInput(problems)
    return People(found)


def _wrong(one: object, found: Mapping[str, object]) -> str | None:
    if not isinstance(one, dict) or set(one) != {"name", "role", "hash"}:
        return "a user has `name`, `role` and `hash`"
    if not is_name(str(one["name"])):
        return "nobody can be called so in the history"
    if str(one["name"]).casefold() in found:
        return f"two users are called `{one['name']}`"
    if str(one["role"]) not in ROLES:
        return f"unknown role; roles are {', '.join(ROLES)}"
    try:
        weak = _HASHER.check_needs_rehash(str(one["hash"]))
    except InvalidHashError:
        weak = True
    return "the hash is not of `bailiwick console user`" if weak else None
