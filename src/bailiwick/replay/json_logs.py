"""Read logs in JSON: one object a line, an array, or a page of records; and audit records."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import msgspec

from bailiwick.location import pack
from bailiwick.replay.mapping import ALSO, LITELLM, ColumnMapping
from bailiwick.replay.rows import FACT, Read, Skipped, batch, write_fact
from bailiwick.replay.text_logs import NO_MODEL, _time

BATCH_ROWS = 65_536
BAD_JSON = "not JSON"
NO_DECISION = "a record of another kind than decision"
NO_MODEL_AT_EDGE = "refused at the edge before a model was read (judge it as `--assume model=NAME`)"
_EDGE = "edge_"
_MODELS_PATH = "/v1/models/"

_decode = msgspec.json.Decoder().decode


def read_json_lines(
    lines: Iterable[tuple[str, bytes]],
    mapping: ColumnMapping | None,
    assume_model: str | None,
    skipped: Skipped,
) -> Iterator[Read]:
    """Read one object a line; ``lines`` are places and texts. Audit records know themselves."""
    yield from _batched(_objects(lines, skipped), _Reader(mapping, assume_model), skipped)


def read_document(
    text: bytes,
    file: str,
    mapping: ColumnMapping | None,
    assume_model: str | None,
    skipped: Skipped,
) -> Iterator[Read]:
    """Read one JSON document: an array of objects, or a page with ``data`` or ``Records``."""
    found = ((f"{file}:#{at}", one, 0) for at, one in enumerate(_rows_of(_decode(text)), 1))
    reads = _batched(found, _Reader(mapping, assume_model), skipped)
    first = True
    for read in reads:
        yield Read(read.batch, read.place, len(text) if first else 0)
        first = False


def _rows_of(value: Any) -> Iterator[Any]:
    """Find the rows; the results of a bucket take the bucket's time."""
    if isinstance(value, dict):
        for name in ("data", "Records", "results"):
            if isinstance(value.get(name), list):
                value = value[name]
                break
        else:
            value = [value]
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and isinstance(one.get("results"), list):
            yield from ({"start_time": one.get("start_time"), **each} for each in one["results"])
        else:
            yield one


def _objects(
    lines: Iterable[tuple[str, bytes]], skipped: Skipped
) -> Iterator[tuple[str, Any, int]]:
    for place, line in lines:
        if not line.strip():
            skipped.add("blank line", [place], 1)
            continue
        try:
            yield place, _decode(line), len(line) + 1
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            skipped.add(BAD_JSON, [place], 1)


def _batched(
    objects: Iterable[tuple[str, Any, int]], reader: "_Reader", skipped: Skipped
) -> Iterator[Read]:
    rows: list[dict[str, Any]] = []
    places: list[str] = []
    size = 0
    for place, value, length in objects:
        size += length
        row = reader.row(value)
        if isinstance(row, str):
            skipped.add(row, [place], 1)
            continue
        rows.append(row)
        places.append(place)
        if len(rows) >= BATCH_ROWS:
            yield _read(rows, places, size)
            rows, places, size = [], [], 0
    if rows or size:
        yield _read(rows, places, size)


def _read(rows: list[dict[str, Any]], places: list[str], size: int) -> Read:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names} or {"model": []}
    return Read(batch(columns), places.__getitem__, size)


class _Reader:
    """Makes one of our rows of one object; a text is why it cannot be used."""

    def __init__(self, mapping: ColumnMapping | None, assume_model: str | None) -> None:
        self._assume_model = assume_model
        self._mapping = mapping
        self._given = mapping is not None

    def row(self, value: Any) -> dict[str, Any] | str:
        if not isinstance(value, dict):
            return "not an object"
        if value.get("schema") == "bailiwick.audit/1" and not self._given:
            return audit_row(value)
        if str(value.get("id", "")).startswith(_EDGE) and "revision" in value and not self._given:
            return edge_row(value, self._assume_model)
        mapping = self._mapping = self._mapping or guess(value)
        row: dict[str, Any] = {}
        for ours, theirs in mapping.columns.items():
            found = _at(value, theirs)
            if found is not None and found != "":
                converted = _convert(ours, found)
                if converted is None:
                    return f"`{theirs}` is no {_KINDS.get(ours, 'text')}"
                row[ours] = converted
        if mapping is LITELLM and "account" not in row and value.get("user"):
            row["account"] = str(value["user"])
        if "model" not in row:
            if not self._assume_model:
                return NO_MODEL
            row["model"] = self._assume_model
        return row


