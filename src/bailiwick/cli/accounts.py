"""``bailiwick accounts``: accounts, their keys, evidence, labels and status."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bailiwick.accounts import (
    EVIDENCE_KINDS,
    TIERS,
    AccountDatabase,
    AccountDetails,
    list_accounts,
    read_key_file,
    show_account,
    upgrade,
)
from bailiwick.bootstrap import read_settings
from bailiwick.cli.options import AsJson, Config
from bailiwick.cli.output import say, say_json, say_table
from bailiwick.cli.people import DEFAULT_CONFIG, acting
from bailiwick.errors import BailiwickError, InvalidInput
from bailiwick.facts import read_time

app = typer.Typer(no_args_is_help=True, help="Accounts, their keys, evidence, labels and status.")

Account = Annotated[str, typer.Argument(help="Id of an account.")]
Database = Annotated[str | None, typer.Option("--database", help="SQLite file or URL.")]
Secret = Annotated[Path | None, typer.Option("--secret", help="File of the keys' secret.")]
By = Annotated[str | None, typer.Option("--by", help="Who does this; default the system user.")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]
Expires = Annotated[str | None, typer.Option("--expires", help="When it ends (ISO 8601).")]


def opened(
    config: Path | None, database: str | None, secret: Path | None, create: bool = False
) -> AccountDatabase:
    """Open the database that the options or the settings name."""
    url, path = where(config, database, secret)
    found = AccountDatabase.open(url, path, create=create)
    found.authenticated = "none"
    return found


def where(config: Path | None, database: str | None, secret: Path | None) -> tuple[str, Path]:
    """Find the database's URL and the file of the keys' secret."""
    if database is not None:
        return _url(database), secret or Path(database).with_suffix(".secret")
    file = config or DEFAULT_CONFIG
    if config is None and not file.exists():
        raise BailiwickError(
            f"there is no `{file}` here", "name a settings file with --config, or give --database"
        )
    accounts = read_settings(file).accounts
    return accounts.url, accounts.secret


def _url(database: str) -> str:
    return database if "://" in database else f"sqlite:///{Path(database).absolute()}"


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the account.")],
    id: Annotated[str | None, typer.Option("--id", help="Its id; default a new one.")] = None,  # noqa: A002
    organisation: Annotated[
        bool, typer.Option("--organisation", help="It holds accounts.")
    ] = False,
    parent: Annotated[str | None, typer.Option("--parent", help="Its organisation.")] = None,
    status: Annotated[str, typer.Option(help="`active` or `pending`.")] = "active",
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    by: By = None,
    reason: Reason = "command line",
) -> None:
    """Add an account, or an organisation of accounts; prints its id."""
    accounts = opened(config, database, secret, create=True)
    kind = "organisation" if organisation else "account"
    made = accounts.add_account(
        name,
        id=id,
        kind=kind,
        parent=parent,
        status=status,
        actor=acting(by, config),
        reason=reason,
    )
    say(made)


@app.command(name="upgrade")
def upgrade_command(
    config: Config = None, database: Database = None, secret: Secret = None
) -> None:
    """Bring the database to the version that this program needs. Back it up before."""
    before, after = upgrade(where(config, database, secret)[0])
    say(f"version {after}" if before == after else f"upgraded from version {before} to {after}")


@app.command()
def key(
    account: Account,
    revoke: Annotated[str | None, typer.Option("--revoke", help="Id of a key to revoke.")] = None,
    expires: Expires = None,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    by: By = None,
    reason: Reason = "command line",
    as_json: AsJson = False,
) -> None:
    """Make a key, shown this one time, or revoke one."""
    accounts = opened(config, database, secret)
    if revoke is not None:
        if revoke not in {one.id for one in show_account(accounts, account).keys}:
            raise InvalidInput.of(f"account `{account}` has no key `{revoke}`")
        accounts.revoke_key(revoke, actor=acting(by, config), reason=reason)
        say(f"revoked {escape(revoke)}")
        return
    until = read_time(expires) if expires else None
    made = accounts.add_key(account, actor=acting(by, config), reason=reason, expires_at=until)
    if as_json:
        say_json({"id": made.id, "account": made.account, "key": made.raw})
    else:
        say(made.raw)


@app.command()
def attest(
    account: Account,
    key: Annotated[
        Path | None, typer.Option("--key", help="File of a public key: PEM or JWK.")
    ] = None,
    kid: Annotated[
        str | None,
        typer.Option("--kid", help="Its name in tokens; default the JWK's or a new one."),
    ] = None,
    end: Annotated[str | None, typer.Option("--end", help="Name of a key that shall end.")] = None,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    by: By = None,
    reason: Reason = "command line",
) -> None:
    """Add a key that attests what an account says of its users, and print its name; or end one."""
    if (key is None) == (end is None) or (kid is not None and key is None):
        raise BailiwickError("give --key FILE (and --kid NAME), or --end NAME")
    accounts = opened(config, database, secret)
    if key is not None:
        text = read_key_file(key)
        actor = acting(by, config)
        say(escape(accounts.add_attester(account, text, kid=kid, actor=actor, reason=reason)))
    elif end is not None:
        accounts.end_attester(account, end, actor=acting(by, config), reason=reason)
        say(f"ended {escape(end)}")


@app.command()
def show(
    account: Annotated[str | None, typer.Argument(help="Id of an account; default all.")] = None,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    as_json: AsJson = False,
) -> None:
    """Show all accounts in brief, or one with its evidence and history."""
    accounts = opened(config, database, secret)
    if account is None:
        rows = list_accounts(accounts)
        if as_json:
            say_json([asdict(row) for row in rows])
            return
        say_table(
            ["id", "kind", "name", "of", "status", "keys"],
            (
                (one.id, one.kind, one.name, one.parent or "", one.status, str(one.keys))
                for one in rows
            ),
        )
        return
    details = show_account(accounts, account)
    if as_json:
        say_json(asdict(details))
    else:
        _say_account(details)


@app.command()
def erase(
    account: Account,
    reason: Reason,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    by: By = None,
) -> None:
    """Erase what is personal of an account: raw values, contact, words and documents of appeals."""
    accounts = opened(config, database, secret)
    count = accounts.erase_personal(account, actor=acting(by, config), reason=reason)
    say(f"erased {count} values of {escape(account)}; its evidence and history stay")


def _say_account(details: AccountDetails) -> None:
    one = details.summary
    under = f" of {one.parent}" if one.parent else ""
    say(f"[bold]{escape(one.id)}[/] {escape(one.name)} ({one.kind}{escape(under)}): {one.status}")
    say_table(
        ["key", "begins", "created", "expires", "revoked"],
        (
            (k.id, k.shown, str(k.created_at), str(k.expires_at or ""), str(k.revoked_at or ""))
            for k in details.keys
        ),
    )
    if details.attesters:
        say_table(
            ["attests", "algorithm", "added", "ended"],
            (
                (one.kid, one.algorithm, str(one.added_at), str(one.ended_at or ""))
                for one in details.attesters
            ),
        )
    say_table(
        ["evidence", "value", "tier", "source", "observed", "expires", "state"],
        (
            (
                e.kind, e.value or "unknown", e.tier, e.source, str(e.observed_at),
                str(e.expires_at or ""), "superseded" if e.superseded else "",
            )
            for e in details.evidence
        ),
    )  # fmt: skip
    say_table(
        ["label", "source", "grantor", "expires"],
        (
            (label.name, label.source, label.grantor, str(label.expires_at or ""))
            for label in details.labels
        ),
    )
    say_table(
        ["at", "what", "by", "reason", "detail"],
        ((str(h.at), h.what, h.actor, h.reason, str(dict(h.detail))) for h in details.history),
    )


@app.command(name="set")
def set_command(
    account: Account,
    evidence: Annotated[
        list[str] | None,
        typer.Option(
            "--evidence",
            help=f"KIND=VALUE[,VALUE]; kinds {', '.join(EVIDENCE_KINDS)}, ownership.RULE.",
        ),
    ] = None,
    label: Annotated[list[str] | None, typer.Option("--label", help="A label to grant.")] = None,
    contact: Annotated[str | None, typer.Option(help="E-mail address for notices.")] = None,
    unlabel: Annotated[list[str] | None, typer.Option("--unlabel", help="A label to take.")] = None,
    tier: Annotated[str, typer.Option(help=f"One of {', '.join(TIERS)}.")] = "T3",
    source: Annotated[
        str, typer.Option(help="Where the evidence or label comes from.")
    ] = "operator",
    expires: Expires = None,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    by: By = None,
    reason: Reason = "command line",
) -> None:
    """Set evidence, labels or the contact of an account."""
    accounts = opened(config, database, secret)
    until = read_time(expires) if expires else None
    actor = acting(by, config)
    pairs = [pair(text) for text in evidence or ()]
    if not (pairs or label or unlabel or contact):
        raise BailiwickError("nothing to set", "give --evidence, --label, --unlabel or --contact")
    if contact is not None:
        accounts.set_contact(account, contact, actor=actor, reason=reason)
    for kind, values in pairs:
        accounts.set_evidence(
            account,
            kind,
            values,
            actor=actor,
            reason=reason,
            source=source,
            tier=tier,
            expires_at=until,
        )
    for name in label or ():
        accounts.set_label(
            account, name, actor=actor, reason=reason, source=source, expires_at=until
        )
    for name in unlabel or ():
        accounts.remove_label(account, name, actor=actor, reason=reason)
    say(f"set {escape(account)}")


def pair(text: str) -> tuple[str, list[str]]:
    """Read KIND=VALUE[,VALUE]."""
    kind, equals, values = text.partition("=")
    if not equals or not values:
        raise InvalidInput.of(f"`{text}` is not KIND=VALUE", "as in --evidence billing=US")
    return kind, values.split(",")
