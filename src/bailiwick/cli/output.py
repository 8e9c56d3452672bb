"""How commands speak: tables for people, JSON for programs, problems on standard error."""

import json
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from bailiwick.errors import Problem, Severity

if TYPE_CHECKING:
    from rich.console import Console

    err: Console
    """Standard error, for people."""

OK, FAILED, BAD_INPUT, DENIED = 0, 1, 2, 3
"""Exit statuses: fine; a check or test failed; the input is wrong; the decision is a deny."""

COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def __getattr__(name: str) -> Any:
    if name != "err":
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return _console(stderr=True)


@cache
def _console(*, stderr: bool) -> "Console":
    from rich.console import Console  # a server that starts has nothing to say here

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def say(text: str = "") -> None:
    """Print one line; ``rich`` markup is understood."""
    _console(stderr=False).print(text)


def say_json(value: Any) -> None:
    """Print a value as JSON, keys in the order given."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def say_problems(problems: Iterable[Problem]) -> None:
    """Print problems to standard error, coloured by how bad they are."""
    from rich.markup import escape

    err = _console(stderr=True)
    for problem in problems:
        first, *rest = str(problem).split("\n")
        err.print(f"[{COLOURS[problem.severity]}]{escape(first)}[/]")
        for line in rest:
            err.print(f"[dim]{escape(line)}[/]")


def say_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None
) -> None:
    """Print a table; cells are plain text."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    width = None if _console(stderr=False).is_terminal else 160
    Console(highlight=False, width=width).print(table)


def problem_as_dict(problem: Problem) -> dict[str, Any]:
    """Give a problem for ``--json``."""
    position = problem.position
    return {
        "severity": problem.severity.value,
        "code": problem.code,
        "file": position.file if position else None,
        "line": position.line if position else None,
        "column": position.column if position else None,
        "message": problem.message,
        "help": problem.help,
    }