_KINDS = {"at": "time", "address": "text", "requests": "count", "tokens_in": "count",
          "tokens_out": "count", "cost": "amount"}  # fmt: skip


def guess(value: Mapping[str, Any]) -> ColumnMapping:
    """Find the columns of a log from its first object, by the usual names."""
    if "startTime" in value and "spend" in value:
        return LITELLM
    columns: dict[str, str] = {}
    from bailiwick.replay.mapping import JSON_LOG, OPENAI_USAGE

    if "num_model_requests" in value:
        return OPENAI_USAGE
    for ours, theirs in JSON_LOG.columns.items():
        names = (theirs, *ALSO.get(ours, ()))
        columns[ours] = next((name for name in names if _at(value, name) is not None), theirs)
    return ColumnMapping(columns)


def _at(value: Any, path: str) -> Any:
    if isinstance(value, dict) and path in value:
        return value[path]
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _convert(name: str, value: Any) -> Any:
    """Bring a value into its column; ``None``: it cannot be."""
    if name == "at":
        return to_time(value)
    if name == "address":
        return pack(str(value).rsplit(",", 1)[-1].strip()) or b""
    if name in {"requests", "tokens_in", "tokens_out"}:
        found = _number(value, int)
        return found if found is not None and 0 <= found < 1 << 53 else None
    if name == "cost":
        found = _number(value, float)
        return found if found is not None and isfinite(found) else None
    if name == "recorded":
        return {"true": "permit", "false": "deny"}.get(str(value).lower(), str(value))
    return write_fact(value) if name.startswith(FACT) else str(value)


def _number(value: Any, kind: Callable[[Any], Any]) -> Any:
    try:
        return kind(value)
    except (ValueError, TypeError, OverflowError):
        return None


def to_time(value: Any) -> datetime | None:
    """Read a time: ISO 8601, seconds or milliseconds since 1970, nginx's own."""
    if isinstance(value, str) and value.strip().replace(".", "", 1).isdecimal():
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if value > 1e11 else value
        microseconds: int | None = int(seconds * 1e6) if isfinite(seconds * 1e6) else None
    else:
        microseconds = _time(str(value))
    try:
        return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def audit_row(record: Mapping[str, Any]) -> dict[str, Any] | str:
    """Make a row of one of our own audit records, with the evidence that it recorded."""
    event = record.get("event")
    if not isinstance(event, dict) or event.get("kind") != "decision":
        return NO_DECISION
    return event_row(event, record.get("at"))


def edge_row(line: Mapping[str, Any], assume_model: str | None) -> dict[str, Any] | str:
    """Make a row of what a compiled edge logs of its own refusals; a network stands for the
    address, so the row is judged by where that begins.
    """
    path = str(line.get("path") or "")
    model = line.get("model")
    if not isinstance(model, str) or model in {"", "-", "_missing", "_error"}:
        model = path if path.startswith(_MODELS_PATH) else assume_model
    if not model:
        return NO_MODEL_AT_EDGE
    network = str(line.get("address") or "").partition("/")[0]
    at = to_time(line.get("at"))
    if at is None:
        return "`at` is no time"
    return {
        "model": model.removeprefix(_MODELS_PATH),
        "at": at,
        "address": pack(network) or b"",
        "recorded": "deny",
    }


def event_row(event: Mapping[str, Any], at: Any) -> dict[str, Any] | str:
    """Make a row of the event of a decision."""
    model = event.get("model") or event.get("model_asked")
    if not isinstance(model, str):
        return NO_MODEL
    row: dict[str, Any] = {"model": model, "at": to_time(at), "recorded": event.get("effect")}
    for name in ("account", "key"):
        if isinstance(event.get(name), str):
            row[name] = event[name]
    evidence = event.get("evidence")
    facts = {**evidence} if isinstance(evidence, dict) else {}
    facts["action"] = event.get("action")
    facts["features"] = event.get("features")
    for name, fact in facts.items():
        written = write_fact(fact)
        if written is not None:
            row[FACT + name] = written
    return row
