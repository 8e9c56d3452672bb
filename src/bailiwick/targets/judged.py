"""One cell with what the policy says and what a cloud's policies say; proof and audit from these.

The same cells that prove our own output are put to what is deployed, whoever wrote it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any, TypeVar

from bailiwick.cloud import Answer, Cloud, Coverage, Residue
from bailiwick.errors import BailiwickError
from bailiwick.targets.compiled import Cell

T = TypeVar("T")
Progress = Callable[[Sequence[T]], Iterable[T]]
"""Goes through cases, and may show how far it is."""


class Kind(StrEnum):
    """How a cell differs, the worst first."""

    LETS_THROUGH = "lets through"
    """The policy denies it and the cloud permits it."""
    UNDETERMINED = "undetermined"
    """What is deployed cannot be evaluated here; it is not taken for a guardrail."""
    BLOCKS = "blocks"
    """The policy permits it and the cloud denies it, though it need not."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One cell and its answer."""

    cell: Cell
    answer: Answer
    by: str
    """The policy or statement that decided; what is missing, where none did."""
    lost: bool = False
    """The policy permits it and the cloud's means cannot: our output denies it and says so, and
    whoever permits it does no harm."""

    @property
    def kind(self) -> Kind | None:
        """How it differs from the policy; ``None``: not at all."""
        if self.answer is Answer.UNDETERMINED:
            return Kind.UNDETERMINED
        if self.answer is Answer.ALLOW:
            return None if self.cell.permit or self.lost else Kind.LETS_THROUGH
        return Kind.BLOCKS if self.cell.permit else None

    @property
    def is_proved(self) -> bool:
        """Whether the answer is exactly the one that our output must give."""
        return self.answer is (Answer.ALLOW if self.cell.permit else Answer.DENY)


# -- proof -------------------------------------------------------------------------------------


def prove(judged: Iterable[Judged], help: str | None = None) -> None:  # noqa: A002 - as in errors
    """Raise ``BailiwickError`` if a cell gets another answer than it must."""
    few = list(islice((one for one in judged if not one.is_proved), 5))
    if few:
        lines = "; ".join(
            f"{in_words(one.cell)} must be {'permit' if one.cell.permit else 'deny'} and is "
            f"{one.answer} ({one.by})"
            for one in few
        )
        raise BailiwickError(f"the output would not do what the policy says: {lines}", help)


def with_losses(
    residues: Iterable[Residue], lost: Iterable[tuple[Cell, str]], apart: str
) -> Iterator[Residue]:
    """Mark rules as stricter whose permits are ``lost``: a cell and the scope it is in.

    ``apart`` says what would bring the permits back.
    """
    scopes: dict[str, dict[str, None]] = {}
    for cell, scope in lost:
        for rule in cell.rules:
            scopes.setdefault(rule, {})[scope] = None
    for one in residues:
        where = list(scopes.get(one.rule, ()))
        if not where or one.coverage is not Coverage.EXACT:
            yield one
            continue
        few = ", ".join(where[:3]) + (f" and {len(where) - 3} more" if where[3:] else "")
        note = f"in {few} not everywhere the rule permits; {apart}"
        yield replace(one, coverage=Coverage.STRICTER, note=note)


# -- audit -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gap:
    """Cells that differ alike and for the same reason."""

    kind: Kind
    cloud: Cloud
    by: str
    """The policy that decided; what is missing, where none did."""
    cells: tuple[Cell, ...]

    def examples(self, most: int) -> list[Cell]:
        """Pick cells to show: as many different ways as there is room for, then accounts."""
        ways = {(one.action, one.profile): one for one in reversed(self.cells)}
        others = {(one.account, one.model): one for one in reversed(self.cells)}
        shown = dict.fromkeys((*reversed(ways.values()), *reversed(others.values())))
        return list(islice(shown, most))

    def as_dict(self) -> dict[str, Any]:
        """Give the gap for JSON, with every cell."""
        return {
            "kind": self.kind.value,
            "cloud": self.cloud.value,
            "by": self.by,
            "count": len(self.cells),
            "cells": [one.as_dict() for one in self.cells],
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """What became of every cell."""

    cells: int
    """How many were evaluated."""
    gaps: tuple[Gap, ...]
    """Those that differ, the worst and most first."""


def audit(cloud: Cloud, judged: Iterable[Judged]) -> Audit:
    """Collect the cells that differ, alike ones together."""
    found: dict[tuple[Kind, str], list[Cell]] = {}
    count = 0
    for count, one in enumerate(judged, 1):  # noqa: B007 - it is how many there were
        if one.kind is not None:
            found.setdefault((one.kind, one.by), []).append(one.cell)
    gaps = (Gap(kind, cloud, by, tuple(cells)) for (kind, by), cells in found.items())
    order = list(Kind)
    return Audit(
        count, tuple(sorted(gaps, key=lambda gap: (order.index(gap.kind), -len(gap.cells))))
    )


def in_words(cell: Cell) -> str:
    """Say what a cell is about."""
    way = f" ({cell.profile})" if cell.profile else ""
    region = f" in {cell.region}" if cell.region else ""
    what = cell.resource or cell.model
    return f"{cell.action} {what}{way}{region} by {cell.account}"
