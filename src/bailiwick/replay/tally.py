"""Add up what the change does: requests, tokens and cost by place, model, account, day and reason.

Each worker has a tally of its own, over the numbers of its own judge; at the end a tally is written
out with texts in place of numbers, and those of all workers are added.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.decision import Combination
from bailiwick.replay.judge import (
    DENIED,
    NEWLY_DENIED,
    NEWLY_PERMITTED,
    NOT_SAID,
    Judge,
    Judged,
)
from bailiwick.replay.prices import Price
from bailiwick.replay.rows import AT, COST, REQUESTS, TOKENS_IN, TOKENS_OUT, Read, Skipped, numbers

MEASURES = ("requests", "tokens_in", "tokens_out", "cost_usd")
CHANGES = ("permitted", "newly_denied", "newly_permitted", "denied")
"""Both times permitted; newly denied; newly permitted; both times denied."""
DAY_US = 86_400_000_000
MOST_SEEN = 64_000_000
"""Cells of what each account uses and from where, as far as that is kept."""

Sums = npt.NDArray[np.float64]


@dataclass
class Totals:
    """What one worker, or all of them, counted; by text."""

    rows: int = 0
    """Rows that were judged."""
    by_pair: dict[tuple[str | None, str | None], Sums] = field(default_factory=dict)
    """Place and model to sums, shape (4 changes, 4 measures). Here and in the next two, tokens and
    cost are counted only where something changes."""
    by_account: dict[str | None, Sums] = field(default_factory=dict)
    by_day: dict[tuple[int, str | None], Sums] = field(default_factory=dict)
    """Days since 1970 (-1: no time) and model to sums, shape (4, 4)."""
    by_combination: list[tuple[Combination, Sums, list[str | None]]] = field(default_factory=list)
    """Sums, shape (4, 4), and where the first row of each change stands."""
    used: dict[str, tuple[set[str | None], set[str | None]]] = field(default_factory=dict)
    """Places and models of the changed requests of each account."""
    unpriced: int = 0
    """Rows whose cost nobody knows."""
    recorded: tuple[int, int] = (0, 0)
    """Rows with a recorded decision, and of these denied."""
    first_us: int | None = None
    last_us: int | None = None
    skipped: Skipped = field(default_factory=Skipped)

    def merge(self, other: "Totals") -> None:
        """Add what another worker counted."""
        self.rows += other.rows
        self.unpriced += other.unpriced
        self.recorded = (self.recorded[0] + other.recorded[0], self.recorded[1] + other.recorded[1])
        _add(self.by_pair, other.by_pair)
        _add(self.by_account, other.by_account)
        _add(self.by_day, other.by_day)
        self.by_combination += other.by_combination
        for account, (places, models) in other.used.items():
            mine = self.used.setdefault(account, (set(), set()))
            mine[0].update(places)
            mine[1].update(models)
        firsts = [one for one in (self.first_us, other.first_us) if one is not None]
        lasts = [one for one in (self.last_us, other.last_us) if one is not None]
        self.first_us, self.last_us = min(firsts, default=None), max(lasts, default=None)
        self.skipped.merge(other.skipped)


def _add(sums: dict[Any, Sums], others: Mapping[Any, Sums]) -> None:
    for key, values in others.items():
        sums[key] = sums[key] + values if key in sums else values


class Tally:
    """Counts the batches of one worker."""

    def __init__(self, judge: Judge, price: Mapping[str, Price]) -> None:
        self.skipped = Skipped()
        self.rows = 0
        self._judge, self._price = judge, price
        self._pairs = _Grid()
        self._accounts = _Grid()
        self._days = _Grid()
        self._combinations = _Grid()
        self._examples: dict[int, str] = {}
        self._seen = [np.zeros((0, 0), np.bool_), np.zeros((0, 0), np.bool_)]
        self._prices: npt.NDArray[np.float64] = np.zeros((0, 2))
        self._unpriced = 0
        self._recorded = [0, 0]
        self._first: int | None = None
        self._last: int | None = None

    def add(self, read: Read) -> None:
        """Judge and count a batch."""
        batch = read.batch
        if batch.num_rows == 0:
            return
        judged = self._judge.judge(batch)
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        measures = self._measures(columns, judged)
        models, places = len(self._judge.models.texts), len(self._judge.places.texts)
        rows = _Rows.of(judged.changes, measures)
        self._pairs.add([(judged.places, places), (judged.models, models)], rows)
        self._accounts.add([(judged.accounts, len(self._judge.accounts.texts))], rows)
        count = len(self._judge.combinations)
        cells = self._combinations.add([(judged.combinations, count)], rows, whole=True)
        self._keep_examples(cells, read)
        self._add_days(columns, judged, models, rows)
        self._see(judged, rows.changed)
        said = judged.recorded != NOT_SAID
        if said.any():
            self._recorded[0] += int(said.sum())
            self._recorded[1] += int((judged.recorded == DENIED).sum())
        self.rows += batch.num_rows

    def totals(self) -> Totals:
        """Write everything out by text."""
        judge = self._judge
        accounts, models, places = judge.accounts.texts, judge.models.texts, judge.places.texts
        totals = Totals(rows=self.rows, unpriced=self._unpriced, skipped=self.skipped)
        totals.recorded = (self._recorded[0], self._recorded[1])
        totals.first_us, totals.last_us = self._first, self._last
        totals.by_pair = {(places[p], models[m]): s for (p, m), s in self._pairs.items()}
        totals.by_account = {accounts[a]: sums for (a,), sums in self._accounts.items()}
        totals.by_day = {(day - 1, models[m]): sums for (day, m), sums in self._days.items()}
        totals.by_combination = [
            (judge.combinations[c], sums, [self._examples.get(4 * c + one) for one in range(4)])
            for (c,), sums in self._combinations.items()
        ]
        totals.used = self._used(accounts, places, models)
        return totals

    # -- measures ------------------------------------------------------------------------------

    def _measures(
        self, columns: Mapping[str, Any], judged: Judged
    ) -> list[npt.NDArray[Any] | None]:
        """Give requests, tokens in and out, and cost of every row; ``None``: 1, or nothing."""
        requests = numbers(columns[REQUESTS], np.float64, 1) if REQUESTS in columns else None
        tokens_in = numbers(columns[TOKENS_IN], np.float64) if TOKENS_IN in columns else None
        tokens_out = numbers(columns[TOKENS_OUT], np.float64) if TOKENS_OUT in columns else None
        cost = self._cost(columns, judged, tokens_in, tokens_out)
        return [requests, tokens_in, tokens_out, cost]

    def _cost(
        self,
        columns: Mapping[str, Any],
        judged: Judged,
        tokens_in: npt.NDArray[np.float64] | None,
        tokens_out: npt.NDArray[np.float64] | None,
    ) -> npt.NDArray[np.float64] | None:
        """Take the recorded cost; where there is none, tokens at their price."""
        recorded = columns.get(COST)
        if recorded is not None and not recorded.null_count:
            return numbers(recorded, np.float64)
        if tokens_in is None and tokens_out is None and recorded is None:
            self._unpriced += len(judged.models)
            return None
        prices = self._model_prices()
        cost = np.zeros(len(judged.models))
        for at, tokens in enumerate((tokens_in, tokens_out)):
            if tokens is not None:
                cost += tokens * prices[:, at][judged.models]
        if recorded is not None:
            said = numbers(recorded, np.float64, np.nan)
            cost = np.where(np.isnan(said), cost, said)
        unknown = np.isnan(cost)
        self._unpriced += int(unknown.sum())
        return np.where(unknown, 0.0, cost) if unknown.any() else cost

    def _model_prices(self) -> npt.NDArray[np.float64]:
        """Give USD for one token in and out of every model, shape (models, 2); NaN: unknown."""
        names, ids = self._judge.models.texts, self._judge._catalog_ids()
        for name, id_ in zip(names[len(self._prices) :], ids[len(self._prices) :], strict=True):
            price = self._price.get(id_ or name or "")
            pair = (price.input, price.output) if price else (np.nan, np.nan)
            self._prices = np.vstack([self._prices, np.array([pair], np.float64) / 1e6])
        return self._prices

    # -- days, examples, what accounts use -----------------------------------------------------

    def _add_days(
        self,
        columns: Mapping[str, Any],
        judged: Judged,
        models: int,
        rows: "_Rows",
    ) -> None:
        if AT not in columns:
            days = np.zeros(len(judged.models), np.int32)
        else:
            at = numbers(columns[AT].cast("int64"), np.int64, -1)
            first, last = int(at.min()), int(at.max())
            self._first = first if self._first is None else min(self._first, first)
            self._last = last if self._last is None else max(self._last, last)
            days = (at // DAY_US + 1).astype(np.int32)
        low = int(days.min())
        span = int(days.max()) - low + 1
        self._days.add([(days - low, span), (judged.models, models)], rows, low)

    def _keep_examples(self, cells: npt.NDArray[np.integer[Any]], read: Read) -> None:
        size = 4 * len(self._judge.combinations)
        if len(self._examples) == size:
            return
        found = np.flatnonzero(self._combinations.last > 0)
        for cell in found.tolist():
            if cell not in self._examples:
                self._examples[cell] = read.place(int(np.argmax(cells == cell)))

    def _see(self, judged: Judged, changed: npt.NDArray[np.intp]) -> None:
        if not len(changed):
            return
        accounts = judged.accounts[changed]
        rows = len(self._judge.accounts.texts)
        sizes = (len(self._judge.places.texts), len(self._judge.models.texts))
        if rows * sum(sizes) > MOST_SEEN:
            return
        for at, codes in enumerate((judged.places[changed], judged.models[changed])):
            self._seen[at] = _grown(self._seen[at], rows, sizes[at])
            self._seen[at][accounts, codes] = True

    def _used(
        self,
        accounts: Sequence[str | None],
        places: Sequence[str | None],
        models: Sequence[str | None],
    ) -> dict[str, tuple[set[str | None], set[str | None]]]:
        used: dict[str, tuple[set[str | None], set[str | None]]] = {}
        for at, texts in enumerate((places, models)):
            for account, code in np.argwhere(self._seen[at]).tolist():
                name = accounts[account]
                if name is not None:
                    used.setdefault(name, (set(), set()))[at].add(texts[code])
        return used


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is counted of a batch. Where nothing changes only requests are counted, but in all."""

    changes: npt.NDArray[np.int8]
    measures: Sequence[npt.NDArray[Any] | None]
    changed: npt.NDArray[np.intp]
    """Rows in which something changes, and their measures."""
    of_changed: Sequence[npt.NDArray[Any] | None]

    @classmethod
    def of(
        cls, changes: npt.NDArray[np.int8], measures: Sequence[npt.NDArray[Any] | None]
    ) -> "_Rows":
        changed = np.flatnonzero((changes == NEWLY_DENIED) | (changes == NEWLY_PERMITTED))
        of_changed = [None if values is None else values[changed] for values in measures]
        return cls(changes, measures, changed, of_changed)


