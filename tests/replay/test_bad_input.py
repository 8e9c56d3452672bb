"""Strange logs: what can be used is used, every row is counted, and the rest is said plainly."""

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from bailiwick.errors import InvalidInput
from bailiwick.replay.rows import arrow
from replay.replay_help import NEW, OPUS, US, adds_up, bailiwick, line, replayed

AT = "2026-06-10T12:00:00Z"
HEAD = "model,address,account,at,tokens_in\n"
ROW = f"{OPUS},{US},a,{AT},5\n"
ROWS = 2000
CSV = HEAD + ROW * ROWS
OBJECT = json.dumps({"model": OPUS, "remote_addr": US, "time": AT, "tokens_in": 5}) + "\n"
JSONL = OBJECT * ROWS
LOG = (line() + "\n") * ROWS


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def outcome(path: Path) -> tuple[int, dict[str, int]]:
    """Replay a file; give the rows judged, and what was skipped. The rows always add up."""
    finished, _ = replayed([path])
    totals = finished.totals
    assert adds_up(finished, totals.rows + totals.skipped.total)
    assert totals.skipped.counts.keys() == totals.skipped.examples.keys()
    return totals.rows, totals.skipped.counts


@pytest.mark.parametrize(
    ("more", "skipped"),
    [
        (f"{OPUS},{US},a,{AT},many\n", "`tokens_in` is no count"),
        (f"{OPUS},{US},a,{AT},-5\n", "`tokens_in` is no count"),
        (f"{OPUS},{US},a,{AT},99999999999999999999\n", "`tokens_in` is no count"),
        (f"{OPUS},{US},a,{AT},nan\n", None),
        (f"{OPUS},{US},a,{AT},\n", None),
        (f"{OPUS},{US},a,yesterday,5\n", "`at` is no time"),
        (f"{OPUS},{US},a,1781000000000,5\n", None),
        (f"{OPUS},{US},a,,5\n", None),
        (f"{OPUS},999.1.1.1,a,{AT},5\n", None),
        (f",{US},a,{AT},5\n", "names no model"),
        (f"{OPUS},{US}\n", "wrong number of columns"),
    ],
)
def test_one_bad_row_of_a_table_is_skipped_with_its_line(
    tmp_path: Path, more: str, skipped: str | None
) -> None:
    path = write(tmp_path / "a.csv", CSV + more)

    finished, _ = replayed([path])

    assert adds_up(finished, ROWS + 1)
    assert finished.totals.skipped.counts == ({skipped: 1} if skipped else {})
    if skipped:
        assert finished.totals.skipped.examples[skipped] == [f"{path}:{ROWS + 2}"]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_table_may_be_separated_otherwise(tmp_path: Path, separator: str) -> None:
    path = write(tmp_path / "a.csv", CSV.replace(",", separator))

    assert outcome(path) == (ROWS, {})


def test_a_quote_that_is_never_closed_loses_no_line_from_the_count(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f'{CSV}"{ROW}' + ROW * 9)

    assert outcome(path) == (ROWS, {"a quote is not closed": 10})


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.log"])
def test_a_compressed_file_that_breaks_off_is_used_up_to_its_last_whole_line(
    tmp_path: Path, pack: Any, name: str
) -> None:
    accounts = [f"acc_{at * 7919 % 100_003:06d}" for at in range(ROWS)]
    texts = {
        "a.csv": HEAD + "".join(ROW.replace(",a,", f",{one},") for one in accounts),
        "a.jsonl": "".join(OBJECT.replace("}", f', "user": "{one}"}}') for one in accounts),
        "a.log": "".join(line(account=one) + "\n" for one in accounts),
    }
    path = write(tmp_path / f"{name}.gz", pack(texts[name].encode())[:-60])

    finished, _ = replayed([path])

    skipped = finished.totals.skipped
    assert adds_up(finished, finished.totals.rows + skipped.total)
    assert skipped.counts in ({}, {"cut off": 1})
    assert finished.totals.by_account.keys() <= set(accounts)
    assert "damaged or cut off" in skipped.notes[0]
    assert str(path) in skipped.notes[0]


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        (b"\xef\xbb\xbf" + JSONL.encode(), {}),
        (JSONL.encode() + b'{"model":"caf\xe9"}\n' + JSONL.encode(), {"not JSON": 1}),
        (JSONL.encode() + b"\0\0\0\n", {"not JSON": 1}),
        (JSONL.encode() + b"[" * 100_000 + b"\n", {"not JSON": 1}),
        (JSONL.encode() + b"null\n3\n", {"not an object": 2}),
        (JSONL.encode() + OBJECT.replace("5}", "-5}").encode(), {"`tokens_in` is no count": 1}),
        (JSONL.encode() + OBJECT.replace(AT, "never").encode(), {"`time` is no time": 1}),
    ],
)
def test_one_bad_line_of_json_is_skipped(
    tmp_path: Path, text: bytes, skipped: dict[str, int]
) -> None:
    rows, counts = outcome(write(tmp_path / "a.jsonl", text))

    assert counts == skipped
    assert rows == text.count(OBJECT.encode())


