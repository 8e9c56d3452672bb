"""``bailiwick continuity`` and ``bailiwick migrate``: what recorded traffic depends on."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from bailiwick.bootstrap import load_policy, read_catalog, read_text, with_prices
from bailiwick.catalog import Catalog
from bailiwick.cli.alternatives import Extra, Least, MaxPrice, read_needs, route_of
from bailiwick.cli.locate import open_locator
from bailiwick.cli.options import AsJson, At, Config, moment
from bailiwick.cli.output import FAILED, OK, err, say, say_json, say_table
from bailiwick.cli.replay import STOPPED, assumed_facts, log_options, progress_bar, setting_of
from bailiwick.decision import DecisionTable, compile_table
from bailiwick.documents import parse_document
from bailiwick.errors import BailiwickError, InvalidInput
from bailiwick.facts import UNKNOWN
from bailiwick.places import PlaceSet, canonical, group
from bailiwick.policy import read_policy

if TYPE_CHECKING:
    from bailiwick.bootstrap.traffic import Collected
    from bailiwick.continuity import Impact, MigrationReport, Report, ScenarioFile, Traffic, Wishes
    from bailiwick.replay import Setting

Logs = Annotated[list[Path], typer.Option("--traffic", "-t", help="A log, or a folder of logs.")]
Format = Annotated[str | None, typer.Option("--format", help="As for `bailiwick replay`.")]
Mapped = Annotated[
    Path | None, typer.Option("--mapping", help="Which columns mean what (YAML), for tables.")
]
Accounts = Annotated[
    str | None, typer.Option("--accounts", help="Evidence of accounts: a CSV file or database.")
]
Assume = Annotated[
    list[str] | None, typer.Option("--assume", help="NAME=VALUE where the logs do not say.")
]
EVERYTHING = 'bailiwick: 1\nname: everything\nrules:\n  - {id: all, permit: "*"}\n...\n'
"""A policy for questions that are not about permissions."""
REGIONS = ("EU", "APAC")
MOST_LISTED = 15
Workers = Annotated[
    int | None, typer.Option("--workers", help="Processes; default one for each core.")
]


def _say_schema(wanted: bool) -> None:
    if wanted:
        from bailiwick.continuity import continuity_schema

        say_json(continuity_schema())
        raise typer.Exit(OK)


def continuity(
    policy: Annotated[Path, typer.Option("--policy", "-p", help="The policy file.")],
    traffic: Logs,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", help="Stated scenarios, and own machines (YAML).")
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", help="A built-in group that may be lost as a whole."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--candidate", help="A model that may stand in; default all permitted."),
    ] = None,
    least: Least = None,
    max_price: MaxPrice = None,
    quality: Annotated[
        str | None, typer.Option("--quality", help="Benchmark; default the most common one.")
    ] = None,
    prefer: Annotated[str, typer.Option("--prefer", help="`quality` or `price`.")] = "quality",
    target: Annotated[
        float, typer.Option("--target", help="Share of requests to keep under any single loss.")
    ] = 0.99,
    format: Format = None,  # noqa: A002 - the word of the command line
    mapping: Mapped = None,
    accounts: Accounts = None,
    secret: Annotated[
        Path | None, typer.Option("--secret", help="File of the accounts database's secret.")
    ] = None,
    assume: Assume = None,
    trusted: Annotated[
        list[str] | None, typer.Option("--trusted", help="A proxy in X-Forwarded-For.")
    ] = None,
    workers: Workers = None,
    config: Config = None,
    at: At = None,
    as_json: AsJson = False,
    schema: Annotated[  # noqa: ARG001 - it is answered before all else
        bool,
        typer.Option(
            "--schema", is_eager=True, callback=_say_schema, help="Print the JSON Schema of --json."
        ),
    ] = False,
) -> None:
    """Assess every single loss and stated scenario against recorded traffic.

    Losses: a model is switched off, a provider withdraws or asks for proof of ownership, a place
    becomes embargoed. Exit status: 1 if other models have to be added to keep the target.
    """
    from bailiwick.continuity import Portfolio, Prices, assess, losses_of, report_as_dict

    setting = setting_of(policy, None, accounts, secret, assume, at, config)
    catalog = with_prices(setting.catalog, setting.at)
    wishes = _wishes(catalog, least, max_price, quality, prefer)
    stated = _scenarios(scenario, catalog, setting.new.policy.controlled)
    if not 0 < target <= 1:
        raise InvalidInput.of(f"`--target {target}` is not a share", "write 0.99 for 99 %")
    options = log_options(format, mapping, assume, trusted)
    collected = _collected(setting, traffic, options, workers)
    made = collected.traffic
    candidates = _candidates(catalog, setting.new, model)
    prices = Prices.of(catalog.models, stated.hosting if stated else {})
    portfolio = Portfolio(catalog, made, wishes, prices, candidates, route_of(config))
    used = [name for name in made.names if name is not None]
    regions = _regions(region or REGIONS)
    losses = losses_of(catalog, used, _places(made), regions, setting.new.policy.controlled)
    report = assess(
        portfolio, setting.new, setting.at, losses, stated.scenarios if stated else (),
        compiled=lambda name: _compiled(scenario, name), target=target,
    )  # fmt: skip
    if as_json:
        say_json(report_as_dict(report) | {"rows": _rows(collected), "partial": collected.partial})
    else:
        _say(report, collected)
    if collected.partial:
        raise typer.Exit(STOPPED)
    raise typer.Exit(FAILED if report.proposal.models else OK)


def _wishes(
    catalog: Catalog,
    least: list[str] | None,
    max_price: str | None,
    quality: str | None,
    prefer: str,
) -> "Wishes":
    from bailiwick.continuity import Wishes

    if prefer not in {"quality", "price"}:
        raise InvalidInput.of(f"`--prefer {prefer}` is neither `quality` nor `price`")
    needs = read_needs(catalog, 0, 0, None, least, max_price)
    scores = [name for one in catalog.models.values() for name in one.scores]
    if quality is not None and quality not in scores:
        raise InvalidInput.of(
            f"no model of the catalogue has a score of `{quality}`",
            f"known are {', '.join(sorted(set(scores)))}",
        )
    usual = max(sorted(set(scores)), key=scores.count, default=None)
    return Wishes(
        needs.minimum, needs.max_price, quality or next(iter(needs.minimum), usual), prefer
    )


def _scenarios(
    file: Path | None, catalog: Catalog, controlled: frozenset[str]
) -> "ScenarioFile | None":
    from bailiwick.continuity import read_scenarios

    if file is None:
        return None
    return read_scenarios(parse_document(read_text(file), str(file)), catalog, controlled)


def _compiled(scenario: Path | None, name: str) -> DecisionTable:
    loaded = load_policy((scenario or Path()).parent / name)
    return compile_table(loaded.policy, loaded.catalog)


def _collected(
    setting: "Setting", logs: Sequence[Path], options: Any, workers: int | None
) -> "Collected":
    from bailiwick.bootstrap.traffic import collect
    from bailiwick.replay import plan

    chunks = plan(logs, options)
    with progress_bar(sum(chunk.size for chunk in chunks)) as progress:
        found = collect(setting, chunks, progress, workers)
    if not found.rows and not found.partial:
        raise InvalidInput.of("no row of the logs could be used", _why(found))
    return found


def _why(found: "Collected") -> str | None:
    return "; ".join(f"{count:,}: {why}" for why, count in found.skipped.counts.items()) or None


def _candidates(catalog: Catalog, table: DecisionTable, names: Sequence[str] | None) -> list[str]:
    if not names:
        return [one for one in catalog.models if table.governing(one)]
    found = [(name, catalog.resolve(name)) for name in names]
    for name, id_ in found:
        if id_ is None:
            hint = "`bailiwick catalog list` lists them"
            raise BailiwickError(f"no model is called `{name}`", hint)
    return [id_ for _, id_ in found if id_ is not None]


def _places(traffic: "Traffic") -> set[str]:
    every = (facts.get("address", UNKNOWN) for facts in traffic.values)
    return {place for fact in every if isinstance(fact, frozenset) for place in fact}


def _regions(names: Sequence[str]) -> dict[str, PlaceSet]:
    found = {}
    for name in names:
        built_in, place = group(name), canonical(name)
        if built_in is None and place is None:
            raise InvalidInput.of(f"`{name}` is no group and no place", "see `bailiwick places`")
        members = built_in.members if built_in else frozenset({str(place)})
        found[name] = PlaceSet(members, if_subdivision_unknown=False)
    return found


# -- printing ----------------------------------------------------------------------------------


def _rows(collected: "Collected") -> dict[str, Any]:
    from bailiwick.replay import line_of

    skipped = collected.skipped
    reasons = [
        {"reason": why, "rows": count, "examples": list(map(line_of, skipped.examples[why]))}
        for why, count in skipped.counts.items()
    ]
    return {
        "read": collected.rows + skipped.total,
        "used": collected.rows,
        "skipped": skipped.total,
        "skipped_by_reason": reasons,
        "notes": skipped.notes,
    }


def _say(report: "Report", collected: "Collected") -> None:
    _say_read(collected)
    served = report.served
    days = f" in {report.days:.1f} days" if report.days else ""
    say(f"served now: {served.requests:,} requests of {served.accounts:,} accounts{days}; "
        f"denied already: {report.denied.requests:,}")  # fmt: skip
    if report.sized < served.requests:
        missing = served.requests + report.denied.requests - report.sized
        say(f"[yellow]of {missing:,} requests the logs do not say the tokens: their context is "
            "taken to fit[/]")  # fmt: skip
    if report.losses:
        say_table(_HEAD, (_row(one, report) for one in report.losses[:MOST_LISTED]),
                  "weakest points, worst first")  # fmt: skip
        if len(report.losses) > MOST_LISTED:
            say(f"{len(report.losses) - MOST_LISTED} more; --json has them all")
    if report.scenarios:
        say_table(_HEAD, (_row(one, report) for one in report.scenarios), "stated scenarios")
    for one in (*report.scenarios, *report.losses[:3]):
        _say_details(one)
    _say_proposal(report)


def _say_read(collected: "Collected") -> None:
    from bailiwick.replay import line_of

    if collected.partial:
        err.print("[yellow]stopped before all was read: what follows is partial[/]")
    skipped = collected.skipped
    say(f"read {collected.rows + skipped.total:,} rows, used {collected.rows:,}")
    for why, count in skipped.counts.items():
        places = ", ".join(map(line_of, skipped.examples[why][:2]))
        say(escape(f"skipped {count:,}: {why} (such as {places})"))
    for note in skipped.notes:
        say(escape(f"note: {note}"))


_HEAD = ["loss", "hit", "kept", "may be kept", "lost", "accounts hit", "cost a month", "quality"]


def _row(one: "Impact", report: "Report") -> list[str]:
    total = report.served.requests
    return [
        _named(one), _share(one.hit.requests, total), _share(one.kept.requests, total),
        _share(one.may_keep.requests, total), _share(one.lost.requests, total),
        f"{one.hit.accounts:,}", _cost(one), _quality(one, report),
    ]  # fmt: skip


def _named(one: "Impact") -> str:
    def day(at: datetime | None) -> str:
        return f"{at:%Y-%m-%d}" if at else ""

    if one.from_at is None and one.until_at is None:
        return one.name
    return f"{one.name} ({day(one.from_at)} to {day(one.until_at) or 'further notice'})"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _cost(one: "Impact") -> str:
    if one.cost_before is None or one.cost_after is None:
        return "not known" if one.kept.requests else "-"
    ratio = one.cost_after / one.cost_before - 1 if one.cost_before else 0.0
    return f"{one.cost_before:,.0f} to {one.cost_after:,.0f} ({ratio:+.0%})"


def _quality(one: "Impact", report: "Report") -> str:
    if one.quality_change is None:
        return "not known" if one.kept.requests else "-"
    return f"{report.quality} {one.quality_change:+.1f}"


def _say_details(one: "Impact") -> None:
    if one.by_model:
        stand = ", ".join(f"{name} {count:,}" for name, count in list(one.by_model.items())[:4])
        say(escape(f"{one.name}: {stand} would stand in"))
    for why, count in list(one.reasons.items())[:4]:
        say(escape(f"{one.name}: {count:,} lost: {why}"))


def _say_proposal(report: "Report") -> None:
    found = report.proposal
    goal = f"{report.target:.1%}"
    if found.models:
        how = "no fewer will do" if found.exact else f"found greedily; at least {found.at_least}"
        say(f"to keep {goal} under any single loss, add: {', '.join(found.models)} ({how})")
    elif not found.beyond:
        say(f"the models in use keep {goal} under any single loss")
    if found.beyond:
        say(f"no permitted model helps enough against {len(found.beyond)} losses, such as:")
        for name, kept in sorted(found.beyond.items(), key=lambda one: one[1])[:5]:
            say(escape(f"  {name}: {kept:.1%} kept at best"))


# -- migration ---------------------------------------------------------------------------------


def migrate(
    before: Annotated[str, typer.Option("--from", help="The model that is used.")],
    after: Annotated[str, typer.Option("--to", help="The model to move to.")],
    traffic: Logs,
    catalog: Extra = None,
    scenario: Annotated[
        Path | None, typer.Option("--hosting", help="Own machines: `hosting` of a scenario file.")
    ] = None,
    format: Format = None,  # noqa: A002 - the word of the command line
    mapping: Mapped = None,
    assume: Assume = None,
    workers: Workers = None,
    config: Config = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Tell which recorded requests do not fit another model, what the rest costs, what to code for.

    Exit status: 1 if some requests do not fit.
    """
    from bailiwick.continuity import Prices
    from bailiwick.continuity import migrate as compare
    from bailiwick.replay import Setting

    now = moment(at)
    known = with_prices(read_catalog(catalog or ()), now)
    everything = compile_table(read_policy(EVERYTHING, "everything", known), known)
    old, new = _candidates(known, everything, [before, after])
    setting = Setting(
        new=everything, old=None, catalog=known, locator=open_locator(config), at=now,
        assumed=assumed_facts(assume),
    )  # fmt: skip
    options = log_options(format, mapping, assume, None)
    collected = _collected(setting, traffic, options, workers)
    stated = _scenarios(scenario, known, frozenset())
    prices = Prices.of(known.models, stated.hosting if stated else {})
    found = compare(known, collected.traffic, prices, old, new)
    if as_json:
        more = {"rows": _rows(collected), "partial": collected.partial}
        say_json(asdict(found) | {"schema": "bailiwick-migration/1", **more})
    else:
        _say_read(collected)
        _say_migration(found)
    if collected.partial:
        raise typer.Exit(STOPPED)
    raise typer.Exit(FAILED if any(one.known for one in found.misfits) else OK)


