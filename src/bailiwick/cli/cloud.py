"""``bailiwick cloud``: check, explain, audit and watch the guardrails of a cloud."""

import typer

app = typer.Typer(no_args_is_help=True, help="Check, explain, audit and watch cloud guardrails.")
