"""Compile a policy to service control policies, and prove the output before it is handed out.

The output is evaluated on the whole generated matrix; if one cell differs from the decision table
there is no output.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from bailiwick.catalog import Catalog
from bailiwick.cloud import (
    Answer,
    Cloud,
    Coverage,
    Questions,
    Residue,
    Tree,
    Unit,
    coverage_of,
    regions_of,
    require_acknowledged,
)
from bailiwick.cloud.aws import (
    FULL_ACCESS,
    Guardrails,
    Profiles,
    ScpStatement,
    Verdict,
    aws_actions,
    default_profiles,
    expand,
    guardrails,
    parse_scp,
)
from bailiwick.decision import DecisionTable
from bailiwick.errors import InvalidInput, Problem, Severity
from bailiwick.policy import BUILTIN
from bailiwick.shapes import did_you_mean
from bailiwick.targets.aws.accounts import Accounts
from bailiwick.targets.aws.behaviour import Behaviours
from bailiwick.targets.aws.matrix import NEW_ACCOUNT, Case, Matrix
from bailiwick.targets.aws.models import bedrock_models
from bailiwick.targets.aws.statements import Draft, Writer, joined
from bailiwick.targets.aws.told_apart import ToldApart
from bailiwick.targets.compiled import Compiled, Statement, escaped, minified, terraform_text
from bailiwick.targets.judged import Judged, prove

MOST = 10_240
"""Characters that AWS takes in one policy, since May 2026."""
FORMERLY = 5_120
"""Characters that it took before, and still takes by some copies of its documentation."""
MOST_ATTACHED = 9
"""Policies that fit on one root, unit or account beside ``FullAWSAccess``."""
HELP = "give labels by organisational unit, name fewer models, or use `--new-models like-family`"
HEAD = '{"Version":"2012-10-17","Statement":[]}'


class NewModels(StrEnum):
    """What becomes of a model that the catalogue does not know yet."""

    DENY = "deny"
    LIKE_FAMILY = "like-family"
    """It is treated as the known models whose names begin alike."""


class Attach(StrEnum):
    """Where policies are attached."""

    ROOT = "root"
    """One set at the root; it tells accounts apart by their path."""
    UNITS = "units"
    """One set for each unit below the root, and for each account beside them."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile."""

    profiles: Profiles
    new_models: NewModels = NewModels.DENY
    attach: Attach = Attach.ROOT
    most: int = FORMERLY
    """Characters at which a new policy is begun; a statement that is longer stands alone."""


