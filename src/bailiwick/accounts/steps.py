"""What automation would do next with an account: one row of the table, or nothing.

The same function plans a dry run and the real run, so the one cannot promise what the other does
not do.
"""

from dataclasses import dataclass
from datetime import datetime

from bailiwick.accounts import machine
from bailiwick.accounts.flags import Flag
from bailiwick.accounts.machine import Situation, choose
from bailiwick.accounts.standing import Standing, situation
from bailiwick.policy import Policy

ORDER = (
    machine.SUSPENDED,
    machine.RESTRICTED,
    machine.IN_REVIEW,
    machine.ACTIVE,
)
"""What is tried, strictest first: a doubt never hides something graver."""
FAVOURABLE = {1: "evidence.complete", 8: "evidence.superseded", 9: "review.not_proven"}
"""Reason codes of the rows that rest on no finding."""


@dataclass(frozen=True, slots=True)
class Step:
    """A change that the table permits automation to make now."""

    account: str
    source: str
    target: str
    number: int
    code: str
    flag: Flag | None
    """The finding that it rests on."""

    @property
    def is_adverse(self) -> bool:
        """Whether it takes something away."""
        return self.target in machine.ADVERSE


def next_step(standing: Standing, policy: Policy, at: datetime) -> Step | None:
    """Find what automation would do with an account now."""
    known = situation(standing, policy, at)
    for target in ORDER:
        row, _ = choose(standing.status, target, known)
        if row is None:
            continue
        flag = _reason(row.number, known, standing)
        code = flag.code if flag else FAVOURABLE[row.number]
        return Step(standing.id, standing.status, target, row.number, code, flag)
    return None


def _reason(number: int, known: Situation, standing: Standing) -> Flag | None:
    if number in FAVOURABLE:
        return None
    if number == 6:
        last = standing.last
        same = (f for f in known.severe if last is not None and f.fingerprint == last.fingerprint)
        return next(same, None)
    if number == 7:
        return known.exact[0]
    if number in {3, 5}:
        return known.severe[0]
    return known.doubts[0]
