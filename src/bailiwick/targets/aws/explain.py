"""Explain a call or a denial: which check of how many, in which region, what denied it, and why.

"Check 3 of 3, us-east-2, statement X, because of rule Y of your policy."
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bailiwick.cloud import GLOBAL, Account, Answer, Questions
from bailiwick.cloud.aws import (
    POLICY_ACTIONS,
    UNSPECIFIED,
    Call,
    Caller,
    Check,
    Described,
    Guardrails,
    Profiles,
    Verdict,
    aws_actions,
    expand,
)
from bailiwick.decision import Decision, Effect
from bailiwick.errors import InvalidInput
from bailiwick.policy import BUILTIN, RuleEffect
from bailiwick.targets.aws.compile import AwsWork
from bailiwick.targets.aws.matrix import NEW_ACCOUNT


@dataclass(frozen=True, slots=True)
class Step:
    """One check and its answer."""

    number: int
    check: Check
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class CallExplanation:
    """What became of a call."""

    described: Described
    account: Account | None
    steps: tuple[Step, ...]
    partial: bool
    """A message names one check only; the others of its call are not known."""
    decision: Decision | None
    """What the policy says of the call; ``None`` where the model or account is not known."""
    rules: tuple[str, ...]
    """The rules that lead to it: the denies, or the permits that do not match."""

    @property
    def deciding(self) -> Step | None:
        """The check that AWS names, else the first that is not allowed."""
        wanted = self.described.denied_on
        named = [one for one in self.steps if wanted and one.check.resource == wanted]
        if named:
            return named[0]
        return next((one for one in self.steps if one.verdict.answer is not Answer.ALLOW), None)

    @property
    def words(self) -> str:
        """Say it in one line."""
        step = self.deciding
        if step is None:
            return f"all {len(self.steps)} checks are allowed"
        which = "a check" if self.partial else f"check {step.number} of {len(self.steps)}"
        by = step.verdict.statement.name if step.verdict.statement else step.verdict.reason
        verb = {
            Answer.DENY: "denied by",
            Answer.UNDETERMINED: "undetermined in",
            Answer.ALLOW: "allowed by these guardrails; AWS says it was denied by",
        }[step.verdict.answer]
        if step.verdict.answer is Answer.ALLOW:
            by = self.described.denied_by or "another policy"
        return f"{which}, {step.check.region}, {verb} {by}{self._because}"

    @property
    def _because(self) -> str:
        if self.decision is None and self.account is None:
            return f", and `{self.described.account}` is not in the organisation file"
        if self.decision is None:
            return ", because no rule permits a model that the catalogue does not know"
        if self.decision.effect is not Effect.DENY:
            return ", though your policy does not deny the call"
        if not self.rules:
            return ", because no rule of your policy permits it"
        kind = "rule" if self.decision.determining else "no match with rule"
        return f", because of {kind} {', '.join(f'`{one}`' for one in self.rules)} of your policy"


def explain_call(
    described: Described, work: AwsWork, rails: Guardrails, profiles: Profiles
) -> CallExplanation:
    """Explain one call under some guardrails and the policy they come from."""
    account = _account(described.account, work)
    path = account.path if account else (work.tree.root.id,)
    caller = Caller(described.account, work.tree.id, path)
    checks, partial = _checks(described, caller, profiles)
    levels = (*path, described.account if account else NEW_ACCOUNT)
    steps = tuple(
        Step(number, check, rails.decide(check, levels)) for number, check in enumerate(checks, 1)
    )
    decision, rules = _decision(described, account, work, checks)
    return CallExplanation(described, account, steps, partial, decision, rules)


def _account(number: str, work: AwsWork) -> Account | None:
    return next((one for one in work.tree.accounts() if one.id == number), None)


def _checks(
    described: Described, caller: Caller, profiles: Profiles
) -> tuple[Sequence[Check], bool]:
    if described.region:
        call = Call(described.action, caller, described.region, described.model, described.over)
        return expand(call, profiles), False
    action = aws_actions().authorized_as(described.action)
    if action is None:
        raise InvalidInput.of(f"unknown action `{described.action}`")
    region = described.denied_region or UNSPECIFIED
    resource = described.denied_on or "*"
    context = {**caller.context, "aws:requestedregion": (region,)}
    return (Check(action, resource, context),), True


def _decision(
    described: Described, account: Account | None, work: AwsWork, checks: Sequence[Check]
) -> tuple[Decision | None, tuple[str, ...]]:
    bedrock = _bedrock_id(checks, described)
    model = next((one.model for one in work.models if one.id == bedrock), None)
    if model is None or account is None:
        return None, ()
    action = aws_actions().authorized_as(described.action) or ""
    word = POLICY_ACTIONS.get(aws_actions().classes.get(action, ""), "infer")
    regions = list(dict.fromkeys(one.region for one in checks))
    processing = GLOBAL if UNSPECIFIED in regions else regions
    where = work.questions.where(described.region or regions[0], processing)
    decision = work.questions.decide(account, where, model, word)
    if decision.determining or decision.effect is not Effect.DENY:
        return decision, decision.determining
    return decision, _permits(model, work.questions)


def _permits(model: str, questions: Questions) -> tuple[str, ...]:
    return tuple(
        sorted(
            rule.id
            for rule in questions.table.rules
            if rule.effect is RuleEffect.PERMIT
            and rule.authority != BUILTIN
            and model in rule.models
            and rule.in_force(questions.at)
        )
    )


def _bedrock_id(checks: Sequence[Check], described: Described) -> str:
    for check in checks:
        if "foundation-model/" in check.resource:
            return check.resource.partition("foundation-model/")[2]
        if "bedrock-mantle:model" in check.context:
            return check.context["bedrock-mantle:model"][0]
    return described.model
