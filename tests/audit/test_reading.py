"""Showing and exporting: what was asked for, in order, safe for a terminal, typed for a table."""

import json
import sys
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit.helpers import Clock, OpenLog, kinds, segments, unclose
from bailiwick.audit import Filters, Settings, export, show
from bailiwick.audit.verify import read_record
from bailiwick.errors import BailiwickError

DECISION = {
    "kind": "decision",
    "id": "dec_1",
    "effect": "deny",
    "model": "example/model",
    "action": "infer",
    "account": "acc_1",
    "key": "key_1",
    "revision": "r1",
    "controlled": True,
    "contested": False,
    "determining": ["no-export"],
    "address": {"network": "192.0.2.0/24", "pseudonym": "2026-07.0a1b2c3d:00"},
}
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OUTCOME = {"kind": "outcome", "id": "dec_1", "result": "completed", "status": 200, "total_ms": 3}


@pytest.fixture
def filled(open_log: OpenLog, directory: Path, clock: Clock) -> Path:
    logs = [open_log(worker) for worker in ("0", "1")]
    for minute in range(4):
        log = logs[minute % 2]
        clock.now = NOON + minute * MINUTE
        log.append_nowait({**DECISION, "id": f"dec_{minute}", "account": f"acc_{minute % 2}"})
        log.append_nowait({**OUTCOME, "id": f"dec_{minute}"})
    for log in logs:
        log.close()
    return directory


def test_records_of_all_workers_come_in_the_order_of_time(filled: Path) -> None:
    shown = [entry.record for entry in show(filled, Filters(kinds=frozenset({"decision"})))]

    assert [record.event["id"] for record in shown] == ["dec_0", "dec_1", "dec_2", "dec_3"]
    assert [record.node for record in shown] == ["gw-1/0", "gw-1/1"] * 2


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (Filters(), 12),
        (Filters(kinds=frozenset({"outcome"})), 4),
        (Filters(kinds=frozenset({"start"})), 2),
        (Filters(fields={"id": "dec_2"}), 2),
        (Filters(fields={"status": "200"}), 4),
        (Filters(fields={"controlled": "true", "account": "acc_1"}), 2),
        (Filters(fields={"nothing": "x"}), 0),
        (Filters(node="gw-1"), 12),
        (Filters(node="gw-1/1"), 6),
        (Filters(node="gw"), 0),
        (Filters(since=NOON + 2 * MINUTE), 6),
        (Filters(kinds=frozenset({"stop"})), 2),
        (Filters(since=NOON + MINUTE, until=NOON + 2 * MINUTE), 2),
    ],
)
def test_filters_must_all_hold(filled: Path, filters: Filters, count: int) -> None:
    assert len(list(show(filled, filters))) == count


def test_an_entry_says_where_it_stands(filled: Path) -> None:
    entry = next(show(filled, Filters(fields={"id": "dec_2"})))

    line = (filled / entry.file).read_bytes().splitlines()[entry.line - 1]
    assert read_record(line) == entry.record


@pytest.mark.parametrize("text", ["\r\n", "\x1b[2J", "\u202e", "\x9b", "\x00", "\ud800", "é"])
def test_what_is_shown_is_one_line_and_safe_for_a_terminal(
    open_log: OpenLog, directory: Path, text: str
) -> None:
    log = open_log()
    log.append_nowait({"kind": f"k{text}", "user_agent": text, text: text})
    log.close()

    shown = str(list(show(directory))[1])

    assert shown.isprintable()
    assert "\n" not in shown


def test_a_cut_tail_is_left_out(open_log: OpenLog, directory: Path, write: Any) -> None:
    log = open_log()
    write(log, 3)
    log.close()
    path = unclose(directory)
    path.write_bytes(path.read_bytes() + b'{"torn')
    log = open_log()
    log.close()

    assert kinds(directory) == ["start", *["decision"] * 3, "recovery"]


def test_a_damaged_line_is_told_with_its_place(filled: Path) -> None:
    path = segments(filled)[0]
    path.write_bytes(path.read_bytes().replace(b"acc_0", b"acc_9"))

    with pytest.raises(BailiwickError, match=rf"{path.name}:2: .*own hash\nhelp: .*audit verify"):
        list(show(filled))


