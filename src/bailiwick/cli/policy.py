"""``bailiwick policy``: check, test, explain, compare and tabulate policy files."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bailiwick.bootstrap import LoadedPolicy, load_policy, missing_lists
from bailiwick.cli.options import AsJson, At, Models, PolicyFile, moment
from bailiwick.cli.output import (
    FAILED,
    OK,
    problem_as_dict,
    say,
    say_json,
    say_problems,
    say_table,
)
from bailiwick.decision import (
    DEFAULT_REGIONS,
    Coming,
    DecisionTable,
    Difference,
    Row,
    check_policy,
    coming,
    compile_table,
    condition_in_words,
    diff_policies,
    fact_in_words,
    finding_in_words,
    matrix,
    obligations_in_words,
    ownership_in_words,
    rule_in_words,
    run_examples,
)
from bailiwick.errors import BailiwickError, InvalidInput, Severity
from bailiwick.facts import OWNERSHIP_PREFIX
from bailiwick.places import canonical, group
from bailiwick.policy import OwnershipRule, Policy, Rule, policy_schema

app = typer.Typer(no_args_is_help=True, help="Check, test, explain, compare and tabulate policies.")


def compiled(path: Path) -> tuple[LoadedPolicy, DecisionTable]:
    """Load a policy and compile it."""
    loaded = load_policy(path)
    return loaded, compile_table(loaded.policy, loaded.catalog)


@app.command()
def check(
    file: PolicyFile,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find everything that is wrong or doubtful in a policy."""
    loaded, table = compiled(file)
    problems = [
        *loaded.policy.warnings,
        *missing_lists(loaded.policy),
        *check_policy(table, datetime.now(UTC)),
    ]
    warnings = [one for one in problems if one.severity is Severity.WARNING]
    if as_json:
        say_json(
            {"revision": table.revision, "problems": [problem_as_dict(one) for one in problems]}
        )
    else:
        say_problems(problems)
        rules = len({rule.id for rule in loaded.policy.rules if rule.authority != "builtin"})
        say(
            f"{file}: {rules} rules, {len(loaded.policy.examples)} tests, "
            f"{len(warnings)} warnings, revision {table.revision[:12]}"
        )
    raise typer.Exit(FAILED if strict and warnings else OK)


@app.command()
def test(file: PolicyFile, as_json: AsJson = False) -> None:
    """Run the tests that a policy carries with it."""
    loaded = load_policy(file)
    results = run_examples(loaded.policy, loaded.catalog, datetime.now(UTC))
    failed = [one for one in results if not one.passed]
    if as_json:
        say_json(
            [
                {"note": one.example.note, "passed": one.passed, "wrong": list(one.wrong)}
                for one in results
            ]
        )
    else:
        for one in failed:
            say(f"[red]failed[/] {one.example.position}: {escape(one.example.note)}")
            for line in one.wrong:
                say(f"       {escape(line)}")
        say(f"{len(results) - len(failed)} passed, {len(failed)} failed")
        if not results:
            say("[yellow]the policy has no `tests`, so nothing was tested[/]")
    raise typer.Exit(FAILED if failed or not results else OK)


@app.command()
def explain(
    file: PolicyFile,
    rule: Annotated[str, typer.Argument(help="Id of a rule or finding, or ownership.NAME.")],
) -> None:
    """Say what one rule, finding or ownership test does, in words."""
    loaded = load_policy(file)
    test = loaded.policy.ownership.get(rule.removeprefix(OWNERSHIP_PREFIX))
    if rule.startswith(OWNERSHIP_PREFIX) and test is not None:
        _explain_ownership(test)
        return
    found = [one for one in loaded.policy.rules if one.id == rule and one.detail is None]
    findings = [one for one in loaded.policy.findings if one.name == rule]
    for finding in findings:
        say(f"[bold]{escape(finding.name)}[/]: {escape(finding_in_words(finding))}")
    if not found and not findings:
        known = sorted({one.id for one in loaded.policy.rules})
        known += sorted(one.name for one in loaded.policy.findings)
        known += [OWNERSHIP_PREFIX + name for name in loaded.policy.ownership]
        raise BailiwickError(f"no rule is called `{rule}`", f"known are {', '.join(known)}")
    for one in found:
        _explain_rule(one)


