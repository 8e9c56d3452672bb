"""What a policy is worth by a table of regions and values, and whether claims follow from a table.

A table has names in its first column and figures in others, such as one for each year. Where the
names are regions, a policy says how much of each value lies where a model is refused; of a region
that is refused in part, what share is at stake nobody can tell, so bounds are given.
"""

import ast
import csv
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

from bailiwick.decision import DecisionTable, matrix
from bailiwick.documents import Document, Value
from bailiwick.errors import InvalidInput, Position, Problem
from bailiwick.places import canonical, countries, group, name_of

ROUNDING = 0.005
"""How far a share or rate may be from a claimed one and still count as it."""


@dataclass(frozen=True, slots=True)
class ValueTable:
    """Names and figures; an empty cell is unknown, and left out of what is computed."""

    file: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    """Columns with figures, in order."""
    values: Mapping[tuple[str, str], float]
    kinds: Mapping[str, str]
    """Name to what the last column of text says of it."""

    def value(self, name: str, column: str) -> float:
        """Look one figure up. Raises ``InvalidInput`` if it is not there."""
        found = self.values.get((name, column))
        if found is None:
            raise InvalidInput.of(
                f"the table has no `{name}`, `{column}`",
                f"rows {', '.join(self.names)}; columns {', '.join(self.columns)}",
            )
        return found

    def total(self, column: str) -> float:
        """Add a column up."""
        return sum(self.value(name, column) for name in self.names if (name, column) in self.values)

    def outside(self, name: str, column: str) -> tuple[float, float]:
        """Give all of a column but one row's: the figure, and its share of the total."""
        whole = self.total(column)
        rest = whole - self.values.get((name, column), 0.0)
        return rest, rest / whole if whole else 0.0

    @property
    def largest(self) -> str:
        """The row with most in the last column."""
        return max(self.names, key=lambda name: self.values.get((name, self.columns[-1]), 0.0))

    def growth(self, name: str | None, first: str, last: str) -> float:
        """Give the compound growth for each column's step from one column to another."""
        steps = self.columns.index(last) - self.columns.index(first)
        one, other = (self.total(c) if name is None else self.value(name, c) for c in (first, last))
        return float((other / one) ** (1 / steps) - 1)


def read_table(path: Path) -> ValueTable:
    """Read a table from CSV. Raises ``InvalidInput`` with the lines that are wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput.of(f"`{path}` cannot be read: {error}") from None
    if len(rows) < 2 or len(rows[0]) < 2:
        raise InvalidInput.of(
            f"`{path}` has no table", "a line of names, then a row for each region"
        )
    head, *body = rows
    numeric = [
        at
        for at in range(1, len(head))
        if any(_figure(row[at : at + 1]) is not None for row in body)
    ]
    problems: list[Problem] = []
    values: dict[tuple[str, str], float] = {}
    kinds: dict[str, str] = {}
    for number, row in enumerate(body, 2):
        if len(row) != len(head) or row[0] in kinds:
            message = (
                f"`{row[0]}` is there twice"
                if row[0] in kinds
                else f"{len(row)} cells, not {len(head)}"
            )
            problems.append(Problem(message, None, Position(str(path), number)))
            continue
        kinds[row[0]] = next((row[at] for at in range(1, len(head)) if at not in numeric), "")
        for at in numeric:
            figure = _figure(row[at : at + 1])
            if figure is not None:
                values[row[0], head[at]] = figure
            elif row[at].strip():
                problems.append(
                    Problem(f"`{row[at]}` is no number", None, Position(str(path), number))
                )
    if problems:
        raise InvalidInput(problems)
    return ValueTable(str(path), tuple(kinds), tuple(head[at] for at in numeric), values, kinds)


def _figure(cell: Sequence[str]) -> float | None:
    try:
        return float(cell[0].strip().replace(",", ""))
    except (ValueError, IndexError):
        return None


# ---- exposure ------------------------------------------------------------------------------------


def regions_of(table: ValueTable, given: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Find the places of each row: as given, else a country or a built-in group by its name."""
    found: dict[str, frozenset[str]] = {}
    problems = []
    by_name = {name_of(code): code for code in countries()}
    for name in table.names:
        place = canonical(name) or by_name.get(name)
        built_in = group(name)
        if name in given:
            found[name] = given[name]
        elif place or built_in:
            found[name] = frozenset({place}) if place else built_in.members  # type: ignore[union-attr]  # one of both is there
        else:
            problems.append(
                Problem(
                    f"{table.file}: `{name}` is no place and no group", "say which under `regions`"
                )
            )
    if problems:
        raise InvalidInput(problems)
    return found