@dataclass(frozen=True, slots=True)
class Named:
    """A statement with its Sid and conditions."""

    sid: str
    body: Mapping[str, Any]
    draft: Draft
    says: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A policy and where it is attached."""

    name: str
    target: str
    statements: tuple[Named, ...]
    text: str


def compile_aws(
    table: DecisionTable,
    catalog: Catalog,
    tree: Tree,
    at: datetime,
    options: Options | None = None,
) -> Compiled:
    """Compile for one organisation at one moment.

    Raises ``InvalidInput`` where a rule would come out weaker and the policy does not say who
    enforces it, or a policy does not fit; ``BailiwickError`` where the output does not do on every
    cell of its matrix what the decision table says.
    """
    options = options or Options(default_profiles())
    work = AwsWork(table, catalog, tree, at, options)
    residues = work.residues()
    require_acknowledged(residues, Cloud.AWS)
    placed = work.placed()
    warnings = _check_sizes(placed)
    cases = work.matrix(placed)
    rails = attached(placed, tree)
    prove((judge(one, rails, options.profiles) for one in cases), NOT_TOLD)
    return Compiled(
        Cloud.AWS,
        table.revision,
        {f"{one.name}.json": one.text for one in placed},
        {"bailiwick.tf.json": _terraform(placed, tree)},
        tuple(
            Statement(f"{one.name}.json", each.sid, work.rules_about(each.draft), each.says)
            for one in placed
            for each in one.statements
        ),
        tuple(residues),
        tuple(_notes(tree, options)),
        {f"{one.name}.json": (len(one.text), MOST) for one in placed},
        tuple(case.cell for case in cases),
        tuple(warnings),
    )


class AwsWork:
    """Everything that is made once for a compilation."""

    def __init__(
        self,
        table: DecisionTable,
        catalog: Catalog,
        tree: Tree,
        at: datetime,
        options: Options,
    ) -> None:
        self.table, self.at, self.options = table, at, options
        self.tree = replace(tree, products=_products(tree, catalog))
        self.questions = Questions(table, regions_of(Cloud.AWS), at)
        self.models = [one for one in bedrock_models(catalog) if one.model in table.policy.models]

    def residues(self) -> list[Residue]:
        """Say of every rule how far service control policies hold it."""
        found = coverage_of(self.questions, Cloud.AWS, {one.model for one in self.models})
        if self.options.new_models is NewModels.LIKE_FAMILY:
            return found
        return [
            replace(one, note="a new model is denied until the policy is compiled again")
            if one.coverage is Coverage.EXACT
            else one
            for one in found
        ]

    def policies(self, scope: Unit) -> list[Placed]:
        """Write the policies of one unit, to be attached there."""
        accounts = Accounts(replace(self.tree, root=scope))
        behaviours = Behaviours(self.questions, accounts, self.options.profiles)
        exact = self.options.new_models is NewModels.DENY
        drafts = Writer(behaviours, accounts, self.models, exact=exact).drafts()
        prefix = "bailiwick" if scope == self.tree.root else f"bailiwick-{scope.id}"
        packed = _packed(_named(drafts, accounts), self.options.most)
        return [
            Placed(f"{prefix}-{index}", scope.id, tuple(found), _text(found))
            for index, found in enumerate(packed, 1)
        ]

    def placed(self) -> list[Placed]:
        """Write every policy with the place where it is attached."""
        scopes = _scopes(self.tree, self.options.attach)
        return [one for scope in scopes for one in self.policies(scope)]

    def matrix(self, placed: Iterable[Placed]) -> list[Case]:
        """Generate the cases that prove policies of our own."""
        found = self.cases(
            [one for policy in placed for one in parse_scp(policy.name, policy.text)]
        )
        if self.options.attach is Attach.ROOT:
            return found
        return [case for case in found if case.levels != (self.tree.root.id, NEW_ACCOUNT)]

    def cases(self, statements: Sequence[ScpStatement]) -> list[Case]:
        """Generate the cases; what some statements tell apart is apart."""
        accounts, apart = Accounts(self.tree), ToldApart(statements)
        profiles = self.options.profiles
        made = Matrix(self.questions, self.tree, accounts, self.models, profiles, apart)
        return list(made.cases())

    def rules_about(self, draft: Draft) -> tuple[str, ...]:
        """Name the rules in force about the models of a statement."""
        return tuple(
            sorted(
                {
                    rule.id
                    for rule in self.table.rules
                    if rule.authority != BUILTIN
                    and rule.in_force(self.at)
                    and not rule.models.isdisjoint(draft.models)
                }
            )
        )


def _products(tree: Tree, catalog: Catalog) -> Mapping[str, tuple[str, ...]]:
    found = {}
    for name, ids in tree.products.items():
        model = catalog.resolve(name)
        if model is None:
            raise InvalidInput.of(
                f"`products` names an unknown model `{name}`", did_you_mean(name, catalog.models)
            )
        found[model] = ids
    return found


# -- statements to policies --------------------------------------------------------------------


def _named(drafts: Iterable[Draft], accounts: Accounts) -> list[Named]:
    """Give each statement a Sid, and the conditions on accounts; one draft may need two."""
    counts: dict[str, int] = defaultdict(int)
    found = []
    for draft in drafts:
        for clause in accounts.outside(draft.allowed):
            counts[draft.kind] += 1
            sid = f"Bw{draft.kind}{counts[draft.kind]}"
            condition = joined(draft.body["Condition"], clause.conditions)
            body = {"Sid": sid, "Effect": "Deny", **draft.body, "Condition": condition}
            if not condition:
                del body["Condition"]
            found.append(Named(sid, body, draft, f"{draft.says}; denied to {clause.says}"))
    return found


def _packed(named: Sequence[Named], most: int) -> list[list[Named]]:
    """Put statements into as few policies as they fit in, in order (first fit)."""
    policies: list[tuple[int, list[Named]]] = []
    for one in named:
        size = len(minified(one.body)) + 1
        for index, (used, found) in enumerate(policies):
            if used + size <= most:
                policies[index] = (used + size, [*found, one])
                break
        else:
            policies.append((len(HEAD) + size, [one]))
    return [found for _, found in policies]


def _text(statements: Iterable[Named]) -> str:
    return minified({"Version": "2012-10-17", "Statement": [dict(one.body) for one in statements]})


def _scopes(tree: Tree, attach: Attach) -> list[Unit]:
    """List where policies are attached: the root, or its units and the accounts beside them."""
    if attach is Attach.ROOT:
        return [tree.root]
    alone = [
        Unit(one.id, one.name, one.path, (), (), one, one.position)
        for one in tree.root.accounts
        if one.exempt is None
    ]
    return [*tree.root.units, *alone]


def _check_sizes(placed: Sequence[Placed]) -> list[Problem]:
    """Fail on what AWS does not take, and warn of what it took only lately."""
    errors, warnings = [], []
    for one in placed:
        size = len(one.text)
        longest = max(one.statements, key=lambda each: len(minified(each.body)))
        if size > MOST:
            errors.append(
                Problem(
                    f"{one.name}.json: {size} characters, and AWS takes {MOST}; the longest "
                    f"statement is {longest.sid}: {longest.says}",
                    HELP,
                )
            )
        elif size > FORMERLY:
            message = f"{one.name}.json: {size} characters; before May 2026 AWS took {FORMERLY}"
            hint = "check the quota of your organisation"
            warnings.append(Problem(message, hint, severity=Severity.WARNING))
    for target, count in Counter(one.target for one in placed).items():
        if count > MOST_ATTACHED:
            message = (
                f"{count} policies for `{target}`, and AWS attaches {MOST_ATTACHED} "
                "beside `FullAWSAccess`"
            )
            errors.append(Problem(message, HELP))
    if errors:
        raise InvalidInput(errors)
    return warnings


def _terraform(placed: Sequence[Placed], tree: Tree) -> str:
    policies = {
        one.name: {
            "name": one.name,
            "description": "Compiled by Bailiwick; do not edit.",
            "type": "SERVICE_CONTROL_POLICY",
            "content": escaped(one.text),
        }
        for one in placed
    }
    attachments = {
        one.name: {
            "policy_id": f"${{aws_organizations_policy.{one.name}.id}}",
            "target_id": "${var.target_id}" if one.target == tree.root.id else one.target,
        }
        for one in placed
    }
    target = {
        "type": "string",
        "default": tree.root.id,
        "description": "Where the policies are attached. Begin with a test unit.",
    }
    return terraform_text(
        {
            "variable": {"target_id": target},
            "resource": {
                "aws_organizations_policy": policies,
                "aws_organizations_policy_attachment": attachments,
            },
        }
    )


# -- proof -------------------------------------------------------------------------------------


def attached(placed: Iterable[Placed], tree: Tree) -> Guardrails:
    """Index the policies where they are attached, beside what AWS attaches itself."""
    levels: dict[str, list[ScpStatement]] = {
        name: list(FULL_ACCESS)
        for name in (
            *(unit.id for unit in tree.root.every()),
            *(account.id for account in tree.accounts()),
            NEW_ACCOUNT,
        )
    }
    for one in placed:
        levels[one.target] += parse_scp(one.name, one.text)
    return guardrails(levels)


def evaluate(case: Case, rails: Guardrails, profiles: Profiles) -> Verdict:
    """Evaluate a case: all of its checks must be allowed. The first other answer counts."""
    for check in expand(case.call, profiles):
        verdict = rails.decide(check, case.levels)
        if verdict.answer is not Answer.ALLOW:
            return verdict
    return Verdict(Answer.ALLOW)


def judge(case: Case, rails: Guardrails, profiles: Profiles) -> Judged:
    """Evaluate a case, and name what decided it."""
    verdict = evaluate(case, rails, profiles)
    name = verdict.statement.name if verdict.statement else "no statement denies it"
    return Judged(case.cell, verdict.answer, verdict.reason or name)


NOT_TOLD = (
    "service control policies cannot tell these calls apart; change the policy so that endpoint "
    "and processing do not depend on one another, or report this"
)


def _notes(tree: Tree, options: Options) -> Iterable[str]:
    yield (
        f"the management account{f' {tree.management}' if tree.management else ''}: "
        "service control policies never reach it"
    )
    for one in tree.accounts():
        if one.exempt is not None:
            yield f"account {one.id}: exempt ({one.exempt})"
    for part, reason in sorted(tree.leave_open.items()):
        yield f"{part}: left open ({reason})"
    yield "provisioned throughput and deployments that exist already; `cloud audit` judges them"
    yield "the caller's country; hold it at the edge, and let only the edge reach the cloud"
    yield "discovery (List, Get) and the agents' own actions; the model calls they make are held"
    services = sorted({one.partition(":")[0] for one in aws_actions().classes})
    yield (
        f"resource control policies: they reach none of {', '.join(services)} (as reported in "
        "September 2026), so none is written; they do reach roles that are taken on (sts)"
    )
    yield (
        "stricter: a call of the second front door through a profile passes only where the model "
        "may run anywhere, and names of models with a context length (`:48k`) are not listed"
    )
    if not tree.products:
        yield "marketplace subscriptions: the organisation file names no `products`"
    if options.new_models is NewModels.LIKE_FAMILY:
        yield "new models: treated like the known ones whose names begin alike"
    if options.attach is Attach.UNITS:
        yield "accounts opened beside the units, and new units: compile again when there are any"
    yield f"inference profiles: {options.profiles.source}, as of {options.profiles.as_of}"
