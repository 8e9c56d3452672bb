"""Read logs into traffic classes: the readers of replay, the classes of continuity."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.continuity import Rows, Traffic, TrafficBuilder
from bailiwick.facts import OWNERSHIP_PREFIX, Fact
from bailiwick.replay import Chunk, Described, Judge, Setting, Skipped, numbers, read_chunk

ALSO = frozenset({"address", "billing", "registered", "features"})
"""Facts that losses and needs are about, whether or not a rule asks."""
Progress = Callable[[int, int], None]
"""Called with bytes and rows that were read since it was last called."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What the logs say."""

    traffic: Traffic
    skipped: Skipped
    rows: int
    partial: bool
    """It was stopped before all was read."""


def collect(setting: Setting, chunks: Iterable[Chunk], progress: Progress) -> Collected:
    """Read every chunk once. ``KeyboardInterrupt`` ends it with what was read so far."""
    tests = {OWNERSHIP_PREFIX + name for name in setting.new.policy.ownership}
    keep = setting.new.asked | ALSO | tests
    judge = Judge(setting, also=ALSO | tests)
    builder = TrafficBuilder(setting.catalog, keep)
    merging, skipped, rows, partial = _Merging(), Skipped(), 0, False
    try:
        for chunk in chunks:
            for read in read_chunk(chunk, skipped):
                rows += read.batch.num_rows
                builder.add(_rows(judge, merging, read.batch))
                progress(read.size, read.batch.num_rows)
    except KeyboardInterrupt:
        partial = True
    return Collected(builder.traffic(), skipped, rows, partial)


def _rows(judge: Judge, merging: "_Merging", batch: Any) -> Rows:
    found = judge.describe(batch)
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    many = batch.num_rows
    requests = _counts(columns.get("requests"), many, 1)
    first, last = _span(columns.get("at"))
    return Rows(
        found.models, found.names, merging.codes(found), merging.values,
        found.accounts, found.account_names, requests,
        _counts(columns.get("tokens_in"), many, -1),
        _counts(columns.get("tokens_out"), many, 0),
        first, last,
    )  # fmt: skip


def _counts(array: Any, rows: int, missing: int) -> npt.NDArray[np.int64]:
    if array is None:
        return np.full(rows, missing, np.int64)
    found: npt.NDArray[np.int64] = numbers(array, np.int64, missing)
    return found


def _span(array: Any) -> tuple[datetime | None, datetime | None]:
    if array is None or len(array) == array.null_count:
        return None, None
    import pyarrow.compute as pc

    ends = pc.min_max(array.cast("int64")).as_py()
    first, last = (datetime.fromtimestamp(ends[one] / 1e6, UTC) for one in ("min", "max"))
    return first, last


@dataclass(slots=True)
class _Merging:
    """Numbers for what the parts of a row say together."""

    values: list[Mapping[str, Fact]] = field(default_factory=list)
    _numbers: dict[tuple[int, ...], int] = field(default_factory=dict)

    def codes(self, found: Described) -> npt.NDArray[np.int64]:
        """Give the number of every row, shape (rows,)."""
        key = np.zeros(len(found.models), np.int64)
        for part in found.parts:
            key = key * max(len(part.values), 1) + part.codes
        _, first, index = np.unique(key, return_index=True, return_inverse=True)
        numbers = [self._number(found, int(at)) for at in first]
        merged: npt.NDArray[np.int64] = np.array(numbers, np.int64)[index]
        return merged

    def _number(self, found: Described, row: int) -> int:
        said = tuple(int(part.codes[row]) for part in found.parts)
        if said not in self._numbers:
            self._numbers[said] = len(self.values)
            whole: dict[str, Fact] = {}
            for part, code in zip(found.parts, said, strict=True):
                whole |= part.values[code]
            whole.setdefault("features", NO_FEATURES)
            self.values.append(whole)
        return self._numbers[said]


NO_FEATURES: frozenset[str] = frozenset()
"""Where a log says nothing of features, none are asked for."""