def _say_migration(found: "MigrationReport") -> None:
    whole = found.requests
    say(f"{found.before} to {found.after}: {whole:,} requests, longest context "
        f"{found.longest_context:,}, longest answer {found.longest_output:,} tokens")  # fmt: skip
    may = f", {_share(found.may_fit, whole)} may fit" if found.may_fit else ""
    say(f"{_share(found.fit, whole)} fit{may}")
    if found.sized < whole:
        say("[yellow]the logs do not say the tokens of all requests[/]")
    if found.misfits:
        say_table(
            ["what", "requests", "tokens", "accounts", ""],
            (
                [one.why, f"{one.requests:,} ({_share(one.requests, whole)})", f"{one.tokens:,}",
                 f"{one.accounts:,}", "does not fit" if one.known else "catalogue does not say"]
                for one in found.misfits
            ),
        )  # fmt: skip
    before, after = found.cost_before, found.cost_after
    if before is not None and after is not None:
        ratio = f" ({after / before - 1:+.0%})" if before else ""
        say(f"what fits or may fit costs {before:,.2f} USD a month, there {after:,.2f}{ratio}")
    else:
        say("a price is not known, so the cost is not")
    if found.notes:
        say_table(["to code for", "what changes"], ([one.what, one.how] for one in found.notes))
