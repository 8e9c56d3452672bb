"""``bailiwick cloud watch``: hold what clouds logged against the policy."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from bailiwick.bootstrap import load_organisation, read_text
from bailiwick.cli.locate import open_locator
from bailiwick.cli.options import AsJson, Config, PolicyFile
from bailiwick.cli.output import FAILED, OK, err, say, say_json, say_problems
from bailiwick.cli.policy import compiled
from bailiwick.cloud.logs import CloudRecord, Skipped, log_files, read_cloud_log
from bailiwick.cloud.watch import Finding, Judge, Verdict, WatchReport, read_inventory
from bailiwick.cloud.watch import watch as watch_logs
from bailiwick.errors import InvalidInput, Problem, Severity
from bailiwick.facts import Fact
from bailiwick.pipeline import location_facts

COLOURS = {Verdict.OK: "green", Verdict.DRIFT: "red", Verdict.UNDETERMINED: "yellow"}
MOST_SHOWN = 20


def watch(
    file: PolicyFile,
    logs: Annotated[list[Path], typer.Argument(help="Logs, or folders of them.")],
    org: Annotated[
        Path | None,
        typer.Option("--org", help="The organisation file; default nothing known."),
    ] = None,
    inventory: Annotated[
        list[Path] | None,
        typer.Option("--inventory", help="A listing of profiles, deployments or endpoints."),
    ] = None,
    locate: Annotated[
        bool, typer.Option("--locate", help="Take the logged client address for the caller's own.")
    ] = False,
    config: Config = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on undetermined records too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Judge logged model calls; exit with 1 on drift, unreadable records or if none was judged."""
    loaded, table = compiled(file)
    for path in logs:
        if not log_files(path) or not path.exists():
            raise InvalidInput.of(f"`{path}` has no files")
    judge = Judge(
        table,
        loaded.catalog,
        load_organisation(org) if org else None,
        read_inventory((read_text(one), str(one)) for one in inventory or ()),
        _locating(config) if locate else None,
    )
    report = WatchReport(table.revision)
    try:
        with _progress(logs) as advance:
            watch_logs(judge, _records(logs, advance), report)
    except KeyboardInterrupt:
        report.whole = False
    if as_json:
        say_json(_as_dict(report))
    else:
        _say(report)
    raise typer.Exit(OK if _fine(report, strict) else FAILED)


def _fine(report: WatchReport, strict: bool) -> bool:
    doubtful = report.verdicts[Verdict.UNDETERMINED] if strict else 0
    return bool(
        report.whole
        and report.judged
        and not (report.verdicts[Verdict.DRIFT] or report.unreadable or doubtful)
    )


def _locating(config: Path | None) -> Callable[[str], Mapping[str, Fact]]:
    from datetime import UTC, datetime
    from ipaddress import ip_address

    locator, now = open_locator(config), datetime.now(UTC)

    @lru_cache(maxsize=65536)
    def facts(address: str) -> Mapping[str, Fact]:
        try:
            ip_address(address)
        except ValueError:
            return {}  # a service of the cloud called, and the log has its name
        return location_facts(locator.locate(address, now))

    return facts


def _records(logs: list[Path], advance: Callable[[int], None]) -> Iterator[CloudRecord | Skipped]:
    for path in logs:
        yield from read_cloud_log(path, advance)


@contextmanager
def _progress(logs: list[Path]) -> Iterator[Callable[[int], None]]:
    whole = sum(one.stat().st_size for path in logs for one in log_files(path))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("reading", total=whole)
        yield lambda read: bar.update(task, advance=read)


def _say(report: WatchReport) -> None:
    say_problems(
        Problem(str(one).removeprefix(f"{one.where.position}: "), None, one.where.position,
                Severity.ERROR)
        for one in report.not_read
    )  # fmt: skip
    for verdict in (Verdict.DRIFT, Verdict.UNDETERMINED):
        found = report.of(verdict)
        for one in found[:MOST_SHOWN]:
            _say_finding(one)
        if len(found) > MOST_SHOWN:
            say(f"and {len(found) - MOST_SHOWN} more kinds; --json has them all")
    counts = ", ".join(
        f"[{COLOURS[verdict]}]{report.verdicts[verdict]} {verdict.value}[/]" for verdict in Verdict
    )
    say(
        f"{report.records} records: {counts}; {report.other} not about models, "
        f"{report.unreadable} unreadable"
    )
    if not report.whole:
        say("[red]interrupted: this is a part of the logs[/]")
    if not report.judged:
        say("[yellow]no use of a model was found; an empty log is no proof that there was none[/]")


def _say_finding(one: Finding) -> None:
    kind = one.kind
    ran = f", ran in {kind.processing}" if kind.processing else ""
    through = f" through {kind.through}" if kind.through else ""
    called = f"{kind.action} {kind.model or 'a model'}{through}"
    say(f"[bold {COLOURS[kind.verdict]}]{kind.verdict.value}[/]  {one.count} x {escape(called)}")
    say(
        f"  {kind.cloud} account {escape(kind.account or 'unknown')}, called in "
        f"{escape(kind.endpoint or 'unknown')}{escape(ran)}: {kind.outcome}"
    )
    rules = f" | rules {', '.join(kind.rules)}" if kind.rules else ""
    say(f"  {escape(kind.reason + rules)}")
    say(f"  for example {escape(str(one.example))}; {one.first_at} to {one.last_at}")


def _as_dict(report: WatchReport) -> dict[str, Any]:
    from msgspec.structs import asdict

    return {
        "revision": report.revision,
        "whole": report.whole,
        "records": report.records,
        "verdicts": {verdict.value: report.verdicts[verdict] for verdict in Verdict},
        "other": report.other,
        "unreadable": report.unreadable,
        "not_read": [str(one) for one in report.not_read],
        "findings": [
            {
                **asdict(one.kind),
                "count": one.count,
                "first_at": one.first_at,
                "last_at": one.last_at,
                "example": str(one.example),
            }
            for verdict in Verdict
            for one in report.of(verdict)
        ],
    }
