"""``bailiwick compile``: one policy becomes a cloud's guardrails or an edge's configuration."""

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bailiwick.bootstrap import LoadedPolicy, load_organisation, read_text
from bailiwick.cli.edge import EDGES
from bailiwick.cli.options import At, PolicyFile, moment
from bailiwick.cli.output import say, say_problems, say_table
from bailiwick.cli.policy import compiled
from bailiwick.cloud import Cloud, Organisation
from bailiwick.cloud.aws import Profiles, default_profiles, import_profiles
from bailiwick.decision import DecisionTable
from bailiwick.errors import BailiwickError, Problem, Severity
from bailiwick.targets import Compiled, Stage
from bailiwick.targets.aws import Attach, NewModels, Options, compile_aws
from bailiwick.targets.azure import compile_azure
from bailiwick.targets.gcp import compile_gcp

app = typer.Typer(no_args_is_help=True, help="Compile a policy for a cloud or an edge.")
for _name, _command in EDGES.items():
    app.command(name=_name)(_command)

OrgFile = Annotated[Path, typer.Option("--org", help="The organisation file.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Write files into this folder; default print.")
]


class Format(StrEnum):
    """What is written for the cloud itself; the reports are written in any case."""

    JSON = "json"
    TERRAFORM = "terraform"


AsFormat = Annotated[Format, typer.Option("--format", help="json or terraform (*.tf.json).")]
Compiler = Callable[[LoadedPolicy, DecisionTable, Organisation, datetime], Compiled]


def run(
    compiler: Compiler, policy: Path, org: Path, out: Path | None, form: Format, at: str | None
) -> None:
    """Read, compile, and write or print."""
    loaded, table = compiled(policy)
    made = compiler(loaded, table, load_organisation(org), moment(at))
    say_problems(made.warnings)
    policies = made.files if form is Format.JSON else made.terraform
    if out is None:
        for name, text in policies.items():
            say(f"[bold]{escape(name)}[/]")
            say(escape(text))
    else:
        _write(out, {**made.files, **policies, **made.reports()})
    summary(made)


def summary(made: Compiled) -> None:
    """Print what became of each rule, and what the cloud does not reach."""
    say_table(
        ["rule", "coverage", "not seen", "enforced by"],
        (
            [
                one.rule,
                one.coverage.value,
                ", ".join(one.missing),
                ", ".join(f"{what}: {point}" for what, point in one.enforced_by) or one.note,
            ]
            for one in made.residues
        ),
    )
    for name, (used, most) in made.sizes.items():
        say(f"{escape(name)}: {used} of {most} characters")
    for note in made.notes:
        say(f"[yellow]not reached[/] {escape(note)}")
    say(f"{len(made.statements)} statements, {len(made.cells)} cells, all as the policy decides")


def _write(out: Path, texts: dict[str, str]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        stale = sorted(one.name for one in out.glob("*.json") if one.name not in texts)
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise BailiwickError(f"`{out}` cannot be written: {error.strerror}") from None
    say(f"{len(texts)} files in {escape(str(out))}")
    say_problems(
        Problem(
            f"`{out / name}` was there before and is not of this output",
            "remove it, or it is applied and audited with the rest",
            severity=Severity.WARNING,
        )
        for name in stale
    )


@app.command()
def aws(
    policy: PolicyFile,
    org: OrgFile,
    out: Out = None,
    form: AsFormat = Format.JSON,
    at: At = None,
    profiles: Annotated[
        list[Path] | None,
        typer.Option("--profiles", help="Output of `aws bedrock list-inference-profiles`."),
    ] = None,
    new_models: Annotated[
        NewModels, typer.Option("--new-models", help="What becomes of models nobody knows yet.")
    ] = NewModels.DENY,
    attach: Annotated[
        Attach, typer.Option("--attach", help="One set at the root, or one for each unit below.")
    ] = Attach.ROOT,
) -> None:
    """Compile to service control policies for Amazon Bedrock, and prove them on every cell."""
    when = moment(at)
    options = Options(read_profiles(profiles or (), when), new_models, attach)
    run(
        lambda loaded, table, organisation, now: compile_aws(
            table, loaded.catalog, organisation.tree(Cloud.AWS), now, options
        ),
        policy,
        org,
        out,
        form,
        at,
    )


AsStage = Annotated[
    Stage, typer.Option("--stage", help="dry-run (what would be refused is logged) or enforce.")
]


@app.command()
def gcp(
    policy: PolicyFile,
    org: OrgFile,
    out: Out = None,
    form: AsFormat = Format.JSON,
    at: At = None,
    stage: AsStage = Stage.DRY_RUN,
) -> None:
    """Compile to organization policies for Vertex AI, and prove them on every cell."""
    run(
        lambda loaded, table, organisation, now: compile_gcp(
            table, loaded.catalog, organisation.tree(Cloud.GCP), now, stage
        ),
        policy,
        org,
        out,
        form,
        at,
    )


@app.command()
def azure(
    policy: PolicyFile,
    org: OrgFile,
    out: Out = None,
    form: AsFormat = Format.JSON,
    at: At = None,
    stage: AsStage = Stage.DRY_RUN,
) -> None:
    """Compile to Azure Policy for Azure OpenAI and AI services, and prove it on every cell."""
    run(
        lambda loaded, table, organisation, now: compile_azure(
            table, loaded.catalog, organisation.tree(Cloud.AZURE), now, stage
        ),
        policy,
        org,
        out,
        form,
        at,
    )


def read_profiles(files: Iterable[Path], at: datetime) -> Profiles:
    """Read what accounts list of their inference profiles, over the table of the package."""
    texts = [(str(path), read_text(path)) for path in files]
    return import_profiles(default_profiles(), texts, at.date()) if texts else default_profiles()
