"""Read a log that may be in use: show it to a person, export it to a program.

Records of all writers come in the order of their times; within a writer, in the order of the
chain. What a recovery declared to be cut off is left out.
"""

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from bailiwick.audit.records import canonical, timestamp
from bailiwick.audit.verify import (
    Damaged,
    Record,
    SegmentName,
    declared_end,
    lines,
    printable,
    read_record,
    writers,
)
from bailiwick.errors import BailiwickError

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS: Final = 10_000

Format = Literal["jsonl", "parquet"]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which records; every condition must hold."""

    kinds: frozenset[str] = frozenset()
    """Empty: every kind."""
    since: datetime | None = None
    until: datetime | None = None
    """Half-open: a record at ``until`` is not included."""
    node: str | None = None
    """A node, or one of its workers as ``node/worker``."""
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Fields of the event and their values as text, for example ``{"account": "acc_1"}``."""

    def match(self, record: Record) -> bool:
        """Whether a record meets the conditions that its line alone can tell."""
        return (
            (not self.kinds or record.event.get("kind") in self.kinds)
            and (self.since is None or record.at >= timestamp(self.since))
            and (self.until is None or record.at < timestamp(self.until))
            and (self.node is None or self.node in (record.node, record.node.partition("/")[0]))
            and all(_as_text(record.event.get(name)) == want for name, want in self.fields.items())
        )


EVERYTHING: Final = Filters()


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and where it stands. ``str()`` of it is fit for a terminal; its event is not."""

    file: str
    line: int
    record: Record

    def __str__(self) -> str:
        record = self.record
        kind = printable(str(record.event.get("kind")))
        rest = {name: value for name, value in record.event.items() if name != "kind"}
        return f"{record.at} {record.node} {record.seq} {kind} {canonical(rest).decode()}"


def show(directory: Path, filters: Filters = EVERYTHING) -> Iterator[Entry]:
    """Go through the records that match, oldest first, in bounded memory."""
    chains = [_entries(directory, names) for names in writers(directory).values()]
    for entry in heapq.merge(*chains, key=lambda entry: entry.record.at):
        if filters.match(entry.record):
            yield entry


def export(
    directory: Path,
    out: Path,
    format: Format = "jsonl",  # noqa: A002 - the word of the command line
    filters: Filters = EVERYTHING,
) -> int:
    """Write the records that match to a file; return how many they are.

    JSON Lines has the records as they are, so their hashes still hold. Parquet has typed columns
    for the common fields and the rest of the event as JSON text.
    """
    fresh = out.with_name(f".{out.name}.new")
    write = {"jsonl": _write_jsonl, "parquet": _write_parquet}[format]
    try:
        count = write(fresh, (entry.record for entry in show(directory, filters)))
        fresh.replace(out)
    finally:
        fresh.unlink(missing_ok=True)
    return count


def _entries(directory: Path, names: Sequence[SegmentName]) -> Iterator[Entry]:
    for name, following in zip(names, [*names[1:], None], strict=True):
        end = declared_end(directory, name, following)
        with (directory / name.file).open("rb") as file:
            for number, line in enumerate(lines(file, end.bytes if end else None), 1):
                if line.endswith(b"\n"):  # else it is being written
                    yield Entry(name.file, number, _read(name, number, line))


def _read(name: SegmentName, number: int, line: bytes) -> Record:
    try:
        return read_record(line)
    except Damaged as error:
        help_ = "run `bailiwick audit verify` for everything that is wrong"
        raise BailiwickError(printable(f"{name.file}:{number}: {error}"), help_) from error


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# ---- JSON Lines ----------------------------------------------------------------------------------


def _write_jsonl(out: Path, records: Iterable[Record]) -> int:
    count = 0
    with out.open("wb") as file:
        for record in records:
            file.write(record.line + b"\n")
            count += 1
    return count


# ---- Parquet -------------------------------------------------------------------------------------

COLUMNS: Final[Mapping[str, type]] = MappingProxyType(
    {
        "kind": str,
        "id": str,
        "effect": str,
        "model": str,
        "model_asked": str,
        "action": str,
        "dialect": str,
        "path": str,
        "layer": str,
        "account": str,
        "key": str,
        "revision": str,
        "controlled": bool,
        "contested": bool,
        "address_from": str,
        "latency_us": int,
        "result": str,
        "status": int,
        "bytes_in": int,
        "bytes_out": int,
        "first_byte_ms": float,
        "total_ms": float,
        "upstream": str,
    }
)
"""Fields of events with a column of their own; a value of another type stays in ``rest``."""

ADDRESS_COLUMNS: Final = ("network", "pseudonym")
"""Fields of an event's ``address``, with columns ``address_network`` and ``address_pseudonym``."""


def _write_parquet(out: Path, records: Iterable[Record]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise BailiwickError(
            "Parquet needs `pyarrow`", "pip install 'bailiwick[parquet]'"
        ) from error
    schema, count, rows = _schema(pa), 0, iter(records)
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        while batch := [_row(record) for record in islice(rows, BATCH_ROWS)]:
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _schema(pa: Any) -> "pa.Schema":
    types = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    return pa.schema(
        [
            ("seq", pa.int64()),
            ("node", pa.string()),
            ("at", pa.timestamp("us", tz="UTC")),
            *((name, types[kind]) for name, kind in COLUMNS.items()),
            *((f"address_{name}", pa.string()) for name in ADDRESS_COLUMNS),
            ("rest", pa.string()),
            ("previous", pa.string()),
            ("sha256", pa.string()),
        ]
    )


def _row(record: Record) -> dict[str, Any]:
    rest = dict(record.event)
    row = {name: rest.pop(name) for name, kind in COLUMNS.items() if _fits(rest.get(name), kind)}
    if _is_address(rest.get("address")):
        row |= {f"address_{name}": value for name, value in rest.pop("address").items()}
    at = datetime.fromisoformat(record.at)
    extra = {
        name: record.fields[name] for name in ("capped", "commitments") if name in record.fields
    }
    row |= {"seq": record.seq, "node": record.node, "at": at, "previous": record.previous}
    return {**row, "rest": canonical({**rest, **extra}).decode(), "sha256": record.sha256}


def _is_address(value: object) -> bool:
    """Whether a value has the address columns, as text, and nothing else."""
    if not isinstance(value, dict) or not value.keys() <= set(ADDRESS_COLUMNS):
        return False
    return all(isinstance(part, str) for part in value.values())


def _fits(value: object, kind: type) -> bool:
    """Whether a value goes into a column without changing; JSON may write 3.0 as 3."""
    if kind is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if kind is int:
        return type(value) is int and -(1 << 63) <= value < 1 << 63
    return type(value) is kind
