"""Decide millions of rows: values fold into few classes, each combination is decided once.

Facts arrive dictionary-encoded, as columnar files have them: an array of codes and the list of
what the codes stand for. Rows that no rule can tell apart share one decision. A ``BatchDecider``
remembers what earlier batches taught it, and may ask several tables the same question at once.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bailiwick.decision.numbering import Codes, Numbering
from bailiwick.decision.table import DecisionTable
from bailiwick.decision.values import Decision
from bailiwick.facts import UNKNOWN, Fact, Facts


@dataclass(frozen=True, slots=True)
class Encoded:
    """One fact of many rows."""

    codes: Codes
    """Shape (rows,): index into ``values``."""
    values: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Part:
    """Some facts of many rows that come together, such as all that is known of an account."""

    name: str
    """Which list of values this is; a list may grow from batch to batch and never change."""
    codes: Codes
    """Shape (rows,): index into ``values``."""
    values: Sequence[Mapping[str, Fact]]
    apart: bool = False
    """Its values are told apart in ``situations``, whether or not a rule does."""


@dataclass(frozen=True, slots=True)
class BatchDecisions:
    """The decisions of many rows."""

    index: npt.NDArray[np.int32]
    """Shape (rows,): index into ``decisions``."""
    decisions: Sequence[Decision]


@dataclass(frozen=True, slots=True)
class Combination:
    """Rows that no rule of any table tells apart."""

    facts: Facts
    """One of them."""
    decisions: tuple[Decision, ...]
    """What each table says."""


class Situation(NamedTuple):
    """Rows that agree in the model, the time and every part."""

    combination: int
    """Index into ``combinations``."""
    model: int
    codes: tuple[int, ...]
    """For each part the code of its value, or the class where values are folded."""


def decide_batch(
    table: DecisionTable,
    models: Codes,
    names: Sequence[str | None],
    facts: Mapping[str, Encoded],
    at: datetime,
) -> BatchDecisions:
    """Decide every row at one time.

    ``models`` has shape (rows,) and indexes ``names``: catalogue ids, ``None`` for unknown ones. A
    fact that is not given is unknown. Facts that no rule asks about cost nothing.
    """
    parts = [
        Part(name, encoded.codes, [{name: value} for value in encoded.values])
        for name, encoded in sorted(facts.items())
    ]
    decider = BatchDecider([table])
    index = decider.decide(models, names, parts, np.zeros(len(models), np.int8), [at])
    return BatchDecisions(index, [found.decisions[0] for found in decider.combinations])


class BatchDecider:
    """Decides batch after batch by some tables. For one thread."""

    def __init__(self, tables: Sequence[DecisionTable]) -> None:
        self.tables = tuple(tables)
        self.asked = frozenset().union(*(table.asked for table in self.tables))
        self.combinations: list[Combination] = []
        """Every combination met so far; it only grows."""
        self.situations: list[Situation] = []
        """What ``situate`` told apart so far; it only grows."""
        self._of_situation: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self._numbering = Numbering()
        self._numbers: dict[tuple[object, ...], int] = {}
        self._foldings: dict[str, _Folding] = {}

    def decide(
        self,
        models: Codes,
        names: Sequence[str | None],
        parts: Sequence[Part],
        times: Codes,
        moments: Sequence[datetime],
    ) -> npt.NDArray[np.int32]:
        """Give for every row, shape (rows,), an index into ``combinations``.

        ``models`` indexes ``names`` (catalogue ids, ``None`` for unknown ones), ``times`` indexes
        ``moments``. The parts are the same ones in every batch, no two of them have the same fact,
        and a fact that no part has is unknown.
        """
        found = self.situate(models, names, parts, times, moments)
        return self._of_situation.take(found)

    def situate(
        self,
        models: Codes,
        names: Sequence[str | None],
        parts: Sequence[Part],
        times: Codes,
        moments: Sequence[datetime],
    ) -> npt.NDArray[np.int32]:
        """Give for every row, shape (rows,), an index into ``situations``."""
        columns, sizes = [models, times], [len(names), len(moments)]
        for part in parts:
            codes, size = (part.codes, len(part.values)) if part.apart else self._folded(part)
            columns.append(codes)
            sizes.append(size)
        numbers, fresh = self._numbering.numbers(columns, sizes)
        if len(fresh):
            new = self._numbering.met[len(self.situations) :]
            self.situations += [self._situation(met, names, parts, moments) for met in new]
            made = [one.combination for one in self.situations[len(self._of_situation) :]]
            self._of_situation = np.append(self._of_situation, np.array(made, np.int32))
        return numbers

    def _folded(self, part: Part) -> tuple[Codes, int]:
        folding = self._folding(part.name)
        classes = folding.classes(part.values)
        size = len(folding.examples)
        return (part.codes if classes is None or size == 1 else classes.take(part.codes)), size

    def _folding(self, name: str) -> "_Folding":
        return self._foldings.setdefault(name, _Folding(self.tables, self.asked))

    def _situation(
        self,
        met: tuple[int, ...],
        names: Sequence[str | None],
        parts: Sequence[Part],
        moments: Sequence[datetime],
    ) -> "Situation":
        model, time, *codes = met
        at = moments[time]
        values: dict[str, Fact] = {}
        classes = []
        for part, code in zip(parts, codes, strict=True):
            folding = self._folding(part.name)
            class_ = folding.class_of(part.values[code]) if part.apart and part.values else code
            classes.append(class_)
            values |= folding.examples[class_] if part.values else {}
        known = (names[model], at, *classes)
        if known not in self._numbers:
            facts = Facts(names[model], at, values)
            decisions = tuple(table.decide(facts) for table in self.tables)
            self._numbers[known] = len(self.combinations)
            self.combinations.append(Combination(facts, decisions))
        return Situation(self._numbers[known], model, tuple(codes))


class _Folding:
    """Folds the values of a list that satisfy the same conditions; contested ones stay apart."""

    def __init__(self, tables: Sequence[DecisionTable], asked: frozenset[str]) -> None:
        self.examples: list[Mapping[str, Fact]] = []
        self._tables, self._asked = tables, asked
        self._known: dict[Hashable, int] = {}
        self._classes = np.zeros(16, np.int32)
        self._folded = 0
        self._all_apart = True

    def classes(self, values: Sequence[Mapping[str, Fact]]) -> npt.NDArray[np.int32] | None:
        """Give the class of each value; ``None`` where every value is a class of its own."""
        if len(values) > len(self._classes):
            self._classes = np.resize(self._classes, 2 * len(values))
        for code in range(self._folded, len(values)):
            self._classes[code] = found = self.class_of(values[code])
            self._all_apart &= found == code
        self._folded = len(values)
        return None if self._all_apart else self._classes[: len(values)]

    def class_of(self, facts: Mapping[str, Fact]) -> int:
        """Give the class of some facts."""
        names = sorted(self._asked & facts.keys())
        same = tuple(
            (name, tuple(table.signature(name, facts[name]) for table in self._tables))
            for name in names
            if facts[name] is not UNKNOWN
        )
        if same not in self._known:
            self._known[same] = len(self.examples)
            self.examples.append({name: facts[name] for name in names})
        return self._known[same]