class _Grid:
    """Sums in dense cells, shape (sizes..., 4 changes, 4 measures), that grows with the numbers."""

    def __init__(self) -> None:
        self._sums: npt.NDArray[np.float64] | None = None
        self._low = 0
        self.last: npt.NDArray[np.float64] = np.zeros(0)
        """Requests in each cell of the last batch, flat."""

    def add(
        self,
        axes: Sequence[tuple[npt.NDArray[np.integer[Any]], int]],
        rows: _Rows,
        low: int = 0,
        *,
        whole: bool = False,
    ) -> npt.NDArray[np.integer[Any]]:
        """Add rows; the first axis counts from ``low``. Returns the flat cell of each row.

        ``whole``: tokens and cost are wanted where nothing changes too.
        """
        cells = np.zeros(len(rows.changes), np.intp)
        for codes, size in axes:
            cells *= size
            cells += codes
        cells *= 4
        cells += rows.changes
        sizes = [size for _, size in axes]
        flat = int(np.prod(sizes)) * 4
        self.last = np.bincount(cells, rows.measures[0], flat).astype(np.float64)
        found = np.zeros((flat, len(MEASURES)))
        found[:, 0] = self.last
        each = cells if whole else cells[rows.changed]
        for at, values in enumerate((rows.measures if whole else rows.of_changed)[1:], 1):
            if values is not None:
                found[:, at] = np.bincount(each, values, flat)
        self._take(found.reshape(*sizes, 4, len(MEASURES)), low)
        return cells

    def _take(self, found: npt.NDArray[np.float64], low: int) -> None:
        if self._sums is None:
            self._sums, self._low = found, low
            return
        start = min(self._low, low)
        ends = (self._low + len(self._sums), low + len(found))
        shape = (max(ends) - start, *map(max, self._sums.shape[1:], found.shape[1:]))
        if shape != self._sums.shape or start != self._low:
            grown = np.zeros(shape)
            _part(grown, self._sums, self._low - start)[...] = self._sums
            self._sums, self._low = grown, start
        _part(self._sums, found, low - start)[...] += found

    def items(self) -> list[tuple[tuple[int, ...], Sums]]:
        """List the cells that are not empty, by their numbers."""
        if self._sums is None:
            return []
        filled = np.argwhere(self._sums[..., 0].any(axis=-1)).tolist()
        return [((at[0] + self._low, *at[1:]), self._sums[tuple(at)].copy()) for at in filled]


def _part(whole: npt.NDArray[Any], like: npt.NDArray[Any], start: int) -> npt.NDArray[Any]:
    """View the part of an array that has the shape of another, from ``start`` of the first axis."""
    rest = tuple(slice(0, size) for size in like.shape[1:])
    return whole[(slice(start, start + len(like)), *rest)]


def _grown(array: npt.NDArray[np.bool_], rows: int, columns: int) -> npt.NDArray[np.bool_]:
    if array.shape[0] >= rows and array.shape[1] >= columns:
        return array
    grown = np.zeros((max(rows, array.shape[0]), max(columns, array.shape[1])), np.bool_)
    grown[: array.shape[0], : array.shape[1]] = array
    return grown
