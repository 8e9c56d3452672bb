"""Compare guardrails with the policy: cells that pass and must not, cells that are blocked wrongly.

The cells are the matrix that the compiler proves its own output with, so hand-written, published
and edited policies are held to the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bailiwick.cloud.aws import Answer, Guardrails, Profiles, Verdict
from bailiwick.targets.aws.compile import evaluate
from bailiwick.targets.aws.matrix import Case


class Finding(StrEnum):
    """What is wrong with a cell."""

    LETS_THROUGH = "lets through"
    BLOCKS = "blocks wrongly"
    UNDETERMINED = "undetermined"
    """Nobody can tell from the policies alone; it is never counted as right."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One cell that the guardrails do not answer as the policy does."""

    finding: Finding
    case: Case
    verdict: Verdict

    @property
    def by(self) -> str:
        """The deciding statement, or why there is none."""
        if self.verdict.reason:
            return self.verdict.reason
        return self.verdict.statement.name if self.verdict.statement else "no statement denies it"

    def as_dict(self) -> dict[str, Any]:
        """Give it for JSON."""
        return {"finding": self.finding.value, "by": self.by, **self.case.cell.as_dict()}


def compare(
    cases: Iterable[Case], rails: Guardrails, profiles: Profiles
) -> Iterator[Difference | None]:
    """Judge every case; ``None`` for one that is answered as the policy does."""
    for case in cases:
        verdict = evaluate(case, rails, profiles)
        finding = _finding(verdict.answer, permit=case.cell.permit)
        yield Difference(finding, case, verdict) if finding else None


def _finding(answer: Answer, *, permit: bool) -> Finding | None:
    if answer is Answer.UNDETERMINED:
        return Finding.UNDETERMINED
    if (answer is Answer.ALLOW) == permit:
        return None
    return Finding.BLOCKS if permit else Finding.LETS_THROUGH


def grouped(found: Iterable[Difference]) -> Mapping[tuple[Finding, str], list[Difference]]:
    """Group differences by what is wrong and the statement that decides, the most first."""
    groups: dict[tuple[Finding, str], list[Difference]] = {}
    for one in found:
        groups.setdefault((one.finding, one.by), []).append(one)
    order = list(Finding)
    return dict(sorted(groups.items(), key=lambda item: (order.index(item[0][0]), -len(item[1]))))
