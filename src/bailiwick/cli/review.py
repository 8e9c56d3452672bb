"""``bailiwick accounts``: statuses, findings, cases and appeals, under the policy in force."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache, partial, wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bailiwick.accounts import (
    DISPOSITIONS,
    QUEUES,
    REASONS,
    Desk,
    Moved,
    confirm,
    deliver_notices,
    impact,
    sweep,
    transparency_report,
)
from bailiwick.bootstrap import load_policy, read_settings
from bailiwick.cli.accounts import (
    Account,
    By,
    Database,
    Secret,
    app,
    opened,
)
from bailiwick.cli.options import AsJson, Config
from bailiwick.cli.output import say, say_json, say_table
from bailiwick.cli.people import DEFAULT_CONFIG, proven
from bailiwick.errors import BailiwickError
from bailiwick.facts import read_time

__all__ = ["app"]

Policy = Annotated[
    Path | None, typer.Option("--policy", help="Policy file; default the settings' own.")
]
Why = Annotated[str, typer.Option("--reason", help="Why, in your own words.")]
Code = Annotated[str, typer.Option("--code", help=f"Reason code: {', '.join(REASONS)}.")]


def desk(
    config: Path | None, database: str | None, secret: Path | None, policy: Path | None
) -> Desk:
    """Open the database with the policy that the options or the settings name."""
    file = config or DEFAULT_CONFIG
    settings = read_settings(file) if file.exists() else None
    path = policy or (settings.policy if settings else None)
    if path is None:
        raise BailiwickError("there is no policy", "name one with --policy, or give --config")
    loaded = load_policy(path, settings.catalog if settings else ())
    link = settings.accounts.appeal_link if settings else None
    return Desk(opened(config, database, secret), loaded.policy, appeal_link=link)


Who = Callable[[], str]
"""Names who acts, once it is needed."""
WHERE: Mapping[str, Any] = {
    "config": Config,
    "database": Database,
    "secret": Secret,
    "policy": Policy,
}


def at_desk(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command its ``office``, and ``by`` if it asks for that, from the options that say
    where accounts and policy are and who acts. Typer makes options of all else that it takes.
    """
    asked = signature(command).parameters

    @wraps(command)
    def run(**given: Any) -> None:
        config, database, secret, policy = (given.pop(name) for name in WHERE)
        office = desk(config, database, secret, policy)
        if "by" in asked:
            given["by"] = cache(partial(proven, given["by"], config, office.database))
        command(office=office, **given)

    own = [one for name, one in asked.items() if name not in {"office", "by"}]
    where = {**WHERE, "by": By} if "by" in asked else WHERE
    more = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in where.items()
    ]
    run.__signature__ = Signature([*own, *more])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in (*own, *more)}
    return run


@app.command()
@at_desk
def status(
    office: Desk,
    by: Who,
    account: Account,
    to: Annotated[str, typer.Argument(help="The status it shall have.")],
    code: Code,
    reason: Why,
    case: Annotated[str | None, typer.Option("--case", help="The case that it ends.")] = None,
) -> None:
    """Change a status, or propose it where that takes a second person."""
    moved = office.request_status(account, to, by=by(), code=code, reason=reason, case=case)
    _say_moved(moved)


def _say_moved(moved: Moved) -> None:
    if moved.done:
        say(f"{escape(moved.account)}: {moved.source} -> {moved.target}")
    else:
        say(
            f"proposed {moved.proposal}: another person approves it with "
            f"`bailiwick accounts approve {moved.proposal}`"
        )
    if moved.blocked_by:
        say(f"[yellow]its organisation {escape(moved.blocked_by)} is still blocked[/]")


@app.command()
@at_desk
def approve(
    office: Desk,
    by: Who,
    proposal: Annotated[str, typer.Argument(help="Id of a proposal.")],
    reason: Why = "approved",
) -> None:
    """Approve what another person proposed, and carry it out."""
    _say_moved(office.approve(proposal, by=by(), reason=reason))


