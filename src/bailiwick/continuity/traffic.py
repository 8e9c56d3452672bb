"""Traffic as classes: requests that no rule, no limit of a model and no scenario tells apart.

Millions of rows become some thousand classes in one pass. Rows whose context lies between the same
two limits of the catalogue fit the same models, so they share a class and nothing is lost by it.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from bailiwick.catalog import Catalog
from bailiwick.decision import Numbering
from bailiwick.facts import Fact

Codes = npt.NDArray[np.integer[Any]]
Counts = npt.NDArray[np.int64]
T = TypeVar("T")


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


class _Known(Generic[T]):
    """Numbers for what stands in lists that grow from batch to batch; each value has one."""

    def __init__(self, key: Callable[[T], Hashable] = lambda one: one) -> None:
        self.values: list[T] = []
        self._key = key
        self._numbers: dict[Hashable, int] = {}
        self._last: tuple[Sequence[T], Counts] = ((), np.zeros(0, np.int64))

    def numbers(self, values: Sequence[T]) -> Counts:
        """Give the number of each value, shape (values,); of a list that grew, look at the new."""
        known = self._last[1] if self._last[0] is values else np.zeros(0, np.int64)
        found = np.append(
            known, np.array([self._number(v) for v in values[len(known) :]], np.int64)
        )
        self._last = values, found
        return found

    def _number(self, value: T) -> int:
        key = self._key(value)
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(value)
        return self._numbers[key]


class TrafficBuilder:
    """Adds rows up, batch after batch."""

    def __init__(self, catalog: Catalog, keep: frozenset[str]) -> None:
        """``keep`` are the facts that matter; without the others there are fewer classes."""
        self.catalog, self.keep = catalog, keep
        self._names, self._accounts = _Known[str | None](), _Known[str | None]()
        self._values = _Known[Mapping[str, Fact]](lambda one: frozenset(self._kept(one).items()))
        self._classes = Numbering()
        """Model, facts, and the limits of the catalogue between which context and output lie."""
        self._pairs = Numbering()
        """Class and account."""
        self._most: Counts = np.zeros((2, 0), np.int64)
        """Context and output; shape (2, classes)."""
        self._sums: Counts = np.zeros((3, 0), np.int64)
        """Requests, tokens in and out; shape (3, classes)."""
        self._sized = 0
        self._edges = _limits(catalog)
        self._span: list[datetime] = []

    def add(self, rows: Rows) -> None:
        """Add the rows of a batch."""
        known_in, known_out = np.maximum(rows.tokens_in, 0), np.maximum(rows.tokens_out, 0)
        each = np.maximum(rows.requests, 1)
        most = (-(-(known_in + known_out) // each), -(-known_out // each))
        names = self._names.numbers(rows.names).take(rows.models)
        facts = self._values.numbers(rows.values).take(rows.facts)
        mine = self._add(names, facts, most, (rows.requests, known_in, known_out))
        accounts = self._accounts.numbers(rows.account_names).take(rows.accounts)
        self._add_pairs(mine, accounts)
        self._sized += int(rows.requests[rows.tokens_in >= 0].sum())
        self._span += [at for at in (rows.first_at, rows.last_at) if at is not None]

    def merge(self, other: Traffic) -> None:
        """Add what was added up elsewhere."""
        names = self._names.numbers(other.names).take(other.models)
        facts = self._values.numbers(other.values).take(other.facts)
        sums = (other.requests, other.tokens_in, other.tokens_out)
        mine = self._add(names, facts, (other.context, other.output), sums)
        accounts = self._accounts.numbers(other.accounts)
        self._add_pairs(mine.take(other.pairs[:, 0]), accounts.take(other.pairs[:, 1]))
        self._sized += other.sized
        self._span += [at for at in (other.first_at, other.last_at) if at is not None]

    def traffic(self) -> Traffic:
        """Give what was added up."""
        keys = np.array(self._classes.met, np.int64).reshape(-1, 4)
        pairs = np.array(sorted(self._pairs.met), np.int64).reshape(-1, 2)
        return Traffic(
            keys[:, 0], tuple(self._names.values), keys[:, 1],
            tuple(map(self._kept, self._values.values)),
            self._most[0], self._most[1], self._sums[0], self._sums[1], self._sums[2],
            pairs, tuple(self._accounts.values),
            min(self._span, default=None), max(self._span, default=None), self._sized,
        )  # fmt: skip

    def _add(
        self, names: Counts, facts: Counts, most: Sequence[Counts], sums: Sequence[Counts]
    ) -> Codes:
        """Add rows to their classes, and give the number of each row's."""
        limits = [np.searchsorted(edge, one) for edge, one in zip(self._edges, most, strict=True)]
        sizes = [len(self._names.values), len(self._values.values)]
        sizes += [len(edge) + 1 for edge in self._edges]
        mine, _ = self._classes.numbers([names, facts, *limits], sizes)
        many = len(self._classes.met)
        self._most, self._sums = _grown(self._most, many), _grown(self._sums, many)
        for at, values in enumerate(most):
            np.maximum.at(self._most[at], mine, values)
        for at, values in enumerate(sums):
            self._sums[at] += np.bincount(mine, values, many).astype(np.int64)
        return mine

    def _add_pairs(self, classes: Codes, accounts: Codes) -> None:
        self._pairs.numbers(
            [classes, accounts], [len(self._classes.met), len(self._accounts.values)]
        )

    def _kept(self, facts: Mapping[str, Fact]) -> dict[str, Fact]:
        return {name: fact for name, fact in facts.items() if name in self.keep}


def _limits(catalog: Catalog) -> tuple[Counts, Counts]:
    """List the limits of context and of output that models have."""
    models = catalog.models.values()
    context = {one.context_tokens.value for one in models if one.context_tokens}
    output = {one.output_tokens.value for one in models if one.output_tokens}
    return _sorted({0, *context}), _sorted({0, *output})


def _sorted(values: Iterable[int]) -> Counts:
    return np.array(sorted(values), np.int64)


def _grown(array: Counts, many: int) -> Counts:
    return np.append(array, np.zeros((len(array), many - array.shape[1]), np.int64), axis=1)
