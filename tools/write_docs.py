"""Write the parts of the documentation that follow from the code: ``docs/commands.md``.

python tools/write_docs.py [--check]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from bailiwick.cli import app

TARGET = Path(__file__).parent.parent / "docs" / "commands.md"
HEAD = """\
# Commands

`bailiwick COMMAND --help` shows the same. Every command that reports something prints tables for
people; with `--json` it prints JSON. Exit statuses: 0 fine (or permit), 1 a check or test failed,
2 the input cannot be used (each problem with file, line and column on standard error), 3 deny.

This page is written by `tools/write_docs.py`.
"""


def commands(group: TyperGroup, path: str) -> Iterator[tuple[str, TyperCommand]]:
    """Go through all commands by their full names."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{path} {name}")
        elif isinstance(command, TyperCommand):
            yield f"{path} {name}", command


def section(name: str, command: TyperCommand) -> str:
    """Write one command."""
    arguments = [one for one in command.params if isinstance(one, TyperArgument)]
    usage = " ".join([name, *((one.name or "").upper() for one in arguments)])
    rows = [
        f"| `{', '.join(one.opts)}` | {_text(one)} | {_default(one)} |"
        for one in command.params
        if isinstance(one, TyperOption) and one.name != "help"
    ]
    lines = [
        f"## {name}",
        "",
        f"`{usage} [OPTIONS]`" if rows else f"`{usage}`",
        "",
        command.help or "",
    ]
    if rows:
        lines += ["", "| option | what it is | default |", "| --- | --- | --- |", *rows]
    return "\n".join(lines)


def _text(option: TyperOption) -> str:
    return (option.help or "").replace("|", "\\|")


def _default(option: TyperOption) -> str:
    if option.required:
        return "required"
    return "" if option.default in {None, False, ()} else f"`{option.default}`"


def page() -> str:
    """Write the whole page."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    return (
        "\n\n".join([HEAD.rstrip(), *(section(*one) for one in commands(root, "bailiwick"))]) + "\n"
    )


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text() == page() else f"{TARGET} is out of date: run {__file__}")
    TARGET.write_text(page())
