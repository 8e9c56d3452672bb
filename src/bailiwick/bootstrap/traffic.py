"""Read logs into traffic classes: the readers of replay, the classes of continuity."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.continuity import Rows, Traffic, TrafficBuilder
from bailiwick.decision import Numbering
from bailiwick.facts import OWNERSHIP_PREFIX, Fact
from bailiwick.replay import (
    Chunk,
    Described,
    Judge,
    Progress,
    Setting,
    SharedLocator,
    Skipped,
    numbers,
    read_chunk,
    spread,
)

ALSO = frozenset({"address", "billing", "registered", "features"})
"""Facts that losses and needs are about, whether or not a rule asks."""
BLOCK = 1 << 16
"""Rows that are added up at once."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What the logs say."""

    traffic: Traffic
    skipped: Skipped
    rows: int
    partial: bool
    """It was stopped before all was read."""


def collect(
    setting: Setting,
    chunks: Sequence[Chunk],
    progress: Progress | None = None,
    workers: int | None = None,
) -> Collected:
    """Read every chunk once, in forked processes. Ctrl-C ends it with what was read so far."""
    tests = {OWNERSHIP_PREFIX + name for name in setting.new.policy.ownership}
    keep = setting.new.asked | ALSO | tests
    locator = SharedLocator(setting)
    locator.get(setting.new.asked)  # laid out once, before the workers part
    also = frozenset(ALSO | tests)
    found = spread(lambda: _Hand(setting, locator, also, keep), chunks, workers, progress)
    builder, skipped, rows = TrafficBuilder(setting.catalog, keep), Skipped(), 0
    for traffic, left_out, read in found.found:
        builder.merge(traffic)
        skipped.merge(left_out)
        rows += read
    return Collected(builder.traffic(), skipped, rows, found.done < len(chunks))


class _Hand:
    """One worker."""

    def __init__(
        self,
        setting: Setting,
        locator: SharedLocator,
        also: frozenset[str],
        keep: frozenset[str],
    ) -> None:
        self._judge = Judge(setting, locator, also)
        self._builder = TrafficBuilder(setting.catalog, keep)
        self._merging, self._skipped, self._rows = _Merging(), Skipped(), 0

    def chunk(self, chunk: Chunk) -> Iterator[tuple[int, int]]:
        """Read a chunk and add it up."""
        for read in read_chunk(chunk, self._skipped):
            for start in range(0, read.batch.num_rows, BLOCK):
                batch = read.batch.slice(start, BLOCK)
                self._builder.add(_rows(self._judge, self._merging, batch))
            self._rows += read.batch.num_rows
            yield read.size, read.batch.num_rows

    def found(self) -> tuple[Traffic, Skipped, int]:
        """Give what was added up, what was skipped, and how many rows were read."""
        return self._builder.traffic(), self._skipped, self._rows


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


class _Merging:
    """Numbers for what the parts of a row say together."""

    def __init__(self) -> None:
        self.values: list[Mapping[str, Fact]] = []
        self._numbering = Numbering()

    def codes(self, found: Described) -> npt.NDArray[np.int32]:
        """Give the number of every row, shape (rows,)."""
        codes, sizes = zip(*((part.codes, len(part.values)) for part in found.parts), strict=True)
        numbers, _ = self._numbering.numbers(codes, sizes)
        for met in self._numbering.met[len(self.values) :]:
            whole: dict[str, Fact] = {"features": NO_FEATURES}
            for part, code in zip(found.parts, met, strict=True):
                whole |= part.values[code]
            self.values.append(whole)
        return numbers


NO_FEATURES: frozenset[str] = frozenset()
"""Where a log says nothing of features, none are asked for."""
