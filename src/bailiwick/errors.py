"""What we tell a person when their input is wrong.

A message names the user's thing, not our class: position first, user input in backticks, help on
a line of its own. A deny is a value and never one of these.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """Whether the input can be used all the same."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    """Worth knowing; nothing need be done."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text file. Lines and columns count from 1."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it is, and what to do about it."""

    message: str
    help: str | None = None
    position: Position | None = None
    severity: Severity = Severity.ERROR
    code: str = "invalid"
    """Stable identifier, documented in ``docs/errors.md``."""

    def __str__(self) -> str:
        where = f"{self.position}: " if self.position else ""
        level = "" if self.severity is Severity.ERROR else f"{self.severity.value}: "
        lines = [f"{where}{level}{self.message}"]
        if self.help:
            lines.append(f"help: {self.help}")
        return "\n".join(lines)


class BailiwickError(Exception):
    """Anything a caller can be told about; ``str()`` of it is fit for a terminal."""

    def __init__(self, message: str, help: str | None = None) -> None:  # noqa: A002 - the field's name
        super().__init__(message)
        self.message = message
        self.help = help

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it come from another process."""
        return type(self), (self.message, self.help)

    def __str__(self) -> str:
        return f"{self.message}\nhelp: {self.help}" if self.help else self.message


class InvalidInput(BailiwickError):
    """Input that cannot be used; carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it come from another process."""
        return type(self), (self.problems,)

    @classmethod
    def of(
        cls,
        message: str,
        help: str | None = None,  # noqa: A002 - the field's name
        position: Position | None = None,
    ) -> "InvalidInput":
        """Make the error of one problem."""
        return cls([Problem(message, help, position)])
