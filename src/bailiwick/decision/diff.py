"""What changes between two policies: the classes of requests whose answer differs.

Exhaustive, not textual: the facts are folded one by one over the classes that either policy
distinguishes, keeping each reachable pair of masks once, with a witness.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bailiwick.decision.table import DecisionTable
from bailiwick.decision.universe import classes
from bailiwick.decision.values import Decision, Effect
from bailiwick.errors import BailiwickError
from bailiwick.facts import UNKNOWN, Fact, Facts

MOST_STATES = 100_000


@dataclass(slots=True)
class Difference:
    """Requests that one policy answers otherwise than the other, for the same reasons."""

    models: list[str]
    old: Decision
    new: Decision
    classes: int
    """How many classes of facts there are; each stands for all the values that are like it."""
    witness: Facts
    """One example."""
    values: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """For each fact the values that occur, ``unknown`` among them."""

    @property
    def grants(self) -> bool:
        """Whether the new policy permits what the old one did not."""
        return self.new.effect is Effect.PERMIT and self.old.effect is not Effect.PERMIT


@dataclass(slots=True)
class _Witness:
    facts: dict[str, Fact]
    classes: int = 1
    values: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def diff_policies(
    old: DecisionTable, new: DecisionTable, at: datetime, models: Iterable[str] | None = None
) -> list[Difference]:
    """Compare two tables at one time, for all models that either knows or for some.

    Raises ``BailiwickError`` where the policies distinguish more than can be listed.
    """
    wanted = sorted(old.policy.models | new.policy.models if models is None else models)
    alike: dict[tuple[int, int, frozenset[str], frozenset[str]], list[str]] = defaultdict(list)
    for model in wanted:
        alike[
            _row(old, model, at),
            _row(new, model, at),
            _governing(old, model),
            _governing(new, model),
        ].append(model)
    found: list[Difference] = []
    for group in alike.values():
        found.extend(_Differ(old, new, at, group).differences())
    return sorted(found, key=lambda one: (not one.grants, one.models, -one.classes))


def _row(table: DecisionTable, model: str, at: datetime) -> int:
    return table.row(model, at) if model in table.policy.models else -1


def _governing(table: DecisionTable, model: str) -> frozenset[str]:
    return table.governing(model) if model in table.policy.models else frozenset()


class _Differ:
    def __init__(
        self, old: DecisionTable, new: DecisionTable, at: datetime, models: list[str]
    ) -> None:
        self.tables = (old, new)
        self.at = at
        self.models = models
        self.rules = [
            rule
            for table in self.tables
            for rule in table.rules
            if models[0] in rule.models and rule.in_force(at)
        ]

    def differences(self) -> Iterator[Difference]:
        """Fold all facts, then compare the two answers of each reachable pair."""
        groups: dict[tuple[object, ...], list[tuple[Decision, Decision, _Witness]]] = defaultdict(
            list
        )
        for witness in self._fold().values():
            old, new = (self._decide(table, witness) for table in self.tables)
            if (old.effect, old.obligations) != (new.effect, new.obligations):
                key = (*_outcome(old), *_outcome(new))
                groups[key].append((old, new, witness))
        for found in groups.values():
            yield self._merged(found)

    def _merged(self, found: Sequence[tuple[Decision, Decision, _Witness]]) -> Difference:
        old, new, witness = found[0]
        facts = Facts(self.models[0], self.at, witness.facts)
        merged = Difference(self.models, old, new, sum(one.classes for *_, one in found), facts)
        for *_, one in found:
            for name, values in one.values.items():
                merged.values[name] |= values
        return merged

    def _decide(self, table: DecisionTable, witness: _Witness) -> Decision:
        model = self.models[0] if self.models[0] in table.policy.models else None
        return table.decide(Facts(model, self.at, witness.facts))

    def _fold(self) -> Mapping[tuple[int, int], _Witness]:
        old, new = self.tables
        states = {
            (_row(old, self.models[0], self.at), _row(new, self.models[0], self.at)): _Witness({})
        }
        names = sorted({one.fact for rule in self.rules for part in rule.disjuncts for one in part})
        for position, name in enumerate(names):
            rest = names[position + 1 :]
            folded: dict[tuple[int, int], _Witness] = {}
            for fact, alike in {**classes(self.rules, name), UNKNOWN: ["unknown"]}.items():
                entries = [table.entry(name, fact).mask for table in self.tables]
                for masks, witness in states.items():
                    pair = tuple(
                        _settled(table, mask & entry, rest)
                        for table, mask, entry in zip(self.tables, masks, entries, strict=True)
                    )
                    _keep(folded, (pair[0], pair[1]), witness, name, fact, alike)
            if len(folded) > MOST_STATES:
                raise BailiwickError(
                    f"more than {MOST_STATES} classes to compare for `{self.models[0]}`",
                    "compare fewer models, or policies that differ in fewer rules",
                )
            states = folded
        return states


def _keep(
    folded: dict[tuple[int, int], _Witness],
    pair: tuple[int, int],
    witness: _Witness,
    name: str,
    fact: Fact,
    alike: list[str],
) -> None:
    kept = folded.get(pair)
    if kept is None:
        kept = folded[pair] = _Witness({**witness.facts, name: fact}, 0)
    kept.classes += witness.classes
    kept.values[name].update(alike or ["none"])
    for other, values in witness.values.items():
        kept.values[other] |= values


def _settled(table: DecisionTable, mask: int, rest: list[str]) -> int:
    """Forget all but one absolute deny once nothing can change it any more."""
    if mask < 0:
        return mask
    final = mask & table.absolute_denies
    for name in rest:
        final &= table.entry(name, UNKNOWN).free
    return final & -final if final else mask


def _outcome(decision: Decision) -> tuple[object, ...]:
    return decision.effect, decision.determining, decision.obligations
