"""The one shape that every log is read into: Arrow record batches with these columns.

A batch has the columns that its log has; ``model`` is always there. A column that is missing, and a
null, mean that the log does not say. Facts that a log recorded are columns of their own,
``fact.NAME``, written as ``|`` between candidates or elements, ``unknown``, or nothing for a set
that is known to be empty.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bailiwick.errors import BailiwickError
from bailiwick.facts import PENDING, UNKNOWN, Fact, dimension

if TYPE_CHECKING:
    import pyarrow as pa

AT, MODEL, ADDRESS, ACCOUNT, KEY = "at", "model", "address", "account", "key"
REQUESTS, TOKENS_IN, TOKENS_OUT, COST = "requests", "tokens_in", "tokens_out", "cost"
RECORDED = "recorded"
FACT = "fact."
TEXTS = (MODEL, ACCOUNT, KEY, RECORDED)
NUMBERS = (REQUESTS, TOKENS_IN, TOKENS_OUT)
COLUMNS = (AT, MODEL, ADDRESS, ACCOUNT, KEY, *NUMBERS, COST, RECORDED)
"""``at`` is microseconds since 1970 (UTC); ``address`` 4 or 16 bytes, network order; ``recorded``
is ``permit`` or ``deny``; ``requests`` is how many requests a row stands for (1 if missing);
``cost`` is in USD."""


def arrow() -> Any:
    """Import pyarrow, or say how to get it."""
    try:
        import pyarrow as pa
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise BailiwickError("replay needs `pyarrow`", "pip install 'bailiwick[replay]'") from error
    return pa


def batch(columns: Mapping[str, Any]) -> "pa.RecordBatch":
    """Make a batch of Python values or Arrow arrays by column name, each in its column's type."""
    pa = arrow()
    arrays = {name: _typed(pa, name, values) for name, values in columns.items()}
    return pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays))


def _typed(pa: Any, name: str, values: Any) -> "pa.Array":
    wanted = type_of(name)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not isinstance(values, pa.Array):
        plain = wanted.value_type if pa.types.is_dictionary(wanted) else wanted
        values = pa.array(values, plain)
    if pa.types.is_dictionary(wanted) and not pa.types.is_dictionary(values.type):
        return values.cast(pa.string()).dictionary_encode()
    if name == ADDRESS or values.type == wanted or pa.types.is_dictionary(values.type):
        return values
    return values.cast(wanted)


def type_of(name: str) -> "pa.DataType":
    """Give the Arrow type of a column."""
    pa = arrow()
    if name == AT:
        return pa.timestamp("us", tz="UTC")
    if name == ADDRESS:
        return pa.binary()
    if name == COST:
        return pa.float64()
    return pa.int64() if name in NUMBERS else pa.dictionary(pa.int32(), pa.string())


def write_fact(fact: object) -> str | None:
    """Write a recorded fact (text or a list of texts) for its column; ``None``: not one."""
    if isinstance(fact, str):
        return fact
    if isinstance(fact, list | tuple | frozenset) and all(isinstance(one, str) for one in fact):
        return "|".join(sorted(fact))
    return None


def read_written(name: str, text: str) -> Fact:
    """Read what ``write_fact`` wrote. An account's status may be ``pending``, and is known then."""
    if text == "unknown":
        return UNKNOWN
    known = dimension(name)
    if text == "pending" and known is not None and text not in known.values:
        return PENDING
    return frozenset(text.split("|")) if text else frozenset()


def numbers(array: "pa.Array", dtype: Any, missing: float = 0) -> npt.NDArray[Any]:
    """View an array of numbers as NumPy, shape (rows,), nulls as ``missing``."""
    if array.null_count:
        array = array.fill_null(missing)
    values: npt.NDArray[Any] = np.from_dlpack(array) if len(array) else np.zeros(0, dtype)
    return values.astype(dtype, copy=False)


def flags(array: "pa.BooleanArray") -> npt.NDArray[np.bool_]:
    """Give a Boolean array without nulls as NumPy, shape (rows,)."""
    return numbers(array.cast("uint8"), np.bool_)


class Dictionary:
    """Numbers for texts, from batch to batch. 0 is null. For one thread."""

    def __init__(self) -> None:
        self.texts: list[str | None] = [None]
        self._numbers: dict[str | None, int] = {None: 0}
        self._last: tuple[Any, npt.NDArray[np.int32]] | None = None

    def number(self, text: str | None) -> int:
        """Give the number of a text."""
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return found

    def codes(self, array: "pa.DictionaryArray") -> npt.NDArray[np.int32]:
        """Give the number of every row of a dictionary array, shape (rows,)."""
        remap = self._remap(array.dictionary)
        codes: npt.NDArray[np.int32] = remap.take(numbers(array.indices, np.int32, len(remap) - 1))
        return codes

    def _remap(self, values: "pa.Array") -> npt.NDArray[np.int32]:
        """Give the number of each value of a batch's own dictionary, and of null at the end."""
        if self._last is None or not self._last[0].equals(values):
            found = [self.number(text) for text in values.to_pylist()]
            self._last = values, np.array([*found, 0], np.int32)
        return self._last[1]


class Skipped:
    """Rows that could not be used, by reason, with the first few places of each."""

    MOST = 5

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.examples: dict[str, list[str]] = {}
        self.notes: list[str] = []
        """What was wrong with whole files."""

    def add(self, reason: str, places: Iterable[str], count: int) -> None:
        """Count rows; ``places`` are the first of them as ``file:line``."""
        if count:
            self.counts[reason] = self.counts.get(reason, 0) + count
            kept = self.examples.setdefault(reason, [])
            kept += list(places)[: self.MOST - len(kept)]

    def merge(self, other: "Skipped") -> None:
        """Add what another worker counted."""
        for reason, count in other.counts.items():
            self.add(reason, other.examples[reason], count)
        self.notes += other.notes

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Read:
    """A batch, where its rows stand, and how many bytes of the file were read for it."""

    batch: "pa.RecordBatch"
    place: Callable[[int], str]
    """``file:line`` of a row of the batch (or ``file@byte``, which ``line_of`` turns into that)."""
    size: int


def line_of(place: str) -> str:
    """Turn ``file@byte`` into ``file:line``."""
    file, at, byte = place.rpartition("@")
    if not at or not byte.isdigit():
        return place
    line, left = 1, int(byte)
    with Path(file).open("rb") as text:
        while left and (piece := text.read(min(left, 1 << 24))):
            line += piece.count(b"\n")
            left -= len(piece)
    return f"{file}:{line}"


def take(batch: "pa.RecordBatch", keep: npt.NDArray[np.bool_]) -> "pa.RecordBatch":
    """Keep some rows."""
    return batch if keep.all() else batch.filter(arrow().array(keep))
