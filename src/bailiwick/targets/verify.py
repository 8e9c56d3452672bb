"""Whether the layers agree: no way around one of them to what it denies.

Every layer decides from one table, so the gateway is right by construction. A cloud is another way
to the same models: what it cannot see, what it was told to leave open and what is deployed there
instead of our output are the holes. Without what is deployed, the output is judged that would be
compiled, which shows the holes that remain even then.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import product

from bailiwick.catalog import Catalog
from bailiwick.cloud import (
    Cloud,
    Coverage,
    Organisation,
    Questions,
    Residue,
    Tree,
    coverage_of,
    regions_of,
)
from bailiwick.decision import DecisionTable, Effect
from bailiwick.facts import Fact
from bailiwick.places import countries
from bailiwick.targets.judged import Audit, Gap, Kind, in_words

CHANNELS = {Cloud.AWS: "bedrock", Cloud.GCP: "vertex", Cloud.AZURE: "azure"}
"""Where the catalogue has a cloud's names of models."""


class HoleKind(StrEnum):
    """What kind of hole it is, the worst first."""

    NO_GUARDRAIL = "no guardrail"
    CLOUD_PERMITS = "edge denies, cloud permits"
    UNSEEN = "nobody enforces it there"
    NOT_EVALUATED = "not evaluated"
    CLOUD_DENIES = "edge permits, cloud denies"
    LEFT = "left to somebody"
    """Declared, or somebody else's by nature: who enforces it is named, or why it is open."""

    @property
    def is_open(self) -> bool:
        """Whether it must be closed; what is declared or only stricter need not be."""
        return self not in {HoleKind.LEFT, HoleKind.CLOUD_DENIES}


@dataclass(frozen=True, slots=True)
class Hole:
    """One hole, with an example and what to change."""

    kind: HoleKind
    cloud: Cloud
    says: str
    examples: tuple[str, ...] = ()
    change: str = ""
    count: int = 1


JudgeDeployed = Callable[[Cloud, Tree], Audit | None]
"""Judges what is deployed in a cloud; ``None``: nothing of it is there to judge."""


def verify(
    table: DecisionTable,
    catalog: Catalog,
    organisation: Organisation,
    at: datetime,
    deployed: JudgeDeployed | None = None,
) -> list[Hole]:
    """Find every hole, the worst first. ``deployed`` judges what is really there."""
    found: list[Hole] = []
    for cloud in Cloud:
        offered = offered_by(catalog, cloud) & table.policy.models
        held = sorted(model for model in offered if table.controlled(model))
        tree = organisation.trees.get(cloud)
        if tree is None:
            found += _unknown_cloud(cloud, held)
            continue
        questions = Questions(table, regions_of(cloud), at)
        residues = coverage_of(questions, cloud, offered)
        witness = partial(_witness, questions, tree, offered)
        found += [hole for one in residues for hole in _of_rule(cloud, one, witness)]
        found += _declared(cloud, tree)
        found += _roles(questions, tree)
        if deployed is not None:
            found += _of_deployed(cloud, deployed(cloud, tree))
    return sorted(found, key=lambda one: (list(HoleKind).index(one.kind), one.cloud, one.says))


def offered_by(catalog: Catalog, cloud: Cloud) -> frozenset[str]:
    """Name the models that the catalogue knows a cloud to offer."""
    channel = CHANNELS[cloud]
    return frozenset(name for name, model in catalog.models.items() if channel in model.aliases)


def _unknown_cloud(cloud: Cloud, held: list[str]) -> Iterator[Hole]:
    if held:
        yield Hole(
            HoleKind.NO_GUARDRAIL,
            cloud,
            f"{len(held)} controlled models are offered there and the organisation file does not "
            "say who uses it",
            (f"{held[0]} by any account there",),
            f"describe `{cloud.value}` in the organisation file, or make sure nobody has it",
            len(held),
        )


