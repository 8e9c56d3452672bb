"""``bailiwick cloud``: check, explain, audit and watch the guardrails of a cloud."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import track

from bailiwick.bootstrap import load_organisation, read_text
from bailiwick.cli import cloud_audit
from bailiwick.cli.compile import OrgFile, read_profiles
from bailiwick.cli.options import AsJson, At, PolicyFile, moment
from bailiwick.cli.output import FAILED, OK, err, say, say_json, say_table
from bailiwick.cli.policy import compiled
from bailiwick.cli.watch import watch
from bailiwick.cloud import Cloud
from bailiwick.cloud.aws import (
    Deployed,
    Guardrails,
    at_root,
    fetch_deployed,
    opaque_resources,
    organizations_client,
    rails_of,
    read_deployed,
    read_described,
)
from bailiwick.errors import InvalidInput
from bailiwick.targets.aws import (
    NEW_ACCOUNT,
    AwsWork,
    CallExplanation,
    Difference,
    Finding,
    Options,
    compare,
    explain_call,
    grouped,
)

app = typer.Typer(no_args_is_help=True, help="Check, explain, audit and watch cloud guardrails.")
app.command(name="watch")(watch)
app.command(name="audit-gcp")(cloud_audit.gcp)
app.command(name="audit-azure")(cloud_audit.azure)

ProfileFiles = Annotated[
    list[Path] | None,
    typer.Option("--profiles", help="Output of `aws bedrock list-inference-profiles`."),
]
Scps = Annotated[
    Path | None,
    typer.Option(
        "--scp", help="A policy, a folder of policies attached to the root, or an export."
    ),
]
MOST_SHOWN = 3


@app.command()
def check(
    policy: PolicyFile,
    org: OrgFile,
    scp: Scps = None,
    profiles: ProfileFiles = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Simulate service control policies on every cell; by default what `compile aws` writes."""
    work = _work(policy, org, profiles, at)
    _report(work, _rails(work, scp), (), as_json)


@app.command()
def audit(
    policy: PolicyFile,
    org: OrgFile,
    scp: Scps = None,
    live: Annotated[
        bool, typer.Option("--live", help="Read what is deployed from AWS Organizations.")
    ] = False,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write what was read live into this file.")
    ] = None,
    resources: Annotated[
        list[Path] | None,
        typer.Option("--resources", help="Output of Bedrock's `list-...` of opaque resources."),
    ] = None,
    profiles: ProfileFiles = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Compare what is deployed in AWS with the policy; exit with 1 if any cell differs."""
    if (scp is None) != live:
        raise InvalidInput.of(
            "what is deployed comes either from `--scp` or from `--live`",
            "`--live` needs credentials of AWS Organizations",
        )
    work = _work(policy, org, profiles, at)
    deployed = fetch_deployed(organizations_client()) if live else _deployed(work, scp)
    if save is not None:
        save.write_text(json.dumps(deployed.as_dict(), indent=1) + "\n", encoding="utf-8")
    opaque = opaque_resources((str(one), read_text(one)) for one in resources or ())
    _report(work, rails_of(deployed, work.tree, NEW_ACCOUNT), opaque, as_json)


@app.command()
def explain(
    what: Annotated[
        str, typer.Argument(help="A call, a CloudTrail record, a denial; `-` reads it.")
    ],
    policy: Annotated[Path, typer.Option("--policy", "-p", help="The policy file.")],
    org: OrgFile,
    scp: Scps = None,
    profiles: ProfileFiles = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Explain a call or a denial: which check, in which region, which statement, which rule."""
    text = sys.stdin.read() if what == "-" else what
    described = read_described(text)
    work = _work(policy, org, profiles, at)
    found = explain_call(described, work, _rails(work, scp), work.options.profiles)
    if as_json:
        say_json(_explanation(found))
        return
    say(escape(found.words))
    say_table(
        ["check", "region", "action", "resource", "answer", "by"],
        (
            [
                str(one.number),
                one.check.region,
                one.check.action,
                one.check.resource,
                one.verdict.answer.value,
                _by(one),
            ]
            for one in found.steps
        ),
    )


def _by(step: Any) -> str:
    statement = step.verdict.statement
    return step.verdict.reason or (statement.name if statement else "")


def _explanation(found: CallExplanation) -> dict[str, Any]:
    step = found.deciding
    return {
        "words": found.words,
        "checks": [
            {
                "number": one.number,
                "region": one.check.region,
                "action": one.check.action,
                "resource": one.check.resource,
                "answer": one.verdict.answer.value,
                "by": _by(one),
            }
            for one in found.steps
        ],
        "deciding": step.number if step else None,
        "policy": found.decision.effect.value if found.decision else None,
        "rules": list(found.rules),
    }


# -- reading -----------------------------------------------------------------------------------


def _work(policy: Path, org: Path, profiles: Sequence[Path] | None, at: str | None) -> AwsWork:
    loaded, table = compiled(policy)
    when = moment(at)
    tree = load_organisation(org).tree(Cloud.AWS)
    return AwsWork(table, loaded.catalog, tree, when, Options(read_profiles(profiles or (), when)))


def _rails(work: AwsWork, scp: Path | None) -> Guardrails:
    if scp is None:
        deployed = at_root({one.name: one.text for one in work.placed()}, work.tree)
    else:
        deployed = _deployed(work, scp)
    return rails_of(deployed, work.tree, NEW_ACCOUNT)


def _deployed(work: AwsWork, scp: Path | None) -> Deployed:
    assert scp is not None  # noqa: S101 - the caller has checked it
    if scp.is_dir():
        reports = {"manifest.json", "residue.json"}
        files = sorted(one for one in scp.glob("*.json") if one.name not in reports)
        files = [one for one in files if not one.name.endswith(".tf.json")]
        return at_root({one.stem: read_text(one) for one in files}, work.tree)
    text = read_text(scp)
    if '"attached"' in text:
        return read_deployed(str(scp), text)
    return at_root({scp.stem: text}, work.tree)


# -- reporting ---------------------------------------------------------------------------------


def _report(
    work: AwsWork, rails: Guardrails, opaque: Iterable[tuple[str, str]], as_json: bool
) -> None:
    cases = list(work.cases(rails.statements.statements))
    judged = compare(cases, rails, work.options.profiles)
    bar = track(judged, "cells", len(cases), console=err, transient=True, disable=as_json)
    found = [one for one in bar if one is not None]
    serving = list(opaque)
    if as_json:
        say_json(
            {
                "cells": len(cases),
                "differences": [one.as_dict() for one in found],
                "opaque": [{"arn": arn, "model": model} for arn, model in serving],
            }
        )
    else:
        _say(found, len(cases))
        for arn, model in serving:
            say(f"[yellow]keeps serving[/] {escape(arn)} {escape(model)}")
    raise typer.Exit(FAILED if found else OK)


COLOURS = {Finding.LETS_THROUGH: "red", Finding.BLOCKS: "yellow", Finding.UNDETERMINED: "cyan"}


def _say(found: Sequence[Difference], cells: int) -> None:
    for (finding, by), group in grouped(found).items():
        say(f"[bold {COLOURS[finding]}]{finding.value}[/] {len(group)} cells: {escape(by)}")
        for one in group[:MOST_SHOWN]:
            cell = one.case.cell
            way = f" ({cell.profile})" if cell.profile else ""
            what = cell.model or cell.resource
            say(escape(f"  {cell.action} {what}{way} in {cell.region} by {cell.account}"))
    say(f"{cells} cells, {len(found)} differ from the policy")
