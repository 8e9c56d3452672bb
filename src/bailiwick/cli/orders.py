"""``bailiwick order`` and ``bailiwick exempt``: what is put in force beside the policy."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from bailiwick.accounts import (
    Directives,
    StoredExemption,
    StoredOrder,
    check_exempt_rule,
    check_models,
)
from bailiwick.bootstrap import LoadedPolicy, load_policy, read_settings
from bailiwick.cli.accounts import By, Database, Reason, Secret, opened
from bailiwick.cli.options import AsJson, Config
from bailiwick.cli.output import OK, say, say_json, say_table
from bailiwick.cli.people import DEFAULT_CONFIG, acting, proven
from bailiwick.facts import read_time

order = typer.Typer(
    no_args_is_help=True, help="Emergency orders: switch models off, from now, and on again."
)
exempt = typer.Typer(
    no_args_is_help=True, help="Approvals of the policy's exempt rules: two people, with dates."
)

REVIEW_WITHIN = timedelta(days=7)
Names = Annotated[list[str], typer.Argument(help='Ids or patterns of models, or "*" for all.')]
Identity = Annotated[str, typer.Argument(help="Id, as `list` shows it.")]


def _directives(config: Path | None, database: str | None, secret: Path | None) -> Directives:
    return Directives(opened(config, database, secret))


@order.command(name="off")
def off(
    models: Names,
    reason: Reason,
    by: By = None,
    place: Annotated[
        list[str] | None, typer.Option("--place", help="Only for requests from there.")
    ] = None,
    except_account: Annotated[
        list[str] | None, typer.Option("--except-account", help="Id of an account or key.")
    ] = None,
    except_label: Annotated[
        list[str] | None, typer.Option("--except-label", help="Accounts that have this label.")
    ] = None,
    except_place: Annotated[
        list[str] | None, typer.Option("--except-place", help="Requests from there.")
    ] = None,
    review_by: Annotated[
        str | None,
        typer.Option("--review-by", help="When somebody must look again; default in 7 days."),
    ] = None,
    ends: Annotated[
        str | None,
        typer.Option("--ends", help="When it ends by itself. Without this it never does."),
    ] = None,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
) -> None:
    """Switch models off on every gateway, at once; open answers of theirs are cut."""
    _check_models(models, config, database)
    identity = _directives(config, database, secret).switch_off(
        models,
        by=acting(by, config),
        reason=reason,
        review_by=read_time(review_by) if review_by else datetime.now(UTC) + REVIEW_WITHIN,
        until=read_time(ends) if ends else None,
        places=place or (),
        except_accounts=except_account or (),
        except_labels=except_label or (),
        except_places=except_place or (),
    )
    say(f"{identity}: off. `bailiwick order on {identity}` lifts it")


@order.command(name="on")
def on(
    identity: Identity,
    reason: Reason,
    by: By = None,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
) -> None:
    """Lift an order."""
    _directives(config, database, secret).switch_on(identity, by=acting(by, config), reason=reason)
    say(f"{identity}: lifted")


@order.command(name="list")
def orders(
    as_json: AsJson = False,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
) -> None:
    """List the orders in force, and which of them somebody should have looked at again."""
    found = _directives(config, database, secret).orders()
    now = datetime.now(UTC)
    if as_json:
        say_json([_order_as_dict(one) for one in found])
        raise typer.Exit(OK)
    say_table(
        ["order", "models", "scope", "exceptions", "since", "review by", "ends", "by", "reason"],
        (
            [
                one.id,
                ", ".join(one.models),
                ", ".join(one.places) or "everywhere",
                ", ".join([*one.except_principals, *one.except_labels, *one.except_places]) or "-",
                f"{one.from_at:%Y-%m-%d %H:%M}",
                f"{one.review_by:%Y-%m-%d}" + (" (overdue)" if one.review_by < now else ""),
                f"{one.until_at:%Y-%m-%d %H:%M}" if one.until_at else "when lifted",
                one.by,
                one.reason,
            ]
            for one in found
        ),
    )


@exempt.command(name="add")
def add(
    rule: Annotated[str, typer.Argument(help="Id of an exempt rule of the policy.")],
    until: Annotated[str, typer.Option("--until", help="When it ends (ISO 8601).")],
    reason: Reason,
    by: By = None,
    begins: Annotated[
        str | None, typer.Option("--from", help="When it begins; default now.")
    ] = None,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
) -> None:
    """Propose to approve an exempt rule for a time. It counts once a second person approves."""
    _check_rule(rule, config, database)
    accounts = opened(config, database, secret)
    identity = Directives(accounts).add_exemption(
        rule,
        by=proven(by, config, accounts),
        reason=reason,
        until=read_time(until),
        from_=read_time(begins) if begins else None,
    )
    say(f"{identity}: waits for a second person (`bailiwick exempt approve {identity}`)")


@exempt.command()
def approve(
    identity: Identity,
    by: By = None,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "approved",
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
) -> None:
    """Approve what another person proposed."""
    accounts = opened(config, database, secret)
    by = proven(by, config, accounts)
    Directives(accounts).approve_exemption(identity, by=by, reason=reason)
    say(f"{identity}: approved")


@exempt.command()
def revoke(
    identity: Identity,
    reason: Reason,
    by: By = None,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
) -> None:
    """End an exemption, or withdraw a proposal."""
    accounts = opened(config, database, secret)
    by = proven(by, config, accounts)
    Directives(accounts).revoke_exemption(identity, by=by, reason=reason)
    say(f"{identity}: ended")


@exempt.command(name="list")
def exemptions(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
) -> None:
    """List exemptions, and how often each was used."""
    found = _directives(config, database, secret).exemptions(ended=every)
    if as_json:
        say_json([_exemption_as_dict(one) for one in found])
        raise typer.Exit(OK)
    say_table(
        [
            "exemption",
            "rule",
            "state",
            "from",
            "until",
            "added by",
            "approved by",
            "uses",
            "reason",
        ],
        (
            [
                one.id,
                one.rule,
                one.state,
                f"{one.from_at:%Y-%m-%d %H:%M}",
                f"{one.until_at:%Y-%m-%d %H:%M}",
                one.added_by,
                one.approved_by or "-",
                str(one.uses),
                one.reason,
            ]
            for one in found
        ),
    )


@exempt.command()
def clock(
    reason: Reason,
    by: By = None,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
) -> None:
    """Take this machine's clock for right again, after one that ran ahead wrote to the database."""
    _directives(config, database, secret).reset_clock(by=acting(by, config), reason=reason)
    say("the clock is taken for right from now on; that is on record")


