"""``bailiwick signals``: signs of shadow access in the records, and how thresholds behave."""

import heapq
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bailiwick.accounts import (
    AccountDatabase,
    Desk,
    common_links,
    declared_networks,
    topmost_organisations,
)
from bailiwick.audit import Filters, Record, show
from bailiwick.bootstrap import read_settings
from bailiwick.cli.accounts import Database, Secret, opened
from bailiwick.cli.options import AsJson, Config
from bailiwick.cli.output import say, say_json, say_table
from bailiwick.cli.people import DEFAULT_CONFIG
from bailiwick.cli.review import Policy, desk
from bailiwick.facts import read_time
from bailiwick.settings import SignalSettings
from bailiwick.signals import (
    Background,
    Detector,
    Signal,
    Thresholds,
    simulate,
    uses_of,
)

app = typer.Typer(
    no_args_is_help=True,
    help="Signs of shadow access in the records. None of them suspends anybody.",
)

NO_CELLS = (
    "shadow.travel: unavailable, since no record has coordinates (a city database gives them)"
)
NO_ACCOUNTS = "cards, payers, addresses and declared networks: not looked at, without accounts"


@app.command()
def find(
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
    accounts = _accounts(config, database, secret)
    detector = Detector(_thresholds(config), _background(accounts) if accounts else None)
    found = [signal for use in uses_of(_records(logs, filters)) for signal in detector.see(use)]
    found += detector.finish()
    unavailable = [
        *([NO_CELLS] if not detector.located else []), *([NO_ACCOUNTS] if accounts is None else [])
    ]  # fmt: skip
    office = desk(config, database, secret, policy) if open_cases else None
    cases = _open(found, office, _thresholds(config)) if office else []
    if as_json:
        say_json(
            {"signals": [_plain(one) for one in found], "cases": cases, "unavailable": unavailable}
        )
        return
    say_table(
        ["at", "signal", "level", "accounts", "facts"],
        (
            (str(one.at), one.code, one.level, _short(one.accounts), str(dict(one.facts)))
            for one in found
        ),
    )
    for line in unavailable:
        say(escape(line))
    if open_cases:
        say(f"{len(cases)} reviews asked for")


@app.command(name="simulate")
def simulate_command(
    people: Annotated[int, typer.Option(min=10, help="Accounts of each persona.")] = 1000,
    days: Annotated[int, typer.Option(min=1, help="Days.")] = 90,
    seed: Annotated[int, typer.Option(help="Another one gives another population.")] = 1,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Run made-up people and pools against the thresholds: who would be reviewed, who found."""
    rates = simulate(people, days, seed, _thresholds(config))
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


def _records(logs: list[Path], filters: Filters) -> Iterator[Record]:
    """Go through the logs of all machines together, in the order of time."""
    entries = heapq.merge(
        *(show(directory, filters) for directory in logs), key=lambda entry: entry.record.at
    )
    return (entry.record for entry in entries)


def _accounts(
    config: Path | None, database: str | None, secret: Path | None
) -> AccountDatabase | None:
    if database is None and config is None and not DEFAULT_CONFIG.exists():
        return None
    return opened(config, database, secret)


def _background(accounts: AccountDatabase) -> Background:
    declared = {
        account: tuple(ip_network(one) for one in networks)
        for account, networks in declared_networks(accounts).items()
    }
    return Background(declared, topmost_organisations(accounts), common_links(accounts))


def _thresholds(config: Path | None) -> Thresholds:
    file = config or DEFAULT_CONFIG
    if config is None and not file.exists():
        return Thresholds()
    return thresholds_of(read_settings(file).signals)


def thresholds_of(said: SignalSettings) -> Thresholds:
    """Take thresholds from the settings."""
    plain = said.model_dump()
    window, learning = plain.pop("window"), plain.pop("travel_learning")
    return Thresholds(
        **{RENAMED.get(name, name): value for name, value in plain.items()},
        window_s=int(window.total_seconds()),
        travel_learning_days=learning.days,
    )


RENAMED = {"apart": "apart_km", "travel_speed": "travel_km_h"}


def _open(found: list[Signal], office: Desk, at: Thresholds) -> list[str]:
    """Ask for one review for every account that a signal names, and one for a whole cluster."""
    cases = set()
    for one in found:
        if one.level == "review":
            fact = {"kind": one.code, "at": one.at.isoformat(), **one.facts}
            case = office.report_sign(
                one.accounts, one.code, fact, signs=one.signs, seen_at=one.at, mute=at.mute,
                reason="signals in the records",
            )  # fmt: skip
            cases.add(case)
    return sorted(case for case in cases if case is not None)


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
    return ", ".join(accounts[:3]) + more
