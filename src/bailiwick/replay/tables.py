"""Read Parquet and CSV: our audit export, our own shape, or anybody's with a column mapping."""

import csv
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from bailiwick.errors import InvalidInput
from bailiwick.replay.addresses import packed
from bailiwick.replay.json_logs import NO_DECISION, event_row, guess, to_time
from bailiwick.replay.mapping import ColumnMapping
from bailiwick.replay.rows import (
    ACCOUNT,
    ADDRESS,
    AT,
    COLUMNS,
    COST,
    FACT,
    MODEL,
    NUMBERS,
    Read,
    Skipped,
    arrow,
    batch,
    flags,
    take,
)
from bailiwick.replay.text_logs import NO_MODEL

BATCH_ROWS = 1 << 19
MOST = float(1 << 53)
"""No count is larger: up to there sums are exact."""
KINDS = {AT: "time", COST: "amount", **dict.fromkeys(NUMBERS, "count")}
SEPARATORS = ",;\t|"
Bad = npt.NDArray[np.bool_] | None
"""Rows, shape (rows,), that cannot be used; ``None``: all can."""


def is_audit(names: list[str]) -> bool:
    """Whether these are the columns of our audit export."""
    return {"kind", "effect", "rest", "sha256"} <= set(names)


def columns_of(names: list[str], mapping: ColumnMapping | None, file: str) -> Mapping[str, str]:
    """Say which columns are read as what. Raises ``InvalidInput`` where they are missing."""
    if mapping is None:
        own = {name: name for name in names if name in COLUMNS or name.startswith(FACT)}
        if MODEL in own and (ADDRESS in own or ACCOUNT in own or len(own) > 2):
            return own
        found = guess(dict.fromkeys(names, "")).columns
        usable = {ours: theirs for ours, theirs in found.items() if theirs in names}
        if MODEL in usable:
            return usable
        raise InvalidInput.of(
            f"{file}: no column `model`; there are {', '.join(sorted(names)[:20])}",
            "say which columns mean what with `--mapping FILE`",
        )
    missing = [one for one in mapping.columns.values() if one not in names]
    if missing:
        where = [f"`{one}`" for one in missing]
        raise InvalidInput.of(
            f"{file}: no column {', '.join(where)}; there are {', '.join(sorted(names)[:20])}",
            f"correct {mapping.file or 'the mapping'}" + _places(mapping, missing),
        )
    return mapping.columns


def _places(mapping: ColumnMapping, missing: list[str]) -> str:
    at = [
        mapping.places[ours]
        for ours, one in mapping.columns.items()
        if one in missing and ours in mapping.places
    ]
    return f" at {', '.join(at)}" if at else ""


def read_row_groups(
    file: str, start: int, stop: int, mapping: ColumnMapping | None, skipped: Skipped
) -> Iterator[Read]:
    """Read some row groups of a Parquet file."""
    pa = arrow()
    with pa.parquet.ParquetFile(file) as probe:
        names = list(probe.schema_arrow.names)
        texts = [
            f.name
            for f in probe.schema_arrow
            if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)
        ]
        sizes = [probe.metadata.row_group(at).num_rows for at in range(stop)]
        size = sum(probe.metadata.row_group(at).total_byte_size for at in range(start, stop))
    audit = mapping is None and is_audit(names)
    wanted = {} if audit else columns_of(names, mapping, file)
    texts = (
        []
        if audit
        else [name for ours, name in wanted.items() if name in texts and ours != ADDRESS]
    )
    rows, total = sum(sizes[:start]), max(sum(sizes[start:stop]), 1)
    with pa.parquet.ParquetFile(file, read_dictionary=texts, pre_buffer=False) as parquet:
        columns = None if audit else sorted(set(wanted.values()))
        for each in parquet.iter_batches(
            BATCH_ROWS, row_groups=range(start, stop), columns=columns, use_threads=False
        ):
            made, kept = (
                _audit(each, skipped, file, rows)
                if audit
                else _mapped(each, wanted, skipped, file, rows)
            )
            yield Read(made, _Place(file, rows + 1, kept), int(size * each.num_rows / total))
            rows += each.num_rows