def _explain_ownership(test: OwnershipRule) -> None:
    say(f"[bold]{OWNERSHIP_PREFIX}{escape(test.name)}[/]: {escape(ownership_in_words(test))}")
    lines = [
        ("method", test.method),
        ("interests", ", ".join(test.interests)),
        ("lists", ", ".join(test.listed)),
        ("undisclosed shares", test.undisclosed),
        ("basis", test.basis or ""),
        ("source", test.source or ""),
        ("as of", str(test.as_of or "")),
        ("written at", str(test.position or "")),
    ]
    for name, text in lines:
        if text:
            say(f"  {name}: {escape(text)}")


def _explain_rule(rule: Rule) -> None:
    say(f"[bold]{escape(rule.id)}[/]: {escape(rule_in_words(rule))}")
    lines = [
        ("authority", rule.authority),
        ("basis", rule.basis or ""),
        ("from", str(rule.from_at or "")),
        ("until", str(rule.until_at or "")),
        ("absolute", "no exemption lifts it" if rule.absolute else ""),
        ("lifts", ", ".join(sorted(rule.lifts))),
        ("also when unknown", ", ".join(sorted(rule.required))),
        ("asks for", "; ".join(obligations_in_words(rule.obligations))),
        ("written at", str(rule.position or "")),
        ("models", ", ".join(sorted(rule.models)) or "none"),
    ]
    for name, text in lines:
        if text:
            say(f"  {name}: {escape(text)}")
    for number, disjunct in enumerate(rule.disjuncts, 1):
        ways = f" (way {number} of {len(rule.disjuncts)})" if len(rule.disjuncts) > 1 else ""
        say(f"  matches{ways} when" + (" always" if not disjunct else ""))
        for one in disjunct:
            say(f"    {one.dimension}: {escape(condition_in_words(one))}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of policy files, for editors."""
    say_json(policy_schema())


@app.command()
def diff(
    old: PolicyFile,
    new: PolicyFile,
    model: Models = None,
    at: At = None,
    as_json: AsJson = False,
    fail: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if anything differs.")
    ] = False,
) -> None:
    """Show which requests are answered otherwise: exhaustive, by meaning and not by text."""
    (_, before), (_, after) = compiled(old), compiled(new)
    found = diff_policies(before, after, moment(at), model)
    if as_json:
        say_json([_difference_as_dict(one) for one in found])
    elif not found:
        say("no request is answered otherwise")
    else:
        _say_differences(found)
    raise typer.Exit(FAILED if fail and found else OK)


def _say_differences(found: list[Difference]) -> None:
    for one in found:
        colour = "green" if one.grants else "red" if one.old.permitted else "yellow"
        say(
            f"[bold {colour}]{_outcome(one.old)} -> {_outcome(one.new)}[/]  {_short(one.models, 6)}"
        )
        say(f"  old: {escape(_why(one.old))}")
        say(f"  new: {escape(_why(one.new))}")
        for name in sorted(one.values):
            say(f"  {name}: {escape(_short(sorted(one.values[name]), 12))}")
        example = ", ".join(
            f"{name} {fact_in_words(fact)}" for name, fact in one.witness.values.items()
        )
        say(f"  for example: {escape(example or 'any request')}  ({one.classes} classes)")


def _outcome(decision: Any) -> str:
    held = "" if decision.obligations.is_empty else " with obligations"
    return f"{decision.effect.value}{held}"


def _why(decision: Any) -> str:
    reasons = ", ".join(reason.code for reason in decision.reasons)
    held = "; ".join(obligations_in_words(decision.obligations))
    rules = ", ".join(decision.determining)
    return " | ".join(part for part in (rules, reasons, held) if part) or "-"


def _short(values: list[str], most: int) -> str:
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more


