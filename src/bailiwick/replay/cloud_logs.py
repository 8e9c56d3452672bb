"""Rows of the logs of clouds, as the ``cloud`` room reads them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bailiwick.cloud import Cloud, regions_of
from bailiwick.cloud.logs import CloudRecord, Outcome, read_cloud_log
from bailiwick.cloud.logs import Skipped as CloudSkipped
from bailiwick.location import pack
from bailiwick.replay.rows import Read, Skipped, batch, write_fact
from bailiwick.replay.text_logs import NO_MODEL, NOT_A_MODEL_REQUEST

BATCH_ROWS = 65_536


def read_cloud(path: Path, skipped: Skipped) -> Iterator[Read]:
    """Read a log of any cloud in batches."""
    rows: list[dict[str, Any]] = []
    places: list[str] = []
    size = 0

    def progress(read: int) -> None:
        nonlocal size
        size += read

    for record in read_cloud_log(path, progress):
        place = f"{record.where.file}:{record.where.line}"
        if isinstance(record, CloudSkipped):
            skipped.add(record.reason or NOT_A_MODEL_REQUEST, [place], 1)
            if record.rest:
                skipped.notes.append(str(record))
            continue
        if record.model is None:
            skipped.add(NO_MODEL, [place], 1)
            continue
        rows.append(_row(record))
        places.append(place)
        if len(rows) >= BATCH_ROWS:
            yield _read(rows, places, size)
            rows, places, size = [], [], 0
    if rows or size:
        yield _read(rows, places, size)


def _read(rows: list[dict[str, Any]], places: list[str], size: int) -> Read:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return Read(batch(columns or {"model": []}), places.__getitem__, size)


def _row(record: CloudRecord) -> dict[str, Any]:
    recorded = {Outcome.SUCCEEDED: "permit", Outcome.DENIED: "deny"}.get(record.outcome)
    return {
        "model": record.model,
        "at": record.at,
        "account": record.account,
        "address": pack(record.address) if record.address else None,
        "tokens_in": record.input_tokens,
        "tokens_out": record.output_tokens,
        "recorded": recorded,
        "fact.action": record.action,
        "fact.endpoint": _place(record, record.endpoint),
        "fact.processing": _place(record, record.processing),
    }


def _place(record: CloudRecord, region: str | None) -> str | None:
    """Turn a cloud region into the place it is in; one that is not listed says nothing."""
    if region is None:
        return None
    fact = regions_of(Cloud(record.cloud.value)).place(region)
    return write_fact(fact) if isinstance(fact, frozenset) else None
