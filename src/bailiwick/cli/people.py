"""Who acts on the command line, and what shows that it is them.

Where the settings name a users file, only its people act, and whoever decides something gives
their password, as at the console. It never stands among the words of a command.
"""

import getpass
import os
import sys
from pathlib import Path
from typing import Final

import typer

from bailiwick.accounts import AccountDatabase
from bailiwick.bootstrap import read_settings, read_text
from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput

DEFAULT_CONFIG: Final = Path("bailiwick.yaml")
VARIABLE: Final = "BAILIWICK_PASSWORD"
DESCRIPTOR: Final = "BAILIWICK_PASSWORD_FD"
LONGEST: Final = 1024


def acting(by: str | None, config: Path | None) -> str:
    """Name who acts. Where the settings name a users file, only somebody who is in it can."""
    return _named(by, _users(config))


def proven(by: str | None, config: Path | None, database: AccountDatabase) -> str:
    """Name who decides, who must know their password where the settings name a users file.

    What is recorded from then on says so.
    """
    users = _users(config)
    name = _named(by, users)
    if users is None:
        return name
    from bailiwick.console import read_people

    people = read_people(parse_document(read_text(users), str(users)))
    if people.verify(name, _password(name)) is None:
        raise InvalidInput.of(f"the password of `{name}` is wrong")
    database.authenticated = "password"
    return name


def _users(config: Path | None) -> Path | None:
    file = config or DEFAULT_CONFIG
    return read_settings(file).console.users if file.exists() else None


def _named(by: str | None, users: Path | None) -> str:
    name = by or getpass.getuser()
    if users is None:
        return name
    from bailiwick.console import read_people

    person = read_people(parse_document(read_text(users), str(users))).find(name)
    if person is None:
        raise InvalidInput.of(
            f"`{name}` is not in the users file `{users}`",
            "give the name of a person there with --by; the file is `console.users`",
        )
    return person.name


def _password(name: str) -> str:
    """Take the password from a file descriptor or a variable, or ask."""
    if descriptor := os.environ.get(DESCRIPTOR):
        return _line_of(descriptor)
    if (given := os.environ.get(VARIABLE)) is not None:
        return given
    if sys.stdin.isatty():
        return str(typer.prompt(f"password of {name}", hide_input=True, err=True))
    raise InvalidInput.of(
        f"`{name}` has a password in the users file, and nobody can be asked for it here",
        f"give it in {VARIABLE}, or name an open file descriptor in {DESCRIPTOR}",
    )


def _line_of(descriptor: str) -> str:
    try:
        with open(int(descriptor), encoding="utf-8", closefd=False) as source:
            return source.readline(LONGEST).rstrip("\n")
    except (OSError, ValueError):
        raise InvalidInput.of(
            f"{DESCRIPTOR} names no file descriptor that can be read", "for example 3, with 3<FILE"
        ) from None
