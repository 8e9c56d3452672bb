"""What a measurement says: tables, goals and notes, for a terminal and for ``results.md``."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as RichTable


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, and how far they lay apart."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        found = sorted(values)
        return cls(statistics.median(found), found[0], found[-1], len(found))

    def show(self, digits: int = 2, unit: float = 1.0) -> str:
        """Write ``median [low-high]``, divided by ``unit``."""
        median, low, high = (
            f"{value / unit:,.{digits}f}" for value in (self.median, self.low, self.high)
        )
        return f"{median} [{low}-{high}]" if low != high else median


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal beside what was measured."""

    what: str
    bound: str
    """``<=`` or ``>=``."""
    limit: float
    measured: float | None
    """``None``: could not be measured here; ``why`` says the reason."""
    unit: str = ""
    why: str = ""

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured <= self.limit if self.bound == "<=" else self.measured >= self.limit

    def row(self) -> tuple[str, ...]:
        sign = {"<=": "at most", ">=": "at least"}[self.bound]
        found = self.why or "not measured" if self.measured is None else _figure(self.measured)
        unit = f" {self.unit}" if self.unit else ""
        answer = {True: "met", False: "NOT MET", None: "-"}[self.met]
        return (
            self.what,
            f"{sign} {_figure(self.limit)}{unit}",
            found + (unit if self.measured is not None else ""),
            answer,
        )


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """All that one benchmark has to say."""

    title: str
    tables: tuple[Table, ...] = ()
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()


GOALS = ("goal", "wanted", "measured", "")


def ratio(value: float, other: float) -> str:
    """Write how many times ``other`` a value is, to two figures or so."""
    return f"{_figure(value / other)}x" if other else "-"


def show(section: Section, console: Console) -> None:
    """Print a section."""
    console.rule(section.title)
    for table in section.tables:
        _print(table, console)
    if section.goals:
        _print(Table("Goals", GOALS, [goal.row() for goal in section.goals]), console)
    for note in section.notes:
        console.print(f"- {note}", style="dim", markup=False)


def markdown(section: Section) -> str:
    """Write a section for ``results.md``."""
    parts = [f"## {section.title}\n"]
    parts += [_lines(table) for table in section.tables]
    if section.goals:
        parts.append(_lines(Table("Goals", GOALS, [goal.row() for goal in section.goals])))
    if section.notes:
        parts.append("".join(f"- {note}\n" for note in section.notes))
    return "\n".join(parts)


def _print(table: Table, console: Console) -> None:
    shown = RichTable(title=table.title, title_justify="left")
    for index, name in enumerate(table.columns):
        shown.add_column(name, justify="right" if index and table.columns is not GOALS else "left")
    for row in table.rows:
        shown.add_row(*row, style="bold red" if "NOT MET" in row else None)
    console.print(shown)
    for note in table.notes:
        console.print(f"  {note}", style="dim", markup=False)


def _lines(table: Table) -> str:
    rule = ["---", *("---:" if table.columns is not GOALS else "---" for _ in table.columns[1:])]
    rows = [table.columns, rule, *table.rows]
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    notes = [f"\n{note}" for note in table.notes]
    return "\n".join([f"### {table.title}\n", *lines, *notes, ""])


def _figure(value: float) -> str:
    """Write three significant figures, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"