def exposure(
    table: ValueTable, policy: DecisionTable, regions: Mapping[str, frozenset[str]], at: datetime
) -> list[dict[str, Any]]:
    """Say for each group of models what of every column is permitted, refused, or in between."""
    rows = []
    for row in matrix(policy, at, regions, None, apart=True):
        columns = {}
        for column in table.columns:
            sums = {"permitted": 0.0, "refused": 0.0, "partly": 0.0}
            for name, cell in row.cells.items():
                if (name, column) in table.values:
                    part = (
                        "partly"
                        if cell.partial
                        else "refused"
                        if cell.access.value == "blocked"
                        else "permitted"
                    )
                    sums[part] += table.values[name, column]
            whole = sum(sums.values())
            share = (
                [sums["refused"] / whole, (sums["refused"] + sums["partly"]) / whole]
                if whole
                else [0.0, 0.0]
            )
            columns[column] = {**sums, "share_refused": share}
        words = {name: cell.words for name, cell in row.cells.items()}
        rows.append({"models": list(row.models), "regions": words, "columns": columns})
    return rows


# ---- claims --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claims:
    """A file of claims about a table."""

    about: str
    source: str
    as_of: str
    unit: str
    regions: Mapping[str, frozenset[str]]
    checks: tuple["Check", ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One claim: what is said, how to compute it, and what it was said to be."""

    says: str
    compute: str
    low: float
    high: float
    percent: bool
    position: Position


def read_claims(document: Document) -> Claims:
    """Read a file of claims. Raises ``InvalidInput``."""
    value = document.value
    if not isinstance(value, dict) or value.get("claims") != "1":
        raise InvalidInput.of(
            "not a file of claims", "begin it with `claims: 1`", document.position(())
        )
    known = {"claims", "about", "source", "as_of", "unit", "regions", "checks"}
    problems = [
        Problem(
            f"unknown key `{key}`",
            f"known are {', '.join(sorted(known))}",
            document.key_position((key,)),
        )
        for key in value.keys() - known
    ]
    checks = []
    given = value.get("checks", [])
    for at, one in enumerate(given if isinstance(given, list) else []):
        here = document.position(("checks", at))
        try:
            checks.append(_check(one, here))
        except (KeyError, ValueError, TypeError, AttributeError):
            problems.append(
                Problem(
                    "a check needs `says`, `compute` and `claimed`",
                    "claimed: 60 %, 30 or [3, 5]",
                    here,
                )
            )
    regions = _regions(value.get("regions", {}), document, problems)
    if problems:
        raise InvalidInput(problems)
    texts = {name: str(value.get(name, "")) for name in ("about", "source", "as_of", "unit")}
    return Claims(**texts, regions=regions, checks=tuple(checks))


def _check(one: Any, here: Position) -> Check:
    claimed = one["claimed"]
    ends = [str(end) for end in claimed] if isinstance(claimed, list) else [str(claimed)] * 2
    percent = ends[0].strip().endswith("%")
    low, high = (float(end.strip().removesuffix("%")) / (100 if percent else 1) for end in ends)
    return Check(str(one["says"]), str(one["compute"]), low, high, percent, here)


def _regions(
    given: Value, document: Document, problems: list[Problem]
) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    rest = []
    for name, parts in given.items() if isinstance(given, dict) else ():
        here = document.position(("regions", name))
        if isinstance(parts, dict) and "rest" in parts:
            rest.append(name)
            continue
        places = _places(parts, problems, here)
        if not places:
            problems.append(
                Problem(f"region `{name}` has no places", "include: [US], or use: EU", here)
            )
        found[name] = places
    named: frozenset[str] = frozenset().union(*found.values())
    return {**found, **{name: frozenset(countries()) - named for name in rest}}


def _places(parts: Value, problems: list[Problem], here: Position) -> frozenset[str]:
    if not isinstance(parts, dict):
        return frozenset()
    used = group(str(parts["use"])) if "use" in parts else None
    if "use" in parts and used is None:
        problems.append(Problem(f"unknown group `{parts['use']}`", "see `bailiwick places`", here))
    listed: dict[str, set[str]] = {"include": set(), "exclude": set()}
    for key, places in listed.items():
        for code in parts.get(key, []):
            place = canonical(str(code))
            if place is None:
                problems.append(Problem(f"unknown place `{code}`", None, here))
            else:
                places.add(place)
    return (
        frozenset((used.members if used else frozenset()) | listed["include"]) - listed["exclude"]
    )


def check_claims(
    claims: Claims, table: ValueTable, exposed: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Compute what is claimed, and say whether it follows."""
    names = _functions(table, exposed)
    return [_checked(check, names) for check in claims.checks]


def _checked(check: Check, names: Mapping[str, Callable[..., float]]) -> dict[str, Any]:
    try:
        value = compute(check.compute, names)
    except InvalidInput as error:
        one = error.problems[0]
        raise InvalidInput.of(one.message, one.help, check.position) from None
    slack = ROUNDING if check.percent else abs(check.high) * ROUNDING
    return {
        "says": check.says,
        "claimed": [check.low, check.high],
        "computed": round(value, 6),
        "percent": check.percent,
        "follows": check.low - slack <= value <= check.high + slack,
        "compute": check.compute,
    }


def contradictions(checked: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """List the pairs of claims that say of one figure what cannot both be so."""
    return [
        (one["says"], other["says"])
        for one, other in combinations(checked, 2)
        if " ".join(one["compute"].split()) == " ".join(other["compute"].split())
        and (one["claimed"][1] < other["claimed"][0] or other["claimed"][1] < one["claimed"][0])
    ]


def _functions(
    table: ValueTable, exposed: Sequence[Mapping[str, Any]]
) -> dict[str, Callable[..., float]]:
    def of_kinds(column: str, kinds: Sequence[str]) -> list[float]:
        found = [
            table.values[name, column]
            for name in table.names
            if (name, column) in table.values and (not kinds or table.kinds[name] in kinds)
        ]
        if not found:
            raise InvalidInput.of(f"no row of {', '.join(kinds) or 'any kind'} has `{column}`")
        return found

    def blocked(model: str, region: str) -> float:
        for row in exposed:
            if model in row["models"] and region in row["regions"]:
                return 1.0 if row["regions"][region] == "blocked" else 0.0
        raise InvalidInput.of(
            f"the policy says nothing of `{model}` in `{region}`", "give `--policy`"
        )

    return {
        "value": table.value,
        "total": table.total,
        "growth": table.growth,
        "mean": lambda column, *kinds: sum(found := of_kinds(column, kinds)) / len(found),
        "largest": lambda column, *kinds: max(of_kinds(column, kinds)),
        "least": lambda column, *kinds: min(of_kinds(column, kinds)),
        "share_blocked": blocked,
    }


_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def compute(text: str, names: Mapping[str, Callable[..., float]]) -> float:
    """Work an expression out: numbers, ``+ - * /``, and the functions that are given."""
    try:
        return _worked_out(ast.parse(text.strip(), mode="eval").body, names)
    except (SyntaxError, RecursionError):
        raise InvalidInput.of(f"`{text}` is no expression") from None
    except (ZeroDivisionError, ValueError, TypeError) as error:
        raise InvalidInput.of(f"`{text}` cannot be computed: {error}") from None


def _worked_out(node: ast.expr, names: Mapping[str, Callable[..., float]]) -> float:
    match node:
        case ast.Constant(int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.BinOp(left, operation, right) if type(operation) in _OPERATORS:
            return _OPERATORS[type(operation)](_worked_out(left, names), _worked_out(right, names))
        case ast.Call(ast.Name(name), arguments, []) if name in names:
            return names[name](*(_text(one) for one in arguments))
    raise InvalidInput.of(
        f"`{ast.unparse(node)}` cannot stand here", f"numbers, + - * / and {', '.join(names)}"
    )


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise InvalidInput.of(f"`{ast.unparse(node)}` is no name in quotes")
