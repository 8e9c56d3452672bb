"""``bailiwick cloud``: check, explain, audit and watch the guardrails of a cloud."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bailiwick.bootstrap import load_organisation
from bailiwick.cli import cloud_audit
from bailiwick.cli.cloud_audit import ProfileFiles, bar, exported, report
from bailiwick.cli.compile import OrgFile, read_profiles
from bailiwick.cli.options import AsJson, At, PolicyFile, moment
from bailiwick.cli.output import say, say_json, say_problems, say_table
from bailiwick.cli.policy import compiled
from bailiwick.cli.watch import watch
from bailiwick.cloud import Cloud
from bailiwick.cloud.aws import Deployed, at_root, rails_of, read_described
from bailiwick.errors import Problem, Severity
from bailiwick.shapes import did_you_mean
from bailiwick.targets.aws import NEW_ACCOUNT, AwsWork, CallExplanation, Options, explain_call
from bailiwick.targets.deployed import audit_aws, deployed_in

app = typer.Typer(no_args_is_help=True, help="Check, explain, audit and watch cloud guardrails.")
app.command(name="watch")(watch)
app.add_typer(cloud_audit.app, name="audit")

Scps = Annotated[
    Path | None,
    typer.Option(
        "--scp", help="A policy, a folder of policies attached to the root, or an export."
    ),
]


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
    report(audit_aws(work, _deployed(work, scp), bar), (), as_json)


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
    say_problems(_unknown_region(described.region, work))
    rails = rails_of(_deployed(work, scp), work.tree, NEW_ACCOUNT)
    found = explain_call(described, work, rails, work.options.profiles)
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


def _unknown_region(region: str, work: AwsWork) -> Iterator[Problem]:
    known = work.questions.regions
    if region and region not in known.places:
        yield Problem(
            f"`{region}` is no region that is known; the table is as of {known.as_of}",
            did_you_mean(region, known.places),
            severity=Severity.WARNING,
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


def _deployed(work: AwsWork, scp: Path | None) -> Deployed:
    if scp is None:
        return at_root({one.name: one.text for one in work.placed()}, work.tree)
    return deployed_in(exported(scp), work.tree)