def test_encodings_may_be_mixed_where_they_say_nothing(tmp_path: Path) -> None:
    odd = line(account="Zo").encode().replace(b'"Zo"', b'"Zo\xeb"')
    path = write(tmp_path / "a.log", LOG.encode() + odd + b"\n" + LOG.encode())

    assert outcome(path) == (2 * ROWS + 1, {})


def test_the_halves_of_a_rotated_line_are_counted_once_each(tmp_path: Path) -> None:
    write(tmp_path / "a.log.1", LOG + line()[:40])
    write(tmp_path / "a.log", line()[40:] + "\n" + LOG)

    assert outcome(tmp_path) == (2 * ROWS, {"not in the format": 2})


def test_figures_that_are_not_numbers_never_reach_the_totals(tmp_path: Path) -> None:
    pa = arrow()
    table = pa.table(
        {
            "model": [OPUS] * 4,
            "address": [US] * 4,
            "tokens_in": pa.array([1.0, float("nan"), float("inf"), -1.0]),
            "cost": pa.array([0.5, float("nan"), 0.5, 0.5]),
        }
    )
    pa.parquet.write_table(table, tmp_path / "a.parquet")

    finished, _ = replayed([tmp_path / "a.parquet"])

    assert adds_up(finished, 4)
    assert finished.totals.skipped.counts == {"`tokens_in` is no count": 2}
    sums = sum(sums for _, sums, _ in finished.totals.by_combination)
    assert sums.sum(axis=0).tolist() == [2, 1, 0, 0.5]


def test_times_that_are_missing_are_no_first_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEAD + ROW + ROW.replace(AT, "") + ROW.replace("2026", "1066"))

    finished, _ = replayed([path])

    assert finished.totals.first_us == finished.totals.last_us is not None
    assert {day for day, _ in finished.totals.by_day} == {-1, 20614}


@pytest.mark.parametrize(
    ("name", "data", "wanted"),
    [
        ("a.csv", "address,account\n8.8.8.8,a\n", "no column `model`; there are account, address"),
        ("a.csv", "", "the file is empty"),
        ("a.log", "\n\n", "is empty"),
        ("a.dat", "what is this\n", "in no format that is known"),
        ("a.jsonl", JSONL.encode("utf-16"), "is UTF-16"),
        ("a.parquet", b"PAR1 and no more", "no whole Parquet file"),
        ("a.log.gz", gzip.compress(LOG.encode(), mtime=0)[:12], "its beginning is damaged"),
    ],
)
def test_what_cannot_be_read_at_all_is_refused_with_its_name(
    tmp_path: Path, name: str, data: str | bytes, wanted: str
) -> None:
    path = write(tmp_path / name, data)

    with pytest.raises(InvalidInput) as caught:
        replayed([path])

    assert wanted in str(caught.value)
    assert str(path) in str(caught.value)


def test_logs_of_which_nothing_can_be_used_are_no_success(tmp_path: Path) -> None:
    write(tmp_path / "new.yaml", NEW)
    path = write(tmp_path / "a.json", json.dumps([json.loads(OBJECT)] * 3)[:-30])

    done = bailiwick("replay", path, "-p", tmp_path / "new.yaml", "--fail-if", "requests > 100")

    assert done.returncode == 2
    assert "no row of the logs could be used" in done.stderr
    assert "not JSON" in done.stderr
