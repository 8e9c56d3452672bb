"""``bailiwick cloud audit``: what is deployed in a cloud and what exists, against the policy."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import track

from bailiwick.bootstrap import LoadedPolicy, load_organisation, read_text
from bailiwick.cli.compile import OrgFile, read_profiles
from bailiwick.cli.options import AsJson, At, PolicyFile, moment
from bailiwick.cli.output import FAILED, OK, err, say, say_json
from bailiwick.cli.policy import compiled
from bailiwick.cloud import Cloud, Organisation
from bailiwick.cloud.aws import fetch_deployed, organizations_client
from bailiwick.cloud.watch import Existing, Judge, Standing, judge_existing, read_inventory
from bailiwick.decision import DecisionTable
from bailiwick.errors import BailiwickError, InvalidInput, Position
from bailiwick.targets.aws import AwsWork, Options
from bailiwick.targets.deployed import audit_aws, audit_exports, deployed_in
from bailiwick.targets.judged import Audit, Gap, Kind, in_words

app = typer.Typer(no_args_is_help=True, help="Audit what is deployed in a cloud, and what exists.")

Deployed = Annotated[
    Path, typer.Argument(help="Exported policies: a file, or a folder of them (JSON).")
]
Inventory = Annotated[
    list[Path] | None,
    typer.Option("--inventory", help="A listing of what exists already; docs/cloud/logs.md."),
]
ProfileFiles = Annotated[
    list[Path] | None,
    typer.Option("--profiles", help="Output of `aws bedrock list-inference-profiles`."),
]
COLOURS = {
    Kind.LETS_THROUGH: "red", Kind.BLOCKS: "yellow", Kind.UNDETERMINED: "cyan",
    Standing.MUST_NOT: "red", Standing.UNDETERMINED: "cyan", Standing.PERMITTED: "green",
}  # fmt: skip
MOST_SHOWN = 20
EXAMPLES = 3
REPORTS = ("manifest.json", "residue.json", ".tf.json")
"""What `bailiwick compile` writes beside policies."""


@app.command()
def aws(
    policy: PolicyFile,
    org: OrgFile,
    deployed: Annotated[
        Path | None,
        typer.Argument(help="An export, a policy, or a folder of policies at the root (JSON)."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Read what is deployed from AWS Organizations.")
    ] = False,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write what was read live into this file.")
    ] = None,
    inventory: Inventory = None,
    profiles: ProfileFiles = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Audit service control policies; exit with 1 if anything differs from the policy."""
    if (deployed is None) != live:
        raise InvalidInput.of(
            "what is deployed comes either from a file or folder, or from `--live`",
            "`--live` needs credentials of AWS Organizations",
        )
    if save is not None and not live:
        raise InvalidInput.of("`--save` writes what `--live` reads", "add `--live`")
    loaded, table = compiled(policy)
    organisation, when = load_organisation(org), moment(at)
    options = Options(read_profiles(profiles or (), when))
    work = AwsWork(table, loaded.catalog, organisation.tree(Cloud.AWS), when, options)
    if deployed is None:
        found = fetch_deployed(organizations_client())
    else:
        found = deployed_in(exported(deployed), work.tree)
    if save is not None:
        _save(save, json.dumps(found.as_dict(), indent=1) + "\n")
    audited = audit_aws(work, found, bar)
    existing = _existing(loaded, table, organisation, Cloud.AWS, inventory or (), when)
    report(audited, existing, as_json)


