"""``bailiwick accounts import`` and ``link``: evidence from files, and whose customers they are."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bailiwick.bootstrap import read_text
from bailiwick.cli.accounts import Account, By, Database, Reason, Secret, opened
from bailiwick.cli.options import AsJson, Config
from bailiwick.cli.output import say, say_json
from bailiwick.cli.people import acting
from bailiwick.cli.review import app

__all__ = ["app"]


@app.command(name="import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, or a JSON array.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, and change nothing.")] = False,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    by: By = None,
    reason: Reason = "command line",
    as_json: AsJson = False,
) -> None:
    """Import evidence from a file: all rows or none. Every bad row is told; nothing is deleted."""
    from bailiwick.accounts.sources import import_evidence

    accounts = opened(config, database, secret)
    actor = acting(by, config)
    count = import_evidence(
        accounts, read_text(file), str(file), actor=actor, reason=reason, dry=dry_run
    )
    if as_json:
        say_json({"statements": count, "dry_run": dry_run})
    else:
        say(f"{'checked' if dry_run else 'imported'} {count} statements")


@app.command()
def link(
    account: Account,
    customer: Annotated[str, typer.Argument(help="Id of the customer, such as cus_...")],
    sender: Annotated[str, typer.Option("--sender", help="The source.")] = "stripe",
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    by: By = None,
    reason: Reason = "command line",
) -> None:
    """Say that a customer of a payment provider is this account; what it sent becomes evidence."""
    from bailiwick.accounts.sources import link_owner

    accounts = opened(config, database, secret)
    link_owner(accounts, sender, customer, account, actor=acting(by, config), reason=reason)
    say(f"linked {escape(sender)} {escape(customer)} to {escape(account)}")
