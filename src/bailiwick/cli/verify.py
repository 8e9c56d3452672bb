"""``bailiwick verify``: whether the layers agree, with every hole that is left."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bailiwick.bootstrap import load_organisation
from bailiwick.cli.cloud_audit import exported
from bailiwick.cli.compile import OrgFile
from bailiwick.cli.options import AsJson, At, PolicyFile, moment
from bailiwick.cli.output import FAILED, OK, say, say_json
from bailiwick.cli.policy import compiled
from bailiwick.cloud import Cloud, Tree
from bailiwick.errors import InvalidInput
from bailiwick.targets.deployed import audit_exports
from bailiwick.targets.judged import Audit
from bailiwick.targets.verify import Hole, HoleKind
from bailiwick.targets.verify import verify as find_holes

MOST_SHOWN = 30


def verify(
    policy: PolicyFile,
    org: OrgFile,
    deployed: Annotated[
        Path | None,
        typer.Option("--deployed", help="Exports, in folders named after the clouds."),
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Find every way around a layer to what it denies; exit with 1 if one is open."""
    if deployed is not None and not deployed.is_dir():
        raise InvalidInput.of(f"`{deployed}` is no folder", "it has one folder for each cloud")
    loaded, table = compiled(policy)
    when = moment(at)

    def judge(cloud: Cloud, tree: Tree) -> Audit | None:
        folder = (deployed or Path()) / cloud.value
        if not folder.is_dir():
            return None
        return audit_exports(cloud, table, loaded.catalog, tree, when, exported(folder))

    organisation = load_organisation(org)
    found = find_holes(table, loaded.catalog, organisation, when, judge if deployed else None)
    if as_json:
        say_json([_as_dict(one) for one in found])
    else:
        _say(found, deployed is not None)
    raise typer.Exit(FAILED if any(one.kind.is_open for one in found) else OK)


def _as_dict(hole: Hole) -> dict[str, object]:
    return {
        "kind": hole.kind.value,
        "open": hole.kind.is_open,
        "cloud": hole.cloud.value,
        "says": hole.says,
        "examples": list(hole.examples),
        "change": hole.change,
        "count": hole.count,
    }


def _say(found: list[Hole], deployed: bool) -> None:
    for hole in found[:MOST_SHOWN]:
        colour = "red" if hole.kind.is_open else "yellow"
        more = f"  ({hole.count} cells)" if hole.count > 1 else ""
        say(f"[bold {colour}]{hole.kind.value}[/]  {hole.cloud.value}: {escape(hole.says)}{more}")
        for example in hole.examples:
            say(f"  for example {escape(example)}")
        if hole.change:
            say(f"  change: {escape(hole.change)}")
    if len(found) > MOST_SHOWN:
        say(f"and {len(found) - MOST_SHOWN} more; --json has them all")
    counts = [(kind, sum(one.kind is kind for one in found)) for kind in HoleKind]
    say(", ".join(f"{count} {kind.value}" for kind, count in counts if count) or "no hole")
    if not deployed:
        say("[yellow]judged is what would be compiled; --deployed judges what is there[/]")