@app.command()
def gcp(
    policy: PolicyFile,
    deployed: Deployed,
    org: OrgFile,
    inventory: Inventory = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Audit Google organization policies; exit with 1 if anything differs from the policy."""
    _audit(Cloud.GCP, policy, deployed, org, inventory, at, as_json)


@app.command()
def azure(
    policy: PolicyFile,
    deployed: Deployed,
    org: OrgFile,
    inventory: Inventory = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Audit Azure policies; exit with 1 if anything differs from the policy."""
    _audit(Cloud.AZURE, policy, deployed, org, inventory, at, as_json)


def _audit(
    cloud: Cloud,
    policy: Path,
    deployed: Path,
    org: Path,
    inventory: Sequence[Path] | None,
    at: str | None,
    as_json: bool,
) -> None:
    loaded, table = compiled(policy)
    organisation, when = load_organisation(org), moment(at)
    tree, values = organisation.tree(cloud), exported(deployed)
    audited = audit_exports(cloud, table, loaded.catalog, tree, when, values, bar)
    existing = _existing(loaded, table, organisation, cloud, inventory or (), when)
    report(audited, existing, as_json)


# -- reading -----------------------------------------------------------------------------------


def exported(path: Path) -> Iterator[tuple[Any, str]]:
    """Read a JSON file, or every one below a folder; a list counts as its elements.

    Raises ``InvalidInput`` for a folder without any, and for a file that is not JSON.
    """
    files = [path]
    if path.is_dir():
        files = sorted(one for one in path.rglob("*.json") if not one.name.endswith(REPORTS))
    if not files:
        raise InvalidInput.of(f"`{path}` has no exported policies (*.json)")
    for file in files:
        try:
            value = json.loads(read_text(file))
        except ValueError as error:
            raise InvalidInput.of(f"not JSON: {error}", None, Position(str(file))) from None
        for one in value if isinstance(value, list) else [value]:
            yield one, str(file)


def _existing(
    loaded: LoadedPolicy,
    table: DecisionTable,
    organisation: Organisation,
    cloud: Cloud,
    files: Sequence[Path],
    at: datetime,
) -> list[Existing]:
    texts = ((read_text(one), str(one)) for one in files)
    listed = read_inventory(texts, may_be_empty=True)
    others = sorted({one.cloud for one in listed.served.values() if one.cloud} - {cloud})
    if others:
        raise InvalidInput.of(
            f"`--inventory` lists what exists in {', '.join(others)}",
            f"this audits {cloud.value}: give each audit the listings of its own cloud",
        )
    judge = Judge(table, loaded.catalog, organisation, listed)
    return list(judge_existing(judge, cloud, at))


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BailiwickError(f"`{path}` cannot be written: {error.strerror}") from None


# -- reporting ---------------------------------------------------------------------------------


def bar(cases: Sequence[Any]) -> Iterable[Any]:
    """Show how many cells are done, on standard error and only where somebody looks on."""
    quiet = not err.is_terminal
    return track(cases, "cells", len(cases), console=err, transient=True, disable=quiet)


def report(audited: Audit, existing: Sequence[Existing], as_json: bool) -> None:
    """Print what differs and what exists; exit with 1 if anything is not as the policy says."""
    if as_json:
        say_json(
            {
                "cells": audited.cells,
                "gaps": [one.as_dict() for one in audited.gaps],
                "existing": [one.as_dict() for one in existing],
            }
        )
    else:
        _say(audited, existing)
    wrong = any(one.standing is not Standing.PERMITTED for one in existing)
    raise typer.Exit(FAILED if audited.gaps or wrong else OK)


def _say(audited: Audit, existing: Sequence[Existing]) -> None:
    for gap in audited.gaps[:MOST_SHOWN]:
        say_gap(gap)
    if len(audited.gaps) > MOST_SHOWN:
        say(f"and {len(audited.gaps) - MOST_SHOWN} more; --json has them all")
    for one in existing:
        rules = f"; rules {', '.join(one.rules)}" if one.rules else ""
        sku = f", {one.served.sku}" if one.served.sku else ""
        what = f"{one.name} ({one.served.model or 'model unknown'}{sku}): {one.reason}{rules}"
        say(f"[bold {COLOURS[one.standing]}]exists: {one.standing.value}[/]  {escape(what)}")
    differ = sum(len(gap.cells) for gap in audited.gaps)
    say(f"{audited.cells} cells, {differ} differ from the policy")


def say_gap(gap: Gap) -> None:
    """Print what is alike among cells that differ, and a few of them."""
    by = escape(gap.by or "nothing")
    say(f"[bold {COLOURS[gap.kind]}]{gap.kind.value}[/]  {len(gap.cells)} cells: {by}")
    for cell in gap.examples(EXAMPLES):
        say(escape(f"  {in_words(cell)}"))
