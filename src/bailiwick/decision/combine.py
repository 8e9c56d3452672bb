"""Combine the rules that matched into one decision.

This is the reference evaluator: plain, slow, and the page a reviewer reads first.
``table`` is the fast path; ``tests/agreement`` holds the two together.

Deny overrides permit and the default is deny (XACML 3.0, appendix C). Beyond XACML, every
authority that governs the model must permit, so nobody's rule set can widen another's.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bailiwick.decision.values import Decision, Effect, Reason, deny
from bailiwick.policy import Obligations, Rule, RuleEffect


@dataclass(frozen=True, slots=True)
class Match:
    """A rule whose conditions hold."""

    rule: Rule
    missing: frozenset[str] = frozenset()
    """Evidence that is required and absent, if the rule matches by that alone."""

    def reasons(self) -> Iterable[Reason]:
        """Say why; a rule that matched for want of evidence says that, and accuses nobody."""
        if not self.missing:
            yield Reason(self.rule.code, self.rule.id, self.rule.authority, detail=self.rule.detail)
        for dimension in self.missing:
            yield Reason("evidence.missing", self.rule.id, self.rule.authority, dimension)


def combine(
    matched: Collection[Match],
    governing: Collection[str],
    silence: Iterable[Reason],
) -> Decision:
    """Decide from the rules whose conditions hold, in any order.

    ``governing`` are the authorities with any permit for this model, matched or not.
    ``silence`` explains, for each authority without a matching permit, what it lacked.
    A restrict that denies features comes with denies that match when one is in use.
    """
    exempting = [match.rule for match in matched if match.rule.effect is RuleEffect.EXEMPT]
    lifted = {name for rule in exempting for name in rule.lifts}
    standing = [match for match in matched if match.rule.absolute or match.rule.id not in lifted]

    denies = [match for match in standing if match.rule.effect is RuleEffect.DENY]
    if denies:
        reasons = (reason for match in denies for reason in match.reasons())
        return deny(reasons, (match.rule.id for match in denies))

    permits = [match.rule for match in standing if match.rule.effect is RuleEffect.PERMIT]
    silent = frozenset(governing) - {rule.authority for rule in permits}
    if not governing:
        return deny([Reason("authority.none")])
    if silent:
        return deny(reason for reason in silence if reason.authority in silent)

    restricts = [match.rule for match in standing if match.rule.effect is RuleEffect.RESTRICT]
    obligations = Obligations()
    for rule in restricts:
        obligations = obligations.plus(rule.obligations)
    gone = {match.rule.id for match in matched if match not in standing}
    lifting = [rule for rule in exempting if rule.lifts & gone]
    determining = sorted({rule.id for rule in (*permits, *restricts, *lifting)})
    return Decision(Effect.PERMIT, tuple(determining), obligations=obligations)
