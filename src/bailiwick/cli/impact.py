"""``bailiwick impact``: what a policy is worth by a table, and whether claims follow from it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from bailiwick.bootstrap import read_text
from bailiwick.cli.options import AsJson, At, moment
from bailiwick.cli.output import FAILED, say, say_json, say_table
from bailiwick.cli.policy import compiled
from bailiwick.documents import parse_document

if TYPE_CHECKING:
    from bailiwick.replay.impact import Claims, ValueTable


def impact(
    table: Annotated[
        Path, typer.Argument(help="CSV: regions (or models), then columns of figures.")
    ],
    policy: Annotated[
        Path | None, typer.Option("--policy", "-p", help="The policy to weigh.")
    ] = None,
    claims: Annotated[
        Path | None,
        typer.Option(help="Regions and claims (YAML); default TABLE.yaml if there is one."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if a claim does not follow.")
    ] = False,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Weigh a policy by a table of values, and check claims against the table."""
    from bailiwick.replay.impact import check_claims, exposure, read_claims, read_table, regions_of

    read = read_table(table)
    beside = claims or (table.with_suffix(".yaml") if table.with_suffix(".yaml").exists() else None)
    said = read_claims(parse_document(read_text(beside), str(beside))) if beside else None
    exposed: list[dict[str, Any]] = []
    if policy:
        _, compiled_table = compiled(policy)
        regions = regions_of(read, said.regions if said else {})
        exposed = exposure(read, compiled_table, regions, moment(at))
    checked = check_claims(said, read, exposed) if said else []
    if as_json:
        say_json(_document(read, said, exposed, checked))
    else:
        _say(read, said, exposed, checked)
    wrong = [one for one in checked if not one["follows"]]
    raise typer.Exit(FAILED if strict and wrong else 0)


def _document(
    table: "ValueTable",
    claims: "Claims | None",
    exposed: Sequence[Mapping[str, Any]],
    checked: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    from bailiwick.replay.impact import contradictions

    first, last = table.columns[0], table.columns[-1]
    return {
        "schema": "bailiwick.impact/1",
        "table": table.file,
        "source": claims.source if claims else None,
        "as_of": claims.as_of if claims else None,
        "about": claims.about if claims else None,
        "growth": {name: table.growth(name, first, last) for name in _growing(table)},
        "totals": {column: table.total(column) for column in table.columns},
        "outside": _outside(table),
        "exposure": list(exposed),
        "claims": list(checked),
        "contradictions": [list(pair) for pair in contradictions(checked)],
    }


def _outside(table: "ValueTable") -> dict[str, Any] | None:
    """Say what is left of each column without the largest row, if the columns are years."""
    if not _growing(table):
        return None
    found = {column: table.outside(table.largest, column) for column in table.columns}
    columns = {column: {"value": rest, "share": share} for column, (rest, share) in found.items()}
    return {"all_but": table.largest, "columns": columns}


def _growing(table: "ValueTable") -> list[str]:
    """List the rows that grow from the first column to the last, if the columns are years."""
    if len(table.columns) < 2 or not all(column.isdigit() for column in table.columns):
        return []
    ends = (table.columns[0], table.columns[-1])
    return [n for n in table.names if all(table.values.get((n, c), 0) > 0 for c in ends)]


def _say(
    table: "ValueTable",
    claims: "Claims | None",
    exposed: Sequence[Mapping[str, Any]],
    checked: Sequence[Mapping[str, Any]],
) -> None:
    from bailiwick.replay.impact import contradictions

    if claims and claims.source:
        about = f"{claims.about}; " if claims.about else ""
        source = f"{about}source: {claims.source}, as of {claims.as_of or 'unknown'}"
        say(f"[yellow]{escape(source)}[/]")
    _say_table(table)
    for row in exposed:
        _say_exposure(row)
    if checked:
        say_table(
            ["claim", "claimed", "computed", ""],
            [
                [
                    one["says"],
                    _range(one),
                    _value(one["computed"], one["percent"]),
                    "follows" if one["follows"] else "DOES NOT FOLLOW",
                ]
                for one in checked
            ],
            "claims",
        )
    for one, other in contradictions(checked):
        say(escape(f"CONTRADICTION: `{one}` and `{other}` cannot both be so"))


def _say_table(table: "ValueTable") -> None:
    growing = _growing(table)
    columns = ["", *table.columns, *(["growth a year"] if growing else [])]
    first, last = table.columns[0], table.columns[-1]
    rows = [
        [
            name,
            *(_cell(table, name, column) for column in table.columns),
            *(
                [f"{table.growth(name, first, last):.1%}"]
                if name in growing
                else [""]
                if growing
                else []
            ),
        ]
        for name in table.names
    ]
    if growing:
        totals = [f"{table.total(column):,g}" for column in table.columns]
        rows.append(["all", *totals, f"{table.growth(None, first, last):.1%}"])
        found = [table.outside(table.largest, column) for column in table.columns]
        rest = [f"{value:,g} ({share:.1%})" for value, share in found]
        rows.append([f"all but {table.largest}", *rest, ""])
    say_table(columns, rows, table.file)


def _cell(table: "ValueTable", name: str, column: str) -> str:
    found = table.values.get((name, column))
    return "" if found is None else f"{found:,g}"


def _say_exposure(row: Mapping[str, Any]) -> None:
    models = ", ".join(row["models"][:3]) + (" ..." if len(row["models"]) > 3 else "")
    shares = []
    for column, sums in row["columns"].items():
        low, high = sums["share_refused"]
        shares.append(f"{column} {low:.1%}" + (f" to {high:.1%}" if high > low else ""))
    say(f"[bold]{escape(models)}[/]: refused of the total: {escape(', '.join(shares))}")
    say(escape("  " + "; ".join(f"{name}: {words}" for name, words in row["regions"].items())))


def _range(one: Mapping[str, Any]) -> str:
    low, high = (_value(end, one["percent"]) for end in one["claimed"])
    return low if low == high else f"{low} to {high}"


def _value(value: float, percent: bool) -> str:
    return f"{value:.1%}" if percent else f"{value:,.3g}"