@app.command()
@at_desk
def refuse(
    office: Desk,
    by: Who,
    proposal: Annotated[str, typer.Argument(help="Id of a proposal.")],
    reason: Why,
) -> None:
    """Refuse a proposal, or withdraw your own."""
    office.refuse(proposal, by=by(), reason=reason)
    say(f"refused {escape(proposal)}")


@app.command()
@at_desk
def findings(
    office: Desk,
    account: Account,
    as_json: AsJson = False,
) -> None:
    """Show what stands against an account under a policy."""
    found = office.findings(account)
    if as_json:
        say_json(
            [
                {
                    "finding": one.finding, "class": one.grade.value, "code": one.code,
                    "kind": one.kind, "rule": one.rule, "then": one.then,
                    "facts": [fact.as_dict() for fact in one.facts],
                }
                for one in found
            ]
        )  # fmt: skip
        return
    if not found:
        say("nothing stands against it")
        return
    say_table(
        ["finding", "class", "code", "facts", "at most"],
        (
            (
                one.finding,
                one.grade.value,
                one.code,
                ", ".join(f"{f.kind} {f.value} (T{f.tier}, {f.source})" for f in one.facts),
                one.then if one.may_restrict else "review",
            )
            for one in found
        ),
    )


@app.command()
@at_desk
def cases(
    office: Desk,
    account: Annotated[str | None, typer.Option("--account", help="Only of this account.")] = None,
    queue: Annotated[str | None, typer.Option(help=f"One of {', '.join(QUEUES)}.")] = None,
    as_json: AsJson = False,
) -> None:
    """List open cases, the most urgent first, and what waits for a second person."""
    rows = office.open_cases(account, queue)
    waiting = [one for one in office.proposals() if account in {None, one.account_id}]
    if as_json:
        say_json(
            {
                "cases": [_case(one) for one in rows],
                "proposals": [dict(one._mapping) for one in waiting],
            }
        )
        return
    say_table(
        ["case", "account", "accounts", "queue", "priority", "code", "assignee", "late"],
        (
            (
                one.id, one.account_id, str(one.accounts), one.queue, str(one.priority), one.code,
                one.assignee or "", "yes" if one.breached_at else "",
            )
            for one in rows
        ),
    )  # fmt: skip
    say_table(
        ["proposal", "account", "from", "to", "code", "by"],
        (
            (one.id, one.account_id, one.source, one.target, one.code, one.proposed_by)
            for one in waiting
        ),
    )


def _case(row: Any) -> dict[str, Any]:
    return {**row._mapping, "facts": json.loads(row.facts)}


@app.command()
@at_desk
def case(
    office: Desk,
    by: Who,
    case: Annotated[str, typer.Argument(help="Id of a case.")],
    decide: Annotated[
        str | None, typer.Option("--decide", help=f"One of {', '.join(DISPOSITIONS)}.")
    ] = None,
    take: Annotated[bool, typer.Option("--take", help="Look at it yourself.")] = False,
    extend: Annotated[bool, typer.Option("--extend", help="Give it more time, once.")] = False,
    account: Annotated[
        str | None, typer.Option("--account", help="Decide it for that one of its accounts.")
    ] = None,
    reason: Why = "",
) -> None:
    """Show a case with its evidence; take, extend or decide it."""
    if take:
        office.take(case, by=by())
    if extend:
        office.extend(case, by=by(), reason=reason)
    if decide is not None:
        decided = office.decide(case, decide, by=by(), reason=reason, account=account)
        say(f"{escape(case)}: {decided.disposition}")
        for moved in decided.moved:
            _say_moved(moved)
        return
    about = [asdict(one) for one in office.case_accounts(case)]
    say_json({**_case(office.case(case)), "accounts": about})