def _of_rule(
    cloud: Cloud, residue: Residue, witness: Callable[[str, str], str | None]
) -> Iterator[Hole]:
    points: Mapping[str, str] = dict(residue.enforced_by)
    if residue.coverage in {Coverage.WEAKER, Coverage.NOT_EXPRESSIBLE}:
        for what in residue.missing:
            says = f"rule `{residue.rule}`: {cloud.value} cannot see {what}"
            found = witness(residue.rule, what)
            example = (found or f"a call straight to {cloud.value}, past the gateway",)
            if what in points:
                change = f"make sure that {points[what]} cannot be gone around"
                yield Hole(
                    HoleKind.LEFT, cloud, f"{says}; {points[what]} enforces it", example, change
                )
            else:
                change = f"name who enforces {what} under `acknowledge`, or change the rule"
                yield Hole(HoleKind.UNSEEN, cloud, says, example, change)


def _witness(
    questions: Questions, tree: Tree, offered: frozenset[str], rule: str, what: str
) -> str | None:
    """Find a call that the cloud passes and the table denies, for where the client is.

    Other facts that a cloud cannot see have no such list of values; their rules stand as a whole.
    """
    about = next(one for one in questions.table.rules if one.id == rule).models
    if what != "address":
        return None
    models = {questions.model_class(one): one for one in sorted(about & offered, reverse=True)}
    accounts = {questions.account_class(one): one for one in tree.accounts() if not one.exempt}
    regions = {
        questions.where_class(questions.where(one, (one,))): one for one in questions.regions.places
    }
    for model, account, region in product(models.values(), accounts.values(), regions.values()):
        where = questions.where(region, (region,))
        if questions.decide(account, where, model).effect is Effect.UNDETERMINED:
            for country in countries():
                there: Mapping[str, Fact] = {"address": frozenset({country})}
                if questions.decide_with(account, where, model, there).effect is Effect.DENY:
                    return (
                        f"{model} in {region} by {account.name}, called from {country}: the table "
                        f"denies it and {questions.regions.cloud.value} lets it pass"
                    )
    return None


def _declared(cloud: Cloud, tree: Tree) -> Iterator[Hole]:
    for account in tree.accounts():
        if account.exempt is not None:
            says = f"account {account.id} is exempt: {account.exempt}"
            yield Hole(HoleKind.LEFT, cloud, says, (), "end the exemption when its reason ends")
    for part, reason in sorted(tree.leave_open.items()):
        yield Hole(HoleKind.LEFT, cloud, f"{part} is left open: {reason}")
    if tree.management:
        says = f"management account {tree.management}: no guardrail reaches it"
        yield Hole(HoleKind.LEFT, cloud, says, (), "let nothing but the organisation run there")


def _roles(questions: Questions, tree: Tree) -> Iterator[Hole]:
    """Name the roles of AWS: whoever takes one on calls as the account that it is in."""
    classes = {questions.account_class(one) for one in tree.accounts()}
    if tree.cloud is Cloud.AWS and len(classes) > 1:
        says = (
            "a call counts for the account of its role, and the role's own policy says who has it"
        )
        change = (
            "keep others out by a resource control policy on `sts:AssumeRole`: docs/cloud/aws.md"
        )
        yield Hole(HoleKind.LEFT, Cloud.AWS, says, (), change)


def _of_deployed(cloud: Cloud, audited: Audit | None) -> Iterator[Hole]:
    if audited is None:
        yield Hole(
            HoleKind.NO_GUARDRAIL,
            cloud,
            f"nothing that is deployed in {cloud.value} was given",
            ("every denied model by any account there",),
            f"export it to the folder `{cloud.value}`; compile and attach it if there is none",
        )
        return
    for gap in audited.gaps:
        examples = tuple(in_words(one) for one in gap.examples(EXAMPLES))
        kind = KINDS[gap.kind]
        yield Hole(kind, cloud, gap.by, examples, _change(cloud, gap), len(gap.cells))


EXAMPLES = 3
KINDS = {
    Kind.LETS_THROUGH: HoleKind.CLOUD_PERMITS,
    Kind.BLOCKS: HoleKind.CLOUD_DENIES,
    Kind.UNDETERMINED: HoleKind.NOT_EVALUATED,
}


def _change(cloud: Cloud, gap: Gap) -> str:
    if gap.kind is Kind.UNDETERMINED:
        return f"judge `{gap.by}` by hand, or replace it by what `bailiwick compile` writes"
    return f"attach what `bailiwick compile {cloud.value}` writes"