class _Place:
    """Where the rows of a batch stand in their file."""

    def __init__(self, file: str, first: int, kept: Any) -> None:
        self.file, self.first = file, first
        self.kept = None if kept is None or kept.all() else np.flatnonzero(kept)

    def __call__(self, row: int) -> str:
        return f"{self.file}:{self.first + (row if self.kept is None else int(self.kept[row]))}"


def _mapped(
    each: Any, wanted: Mapping[str, str], skipped: Skipped, file: str, first: int
) -> tuple[Any, Any]:
    """Bring columns into our types; rows that cannot be used are counted and left out."""
    columns = {}
    keep = np.ones(each.num_rows, np.bool_)
    for ours, theirs in wanted.items():
        columns[ours], bad = _column(ours, each.column(theirs), file, theirs)
        if bad is not None:
            _count(skipped, f"`{theirs}` is no {KINDS[ours]}", bad & keep, file, first)
            keep &= ~bad
    if columns[MODEL].null_count:
        known = flags(columns[MODEL].is_valid())
        _count(skipped, NO_MODEL, ~known & keep, file, first)
        keep &= known
    return take(batch(columns), keep), keep


def _count(skipped: Skipped, reason: str, bad: Any, file: str, first: int) -> None:
    at = np.flatnonzero(bad)
    skipped.add(reason, [f"{file}:{first + int(one) + 1}" for one in at[:5]], len(at))


def _column(name: str, values: Any, file: str, theirs: str) -> tuple[Any, Bad]:
    """Bring a column into its type; and which rows have something else there, if any have."""
    pa = arrow()
    types = pa.types
    kind = values.type
    try:
        if name == ADDRESS:
            if types.is_dictionary(kind):
                values = values.cast(kind.value_type)
            if types.is_string(values.type) or types.is_large_string(values.type):
                return packed(values.cast(pa.string())), None
            if types.is_integer(kind):
                return values.cast(pa.uint32()), None
            return values, None
        if name == AT:
            return _times(values)
        if name in NUMBERS or name == COST:
            return _figures(values, whole=name in NUMBERS)
        if types.is_dictionary(kind):
            wanted = pa.dictionary(pa.int32(), pa.string())
            return (values if kind.value_type == pa.string() else values.cast(wanted)), None
        return values.cast(pa.string()).dictionary_encode(), None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidInput.of(
            f"{file}: column `{theirs}` cannot be read as `{name}`: {str(error).splitlines()[0]}"
        ) from None


def _times(values: Any) -> tuple[Any, Bad]:
    pa = arrow()
    kind, wanted = values.type, pa.timestamp("us", tz="UTC")
    if pa.types.is_timestamp(kind):
        naive = values.cast(pa.timestamp("us")) if kind.tz is None else values
        return naive.cast(wanted), None
    if pa.types.is_date(kind):
        return values.cast(pa.timestamp("us")).cast(wanted), None
    encoded = values if pa.types.is_dictionary(kind) else values.dictionary_encode()
    read = [to_time(one) if one is not None else None for one in encoded.dictionary.to_pylist()]
    found = pa.array(read, wanted).take(encoded.indices)
    return found, _lost(found, values)


def _figures(values: Any, *, whole: bool) -> tuple[Any, Bad]:
    """Read counts (not negative), or amounts of money; what is not a number at all is null."""
    pa = arrow()
    compute, kind = pa.compute, values.type
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        read = [_number(one) for one in values.to_pylist()]
        numbers = pa.array(read, pa.float64())
        lost = _lost(numbers, values)
    elif whole and pa.types.is_integer(kind):
        found = values.cast(pa.int64(), safe=False)
        return found, _marked(compute.less(found, 0))
    else:
        numbers, lost = values.cast(pa.float64()), None
    numbers = compute.if_else(compute.is_nan(numbers), None, numbers)
    limit = MOST if whole else float("inf")
    within = compute.less(compute.abs(numbers), limit)
    good = compute.and_(within, compute.greater_equal(numbers, 0)) if whole else within
    bad = _marked(compute.invert(good))
    found = compute.if_else(compute.fill_null(good, False), numbers, None)
    found = found.cast(pa.int64(), safe=False) if whole else found
    return found, bad if lost is None else lost if bad is None else bad | lost


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _lost(found: Any, values: Any) -> Bad:
    """Mark what became null and was not."""
    if found.null_count == values.null_count:
        return None
    return _marked(arrow().compute.and_(found.is_null(), values.is_valid()))


