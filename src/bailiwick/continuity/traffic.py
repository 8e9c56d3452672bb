"""Traffic as classes: requests that no rule, no limit of a model and no scenario tells apart.

Millions of rows become some thousand classes in one pass. Rows whose context lies between the same
two limits of the catalogue fit the same models, so they share a class and nothing is lost by it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.catalog import Catalog
from bailiwick.facts import Fact

Codes = npt.NDArray[np.integer[Any]]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a log, numbered; every array has shape (rows,).

    The lists may grow from batch to batch and never change what a number means.
    """

    models: Codes
    names: Sequence[str | None]
    """Catalogue ids; ``None``: the catalogue does not know the model."""
    facts: Codes
    values: Sequence[Mapping[str, Fact]]
    """What is known of a request besides its model."""
    accounts: Codes
    account_names: Sequence[str | None]
    requests: Counts
    """How many requests a row stands for."""
    tokens_in: Counts
    """Of all requests of the row; negative: the log does not say."""
    tokens_out: Counts
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Classes of requests; every array of classes has shape (classes,)."""

    models: Codes
    """Index into ``names``."""
    names: tuple[str | None, ...]
    facts: Codes
    """Index into ``values``."""
    values: tuple[Mapping[str, Fact], ...]
    context: Counts
    """Most tokens in and out of one request of the class; 0: not known. Of a row that stands for
    several requests only the mean is known, and counts."""
    output: Counts
    requests: Counts
    tokens_in: Counts
    tokens_out: Counts
    pairs: Codes
    """Shape (pairs, 2): a class and an account with requests in it."""
    accounts: tuple[str | None, ...]
    first_at: datetime | None
    last_at: datetime | None
    sized: int
    """Requests of which the log says how many tokens they had."""

    @property
    def days(self) -> float | None:
        """How long the traffic took; ``None``: the logs have no times."""
        if self.first_at is None or self.last_at is None:
            return None
        return max((self.last_at - self.first_at).total_seconds() / 86400, 1 / 24)

    def accounts_in(self, classes: npt.NDArray[np.bool_]) -> int:
        """Count the accounts with requests in some classes, shape (classes,)."""
        mine = self.pairs[classes[self.pairs[:, 0]], 1]
        known = [number for number in np.unique(mine) if self.accounts[number] is not None]
        return len(known)


@dataclass(slots=True)
class TrafficBuilder:
    """Adds rows up, batch after batch."""

    catalog: Catalog
    keep: frozenset[str]
    """Facts that matter; others are dropped, so that fewer classes are left."""
    _values: list[Mapping[str, Fact]] = field(default_factory=list)
    _numbers: dict[frozenset[tuple[str, Fact]], int] = field(default_factory=dict)
    _names: dict[str | None, int] = field(default_factory=dict)
    _accounts: dict[str | None, int] = field(default_factory=dict)
    _classes: dict[tuple[int, int, int, int], int] = field(default_factory=dict)
    _sums: list[list[int]] = field(default_factory=list)
    _pairs: set[tuple[int, int]] = field(default_factory=set)
    _folded: list[tuple[Sequence[Mapping[str, Fact]], Counts]] = field(default_factory=list)
    _edges: tuple[Counts, Counts] | None = None
    _span: list[datetime] = field(default_factory=list)

    def add(self, rows: Rows) -> None:
        """Add the rows of a batch."""
        names = np.array([self._numbered(self._names, one) for one in rows.names], np.int64)
        accounts = np.array(
            [self._numbered(self._accounts, one) for one in rows.account_names], np.int64
        )
        facts = self._fold(rows.values)
        known_in, known_out = np.maximum(rows.tokens_in, 0), np.maximum(rows.tokens_out, 0)
        context_edges, output_edges = self._limits()
        each = np.maximum(rows.requests, 1)
        context, output = -(-(known_in + known_out) // each), -(-known_out // each)
        columns = (
            names[rows.models],
            facts[rows.facts],
            np.searchsorted(context_edges, context, "left"),
            np.searchsorted(output_edges, output, "left"),
        )
        key, index = _grouped(columns)
        numbers = self._class_numbers(key)
        mine = numbers[index]
        many = len(self._sums)
        sized = np.where(rows.tokens_in >= 0, rows.requests, 0)
        self._add_up(
            [_most(mine, one, many) for one in (context, output)],
            [_sum(mine, one, many) for one in (rows.requests, known_in, known_out, sized)],
        )
        pairs, _ = _grouped((mine, accounts[rows.accounts]))
        self._pairs.update((row[0], row[1]) for row in pairs.tolist())
        self._span += [at for at in (rows.first_at, rows.last_at) if at is not None]

    def traffic(self) -> Traffic:
        """Give what was added up."""
        keys = np.array(list(self._classes), np.int64).reshape(-1, 4)
        sums = np.array(self._sums, np.int64).reshape(-1, 6)
        pairs = np.array(sorted(self._pairs), np.int64).reshape(-1, 2)
        return Traffic(
            keys[:, 0], tuple(self._names), keys[:, 1], tuple(self._values),
            sums[:, 0], sums[:, 1], sums[:, 2], sums[:, 3], sums[:, 4],
            pairs, tuple(self._accounts),
            min(self._span, default=None), max(self._span, default=None), int(sums[:, 5].sum()),
        )  # fmt: skip

    def _add_up(self, most: Sequence[Counts], added: Sequence[Counts]) -> None:
        for number in np.flatnonzero(added[0]):
            mine = self._sums[number]
            mine[:2] = [max(mine[at], int(one[number])) for at, one in enumerate(most)]
            mine[2:] = [mine[2 + at] + int(one[number]) for at, one in enumerate(added)]

    def _class_numbers(self, keys: Counts) -> Counts:
        found = []
        for row in keys.tolist():
            key = (row[0], row[1], row[2], row[3])
            if key not in self._classes:
                self._classes[key] = len(self._sums)
                self._sums.append([0] * 6)
            found.append(self._classes[key])
        return np.array(found, np.int64)

    def _fold(self, values: Sequence[Mapping[str, Fact]]) -> Counts:
        """Give numbers to facts by what matters of them; of a list that grew, only to the new."""
        known = next((codes for one, codes in self._folded if one is values), np.zeros(0, np.int64))
        new = [self._fact(one) for one in values[len(known) :]]
        found = np.append(known, np.array(new, np.int64))
        self._folded = [(values, found)]
        return found

    def _fact(self, facts: Mapping[str, Fact]) -> int:
        kept = {name: fact for name, fact in facts.items() if name in self.keep}
        key = frozenset(kept.items())
        if key not in self._numbers:
            self._numbers[key] = len(self._values)
            self._values.append(kept)
        return self._numbers[key]

    def _limits(self) -> tuple[Counts, Counts]:
        if self._edges is None:
            models = self.catalog.models.values()
            context = {one.context_tokens.value for one in models if one.context_tokens}
            output = {one.output_tokens.value for one in models if one.output_tokens}
            self._edges = _sorted({0, *context}), _sorted({0, *output})
        return self._edges

    def _numbered(self, known: dict[str | None, int], name: str | None) -> int:
        return known.setdefault(name, len(known))


def _sorted(values: Iterable[int]) -> Counts:
    return np.array(sorted(values), np.int64)


def _most(classes: Counts, values: Counts, many: int) -> Counts:
    found = np.zeros(many, np.int64)
    np.maximum.at(found, classes, values)
    return found


def _sum(classes: Counts, values: Counts, many: int) -> Counts:
    found = np.zeros(many, np.int64)
    np.add.at(found, classes, values)
    return found


def _grouped(columns: Sequence[Codes]) -> tuple[Counts, Counts]:
    """Find the distinct rows of some columns, shape (distinct, columns), and each row's number."""
    key = np.zeros(len(columns[0]), np.int64)
    sizes = [int(column.max(initial=0)) + 1 for column in columns]
    for column, size in zip(columns, sizes, strict=True):
        key = key * size + column
    distinct, first, index = np.unique(key, return_index=True, return_inverse=True)
    del distinct
    return np.stack([column[first] for column in columns], 1).astype(np.int64), index
