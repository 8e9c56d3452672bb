"""Collect every problem of a policy, each with its position in the file."""

from collections.abc import Iterable

from bailiwick.documents import Document, Path
from bailiwick.errors import InvalidInput, Position, Problem, Severity


class Problems:
    """What is wrong in one file, in the order found."""

    def __init__(self, document: Document, into: list[Problem]) -> None:
        self.document = document
        self._into = into

    def error(self, path: Path, message: str, help: str | None = None) -> None:  # noqa: A002
        """Report what makes the policy unusable."""
        self._into.append(Problem(message, help, self.document.position(path)))

    def warn(
        self,
        path: Path,
        message: str,
        help: str | None = None,  # noqa: A002
        code: str = "warning",
    ) -> None:
        """Report what is probably not meant."""
        position = self.document.position(path)
        self._into.append(Problem(message, help, position, Severity.WARNING, code))

    def note(
        self,
        path: Path,
        message: str,
        help: str | None = None,  # noqa: A002
        code: str = "note",
    ) -> None:
        """Report what is worth knowing."""
        position = self.document.position(path)
        self._into.append(Problem(message, help, position, Severity.NOTE, code))

    def key(self, path: Path, message: str, help: str | None = None) -> None:  # noqa: A002
        """Report a key that is wrong by itself."""
        self._into.append(Problem(message, help, self.document.key_position(path)))


def raise_if_errors(problems: Iterable[Problem]) -> None:
    """Raise ``InvalidInput`` with all problems if one of them is an error."""
    found = sorted(set(problems), key=lambda one: (one.position or Position(""), one.message))
    if any(problem.severity is Severity.ERROR for problem in found):
        raise InvalidInput(found)
