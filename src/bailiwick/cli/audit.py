"""``bailiwick audit``: verify, show and export the records."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from bailiwick.audit import Filters, export, rotate_key, show, verify
from bailiwick.cli.options import AsJson
from bailiwick.cli.output import FAILED, OK, err, say, say_json
from bailiwick.errors import BailiwickError
from bailiwick.facts import read_time

app = typer.Typer(no_args_is_help=True, help="Verify, show and export the audit records.")

Directory = Annotated[Path, typer.Argument(help="Folder of the segments.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Only records of this kind.")]
Fields = Annotated[list[str] | None, typer.Option("--where", help="Only where NAME=VALUE.")]
Since = Annotated[str | None, typer.Option("--since", help="From this time on (ISO 8601).")]
Until = Annotated[str | None, typer.Option("--until", help="Before this time.")]
Node = Annotated[str | None, typer.Option("--node", help="Only of this node or NODE/WORKER.")]


@app.command(name="verify")
def verify_command(
    directory: Directory,
    key: Annotated[
        Path | None, typer.Option("--key", help="Public key file; default the one beside the log.")
    ] = None,
    outside: Annotated[
        Path | None, typer.Option("--outside", help="Folder with checkpoints kept elsewhere.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Early segments are elsewhere.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every record, chain and signature; exit with 1 if anything is wrong."""
    beside = directory / "keys" / "public-keys"
    public = key or (beside if beside.exists() else None)
    if key is None and public is not None:
        err.print(
            f"[cyan]note[/] signatures are checked with {escape(str(public))}, kept beside them"
        )
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    ) as bar:
        task = bar.add_task("verifying", total=None)
        report = verify(
            directory,
            public,
            outside,
            lambda done, whole: bar.update(task, completed=done, total=whole),
            partial=partial,
        )
    if as_json:
        say_json(
            {
                "ok": report.ok,
                "records": report.records,
                "checkpoints": report.checkpoints,
                "problems": [str(one) for one in report.problems],
                "more_problems": report.more_problems,
                "notices": [str(one) for one in report.notices],
            }
        )
    else:
        for one in report.notices:
            say(f"[cyan]note[/] {escape(str(one))}")
        for one in report.problems:
            say(f"[red]wrong[/] {escape(str(one))}")
        verdict = "[green]whole[/]" if report.ok else "[red]NOT whole[/]"
        say(f"{verdict}: {report.records} records, {report.checkpoints} signed checkpoints")
    raise typer.Exit(OK if report.ok else FAILED)


def _filters(
    kinds: list[str] | None,
    fields: list[str] | None,
    since: str | None,
    until: str | None,
    node: str | None,
) -> Filters:
    for text in fields or ():
        if "=" not in text:
            raise BailiwickError(f"`--where {text}` is not NAME=VALUE")
    return Filters(
        frozenset(kinds or ()),
        read_time(since) if since else None,
        read_time(until) if until else None,
        node,
        dict(text.split("=", 1) for text in fields or ()),
    )


@app.command(name="rotate-key")
def rotate_key_command(
    keys: Annotated[Path, typer.Argument(help="Folder of the signing keys.")],
    name: Annotated[str, typer.Argument(help="Name of the key, ORIGIN/NODE.")],
) -> None:
    """Replace a node's signing key; what the old one signed stays valid."""
    rotate_key(keys, name)
    say(f"a new key signs for {escape(name)}; keep a copy of {escape(str(keys / 'public-keys'))}")


@app.command(name="show")
def show_command(
    directory: Directory,
    kind: Kinds = None,
    where: Fields = None,
    since: Since = None,
    until: Until = None,
    node: Node = None,
    last: Annotated[int | None, typer.Option("--last", help="Only the last N.")] = None,
) -> None:
    """Print records, oldest first, one a line; control characters are escaped."""
    found = show(directory, _filters(kind, where, since, until, node))
    if last is None:
        for entry in found:
            say(escape(str(entry)))
        return
    from collections import deque

    for entry in deque(found, maxlen=last):
        say(escape(str(entry)))


@app.command(name="export")
def export_command(
    directory: Directory,
    out: Annotated[Path, typer.Argument(help="File to write.")],
    format: Annotated[str, typer.Option("--format", help="jsonl or parquet.")] = "jsonl",  # noqa: A002
    kind: Kinds = None,
    where: Fields = None,
    since: Since = None,
    until: Until = None,
    node: Node = None,
) -> None:
    """Write records to a file."""
    filters = _filters(kind, where, since, until, node)
    if format == "jsonl":
        count = export(directory, out, "jsonl", filters)
    elif format == "parquet":
        count = export(directory, out, "parquet", filters)
    else:
        raise BailiwickError(f"unknown format `{format}`", "one of jsonl, parquet")
    say(f"{count} records to {out}")
