"""``bailiwick cloud audit-gcp`` and ``audit-azure``: what is deployed, against the policy."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bailiwick.bootstrap import load_organisation, read_text
from bailiwick.cli.options import AsJson, At, PolicyFile, moment
from bailiwick.cli.output import FAILED, OK, say, say_json
from bailiwick.cli.policy import compiled
from bailiwick.cloud import Cloud
from bailiwick.cloud.watch import read_inventory
from bailiwick.errors import InvalidInput, Position
from bailiwick.targets.deployed import audit_azure, audit_gcp
from bailiwick.targets.gaps import Gap, Kind

Deployed = Annotated[Path, typer.Argument(help="Folder of exported policies, JSON.")]
OrgFile = Annotated[Path, typer.Option("--org", help="The organisation file.")]
Existing = Annotated[
    list[Path] | None,
    typer.Option("--inventory", help="A listing of deployments or endpoints that exist already."),
]
COLOURS = {Kind.LETS_THROUGH: "red", Kind.BLOCKS: "yellow", Kind.UNDETERMINED: "red"}
MOST_SHOWN = 20


def exported(folder: Path) -> Iterator[tuple[Any, str]]:
    """Read every JSON file below a folder; a list counts as its elements.

    Raises ``InvalidInput`` for a folder without any, and for a file that is not JSON.
    """
    files = sorted(one for one in folder.rglob("*.json") if not one.name.endswith(REPORTS))
    if not files:
        raise InvalidInput.of(f"`{folder}` has no exported policies (*.json)")
    for file in files:
        try:
            value = json.loads(read_text(file))
        except ValueError as error:
            raise InvalidInput.of(f"not JSON: {error}", None, Position(str(file))) from None
        for one in value if isinstance(value, list) else [value]:
            yield one, str(file)


REPORTS = ("manifest.json", "residue.json", ".tf.json")
"""What `bailiwick compile` writes beside policies."""


def report(found: Sequence[Gap], existing: Sequence[Path], as_json: bool) -> None:
    """Print what differs and what exists already; exit with 1 if anything passes."""
    inventory = read_inventory((read_text(one), str(one)) for one in existing)
    opaque = sorted(
        f"{name} ({served.model or 'model unknown'}{f', {served.sku}' if served.sku else ''})"
        for name, served in inventory.served.items()
    )
    if as_json:
        say_json({"gaps": [one.as_dict() for one in found], "existing": opaque})
    else:
        _say(found, opaque)
    raise typer.Exit(FAILED if found else OK)


def _say(found: Sequence[Gap], opaque: Sequence[str]) -> None:
    for gap in found[:MOST_SHOWN]:
        by = escape(gap.by or "nothing")
        say(f"[bold {COLOURS[gap.kind]}]{gap.kind.value}[/]  {gap.count} cells, decided by {by}")
        say(f"  for example {escape(gap.example)}")
    if len(found) > MOST_SHOWN:
        say(f"and {len(found) - MOST_SHOWN} more; --json has them all")
    for name in opaque:
        say(f"[cyan]exists already, and no policy reaches it[/] {escape(name)}")
    counts = ", ".join(f"{sum(one.kind is kind for one in found)} {kind.value}" for kind in Kind)
    say(counts if found else "what is deployed does on every cell what the policy says")


def gcp(
    policy: PolicyFile,
    deployed: Deployed,
    org: OrgFile,
    inventory: Existing = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Audit Google organization policies; exit with 1 if anything differs."""
    loaded, table = compiled(policy)
    tree = load_organisation(org).tree(Cloud.GCP)
    found = audit_gcp(table, loaded.catalog, tree, moment(at), exported(deployed))
    report(found, inventory or (), as_json)


def azure(
    policy: PolicyFile,
    deployed: Deployed,
    org: OrgFile,
    inventory: Existing = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Audit Azure policies; exit with 1 if anything differs."""
    loaded, table = compiled(policy)
    tree = load_organisation(org).tree(Cloud.AZURE)
    found = audit_azure(table, loaded.catalog, tree, moment(at), exported(deployed))
    report(found, inventory or (), as_json)
