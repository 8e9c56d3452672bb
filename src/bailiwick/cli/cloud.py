"""``bailiwick cloud``: check, explain, audit and watch the guardrails of a cloud."""

import typer

from bailiwick.cli.watch import watch

app = typer.Typer(no_args_is_help=True, help="Check, explain, audit and watch cloud guardrails.")
app.command(name="watch")(watch)
