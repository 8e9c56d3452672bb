"""Decide millions of rows: values fold into few classes, each combination is decided once.

Facts arrive dictionary-encoded, as columnar files have them: an array of codes and the list of
what the codes stand for. Rows that no rule can tell apart share one decision. A ``BatchDecider``
remembers what earlier batches taught it, and may ask several tables the same question at once.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.decision.table import DecisionTable
from bailiwick.decision.values import Decision
from bailiwick.facts import UNKNOWN, Fact, Facts

Codes = npt.NDArray[np.integer]
MOST_DENSE = 1 << 22
"""Combinations up to which a flat array is used; beyond, the distinct ones are sorted out."""


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
        ``moments``. No two parts have the same fact; a fact that no part has is unknown.
        """
        columns = [_Column("", models, names)]
        if len(moments) > 1:
            columns.append(_Column("", times, moments))
        columns += [self._folded(part) for part in parts if part.values]
        keys = _keys(columns, len(models))
        distinct, index = _distinct(keys, columns)
        numbers = [self._number(columns, int(key), moments[0]) for key in distinct]
        decided: npt.NDArray[np.int32] = np.array(numbers, np.int32)[index]
        return decided

    def _folded(self, part: Part) -> "_Column":
        folding = self._foldings.setdefault(part.name, _Folding(self.tables, self.asked))
        classes = folding.classes(part.values)
        codes = part.codes if classes is None else classes[part.codes]
        return _Column(part.name, codes, folding.examples)

    def _number(self, columns: Sequence["_Column"], key: int, moment: datetime) -> int:
        """Find the number of a combination; one that is new is decided."""
        values: dict[str, Fact] = {}
        at, model, named = moment, None, []
        for column in reversed(columns):
            key, number = divmod(key, len(column.examples))
            example = column.examples[number]
            if isinstance(example, Mapping):
                values.update(example)
                named += [number, column.name]
            elif isinstance(example, datetime):
                at = example
            else:
                model = example
        known = (model, at, *named)
        if known not in self._numbers:
            facts = Facts(model, at, values)
            decisions = tuple(table.decide(facts) for table in self.tables)
            self._numbers[known] = len(self.combinations)
            self.combinations.append(Combination(facts, decisions))
        return self._numbers[known]


@dataclass(frozen=True, slots=True)
class _Column:
    """Classes of one column: what each row has, and one value of each class."""

    name: str
    codes: Codes
    examples: Sequence[Mapping[str, Fact] | str | datetime | None]


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
            self._classes[code] = found = self._class(values[code])
            self._all_apart &= found == code
        self._folded = len(values)
        return None if self._all_apart else self._classes[: len(values)]

    def _class(self, facts: Mapping[str, Fact]) -> int:
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


def _keys(columns: Sequence[_Column], rows: int) -> Codes:
    """Write each row's combination of classes as one number, in mixed radix."""
    size = np.prod([float(len(column.examples)) for column in columns])
    if size >= 2**62:
        raise OverflowError("more combinations than can be numbered")
    dtype = np.int32 if size < 2**31 else np.int64
    keys: npt.NDArray[Any] = np.zeros(rows, dtype)
    for column in columns:
        if len(column.examples) > 1:
            keys *= dtype(len(column.examples))
            keys += column.codes.astype(dtype, copy=False)
    return keys


def _distinct(keys: Codes, columns: Sequence[_Column]) -> tuple[Codes, npt.NDArray[np.int32]]:
    size = int(np.prod([float(len(column.examples)) for column in columns]))
    if size > max(MOST_DENSE, 2 * len(keys)):
        distinct, index = np.unique(keys, return_inverse=True)
        return distinct, index.astype(np.int32)
    seen = np.zeros(size, np.bool_)
    seen[keys] = True
    distinct = np.flatnonzero(seen)
    place = np.zeros(size, np.int32)
    place[distinct] = np.arange(len(distinct), dtype=np.int32)
    return distinct, place[keys]
