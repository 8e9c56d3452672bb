"""What exists already: whether the policy permits what it serves, though no guardrail reaches it.

A guardrail refuses what is made or called. A deployment that was made before serves on, and the
checks of its calls name no model. So each is judged here as one call of what it stands for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bailiwick.cloud.logs import CloudRecord, Outcome, Where
from bailiwick.cloud.regions import Cloud
from bailiwick.cloud.watch.inventory import Served
from bailiwick.cloud.watch.judge import Judge
from bailiwick.decision import Effect


class Standing(StrEnum):
    """What the policy says of something that exists."""

    MUST_NOT = "must not exist"
    UNDETERMINED = "undetermined"
    """It cannot be said; ``reason`` says why. It is never counted as right."""
    PERMITTED = "permitted"


@dataclass(frozen=True, slots=True)
class Existing:
    """One thing that exists, and its standing."""

    name: str
    served: Served
    standing: Standing
    reason: str
    rules: tuple[str, ...]
    """The rules that determine it; where no rule permits it, those that permit its model."""

    def as_dict(self) -> dict[str, Any]:
        """Give it for JSON."""
        return {
            "name": self.name,
            "model": self.served.model,
            "sku": self.served.sku,
            "standing": self.standing.value,
            "reason": self.reason,
            "rules": list(self.rules),
        }


def judge_existing(judge: Judge, cloud: Cloud, at: datetime) -> Iterator[Existing]:
    """Judge everything in the inventory of one cloud, in order of its names."""
    for name, served in sorted(judge.inventory.served.items()):
        if served.cloud is cloud:
            yield _existing(judge, name, served, at)


def _existing(judge: Judge, name: str, served: Served, at: datetime) -> Existing:
    answer = judge.answer(_as_call(served, at))
    rules = answer.rules
    if answer.exempt is not None:
        return Existing(name, served, Standing.PERMITTED, f"exempt: {answer.exempt}", ())
    match answer.effect:
        case Effect.PERMIT:
            return Existing(name, served, Standing.PERMITTED, "permitted by the policy", rules)
        case Effect.DENY:
            near = rules or answer.near
            return Existing(name, served, Standing.MUST_NOT, f"denied ({answer.why})", near)
        case _:
            return Existing(name, served, Standing.UNDETERMINED, answer.why, rules)


def _as_call(served: Served, at: datetime) -> CloudRecord:
    assert served.cloud is not None  # noqa: S101 - listings say it of all
    return CloudRecord(
        where=Where("", 0, 0),
        cloud=served.cloud,
        at=at,
        operation=served.through,
        action="batch" if (served.sku or "").endswith("Batch") else "infer",
        account=served.account,
        resource=served.resource,
        endpoint=served.location,
        model=served.model,
        through=served.through,
        sku=served.sku,
        outcome=Outcome.SUCCEEDED,
    )