def _difference_as_dict(one: Difference) -> dict[str, Any]:
    return {
        "models": one.models,
        "old": {"effect": one.old.effect.value, "determining": one.old.determining},
        "new": {"effect": one.new.effect.value, "determining": one.new.determining},
        "old_obligations": obligations_in_words(one.old.obligations),
        "new_obligations": obligations_in_words(one.new.obligations),
        "classes": one.classes,
        "values": {name: sorted(values) for name, values in sorted(one.values.items())},
        "example": {name: fact_in_words(fact) for name, fact in one.witness.values.items()},
    }


@app.command(name="matrix")
def matrix_command(
    file: PolicyFile,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", help="A built-in group, a group of the policy or a country."),
    ] = None,
    model: Models = None,
    by_model: Annotated[bool, typer.Option("--by-model", help="One row for each model.")] = False,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Tabulate access by provider or model and region: full, limited, quota, blocked."""
    loaded, table = compiled(file)
    regions = {name: _members(loaded, name) for name in region} if region else DEFAULT_REGIONS
    rows = matrix(table, moment(at), regions, model, apart=by_model)
    changes = coming(table, moment(at), regions, model)
    if as_json:
        say_json(
            [
                {
                    **_row_as_dict(row),
                    "owners": _owners(loaded.policy, row),
                    "coming": _coming_as_dicts(row, changes),
                }
                for row in rows
            ]
        )
        return
    about = loaded.policy
    if about.source or about.as_of:
        source = escape(about.source or "not given")
        say(f"[yellow]source: {source}, as of {about.as_of or 'unknown'}[/]")
    for one in about.rule_sets[1:]:
        said = (
            f"{one.authority}: {one.source or 'source not given'}, as of {one.as_of or 'unknown'}"
        )
        say(f"[yellow]{escape(said)}{'' if one.complete else ' (not complete)'}[/]")
    whose = len(about.rule_sets) > 1
    say_table(
        ["models", *regions, "blocked places", *(["whose rules"] if whose else [])],
        (
            [
                _short(list(row.models), 3),
                *(cell.words for cell in row.cells.values()),
                _blocked(row),
                *([", ".join(_owners(about, row))] if whose else []),
            ]
            for row in rows
        ),
    )
    for change in changes:
        models = _short(list(change.models), 3)
        say(
            f"[bold]from {change.from_at:%Y-%m-%d}[/] {escape(change.region)}: {change.before} "
            f"becomes {change.after}: {escape(models)}"
        )


def _coming_as_dicts(row: Row, changes: list[Coming]) -> list[dict[str, Any]]:
    return [
        {
            "from": one.from_at.isoformat(),
            "models": [model for model in one.models if model in row.models],
            "region": one.region,
            "before": one.before,
            "after": one.after,
        }
        for one in changes
        if set(one.models) & set(row.models)
    ]


def _owners(policy: Policy, row: Row) -> list[str]:
    """Name whose rules speak of a row's models, each with the date of its source."""
    dates = {one.authority: one.as_of for one in policy.rule_sets}
    owners = {rule.authority for rule in policy.rules if row.models[0] in rule.models}
    return [
        f"{owner} ({dates[owner]})" if dates[owner] else owner
        for owner in sorted(owners & dates.keys())
    ]


def _members(loaded: LoadedPolicy, name: str) -> frozenset[str]:
    own, built_in, place = loaded.policy.place_groups.get(name), group(name), canonical(name)
    if own is not None:
        return own.include - own.exclude
    if built_in is not None:
        return built_in.members
    if place is None:
        raise InvalidInput.of(f"`{name}` is no group and no place", "see `bailiwick places`")
    return frozenset({place})


def _blocked(row: Row) -> str:
    if not row.blocked:
        return "none"
    if len(row.blocked) > max(60, len(row.served)):
        served = [place for place in row.served if place not in row.blocked]
        return f"all but {_short(served, 12)}" if served else "everywhere"
    return _short(list(row.blocked), 12)


def _row_as_dict(row: Row) -> dict[str, Any]:
    return {
        "models": list(row.models),
        "regions": {
            name: {
                "access": cell.access.value,
                "partial": cell.partial,
                "words": cell.words,
                "blocked": list(cell.blocked),
                "levels": {place: level.value for place, level in cell.levels.items()},
                "rules": list(cell.rules),
            }
            for name, cell in row.cells.items()
        },
        "blocked": list(row.blocked),
    }
