"""``bailiwick replay``: whom would a policy refuse or let in, by recorded traffic."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bailiwick.bootstrap import read_text, with_prices
from bailiwick.cli.locate import open_locator
from bailiwick.cli.options import Config, moment
from bailiwick.cli.output import FAILED, err, say, say_json, say_table
from bailiwick.cli.policy import compiled
from bailiwick.documents import Value, parse_document
from bailiwick.errors import BailiwickError, InvalidInput
from bailiwick.facts import Fact, read_fact

if TYPE_CHECKING:
    from bailiwick.replay import Chunk, Finished, Job, LogOptions, Setting

RECORDED = "recorded"
STOPPED = 130
"""Exit status after Ctrl-C: 128 and the number of the signal."""


def _say_schema(wanted: bool) -> None:
    if wanted:
        from bailiwick.replay import replay_schema

        say_json(replay_schema())
        raise typer.Exit(0)


def replay(
    logs: Annotated[list[Path], typer.Argument(help="Logs, or folders of logs.")],
    policy: Annotated[
        Path | None, typer.Option("--policy", "-p", help="The policy to try.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(help="The policy of before; default what the logs recorded, else a permit."),
    ] = None,
    format: Annotated[  # noqa: A002 - the word of the command line
        str | None,
        typer.Option(
            "--format",
            help="parquet, csv, jsonl, json, cloud, nginx, nginx-model, envoy, envoy-model, or a "
            "format as in log_format. Default: found out.",
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="Which columns mean what (YAML), for tables and JSON.")
    ] = None,
    accounts: Annotated[
        str | None,
        typer.Option(help="Evidence of accounts: a CSV file, or a database (SQLite file or URL)."),
    ] = None,
    secret: Annotated[
        Path | None, typer.Option("--secret", help="File of the accounts database's secret.")
    ] = None,
    assume: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE: a fact, or `model`, where the logs do not say."),
    ] = None,
    trusted: Annotated[
        list[str] | None, typer.Option(help="A proxy (network) to pass over in X-Forwarded-For.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="Judge as of this time, or `recorded`: each row at its own; default now."
        ),
    ] = None,
    config: Config = None,
    engine: Annotated[str, typer.Option(help="local or ray.")] = "local",
    workers: Annotated[int | None, typer.Option(help="Workers; default one for each core.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a report here.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    shadow: Annotated[
        bool,
        typer.Option(
            "--shadow", help="Instead: sum up what audit records say of a `shadow` policy."
        ),
    ] = False,
    fail_if: Annotated[
        list[str] | None,
        typer.Option("--fail-if", help="Exit with 1 if so, e.g. `accounts_newly_denied > 10`."),
    ] = None,
    schema: Annotated[  # noqa: ARG001 - it is answered before all else
        bool,
        typer.Option(
            "--schema", is_eager=True, callback=_say_schema, help="Print the JSON Schema of --json."
        ),
    ] = False,
) -> None:
    """Replay logs: whom would this policy refuse, or let in?"""
    from bailiwick import replay as room

    if shadow:
        _say_shadow(logs, json)
        return
    if policy is None:
        raise InvalidInput.of("`--policy` is missing", "or `--shadow`, to sum up shadow mode")
    for condition in fail_if or ():
        room.parse(condition, room.NO_FIGURES)
    options = log_options(format, mapping, assume, trusted)
    setting = setting_of(policy, baseline, accounts, secret, assume, at, config)
    prices = room.list_prices(with_prices(setting.catalog, setting.at))
    chunks = room.plan(logs, options)
    finished = _run(engine, room.Job(setting, prices), chunks, workers)
    _some_judged(finished)
    about = room.About(
        policy=str(policy),
        baseline=str(baseline) if baseline else None,
        files=sorted({chunk.file for chunk in chunks}),
        sources=[status.as_dict() for status in setting.locator.status(setting.at)],
        engine=engine,
        made_at=datetime.now(UTC),
        accounts=accounts,
    )
    document = room.result(finished, setting, prices, about)
    if html:
        from bailiwick.replay.report import render

        html.write_text(render(document), encoding="utf-8")
    if json:
        say_json(document)
    else:
        _say(document)
    if html:
        err.print(f"report: {escape(str(html))}")
    failed = [one for one in fail_if or () if room.holds(one, document["summary"])]
    for one in failed:
        err.print(f"[red]failed:[/] {escape(one)}")
    if finished.partial:
        raise typer.Exit(STOPPED)
    raise typer.Exit(FAILED if failed else 0)


def _say_shadow(logs: Sequence[Path], as_json: bool) -> None:
    from bailiwick.replay.shadow import summarise_shadow

    found = summarise_shadow(logs)
    if as_json:
        say_json(found)
        return
    say(
        f"{found['compared']:,} of {found['records']:,} decisions were judged by a shadow too: "
        f"{found['newly_denied']:,} would be refused "
        f"({found['accounts_newly_denied']:,} accounts), "
        f"{found['newly_permitted']:,} permitted ({found['accounts_newly_permitted']:,} accounts), "
        f"{found['otherwise']:,} held to something else"
    )
    for title, key in (
        ("by model", "by_model"),
        ("by country", "by_country"),
        ("why", "by_reason"),
    ):
        rows = found.get(key, [])[:10]
        if rows:
            say_table(
                ["", "records", "would be refused", "would be permitted"],
                [
                    [
                        one["name"], f"{one['records']:,}", f"{one.get('newly_denied', 0):,}",
                        f"{one.get('newly_permitted', 0):,}",
                    ]
                    for one in rows
                ],
                title,
            )  # fmt: skip
    for reason, count in found["skipped"].items():
        say(escape(f"skipped {count:,}: {reason}"))


def log_options(
    format: str | None,  # noqa: A002
    mapping: Path | None,
    assume: list[str] | None,
    trusted: list[str] | None,
) -> "LogOptions":
    """Read from options how logs are to be read."""
    from bailiwick.replay import LogOptions, read_mapping

    read = read_mapping(parse_document(read_text(mapping), str(mapping))) if mapping else None
    model = dict(_pairs(assume)).get("model")
    return LogOptions(format, read, model, tuple(trusted or ()))


def setting_of(
    policy: Path,
    baseline: Path | None,
    accounts: str | None,
    secret: Path | None,
    assume: list[str] | None,
    at: str | None,
    config: Path | None,
) -> "Setting":
    """Collect all that decides from options."""
    from bailiwick.replay import Setting

    loaded, new = compiled(policy)
    old = None
    if baseline:
        before, old = compiled(baseline)
        del before
    now = moment(None if at == RECORDED else at)
    return Setting(
        new=new,
        old=old,
        catalog=loaded.catalog,
        locator=open_locator(config),
        at=now,
        at_recorded=at == RECORDED,
        accounts=_accounts(accounts, secret, now),
        assumed=assumed_facts(assume),
    )


def _accounts(
    accounts: str | None, secret: Path | None, at: datetime
) -> Mapping[str, Mapping[str, Fact]]:
    if accounts is None:
        return {}
    if accounts.endswith(".csv"):
        from bailiwick.replay import read_accounts

        return read_accounts(Path(accounts))
    from bailiwick.accounts import known_accounts
    from bailiwick.cli.accounts import opened

    return known_accounts(opened(None, accounts, secret), at)


def _pairs(texts: Sequence[str] | None) -> list[tuple[str, str]]:
    for text in texts or ():
        if "=" not in text:
            raise InvalidInput.of(f"`--assume {text}` is not NAME=VALUE")
    return [(text.split("=", 1)[0], text.split("=", 1)[1]) for text in texts or ()]


def assumed_facts(texts: Sequence[str] | None) -> dict[str, Fact]:
    """Read `--assume`."""
    given: dict[str, Value] = {}
    for name, value in _pairs(texts):
        if name != "model":
            given[name] = [*value.split("|")] if value else []
    return {name: read_fact(name, value) for name, value in given.items()}


def _some_judged(finished: "Finished") -> None:
    """Refuse logs of which nothing can be used: no condition could fail on them."""
    totals = finished.totals
    skipped = totals.skipped
    if totals.rows or finished.partial or not (skipped.total or skipped.notes):
        return
    why = [f"{count:,}: {reason}" for reason, count in skipped.counts.items()]
    raise InvalidInput.of("no row of the logs could be used", "; ".join([*why, *skipped.notes]))


def _run(engine: str, job: "Job", chunks: Sequence["Chunk"], workers: int | None) -> "Finished":
    from bailiwick.replay import replay_locally

    if engine not in {"local", "ray"}:
        raise BailiwickError(f"no engine is called `{engine}`", "local or ray")
    with progress_bar(sum(chunk.size for chunk in chunks)) as progress:
        if engine == "ray":
            from bailiwick.replay.ray_engine import replay_on_ray

            return replay_on_ray(job, chunks, workers, progress)
        return replay_locally(job, chunks, progress, workers)


@contextmanager
def progress_bar(whole: int) -> Iterator[Any]:
    """Show how far it is, how fast, and how long it will take."""
    with Progress(
        TextColumn("replaying"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} a second"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    ) as bar:
        task = bar.add_task("replaying", total=whole, rows=0, rate=0.0)
        rows = 0

        def progress(size: int, more: int) -> None:
            nonlocal rows
            rows += more
            elapsed = bar.tasks[0].elapsed or 0
            bar.update(task, advance=size, rows=rows, rate=rows / elapsed if elapsed else 0)

        yield progress


def _say(document: Mapping[str, Any]) -> None:
    from bailiwick.replay.words import summary

    for line in summary(document):
        say(escape(line))
    for title, key, name in (
        ("by country", "by_country", "place"),
        ("by model", "by_model", "model"),
    ):
        rows = [
            one
            for one in document[key]
            if one["newly_denied"]["requests"] or one["newly_permitted"]["requests"]
        ]
        if rows:
            say_table(
                [name, "requests", "newly denied", "newly permitted"],
                [
                    [
                        one["name"] or "unknown",
                        f"{one['requests']:,}",
                        f"{one['newly_denied']['requests']:,}",
                        f"{one['newly_permitted']['requests']:,}",
                    ]
                    for one in rows[:10]
                ],
                title,
            )
    for one in document["rows"]["skipped_by_reason"]:
        say(
            escape(
                f"skipped {one['rows']:,}: {one['reason']} "
                f"(such as {', '.join(one['examples'][:2])})"
            )
        )
    for note in document["rows"]["notes"]:
        say(escape(f"note: {note}"))
