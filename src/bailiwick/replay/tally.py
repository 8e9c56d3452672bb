"""Add up what the change does: requests, tokens and cost by place, model, account, day and reason.

Each worker has a tally of its own, over the numbers of its own judge; at the end a tally is written
out with texts in place of numbers, and those of all workers are added. Rows are counted by
situation and day, and by account; everything else follows from these sums.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.decision import Combination, Numbering
from bailiwick.replay.judge import DENIED, NEWLY_DENIED, NEWLY_PERMITTED, NOT_SAID, Judge, Judged
from bailiwick.replay.prices import Price
from bailiwick.replay.rows import AT, COST, REQUESTS, TOKENS_IN, TOKENS_OUT, Read, Skipped, numbers

MEASURES = ("requests", "tokens_in", "tokens_out", "cost_usd")
CHANGES = ("permitted", "newly_denied", "newly_permitted", "denied")
"""Both times permitted; newly denied; newly permitted; both times denied."""
DAY_US = 86_400_000_000
BLOCK = 1 << 16
"""Rows that are counted at once: what is worked on fits into the cache of one core."""
MOST_SEEN = 64_000_000
"""Cells of what each account uses and from where, as far as that is kept."""

_REQUESTS = np.array([1.0, 0, 0, 0])
"""Of the measures requests alone."""

MOST_EDGES = 1000
"""Days of a batch up to which each is looked for in times that are in order."""
Sums = npt.NDArray[np.float64]
Measure = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer[Any]]


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
        self._days = _Days()
        self._cells = Numbering()
        """Situation and day."""
        self._sums = {recorded: _Counted() for recorded in (True, False)}
        """By whether the cost was recorded; where it was not, it follows from the tokens."""
        self._accounts = _Counted()
        self._examples: dict[tuple[int, int], str] = {}
        """Where the first row of each combination and change stands."""
        self._seen = (_Seen(), _Seen())
        self._prices: npt.NDArray[np.float64] = np.zeros((0, 2))
        self._unpriced = 0

    def add(self, read: Read) -> None:
        """Judge and count a batch."""
        for start in range(0, read.batch.num_rows, BLOCK):
            self._add(read.batch.slice(start, BLOCK), start, read)

    def _add(self, batch: Any, start: int, read: Read) -> None:
        judged = self._judge.judge(batch)
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        days = self._days.codes(columns.get(AT), batch.num_rows)
        sizes = [len(judged.met), len(self._days.days)]
        cells, fresh = self._cells.numbers([judged.situations, days], sizes)
        measures = self._measures(columns, judged)
        recorded = measures[-1] is not None
        self._sums[recorded].add(cells, len(self._cells.met), measures)
        self._add_accounts(judged, measures)
        self._keep_examples(judged.situations[fresh], start + np.asarray(fresh), read)
        self.rows += batch.num_rows

    def _add_accounts(self, judged: Judged, measures: Sequence[Measure | None]) -> None:
        """Count requests, and of rows in which something changes tokens and cost too."""
        met, many = judged.met, len(self._judge.accounts.texts)
        changes = met.changes.take(judged.situations)
        cells = judged.accounts * np.int32(len(CHANGES)) + changes
        self._accounts.add(cells, many * len(CHANGES), measures[:1])
        changed = np.flatnonzero((changes == NEWLY_DENIED) | (changes == NEWLY_PERMITTED))
        if not len(changed):
            return
        of_changed = [None if values is None else values[changed] for values in measures]
        accounts, situations = judged.accounts[changed], judged.situations[changed]
        models, places = met.models.take(situations), met.places.take(situations)
        if of_changed[-1] is None:
            of_changed[-1] = np.nan_to_num(self._of_tokens(models, of_changed[1], of_changed[2]))
        self._accounts.add(cells[changed], many * len(CHANGES), of_changed, counted=True)
        self._seen[0].add(accounts, many, places, len(self._judge.places.texts))
        self._seen[1].add(accounts, many, models, len(self._judge.models.texts))

    def _keep_examples(self, situations: Codes, rows: Codes, read: Read) -> None:
        met = self._judge.met
        for situation, row in zip(situations.tolist(), rows.tolist(), strict=True):
            key = int(met.combinations[situation]), int(met.changes[situation])
            if key not in self._examples:
                self._examples[key] = read.place(row)

    # -- measures ------------------------------------------------------------------------------

    def _measures(self, columns: Mapping[str, Any], judged: Judged) -> list[Measure | None]:
        """Give requests, tokens in and out, and cost of every row; ``None``: 1, 0, or not said."""
        requests = numbers(columns[REQUESTS], np.float64, 1) if REQUESTS in columns else None
        tokens_in = numbers(columns[TOKENS_IN], np.float64) if TOKENS_IN in columns else None
        tokens_out = numbers(columns[TOKENS_OUT], np.float64) if TOKENS_OUT in columns else None
        cost = None
        if COST not in columns and tokens_in is None and tokens_out is None:
            cost = np.zeros(len(judged.situations))
            self._unpriced += len(cost)
        elif COST in columns:
            cost = numbers(columns[COST], np.float64, np.nan)
            if columns[COST].null_count:
                models = judged.met.models[judged.situations]
                cost = np.where(
                    np.isnan(cost), self._of_tokens(models, tokens_in, tokens_out), cost
                )
                self._unpriced += int(np.isnan(cost).sum())
                cost = np.nan_to_num(cost)
        return [requests, tokens_in, tokens_out, cost]

    def _of_tokens(
        self, models: Codes, tokens_in: Measure | None, tokens_out: Measure | None
    ) -> Measure:
        """Price the tokens of rows or cells by model; NaN where that cannot be done."""
        prices = self._model_prices()
        if tokens_in is None and tokens_out is None:
            return np.full(len(models), np.nan)
        cost = np.zeros(len(models))
        for at, tokens in enumerate((tokens_in, tokens_out)):
            cost += prices[:, at].take(models) * (0 if tokens is None else tokens)
        return cost

    def _model_prices(self) -> npt.NDArray[np.float64]:
        """Give USD for one token in and out of every model, shape (models, 2); NaN: unknown."""
        names, ids = self._judge.models.texts, self._judge.catalog_ids()
        if len(names) > len(self._prices):
            found = [
                self._price.get(id_ or name or "") for name, id_ in zip(names, ids, strict=True)
            ]
            pairs = [(one.input, one.output) if one else (np.nan, np.nan) for one in found]
            self._prices = np.array(pairs, np.float64) / 1e6
        return self._prices

    # -- the end -------------------------------------------------------------------------------

    def totals(self) -> Totals:
        """Write everything out by text."""
        judge, met = self._judge, self._judge.met
        accounts, models, places = judge.accounts.texts, judge.models.texts, judge.places.texts
        totals = Totals(rows=self.rows, skipped=self.skipped)
        totals.first_us, totals.last_us = self._days.first, self._days.last
        cells = np.array(self._cells.met, np.int32).reshape(-1, 2)
        rows, sums = self._all_sums(met.models[cells[:, 0]])
        totals.unpriced = self._unpriced
        of_cell = [each[cells[:, 0]] for each in (met.models, met.places, met.combinations)]
        changes = met.changes[cells[:, 0]]
        changed = (changes == NEWLY_DENIED) | (changes == NEWLY_PERMITTED)
        only_changed = sums * np.where(changed[:, None], 1, _REQUESTS)
        for (at, model), each in _grouped((of_cell[1], of_cell[0]), changes, only_changed):
            totals.by_pair[places[at], models[model]] = each
        for (day, model), each in _grouped((cells[:, 1], of_cell[0]), changes, only_changed):
            totals.by_day[self._days.days[day], models[model]] = each
        for (number,), each in _grouped((of_cell[2],), changes, sums):
            found = [self._examples.get((number, one)) for one in range(len(CHANGES))]
            totals.by_combination.append((judge.combinations[number], each, found))
        said = met.recorded[cells[:, 0]]
        totals.recorded = int(rows[said != NOT_SAID].sum()), int(rows[said == DENIED].sum())
        by_account = self._accounts.sums.T.reshape(-1, len(CHANGES), len(MEASURES))
        for at, each in enumerate(by_account):
            if each[:, 0].any():
                totals.by_account[accounts[at]] = each.copy()
        totals.used = self._used()
        return totals

    def _all_sums(self, models: Codes) -> tuple[npt.NDArray[np.int64], Sums]:
        """Give rows, shape (cells,), and sums, shape (cells, measures), with every cost."""
        rows, sums = np.zeros(len(models), np.int64), np.zeros((len(MEASURES), len(models)))
        for recorded, counted in self._sums.items():
            counted.grow(len(models))
            rows += counted.rows
            sums += counted.sums
            if not recorded:
                cost = self._of_tokens(models, counted.sums[1], counted.sums[2])
                self._unpriced += int(counted.rows[np.isnan(cost)].sum())
                sums[3] += np.nan_to_num(cost)
        return rows, sums.T

    def _used(self) -> dict[str, tuple[set[str | None], set[str | None]]]:
        judge = self._judge
        places, models = (
            seen.by_account(names.texts)
            for seen, names in zip(self._seen, (judge.places, judge.models), strict=True)
        )
        return {
            name: (places[at], models.get(at, set()))
            for at, name in enumerate(judge.accounts.texts)
            if name is not None and at in places
        }


class _Counted:
    """Rows and sums of measures in numbered cells; there may be more of them in every batch."""

    def __init__(self) -> None:
        self.rows: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self.sums: npt.NDArray[np.float64] = np.zeros((len(MEASURES), 0))

    def add(
        self,
        cells: Codes,
        size: int,
        measures: Sequence[Measure | None],
        *,
        counted: bool = False,
    ) -> None:
        """Add rows, each to its cell. ``counted``: their number and requests have been already."""
        self.grow(size)
        cells = cells.astype(np.intp)
        if not counted:
            rows = np.bincount(cells, minlength=size)
            self.rows += rows
            self.sums[0] += rows if measures[0] is None else np.bincount(cells, measures[0], size)
        for at, values in enumerate(measures[1:], 1):
            if values is not None:
                self.sums[at] += np.bincount(cells, values, size)

    def grow(self, size: int) -> None:
        """Make room for more cells."""
        more = size - len(self.rows)
        if more > 0:
            self.rows = np.append(self.rows, np.zeros(more, np.int64))
            self.sums = np.append(self.sums, np.zeros((len(MEASURES), more)), axis=1)


class _Days:
    """Numbers for days, and the first and last time."""

    def __init__(self) -> None:
        self.days: list[int] = []
        """Days since 1970; -1: no time."""
        self.first: int | None = None
        self.last: int | None = None
        self._numbers: dict[int, int] = {}

    def codes(self, times: Any, rows: int) -> Codes:
        """Give the number of every row's day."""
        if times is None:
            return np.full(rows, self._number(-1), np.int32)
        at = numbers(times.cast("int64"), np.int64, -1)
        in_order = bool((at[1:] >= at[:-1]).all())
        first, last = (int(at[0]), int(at[-1])) if in_order else (int(at.min()), int(at.max()))
        if first < 0:  # no time, or one before 1970, which no log has
            at = np.maximum(at, -1)
            known = at[at >= 0]
            self._span(int(known.min()), last) if len(known) else None
            first = -1
            last = max(last, -1)
        else:
            self._span(first, last)
        days = range(first // DAY_US, last // DAY_US + 1)
        if in_order and len(days) < MOST_EDGES:
            ends = np.searchsorted(at, [(day + 1) * DAY_US for day in days])
            counts = np.diff(ends, prepend=0)
            found = [self._number(day) if n else 0 for day, n in zip(days, counts, strict=True)]
            return np.repeat(np.array(found, np.int32), counts)
        if len(days) >= rows:
            distinct, index = np.unique(at // DAY_US, return_inverse=True)
            return np.array([self._number(day) for day in distinct.tolist()], np.int32)[index]
        since = at // DAY_US - days[0]
        code_of = np.zeros(len(days), np.int32)
        met = np.flatnonzero(np.bincount(since))
        code_of[met] = [self._number(days[day]) for day in met.tolist()]
        return code_of.take(since)

    def _span(self, first: int, last: int) -> None:
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)

    def _number(self, day: int) -> int:
        if day not in self._numbers:
            self._numbers[day] = len(self.days)
            self.days.append(day)
        return self._numbers[day]


class _Seen:
    """Which codes each account had, as far as that is kept."""

    def __init__(self) -> None:
        self._seen: npt.NDArray[np.bool_] = np.zeros((0, 0), np.bool_)

    def add(self, accounts: Codes, many: int, codes: Codes, size: int) -> None:
        """Note the codes of some rows; ``many`` accounts and codes below ``size`` are known."""
        rows, width = self._seen.shape
        if many > rows or size > width:
            rows = max(2 * rows, many) if many > rows else rows
            width = max(2 * width, size) if size > width else width
            if rows * width > MOST_SEEN:
                return
            grown = np.zeros((rows, width), np.bool_)
            grown[: self._seen.shape[0], : self._seen.shape[1]] = self._seen
            self._seen = grown
        self._seen.reshape(-1)[accounts.astype(np.intp) * width + codes] = True

    def by_account(self, texts: Sequence[str | None]) -> dict[int, set[str | None]]:
        """Give what was seen of each account, by its number."""
        return {
            at: {texts[code] for code in np.flatnonzero(self._seen[at]).tolist()}
            for at in np.flatnonzero(self._seen.any(axis=1)).tolist()
        }


def _grouped(
    columns: Sequence[Codes], changes: Codes, sums: npt.NDArray[np.float64]
) -> Iterator[tuple[tuple[int, ...], Sums]]:
    """Add up cells that agree in the columns: their codes, and sums by change."""
    if not len(changes):
        return
    groups = Numbering()
    found, first = groups.numbers(columns, [int(column.max()) + 1 for column in columns])
    del first
    whole = np.zeros((len(groups.met), len(CHANGES), len(MEASURES)))
    np.add.at(whole, (found, changes), sums)
    yield from zip(groups.met, whole, strict=True)