def _check_models(models: list[str], config: Path | None, database: str | None) -> None:
    """Refuse names that mean nothing, where the settings say which catalogue there is."""
    loaded = _policy(config, database)
    if loaded is not None:
        check_models(models, loaded.catalog)


def _check_rule(rule: str, config: Path | None, database: str | None) -> None:
    loaded = _policy(config, database)
    if loaded is not None:
        check_exempt_rule(rule, loaded.policy)


def _policy(config: Path | None, database: str | None) -> LoadedPolicy | None:
    file = config or DEFAULT_CONFIG
    if config is None and (database is not None or not file.exists()):
        return None
    settings = read_settings(file)
    return load_policy(settings.policy, settings.catalog)


def _order_as_dict(one: StoredOrder) -> dict[str, object]:
    return {
        "id": one.id,
        "models": one.models,
        "places": one.places,
        "except_places": one.except_places,
        "except_principals": sorted(one.except_principals),
        "except_labels": sorted(one.except_labels),
        "reason": one.reason,
        "by": one.by,
        "from": one.from_at.isoformat(),
        "review_by": one.review_by.isoformat(),
        "ends": one.until_at.isoformat() if one.until_at else None,
    }


def _exemption_as_dict(one: StoredExemption) -> dict[str, object]:
    return {
        "id": one.id,
        "rule": one.rule,
        "state": one.state,
        "from": one.from_at.isoformat(),
        "until": one.until_at.isoformat(),
        "added_by": one.added_by,
        "approved_by": one.approved_by,
        "ended_by": one.ended_by,
        "uses": one.uses,
        "reason": one.reason,
    }
