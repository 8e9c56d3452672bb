"""Number the combinations of codes that occur in some columns, from batch to batch.

Codes of neighbouring columns are put into one key, and a flat array says which number each key has;
what occurs is numbered, not what could. Where such an array would be too large, keys are sorted.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.integer[Any]]
Numbers = npt.NDArray[np.int32]
MOST_DENSE = 1 << 22
"""Keys up to which a flat array is used; beyond, the distinct ones are sorted out."""
_GROUP_BITS = 16
"""Bits of the columns that share a key, unless one alone has more."""


class Numbering:
    """Numbers for combinations of codes, in the order in which they are met. For one thread."""

    def __init__(self) -> None:
        self.met: list[tuple[int, ...]] = []
        """The codes of each number, one of every column."""
        self._widths: list[int] = []
        self._levels: list[_Level] = []

    def numbers(
        self, columns: Sequence[Codes], sizes: Sequence[int]
    ) -> tuple[Numbers, npt.NDArray[np.intp]]:
        """Give the number of every row, shape (rows,), and the first row of each new one.

        ``columns`` are always the same ones; every code is less than the column's size, which may
        grow from batch to batch. The codes of a column of size 1 are not looked at.
        """
        widths = [max(size - 1, 0).bit_length() for size in sizes]
        if widths != self._widths:
            self._widths = widths
            self._build()
        found, fresh = self._through(columns)
        if len(fresh):
            rows = [
                column[fresh] if size > 1 else np.zeros(len(fresh), np.int8)
                for column, size in zip(columns, sizes, strict=True)
            ]
            self.met += map(tuple, np.stack(rows, axis=1).tolist())
        return found, fresh

    def _build(self) -> None:
        """Group the columns anew, and give every combination the number that it had."""
        groups: list[list[int]] = [[]]
        bits = 0
        for at, width in enumerate(self._widths):
            if groups[-1] and width and bits + width > _GROUP_BITS:
                groups.append([])
                bits = 0
            groups[-1].append(at)
            bits += width
        self._levels = [_Level(group, sum(self._widths[at] for at in group)) for group in groups]
        if self.met:
            self._through(list(np.array(self.met, np.int64).T))

    def _through(self, columns: Sequence[Codes]) -> tuple[Numbers, npt.NDArray[np.intp]]:
        found: Numbers = np.zeros(len(columns[0]), np.int32)
        fresh = np.zeros(0, np.intp)
        so_far = 1
        for level in self._levels:
            dtype = np.int32 if so_far << level.width < 1 << 31 else np.int64
            key: npt.NDArray[Any] = found.astype(dtype)
            for at in level.columns:
                if self._widths[at]:
                    key <<= dtype(self._widths[at])
                    key |= columns[at].astype(dtype, copy=False)
            found, fresh = level.numbers(key, so_far << level.width)
            so_far = level.count
        return found, fresh


class _Level:
    """Numbers for keys of some columns and of what was numbered before them."""

    def __init__(self, columns: Sequence[int], width: int) -> None:
        self.columns, self.width = columns, width
        self.count = 0
        self._table: Numbers | None = np.zeros(0, np.int32)
        self._known: dict[int, int] = {}

    def numbers(self, keys: Codes, size: int) -> tuple[Numbers, npt.NDArray[np.intp]]:
        """Give numbers to keys below ``size``, and the first rows of those that are new."""
        if self._table is not None and size > MOST_DENSE:
            filled = np.flatnonzero(self._table >= 0)
            self._known = dict(zip(filled.tolist(), self._table[filled].tolist(), strict=True))
            self._table = None
        return self._sparse(keys) if self._table is None else self._dense(self._table, keys, size)

    def _dense(
        self, table: Numbers, keys: Codes, size: int
    ) -> tuple[Numbers, npt.NDArray[np.intp]]:
        if size > len(table):
            more = np.full(max(size, min(2 * len(table), MOST_DENSE)) - len(table), -1, np.int32)
            self._table = table = np.append(table, more)
        found: Numbers = table.take(keys)
        if not len(found) or found.min() >= 0:
            return found, _NONE
        new = np.flatnonzero(found < 0)
        distinct, first = np.unique(keys[new], return_index=True)
        order = np.argsort(first)
        table[distinct[order]] = np.arange(self.count, self.count + len(order), dtype=np.int32)
        self.count += len(order)
        return table.take(keys), new[first[order]]

    def _sparse(self, keys: Codes) -> tuple[Numbers, npt.NDArray[np.intp]]:
        distinct, first, index = np.unique(keys, return_index=True, return_inverse=True)
        found = np.zeros(len(distinct), np.int32)
        fresh = []
        for at in np.argsort(first).tolist():
            key = int(distinct[at])
            if key not in self._known:
                self._known[key] = self.count
                self.count += 1
                fresh.append(int(first[at]))
            found[at] = self._known[key]
        return found[index], np.array(fresh, np.intp)


_NONE = np.zeros(0, np.intp)
