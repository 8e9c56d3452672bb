"""Where what is deployed and the policy differ: what passes and must not, what is stopped wrongly.

The same cells that prove our own output are put to what is deployed, whoever wrote it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bailiwick.cloud import Cloud
from bailiwick.targets.compiled import Cell


class Kind(StrEnum):
    """How a cell differs."""

    LETS_THROUGH = "lets through"
    """The policy denies it and the cloud permits it."""
    BLOCKS = "blocks"
    """The policy permits it and the cloud denies it, though it need not."""
    UNDETERMINED = "undetermined"
    """What is deployed cannot be evaluated here; it is not taken for a guardrail."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Cells that differ alike: one example, and how many there are."""

    kind: Kind
    cloud: Cloud
    cell: Cell
    """The first of them."""
    by: str
    """The policy that decided; what is missing, where none did."""
    count: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Give the gap for JSON."""
        return {
            "kind": self.kind.value,
            "cloud": self.cloud.value,
            "count": self.count,
            "by": self.by,
            "example": self.cell.as_dict(),
        }

    @property
    def example(self) -> str:
        """The example in words."""
        cell = self.cell
        region = f" in {cell.region}" if cell.region else ""
        return f"{cell.account}: {cell.action} {cell.resource}{region}"


@dataclass(frozen=True, slots=True)
class Judged:
    """One cell with what the policy says and what the cloud does."""

    cell: Cell
    permitted: bool
    """By the policy, whatever a cloud can express."""
    answer: str
    """``allow``, ``deny`` or ``undetermined``."""
    by: str


def gaps(cloud: Cloud, judged: Iterable[Judged]) -> list[Gap]:
    """Collect the differences, alike ones together, those that let something through first."""
    found: dict[tuple[Kind, str, str, str], Gap] = {}
    for one in judged:
        kind = _kind(one)
        if kind is None:
            continue
        key = (kind, one.cell.account, one.cell.model, one.by)
        known = found.get(key)
        count = known.count + 1 if known else 1
        found[key] = Gap(kind, cloud, known.cell if known else one.cell, one.by, count)
    return sorted(found.values(), key=lambda gap: (list(Kind).index(gap.kind), -gap.count))


def _kind(one: Judged) -> Kind | None:
    if one.answer == "undetermined":
        return Kind.UNDETERMINED
    if one.answer == "allow":
        return None if one.permitted else Kind.LETS_THROUGH
    return Kind.BLOCKS if one.cell.permit else None