def test_json_lines_are_the_records_as_they_are(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"

    count = export(filled, out, "jsonl", Filters(kinds=frozenset({"decision"})))

    lines = out.read_bytes().splitlines()
    assert count == len(lines) == 4
    assert [read_record(line).event["id"] for line in lines] == [f"dec_{n}" for n in range(4)]


def test_parquet_has_typed_columns_and_loses_nothing(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"

    count = export(filled, out, "parquet")

    table = pq.read_table(out)
    rows = table.to_pylist()
    assert count == len(rows) == 12
    assert table.schema.field("at").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("status").type == pa.int64()
    decision = next(row for row in rows if row["kind"] == "decision")
    assert decision["effect"] == "deny"
    assert decision["controlled"] is True
    assert decision["address_network"] == "192.0.2.0/24"
    assert json.loads(decision["rest"]) == {"determining": ["no-export"]}
    outcome = next(row for row in rows if row["kind"] == "outcome")
    assert (outcome["status"], outcome["total_ms"], outcome["effect"]) == (200, 3.0, None)
    assert outcome["at"] == NOON + timedelta(milliseconds=2)


def test_a_value_of_an_unexpected_type_stays_in_the_rest(
    open_log: OpenLog, directory: Path, tmp_path: Path
) -> None:
    log = open_log(settings=Settings(raw_days=1))
    odd = {"kind": "odd", "status": "200", "model": ["a"], "bytes_in": True, "address": {"x": 1}}
    log.append_nowait(
        {**odd, "bytes_out": 10**30, "total_ms": None, "pad": "x" * 5000}, raw={"a": "b"}
    )
    log.close()

    export(directory, tmp_path / "out.parquet", "parquet")

    row = pq.read_table(tmp_path / "out.parquet").to_pylist()[1]
    rest = json.loads(row["rest"])
    assert (row["status"], row["model"], row["bytes_in"], row["address_network"]) == (None,) * 4
    assert odd.items() <= {**rest, "kind": row["kind"]}.items()
    assert rest["capped"] == {"/pad": 5000}
    assert list(rest["commitments"]) == ["a"]


def test_an_export_keeps_control_characters_escaped(
    open_log: OpenLog, directory: Path, tmp_path: Path
) -> None:
    log = open_log()
    log.append_nowait({"kind": "k", "user_agent": "a\r\nb\x1b[2J\u202e\x00"})
    log.close()

    export(directory, tmp_path / "out.jsonl", "jsonl")
    export(directory, tmp_path / "out.parquet", "parquet")

    text = (tmp_path / "out.jsonl").read_text()
    rest = pq.read_table(tmp_path / "out.parquet").to_pylist()[1]["rest"]
    assert text.count("\n") == 3
    assert text.replace("\n", "").isprintable()
    assert rest.isprintable()


def test_a_failed_export_leaves_the_old_file(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("old")
    path = segments(filled)[0]
    path.write_bytes(path.read_bytes().replace(b"acc_0", b"acc_9"))

    with pytest.raises(BailiwickError):
        export(filled, out)

    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.jsonl"]


def test_parquet_without_its_library_says_what_to_install(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(BailiwickError, match=r"needs `pyarrow`\nhelp: pip install"):
        export(filled, tmp_path / "out.parquet", "parquet")


def test_an_export_needs_little_memory(
    open_log: OpenLog, directory: Path, tmp_path: Path, write: Any
) -> None:
    log = open_log()
    write(log, 6000, pad="x" * 1500)
    log.close()
    assert sum(path.stat().st_size for path in segments(directory)) > 10_000_000

    tracemalloc.start()
    export(directory, tmp_path / "out.jsonl", "jsonl")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1_000_000


def test_a_log_can_be_read_while_it_is_written(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log(settings=Settings(segment_bytes=50_000))
    done = threading.Event()

    def keep_writing() -> None:
        while not done.is_set():
            write(log, 20)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    counts = [0]
    while counts[-1] < 2000:
        counts.append(sum(1 for _ in show(directory)))
    done.set()
    writer.join()

    assert counts == sorted(counts)
    assert len(segments(directory)) > 10
