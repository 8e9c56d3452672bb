"""Judge whole logs and add up: how many of each verdict, and what the doubtful ones have in common.

Memory stays bounded: records are counted, not kept, and beyond ``MOST_FINDINGS`` kinds of findings
further ones are counted together.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from bailiwick.cloud.logs import CloudRecord, Skipped, Where
from bailiwick.cloud.watch.judge import Judge, Judgement, Verdict

MOST_FINDINGS = 10_000
MOST_UNREADABLE = 100
"""Unreadable records that are named; all are counted."""


class Kind(msgspec.Struct, frozen=True):
    """What records of one finding have in common."""

    verdict: Verdict
    reason: str
    rules: tuple[str, ...] = ()
    cloud: str = ""
    account: str | None = None
    action: str = ""
    model: str | None = None
    through: str | None = None
    endpoint: str | None = None
    processing: str | None = None
    outcome: str = ""


@dataclass(slots=True)
class Finding:
    """Records that are alike."""

    kind: Kind
    example: Where
    first_at: datetime
    last_at: datetime
    count: int = 0

    def add(self, at: datetime) -> None:
        """Count one more record."""
        self.count += 1
        self.first_at, self.last_at = min(self.first_at, at), max(self.last_at, at)


@dataclass(slots=True)
class WatchReport:
    """What logs show."""

    revision: str
    records: int = 0
    """Everything that was read: the sum of all verdicts, ``other`` and ``unreadable``."""
    other: int = 0
    """Records that are not about a model."""
    unreadable: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    findings: dict[Kind, Finding] = field(default_factory=dict)
    not_read: list[Skipped] = field(default_factory=list)
    whole: bool = True
    """Everything was read; ``False`` after an interruption."""

    @property
    def judged(self) -> int:
        """How many records are about a model."""
        return self.verdicts.total()

    def add(self, record: CloudRecord, judgement: Judgement) -> None:
        """Count one judged record."""
        self.verdicts[judgement.verdict] += 1
        kind = _kind(record, judgement)
        found = self.findings.get(kind)
        if found is None:
            if len(self.findings) >= MOST_FINDINGS:
                kind = Kind(judgement.verdict, "of more kinds than are told apart")
            found = self.findings.setdefault(
                kind, Finding(kind, record.where, record.at, record.at)
            )
        found.add(record.at)

    def skip(self, skipped: Skipped) -> None:
        """Count what is no use of a model, or could not be read."""
        if not skipped.unreadable:
            self.other += 1
            return
        self.unreadable += 1
        if len(self.not_read) < MOST_UNREADABLE:
            self.not_read.append(skipped)

    def of(self, verdict: Verdict) -> list[Finding]:
        """List the findings of one verdict, most frequent first."""
        mine = (one for one in self.findings.values() if one.kind.verdict is verdict)
        return sorted(mine, key=lambda one: (-one.count, str(one.kind)))


def _kind(record: CloudRecord, judgement: Judgement) -> Kind:
    return Kind(
        judgement.verdict,
        judgement.reason,
        judgement.rules,
        record.cloud.value,
        record.account,
        record.action,
        record.model,
        record.through,
        record.endpoint,
        record.processing,
        record.outcome.value,
    )


def watch(judge: Judge, records: Iterable[CloudRecord | Skipped], report: WatchReport) -> None:
    """Judge every record, adding to ``report``; what is in it stays if this is interrupted."""
    for one in records:
        report.records += 1
        if isinstance(one, Skipped):
            report.skip(one)
        else:
            report.add(one, judge.judge(one))
