"""``bailiwick console``: the admin API and its users; ``appeals``: the public appeal page."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bailiwick.cli.output import say
from bailiwick.errors import InvalidInput

app = typer.Typer(help="The admin API over accounts, and the people who may use it.")
Config = Annotated[Path, typer.Option("--config", "-c", help="The settings file.")]
DEFAULT = Path("bailiwick.yaml")


@app.callback(invoke_without_command=True)
def console(context: typer.Context, config: Config = DEFAULT) -> None:
    """Serve the admin API until SIGTERM or Ctrl-C."""
    if context.invoked_subcommand is None:
        from bailiwick.console import serve_console

        serve_console(config)


@app.command()
def user(
    name: Annotated[str, typer.Argument(help="Name, as it will stand in the history.")],
    role: Annotated[str, typer.Option("--role", help="viewer, reviewer, approver or admin.")],
) -> None:
    """Print a line for the users file. Asks for the password, or reads a line of a pipe."""
    from bailiwick.console import ROLES, hash_password, is_name

    if not is_name(name) or role not in ROLES:
        raise InvalidInput.of(
            f"`{name}` with the role `{role}` cannot be", f"roles: {', '.join(ROLES)}"
        )
    if sys.stdin.isatty():
        password = typer.prompt("password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    line = {"name": name, "role": role, "hash": hash_password(password)}
    say(f"  - {json.dumps(line)}")


def webhooks(config: Config = DEFAULT) -> None:
    """Receive webhooks of Stripe and other systems until SIGTERM or Ctrl-C."""
    from bailiwick.console import serve_webhooks

    serve_webhooks(config)


def appeals(config: Config = DEFAULT) -> None:
    """Serve the public appeal page until SIGTERM or Ctrl-C."""
    from bailiwick.console import serve_appeals

    serve_appeals(config)
