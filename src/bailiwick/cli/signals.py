"""``bailiwick accounts signals`` and ``simulate``: signs of shadow access, and how they behave."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bailiwick.audit import Filters, show
from bailiwick.cli.accounts import Database, Secret
from bailiwick.cli.options import AsJson, Config
from bailiwick.cli.output import say, say_json, say_table
from bailiwick.cli.review import Policy, desk
from bailiwick.cli.sources import app
from bailiwick.facts import read_time
from bailiwick.signals import Signal, detect, simulate, uses_of

__all__ = ["app"]

UNAVAILABLE = "shadow.travel: unavailable, since audit records have no coordinates"


@app.command()
def signals(
    logs: Annotated[list[Path], typer.Argument(help="Directories of audit logs.")],
    since: Annotated[str | None, typer.Option("--since", help="From then on (ISO 8601).")] = None,
    open_cases: Annotated[
        bool, typer.Option("--open-cases", help="Ask for reviews; access stays as it is.")
    ] = False,
    policy: Policy = None,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    as_json: AsJson = False,
) -> None:
    """Find signs of shadow access in audit records. None of them suspends anybody."""
    filters = Filters(since=read_time(since)) if since else Filters()
    found = [
        signal
        for directory in logs
        for signal in detect(uses_of(entry.record for entry in show(directory, filters)))
    ]
    cases = _open(found, config, database, secret, policy) if open_cases else []
    if as_json:
        say_json({"signals": [_plain(one) for one in found], "cases": cases, "travel": UNAVAILABLE})
        return
    say_table(
        ["at", "signal", "level", "accounts", "facts"],
        (
            (str(one.at), one.code, one.level, _short(one.accounts), str(dict(one.facts)))
            for one in found
        ),
    )
    say(UNAVAILABLE)
    if open_cases:
        say(f"{len(cases)} reviews asked for")


def _open(
    found: list[Signal],
    config: Path | None,
    database: str | None,
    secret: Path | None,
    policy: Path | None,
) -> list[str]:
    """Ask for a review of every account that a signal of that level names."""
    office = desk(config, database, secret, policy)
    cases = []
    for one in found:
        if one.level == "review":
            for account in one.accounts:
                facts = [{"kind": one.code, "at": one.at.isoformat(), **one.facts}]
                case = office.open_review(account, one.code, facts, reason="signals in the records")
                cases.append(case)
    return sorted(set(cases))


@app.command(name="simulate")
def simulate_command(
    accounts: Annotated[int, typer.Option(help="Accounts of each persona.")] = 1000,
    days: Annotated[int, typer.Option(help="Days.")] = 90,
    seed: Annotated[int, typer.Option(help="Another one gives another population.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Run made-up people and pools against the thresholds: who would be reviewed, who found."""
    rates = simulate(accounts, days, seed)
    if as_json:
        say_json(
            [
                {"persona": one.persona, "fair": one.fair, "accounts": one.accounts,
                 "reviewed": one.reviewed, "share": one.share, "signals": dict(one.codes)}
                for one in rates
            ]
        )  # fmt: skip
        return
    say_table(
        ["persona", "should be", "reviewed", "signals"],
        (
            (one.persona, "left alone" if one.fair else "found", f"{one.share:.2%}",
             ", ".join(f"{code} {count}" for code, count in sorted(one.codes.items())))
            for one in rates
        ),
    )  # fmt: skip
    say("[dim]a simulation, and no measurement of the world; nobody is suspended by any of it[/]")


def _plain(one: Signal) -> dict[str, object]:
    return {
        "at": one.at.isoformat(),
        "signal": one.code,
        "level": one.level,
        "accounts": list(one.accounts),
        "facts": dict(one.facts),
    }


def _short(accounts: tuple[str, ...]) -> str:
    more = f" and {len(accounts) - 3} more" if len(accounts) > 3 else ""
    return escape(", ".join(accounts[:3])) + more
