"""A decision: what follows, which rules determined it, why, and under which revision."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bailiwick.policy import Obligations


class Effect(StrEnum):
    """The three answers. ``undetermined`` only while something is pending."""

    PERMIT = "permit"
    UNDETERMINED = "undetermined"
    DENY = "deny"

    @property
    def strictness(self) -> int:
        """Order for the stricter effect to win: permit, undetermined, deny."""
        return list(Effect).index(self)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, by code (``docs/reasons.md`` lists them)."""

    code: str
    rule: str | None = None
    authority: str | None = None
    dimension: str | None = None
    detail: str | None = None

    @property
    def order(self) -> tuple[str, ...]:
        """A total order, so that two evaluators list reasons alike."""
        return tuple(
            part or ""
            for part in (self.code, self.rule, self.authority, self.dimension, self.detail)
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one request."""

    effect: Effect
    determining: tuple[str, ...] = ()
    """Ids of the rules that decided, sorted: the denies of a deny; the permits and restricts of a
    permit, and the exempts that lifted something for it. Empty where a deny is for want of a
    permit."""
    reasons: tuple[Reason, ...] = ()
    obligations: Obligations = Obligations()
    contested: bool = False
    """The evidence has several candidates and they lead to different effects."""
    revision: str = ""

    @property
    def permitted(self) -> bool:
        """Whether the request may go on."""
        return self.effect is Effect.PERMIT


def deny(reasons: Iterable[Reason], determining: Iterable[str] = ()) -> Decision:
    """Make a deny; reasons and rules come out sorted and without repeats."""
    ordered = tuple(sorted(set(reasons), key=lambda reason: reason.order))
    return Decision(Effect.DENY, tuple(sorted(set(determining))), ordered)


def strictest(decisions: Iterable[Decision]) -> Decision:
    """Combine the decisions under each candidate: the stricter effect wins, obligations add up."""
    found = list(decisions)
    if len(found) == 1:
        return found[0]
    effect = max((one.effect for one in found), key=lambda one: one.strictness)
    worst = [one for one in found if one.effect is effect]
    obligations = Obligations()
    for one in worst:
        obligations = obligations.plus(one.obligations)
    return Decision(
        effect,
        tuple(sorted({rule for one in worst for rule in one.determining})),
        tuple(
            sorted({reason for one in worst for reason in one.reasons}, key=lambda one: one.order)
        ),
        obligations,
        contested=len({one.effect for one in found}) > 1,
    )


def common(decisions: Iterable[Decision]) -> Decision:
    """Combine the decisions under each completion of what is pending: what all agree on.

    Different effects give ``undetermined``. Of a permit the obligations add up; rules and reasons
    are those that every completion has.
    """
    found = list(decisions)
    effects = {one.effect for one in found}
    if len(effects) > 1:
        return Decision(Effect.UNDETERMINED)
    obligations = Obligations()
    for one in found:
        obligations = obligations.plus(one.obligations)
    rules = set(found[0].determining).intersection(*(one.determining for one in found))
    reasons = set(found[0].reasons).intersection(*(one.reasons for one in found))
    return Decision(
        effects.pop(),
        tuple(sorted(rules)),
        tuple(sorted(reasons, key=lambda one: one.order)),
        obligations,
        contested=all(one.contested for one in found),
    )
