"""All commands in one place. A command's module is imported when the command is asked for."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

COMMANDS = {
    "decide": "decide:decide",
    "explain": "decide:explain_command",
    "policy": "policy:app",
    "locate": "locate:locate",
    "data": "locate:data_app",
    "places": "places:places",
    "catalog": "catalog:app",
    "providers": "providers:app",
    "alternatives": "alternatives:alternatives",
    "continuity": "continuity:continuity",
    "migrate": "continuity:migrate",
    "availability": "availability:availability",
    "replay": "replay:replay",
    "impact": "impact:impact",
    "serve": "serve:serve",
    "accounts": "sources:app",
    "signals": "signals:app",
    "service": "service:service",
    "service-token": "service:service_token",
    "console": "console:app",
    "appeals": "console:appeals",
    "webhooks": "console:webhooks",
    "ownership": "ownership:app",
    "order": "orders:order",
    "exempt": "orders:exempt",
    "audit": "audit:app",
    "cloud": "cloud:app",
    "compile": "compile:app",
    "verify": "verify:verify",
    "fence": "fence:fence",
}
"""Where each command is: a module of this room, and a function or a Typer application in it."""


class _Loaded(MutableMapping[str, Any]):
    """Commands by name, each made when it is first asked for."""

    def __init__(self, found: MutableMapping[str, Any]) -> None:
        self._found = dict(found)

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            self._found[name] = _load(name, COMMANDS[name])
        return self._found[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*COMMANDS, *self._found]))

    def __len__(self) -> int:
        return len({*COMMANDS, *self._found})


class _Lazy(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Loaded(self.commands)


def _load(name: str, where: str) -> Any:
    module, attribute = where.split(":")
    found = getattr(import_module(f"bailiwick.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        function, found = found, _typer()
        found.command(name=name)(function)
        return typer.main.get_command(found)
    group = typer.main.get_group(found)
    group.name = name
    return group


def _typer(**options: Any) -> typer.Typer:
    return typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich", **options
    )


app = _typer(
    name="bailiwick",
    cls=_Lazy,
    no_args_is_help=True,
    help="Who may use which AI model from where: one policy file, one decision.",
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"bailiwick {version('bailiwick')}")
        raise typer.Exit


@app.callback()
def _root(
    say_version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which it is."),
    ] = False,
) -> None:
    """Make it a group of commands."""
    del say_version
