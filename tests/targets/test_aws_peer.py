"""An independent evaluator agrees with ours on every cell, and no mutant of the output survives.

The evaluator is iam-simulate in a process of its own. A mutant counts as different if it answers
some call of a large random set otherwise; every such mutant must be caught by the matrix.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import pytest

from bailiwick.cloud import Answer
from bailiwick.cloud.aws import (
    MANTLE,
    NAMES_MODEL,
    Call,
    Caller,
    Check,
    ScpStatement,
    Statements,
    aws_actions,
    default_profiles,
    expand,
    parse_scp,
)
from bailiwick.errors import InvalidInput
from bailiwick.targets.aws import Case, attached, evaluate
from targets.aws_compiling import work_on
from targets.aws_mutants import mutants
from targets.aws_peer import ask, needs_peer

pytestmark = [needs_peer, pytest.mark.timeout(600)]
SEED = 20261128
RANDOM_CALLS = 6000


@dataclass(frozen=True)
class Proof:
    """The example, compiled, with its cases."""

    work: object
    documents: dict[str, dict]
    cases: list[Case]
    statements: list[tuple[str, int, ScpStatement]] = field(default_factory=list)


@cache
def proof() -> Proof:
    work = work_on()
    placed = work.placed()
    documents = {one.name: json.loads(one.text) for one in placed}
    found = [
        (one.name, index, statement)
        for one in placed
        for index, statement in enumerate(parse_scp(one.name, one.text))
    ]
    return Proof(work, documents, list(work.matrix(placed)), found)


def key(check: Check) -> tuple:
    return check.action, check.resource, tuple(sorted(check.context.items()))


def test_the_independent_evaluator_says_the_same_of_every_check() -> None:
    found = proof()
    work = work_on()
    rails = attached(work.placed(), work.tree)
    checks = {
        key(one): (one, case.levels)
        for case in found.cases
        for one in expand(case.call, default_profiles())
    }

    peer = ask(found.documents, [(check, list(found.documents)) for check, _ in checks.values()])

    ours = [rails.decide(*one).answer for one in checks.values()]
    different = [
        (check, mine, theirs)
        for (check, _), mine, theirs in zip(checks.values(), ours, peer, strict=True)
        if (mine is Answer.ALLOW) != (theirs == "Allowed")
    ]
    assert different == []
    assert Answer.UNDETERMINED not in ours
    assert all(
        (evaluate(case, rails, default_profiles()).answer is Answer.ALLOW) == case.cell.permit
        for case in found.cases
    )


def random_calls(count: int) -> Iterator[tuple[Check, ...]]:
    """Calls by anybody of anything, whether or not the matrix has them."""
    rng = random.Random(SEED)
    work = work_on()
    tree, profiles = work.tree, default_profiles()
    callers = [
        Caller(one.id if one.is_listed else f"{index:012d}", tree.id, one.path)
        for index, one in enumerate(tree.accounts())
    ]
    models = [one.id for one in work.models] + ["unlisted.model-v1:0", "anthropic.claude-new-9"]
    regions = [*work.questions.regions.places, "xx-new-1"]
    actions = aws_actions().of_class(
        *NAMES_MODEL, *MANTLE, "blind", "blind-sagemaker", "key", "enable"
    )
    made = 0
    while made < count:
        action, model, region = rng.choice(actions), rng.choice(models), rng.choice(regions)
        names = [
            model,
            *(f"{prefix}.{model}" for prefix in profiles.prefixes),
            "provisioned-model/x",
            "imported-model/x",
            "marketplace/model-endpoint/x",
            f"custom-model/{model}/x",
            "application-inference-profile/x",
        ]
        name = (
            rng.choice(names)
            if action in aws_actions().of_class(*NAMES_MODEL)
            else rng.choice(names[:10])
            if action.startswith("bedrock-mantle:Create")
            else ""
        )
        if action in aws_actions().of_class("blind"):
            name = ""
        kinds = aws_actions().resources.get(action, ())
        kind = name.partition("/")[0] if "/" in name else "foundation-model"
        if (
            action in aws_actions().of_class(*NAMES_MODEL)
            and kind.replace("marketplace", "bedrock-marketplace-model-endpoint") not in kinds
        ):
            name = f"{rng.choice(kinds)}/x" if rng.random() < 0.5 else model
            if name in {
                "foundation-model/x",
                "inference-profile/x",
                "bedrock-marketplace-model-endpoint/x",
            }:
                name = model
        over = f"{rng.choice(profiles.prefixes)}.{model}"
        try:
            yield expand(Call(action, rng.choice(callers), region, name, over), profiles)
        except InvalidInput:
            continue
        made += 1


class Judge:
    """Answers calls from the statements alone: everything is allowed that none of them denies."""

    def __init__(self, statements: list[ScpStatement]) -> None:
        self.statements = Statements(tuple(statements))
        self._known: dict[tuple, int] = {}

    def matching(self, check: Check) -> int:
        sure, perhaps = self.statements.matching(check)
        assert sure == perhaps
        return sure


def test_no_mutant_that_makes_a_difference_survives_the_matrix() -> None:
    found = proof()
    whole = Judge([one for _, _, one in found.statements])
    pool = list(random_calls(RANDOM_CALLS))
    pool_masks = [[whole.matching(check) for check in call] for call in pool]
    cells = [(case.cell.permit, expand(case.call, default_profiles())) for case in found.cases]
    cell_masks = [[whole.matching(check) for check in checks] for _, checks in cells]
    rng = random.Random(SEED)
    asked, survivors, total, told_apart = [], [], 0, 0
    for bit, (name, index, statement) in enumerate(found.statements):
        only = 1 << bit
        for what, body in mutants(found.documents[name]["Statement"][index]):
            total += 1
            mutated = parse_scp(name, {"Statement": [body]})[0] if body else None
            judge = Judge([mutated] if mutated else [])
            differing = [
                call
                for call, masks in zip(pool, pool_masks, strict=True)
                if differs(call, masks, only, judge)
            ]
            killed = any(
                differs(checks, masks, only, judge)
                for (_, checks), masks in zip(cells, cell_masks, strict=True)
            )
            if differing and not killed:
                survivors.append(f"{statement.name}: {what}")
            if not killed:
                asked.append(
                    (
                        statement.name,
                        what,
                        name,
                        index,
                        body,
                        [*differing[:3], *rng.sample(pool, 20)],
                    )
                )
            else:
                told_apart += 1
                if differing and rng.random() < 0.2:
                    asked.append((None, what, name, index, body, differing[:1]))
    assert not survivors, "\n".join(survivors)
    quiet = [f"{sid}: {what}" for sid, what, *_ in asked if sid]
    assert told_apart > 0.9 * total, "\n".join(quiet)

    policies, questions, owners = dict(found.documents), [], []
    for number, (_, _, name, index, body, calls) in enumerate(asked):
        document = json.loads(json.dumps(found.documents[name]))
        document["Statement"][index : index + 1] = [body] if body else []
        mutant = f"mutant-{number}"
        policies[mutant] = document
        others = [one for one in found.documents if one != name]
        for call in calls:
            for check in call:
                questions += [(check, list(found.documents)), (check, [mutant, *others])]
                owners.append((number, id(call)))
    answers = ask(policies, questions)
    outcome: dict[tuple[int, int], list[bool]] = {}
    for owner, before, after in zip(owners, answers[::2], answers[1::2], strict=True):
        both = outcome.setdefault(owner, [True, True])
        both[0] &= before == "Allowed"
        both[1] &= after == "Allowed"
    for (number, _), (before, after) in outcome.items():
        sid, what, *_ = asked[number]
        if sid is None:
            assert before != after, f"ours tells `{what}` apart and the peer does not"
        else:
            assert before == after, f"{sid}: {what} survives the matrix"


def differs(checks: tuple[Check, ...], masks: list[int], only: int, judge: Judge) -> bool:
    """Whether a call is answered otherwise with the statement ``only`` replaced."""
    before = any(masks)
    after = any(mask & ~only for mask in masks) or any(judge.matching(one) for one in checks)
    return before != after
