"""Find what a caller may use instead of a model, the best first.

Every candidate is decided afresh, with the facts of the caller and, where they are given, with the
facts of the place where that model would run.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from bailiwick.alternatives.compare import Comparison, compare
from bailiwick.alternatives.fit import Fit, Needs, fit, same_kind
from bailiwick.alternatives.rank import WORST, Objective, fronts, objectives
from bailiwick.catalog import Catalog, Model
from bailiwick.decision import Decision, DecisionTable, Effect
from bailiwick.facts import DIMENSIONS, PENDING, Fact, Facts, Layer

RESIDENT_FACTS = ("address", "billing", "card", "registered", "document", "phone")
Route = Callable[[str], Mapping[str, Fact] | None]
"""Facts of where a model runs, by its id; ``None``: it is not served."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model that is not denied."""

    model: Model
    decision: Decision
    depends_on: tuple[str, ...]
    """Facts that are not known yet and decide; empty for a permit."""
    fit: Fit
    front: int
    """Number of its Pareto front among those that fit alike; 1 is beaten by nobody."""
    comparison: Comparison | None
    """What is different from the model that was wanted."""


def resident(place: str) -> dict[str, Fact]:
    """Describe an ordinary resident of a place: everything about the account is there."""
    here = frozenset({place})
    none: frozenset[str] = frozenset()
    known: dict[str, Fact] = dict.fromkeys(RESIDENT_FACTS, here)
    known |= {"network": frozenset({"residential"}), "action": frozenset({"infer"})}
    known |= {"status": frozenset({"active"}), "labels": none, "features": none}
    known |= {"principal": none, "end_user.labels": none}
    later = (Layer.CLOUD, Layer.SETTINGS)
    return known | {name: PENDING for name, one in DIMENSIONS.items() if one.layer in later}


def find_alternatives(
    table: DecisionTable,
    catalog: Catalog,
    facts: Facts,
    needs: Needs,
    *,
    route: Route | None = None,
    only: Collection[str] | None = None,
    benchmarks: Collection[str] = (),
) -> list[Candidate]:
    """List what is not denied, best first: permitted before undetermined, fitting before not.

    ``facts.model`` is the model that was wanted, and is not listed. ``only`` narrows the models;
    ``benchmarks`` measure quality (default: those of ``needs.minimum``, else of the wanted model).
    """
    wanted = catalog.models.get(facts.model or "")
    ids = [id_ for id_ in (only or catalog.models) if id_ != facts.model and id_ in catalog.models]
    like = [id_ for id_ in ids if same_kind(catalog.models[id_], wanted)]
    used = needs.features | facts_features(facts)
    all_needs = Needs(
        needs.context_tokens, needs.output_tokens, used, needs.minimum, needs.max_price
    )
    found = []
    for id_ in like:
        more = route(id_) if route else {}
        if more is None:
            continue
        asked = Facts(id_, facts.at, {**facts.values, "features": used, **more})
        decision = table.decide(asked)
        if decision.effect is not Effect.DENY:
            found.append((catalog.models[id_], decision, _open(table, asked, decision)))
    goals = objectives(benchmarks or needs.minimum or (wanted.scores if wanted else ()))
    return _ranked(found, all_needs, goals, wanted)


def facts_features(facts: Facts) -> frozenset[str]:
    """List the features in use, as far as they are known."""
    given = facts.get("features")
    return given if isinstance(given, frozenset) else frozenset()


def _open(table: DecisionTable, facts: Facts, decision: Decision) -> tuple[str, ...]:
    """Name what an undetermined answer waits for: each fact whose being unknown matters."""
    if decision.effect is Effect.PERMIT:
        return ()
    about = {
        one.fact
        for rule in table.rules
        if facts.model in rule.models
        for part in rule.disjuncts
        for one in part
    }
    return tuple(sorted(name for name in about if facts.get(name) is PENDING))


def _ranked(
    found: list[tuple[Model, Decision, tuple[str, ...]]],
    needs: Needs,
    goals: tuple[Objective, ...],
    wanted: Model | None,
) -> list[Candidate]:
    fits = {model.id: fit(model, needs) for model, _, _ in found}
    ranks: dict[str, int] = {}
    for answer in (True, None, False):
        ranks |= fronts([one for one, _, _ in found if fits[one.id].fits is answer], goals)
    candidates = [
        Candidate(
            model, decision, open_, fits[model.id], ranks[model.id],
            compare(wanted, model) if wanted else None,
        )
        for model, decision, open_ in found
    ]  # fmt: skip
    return sorted(candidates, key=lambda one: _order(one, goals))


def _order(one: Candidate, goals: tuple[Objective, ...]) -> tuple[object, ...]:
    scores = [goal.value(one.model) for goal in goals]
    known = sum(score != WORST for score in scores)
    return (
        len(one.depends_on) > 0, [True, None, False].index(one.fit.fits), one.front, -known,
        [-score for score in scores], one.model.id,
    )  # fmt: skip
