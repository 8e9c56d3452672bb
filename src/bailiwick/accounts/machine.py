"""The status machine: which status may follow which, who may do it, and under what condition.

``TABLE`` is all there is: a change that no row of it permits is refused, whoever asks. Automation
can never terminate, lift what a person decided, or act without the evidence that a row names.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from bailiwick.accounts.flags import Flag
from bailiwick.accounts.values import AUTOMATION

PENDING, ACTIVE, IN_REVIEW = "pending", "active", "in_review"
RESTRICTED, SUSPENDED, TERMINATED, CLOSED = "restricted", "suspended", "terminated", "closed"
FIRST_STATUSES = (PENDING, ACTIVE)
"""What a new account can be."""
ADVERSE = frozenset({RESTRICTED, SUSPENDED, TERMINATED})
"""Statuses that take something away: each has a reason, facts, a notice and a policy behind it."""
CORRECTION = "error.correction"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when a status is to change."""

    people: tuple[str, ...] = ()
    """Who wants it; nobody: automation."""
    code: str = ""
    flags: tuple[Flag, ...] = ()
    """Findings that stand on the evidence of now, less those that a person has judged."""
    detected: bool = False
    """A detector has found something that a person should look at."""
    complete: bool = False
    """Every kind of evidence that is required is known and accepted."""
    on_probation: bool = False
    cure_over: bool = False
    """The notice of the restriction was sent, its cure time has passed, and its finding stands."""
    superseded: bool = False
    """Evidence of an equal or higher tier has taken the place of what the restriction rests on."""
    lapsed: bool = False
    """The review has had no decision for so long that it ends in favour of the account."""
    suspended_by: frozenset[str] = frozenset()
    """The people who suspended the account."""
    on_appeal: bool = False
    noticed_long_ago: bool = False
    """The notice of the suspension was sent long enough ago to terminate."""
    appeal_open: bool = False

    @property
    def severe(self) -> tuple[Flag, ...]:
        """Findings that may restrict or suspend."""
        return tuple(flag for flag in self.flags if flag.may_restrict)

    @property
    def exact(self) -> tuple[Flag, ...]:
        """Findings that may suspend at once."""
        return tuple(flag for flag in self.flags if flag.exact and flag.then == "suspend")

    @property
    def doubts(self) -> tuple[Flag, ...]:
        """Findings that ask for a person."""
        return tuple(flag for flag in self.flags if flag.asks_for_review)

    @property
    def doubtful(self) -> bool:
        """Whether anything asks for a person."""
        return self.detected or bool(self.doubts)


Guard = Callable[[Situation], str | None]
"""Says what is in the way; ``None``: nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    number: int
    sources: frozenset[str]
    target: str
    automation: Guard | None = None
    """What automation needs; ``None``: it may not."""
    people: int = 0
    """How many different people it takes; 0: people may not."""
    guard: Guard | None = field(default=None, repr=False)
    """What people need beyond that."""

    def objection(self, situation: Situation) -> str | None:
        """Say what is in the way; ``None``: nothing."""
        if not situation.people:
            if self.automation is None:
                return f"{AUTOMATION} may not do that"
            return self.automation(situation)
        if not self.people:
            return "no person may do that; it follows from evidence"
        if len({name.casefold() for name in situation.people}) < self.people:
            return "that takes two people"
        return self.guard(situation) if self.guard else None


def _needs(attribute: str, words: str) -> Guard:
    def guard(situation: Situation) -> str | None:
        return None if getattr(situation, attribute) else words

    return guard


SAME_PERSON = "an appeal is decided by somebody other than who suspended the account"


def _may_restrict(situation: Situation) -> str | None:
    if not situation.severe:
        return "no finding of class S stands"
    return "the account is on probation" if situation.on_probation else None


def _may_reinstate(situation: Situation) -> str | None:
    names = {name.casefold() for name in situation.people}
    if situation.on_appeal and names & {name.casefold() for name in situation.suspended_by}:
        return SAME_PERSON
    return None


def _may_terminate(situation: Situation) -> str | None:
    if situation.appeal_open:
        return "an appeal is open"
    if not situation.noticed_long_ago:
        return "the notice of the suspension was not sent, or not long enough ago"
    return None


def _may_correct(situation: Situation) -> str | None:
    return None if situation.code == CORRECTION else f"the only reason for that is `{CORRECTION}`"


def _row(number: int, sources: tuple[str, ...], target: str, **more: object) -> Row:
    return Row(number, frozenset(sources), target, **more)  # type: ignore[arg-type]  # as given below


COMPLETE = _needs("complete", "evidence that the policy requires is missing or not accepted")
DOUBT = _needs("doubts", "no finding asks for a review")
DETECTED = _needs("doubtful", "no finding and no detector asks for a review")
SEVERE = _needs("severe", "no finding of class S stands")
CURE_OVER = _needs("cure_over", "the notice was not sent, or its cure time is not over")
EXACT = _needs("exact", "no exact match on a list and no order suspends at once")
SUPERSEDED = _needs("superseded", "no evidence of an equal or higher tier has cleared it")
LAPSED = _needs("lapsed", "the review is still open")

TABLE: tuple[Row, ...] = (
    _row(1, (PENDING,), ACTIVE, automation=COMPLETE),
    _row(2, (PENDING,), IN_REVIEW, automation=DOUBT),
    _row(3, (PENDING,), SUSPENDED, automation=SEVERE),
    _row(4, (ACTIVE,), IN_REVIEW, automation=DETECTED, people=1),
    _row(5, (ACTIVE, IN_REVIEW), RESTRICTED, automation=_may_restrict),
    _row(6, (RESTRICTED,), SUSPENDED, automation=CURE_OVER),
    _row(7, (ACTIVE, IN_REVIEW, RESTRICTED), SUSPENDED, automation=EXACT, people=2),
    _row(8, (RESTRICTED,), ACTIVE, automation=SUPERSEDED, people=1),
    _row(9, (IN_REVIEW,), ACTIVE, automation=LAPSED, people=1),
    _row(10, (SUSPENDED,), ACTIVE, people=1, guard=_may_reinstate),
    _row(11, (SUSPENDED,), TERMINATED, people=2, guard=_may_terminate),
    _row(12, (TERMINATED,), ACTIVE, people=2, guard=_may_correct),
    _row(13, (PENDING, ACTIVE, IN_REVIEW, RESTRICTED, SUSPENDED), CLOSED, people=1),
)


def rows_between(source: str, target: str) -> tuple[Row, ...]:
    """Find the rows that lead from one status to another."""
    return tuple(row for row in TABLE if source in row.sources and row.target == target)


def choose(source: str, target: str, situation: Situation) -> tuple[Row | None, str | None]:
    """Find the row that permits a change, or say what is in the way."""
    rows = rows_between(source, target)
    if not rows:
        return None, f"nothing leads from {source} to {target}"
    objections = []
    for row in rows:
        objection = row.objection(situation)
        if objection is None:
            return row, None
        if situation.people == () or row.people:
            objections.append(objection)
    return None, objections[-1] if objections else rows[0].objection(situation)


def people_needed(source: str, target: str) -> int:
    """Count the people that a change takes; 0: no person may ask for it."""
    return max((row.people for row in rows_between(source, target)), default=0)
