"""Decide millions of rows: values fold into few classes, each combination is decided once.

Facts arrive dictionary-encoded, as columnar files have them: an array of codes and the list of
facts that the codes stand for. Rows that no rule can tell apart share one decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from bailiwick.decision.table import DecisionTable
from bailiwick.decision.values import Decision
from bailiwick.facts import UNKNOWN, Fact, Facts

Codes = npt.NDArray[np.integer]
MOST_DENSE = 1 << 24
"""Combinations up to which a flat array is used; beyond, the distinct ones are sorted out."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One fact of many rows."""

    codes: Codes
    """Shape (rows,): index into ``values``."""
    values: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class BatchDecisions:
    """The decisions of many rows."""

    index: npt.NDArray[np.int32]
    """Shape (rows,): index into ``decisions``."""
    decisions: Sequence[Decision]


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
    columns = [_Column.of_models(models, names)]
    columns += [
        _Column.of_fact(table, name, encoded)
        for name, encoded in sorted(facts.items())
        if name in table.asked
    ]
    keys = _keys(columns, len(models))
    distinct, index = _distinct(keys, columns)
    return BatchDecisions(index, [_decide(table, columns, int(key), at) for key in distinct])


@dataclass(frozen=True, slots=True)
class _Column:
    """Classes of one column: what each row has, and one value of each class."""

    name: str
    classes: npt.NDArray[np.int64]
    examples: Sequence[Fact | str | None]

    @classmethod
    def of_models(cls, codes: Codes, names: Sequence[str | None]) -> "_Column":
        """Keep every model apart."""
        return cls("model", codes.astype(np.int64), names)

    @classmethod
    def of_fact(cls, table: DecisionTable, name: str, encoded: Encoded) -> "_Column":
        """Fold values that satisfy the same conditions; contested ones stay apart."""
        classes: dict[object, int] = {}
        examples: list[Fact | str | None] = []
        folded = np.empty(max(len(encoded.values), 1), np.int64)
        for code, fact in enumerate(encoded.values):
            same = table.signature(name, fact)
            if same not in classes:
                classes[same] = len(examples)
                examples.append(fact)
            folded[code] = classes[same]
        return cls(name, folded[encoded.codes], examples or [UNKNOWN])


def _keys(columns: Sequence[_Column], rows: int) -> npt.NDArray[np.int64]:
    """Write each row's combination of classes as one number, in mixed radix."""
    if np.prod([float(len(column.examples)) for column in columns]) >= 2**62:
        raise OverflowError("more combinations than can be numbered")
    keys = np.zeros(rows, np.int64)
    for column in columns:
        keys *= len(column.examples)
        keys += column.classes
    return keys


def _distinct(
    keys: npt.NDArray[np.int64], columns: Sequence[_Column]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    count = int(np.prod([len(column.examples) for column in columns]))
    if count > MOST_DENSE:
        distinct, index = np.unique(keys, return_inverse=True)
        return distinct, index.astype(np.int32)
    seen = np.zeros(count, np.bool_)
    seen[keys] = True
    distinct = np.flatnonzero(seen)
    place = np.zeros(count, np.int32)
    place[distinct] = np.arange(len(distinct), dtype=np.int32)
    return distinct, place[keys]


def _decide(table: DecisionTable, columns: Sequence[_Column], key: int, at: datetime) -> Decision:
    values: dict[str, Fact] = {}
    model: str | None = None
    for column in reversed(columns):
        key, number = divmod(key, len(column.examples))
        example = column.examples[number]
        if column.name == "model":
            model = example if isinstance(example, str) else None
        elif not isinstance(example, str) and example is not None:
            values[column.name] = example
    return table.decide(Facts(model, at, values))