def _marked(wrong: Any) -> Bad:
    """Give a Boolean array as a mask, null as no; ``None`` where nothing is marked."""
    mask = flags(wrong.fill_null(False))
    return mask if mask.any() else None


def _audit(each: Any, skipped: Skipped, file: str, first: int) -> tuple[Any, Any]:
    """Make rows of our audit export; evidence is in the JSON of ``rest``."""
    rows, kept = [], np.zeros(each.num_rows, np.bool_)
    names = ("model", "model_asked", "account", "key", "action", "effect")
    values = {name: each.column(name).to_pylist() for name in (*names, "kind", "at", "rest")}
    for at in range(each.num_rows):
        event = {name: values[name][at] for name in names}
        rest = msgspec.json.decode(values["rest"][at] or "{}")
        row = (
            event_row({**rest, **event}, None) if values["kind"][at] == "decision" else NO_DECISION
        )
        if isinstance(row, str):
            skipped.add(row, [f"{file}:{first + at + 1}"], 1)
            continue
        row["at"] = values["at"][at]
        rows.append(row)
        kept[at] = True
    columns = dict.fromkeys(name for row in rows for name in row)
    return batch({name: [row.get(name) for row in rows] for name in columns} or {"model": []}), kept


def read_csv(
    stream: Any, file: str, mapping: ColumnMapping | None, skipped: Skipped
) -> Iterator[Read]:
    """Read a CSV file with a line of names, in bounded memory."""
    pa = arrow()
    refused: list[tuple[int, int]] = []

    def refuse(row: Any) -> str:
        refused.append((row.number, 1 + row.text.count("\n")))
        return "skip"

    header = stream.readline().decode("utf-8-sig", "replace").rstrip("\r\n")
    separator = max(SEPARATORS, key=header.count)
    columns = next(csv.reader([header], delimiter=separator), [])
    if not columns:
        raise InvalidInput.of(
            f"{file}: the file is empty", "a CSV file begins with a line of names"
        )
    wanted = columns_of(columns, mapping, file)
    options = {
        "parse_options": pa.csv.ParseOptions(
            delimiter=separator, invalid_row_handler=refuse, newlines_in_values=True
        ),
        "read_options": pa.csv.ReadOptions(
            use_threads=False, block_size=1 << 24, column_names=columns
        ),
    }
    convert = pa.csv.ConvertOptions(
        include_columns=sorted(set(wanted.values())),
        column_types=dict.fromkeys(wanted.values(), pa.string()),
        strings_can_be_null=True,
        null_values=["", "null", "NULL", "\\N"],
        check_utf8=False,
    )
    try:
        reader = pa.csv.open_csv(stream, convert_options=convert, **options)
    except pa.ArrowInvalid:
        return
    rows = 1
    for each in reader:
        made, kept = _mapped(_sound(each, skipped, file, rows), wanted, skipped, file, rows)
        yield Read(made, _Place(file, rows + 1, kept), each.nbytes)
        rows += each.num_rows
    for reason, lines in (
        ("wrong number of columns", [(at, one) for at, one in refused if one == 1]),
        ("a quote is not closed", [(at, one) for at, one in refused if one > 1]),
    ):
        places = [f"{file}:{at + 1}" for at, _ in lines[:5] if at]
        skipped.add(reason, places, sum(one for _, one in lines))


def _sound(each: Any, skipped: Skipped, file: str, first: int) -> Any:
    """Keep the rows whose texts are UTF-8."""
    pa = arrow()
    try:
        each.validate(full=True)
    except pa.ArrowInvalid:
        good = np.ones(each.num_rows, np.bool_)
        for column in each.columns:
            raw = column.cast(pa.binary()).to_pylist()
            good &= np.array([one is None or _is_utf8(one) for one in raw])
        _count(skipped, "not UTF-8", ~good, file, first)
        return each.filter(pa.array(good))
    return each


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