@app.command()
@at_desk
def appeal(
    office: Desk,
    token: Annotated[str, typer.Argument(help="The token of a notice.")],
    text: Annotated[str | None, typer.Option("--text", help="What the appellant says.")] = None,
    evidence: Annotated[
        list[str] | None, typer.Option("--evidence", help="KIND=VALUE[,VALUE], self-declared.")
    ] = None,
) -> None:
    """Show an appeal, or submit it for somebody who wrote by other means."""
    if text is not None:
        from bailiwick.cli.accounts import pair

        office.submit_appeal(token, text, dict(map(pair, evidence or ())))
    view = office.appeal(token)
    say(f"{view.id} of {escape(view.account)} ({view.status}): {view.state}, until {view.until}")
    if view.answer:
        say(f"answer: {escape(view.answer)}")


@app.command(name="impact")
@at_desk
def impact_command(
    office: Desk,
    by: Who,
    confirmed: Annotated[
        bool, typer.Option("--confirm", help="Agree to it, so that the next sweep does it.")
    ] = False,
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """Show who would change under a policy, without changing anybody."""
    found = confirm(office, by=by(), reason=reason) if confirmed else impact(office)
    if as_json:
        say_json(
            {
                "accounts": found.accounts, "adverse": found.adverse, "allowed": found.allowed,
                "agreed": found.agreed, "needs_confirmation": found.needs_confirmation,
                "steps": [
                    {"account": one.account, "from": one.source, "to": one.target, "code": one.code}
                    for one in found.steps
                ],
            }
        )  # fmt: skip
        return
    say_table(
        ["account", "from", "to", "code", "finding"],
        (
            (one.account, one.source, one.target, one.code, one.flag.finding if one.flag else "")
            for one in found.steps
        ),
    )
    say(f"{len(found.steps)} of {found.accounts} would change, {found.adverse} for the worse")
    if confirmed:
        say("confirmed")
    elif found.needs_confirmation:
        say("[yellow]a person must confirm it: bailiwick accounts impact --confirm --reason ...[/]")


@app.command(name="sweep")
def sweep_command(
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    policy: Policy = None,
) -> None:
    """Judge what has changed, move clocks on, send notices, once; a gateway does it by itself."""
    opened_desk = desk(config, database, secret, policy)
    done = sweep(opened_desk)
    moved = ", ".join(f"{count} {target}" for target, count in sorted(done.moved.items()))
    say(moved or "nothing changed")
    if done.held:
        say(f"[yellow]{done.held} wait for confirmation: bailiwick accounts impact[/]")
    if done.capped:
        say(f"[yellow]{done.capped} suspensions wait for the next hour[/]")
    if done.late:
        say(f"[yellow]{done.late} cases are late[/]")
    _send_notices(opened_desk, config, database)


def _send_notices(opened_desk: Desk, config: Path | None, database: str | None) -> None:
    """Send what waits, if the settings say how."""
    file = config or DEFAULT_CONFIG
    if (config is None and database is not None) or not file.exists():
        return
    said = read_settings(file).accounts.notices
    if said is None:
        return
    from bailiwick.bootstrap import make_transport  # it needs what a gateway needs

    sent, unsent = deliver_notices(opened_desk.database, make_transport(said, os.environ))
    if sent:
        say(f"{sent} notices sent")
    if unsent:
        say(f"[yellow]{unsent} notices could not leave; they are tried again[/]")


@app.command()
def report(
    since: Annotated[str, typer.Option("--from", help="From then on (ISO 8601).")],
    until: Annotated[str, typer.Option("--to", help="Before then.")],
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    as_json: AsJson = False,
) -> None:
    """Count decisions, reviews and appeals of a time, for a transparency report."""
    accounts = opened(config, database, secret)
    found = asdict(transparency_report(accounts.engine, read_time(since), read_time(until)))
    if as_json:
        say_json(found)
        return
    say_table(["what", "count"], ((name, str(value)) for name, value in found.items()))
