"""Tables and JSON: our own audit in three shapes, other programs' exports, anybody's columns."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit.conftest import *  # noqa: F403
from audit.helpers import append
from bailiwick.audit import AuditLog, export
from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput
from bailiwick.location import pack
from bailiwick.replay import LogOptions, read_mapping
from bailiwick.replay.rows import arrow
from replay.replay_help import DE, MISTRAL, NEW, OPUS, US, adds_up, json_lines, replayed


def mapping(text: str) -> LogOptions:
    return LogOptions(mapping=read_mapping(parse_document(text, "mapping.yaml")))


def counts(finished: Any) -> list[int]:
    whole = sum(sums for _, sums, _ in finished.totals.by_combination)
    return [int(one) for one in whole[:, 0]]


def decisions(log: AuditLog) -> None:
    for model, place, effect, count in (
        (OPUS, ["US"], "permit", 3),
        (OPUS, ["DE"], "permit", 5),
        (OPUS, "unknown", "deny", 2),
        (MISTRAL, ["DE"], "deny", 4),
    ):
        append(
            log, count, model=model, effect=effect, account="acc_1", key="key_1", action="infer",
            features=["tools"], evidence={"address": place, "network": "unknown", "billing": ["US"]},
        )  # fmt: skip
    append(log, 1, kind="outcome", result="completed")


def test_our_audit_reads_alike_as_segments_json_lines_and_parquet(
    open_log: Any, directory: Path, tmp_path: Path
) -> None:
    log = open_log()
    decisions(log)
    log.close()
    export(directory, tmp_path / "audit.jsonl")
    export(directory, tmp_path / "audit.parquet", "parquet")

    found = [
        replayed([path], old=None)[0]
        for path in (directory, tmp_path / "audit.jsonl", tmp_path / "audit.parquet")
    ]

    assert [counts(one) for one in found] == [[3, 5, 4, 2]] * 3
    assert [one.totals.recorded for one in found] == [(14, 6)] * 3
    for one in found:
        others = one.totals.skipped.counts
        assert others.keys() == {"a record of another kind than decision"}
        assert adds_up(one, 14 + one.totals.skipped.total)


def test_litellm_spend_logs_are_read_with_their_cost(tmp_path: Path) -> None:
    row = {
        "request_id": "r", "startTime": "2026-06-10T10:00:00Z", "model": "claude-opus-4-1",
        "spend": 0.5, "prompt_tokens": 100, "completion_tokens": 10, "api_key": "hash", "user": "u1",
        "team_id": "", "requester_ip_address": DE,
    }  # fmt: skip
    path = json_lines(tmp_path / "spend.jsonl", [row, {**row, "team_id": "t1"}])

    finished, _ = replayed([path])

    assert counts(finished) == [0, 2, 0, 0]
    assert finished.totals.by_account.keys() == {"u1", "t1"}
    assert finished.totals.by_account["t1"][1].tolist() == [1, 100, 10, 0.5]


def test_usage_exports_count_requests_and_say_no_address(tmp_path: Path) -> None:
    page = {
        "object": "page",
        "data": [
            {
                "object": "bucket", "start_time": 1781092536, "results": [
                    {"input_tokens": 1000, "output_tokens": 500, "num_model_requests": 5,
                     "project_id": "p1", "model": "gpt-4o"},
                    {"input_tokens": 1, "output_tokens": 1, "num_model_requests": 1, "model": None},
                ],
            }
        ],
    }  # fmt: skip
    path = tmp_path / "usage.json"
    path.write_text(json.dumps(page, indent=1))

    finished, _ = replayed([path])

    assert counts(finished) == [0, 5, 0, 0]
    assert finished.totals.skipped.counts == {"names no model": 1}
    assert finished.totals.skipped.examples == {"names no model": [f"{path}:#2"]}
    assert finished.totals.first_us == 1781092536_000_000


def test_cloudtrail_is_read_from_gzip(tmp_path: Path) -> None:
    event = {
        "eventVersion": "1.09", "eventTime": "2026-06-10T10:00:00Z",
        "eventSource": "bedrock.amazonaws.com", "eventName": "InvokeModel", "awsRegion": "us-east-1",
        "sourceIPAddress": DE, "requestParameters": {"modelId": "anthropic.claude-opus-4-1-20250805-v1:0"},
        "recipientAccountId": "123456789012", "eventID": "e", "eventType": "AwsApiCall",
        "userIdentity": {"type": "IAMUser", "accountId": "123456789012"},
    }  # fmt: skip
    path = tmp_path / "trail.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"Records": [event]}).encode()))

    finished, _ = replayed([path])

    assert counts(finished) == [0, 1, 0, 0]
    assert finished.totals.by_account.keys() == {"123456789012"}


def test_columns_of_ones_own_are_mapped_in_json_csv_and_parquet(tmp_path: Path) -> None:
    options = mapping(
        "mapping: 1\n"
        "columns: {model: m, address: ip, account: who, at: when, tokens_in: n}\n"
        "facts: {billing: bill}\n"
    )
    rows = [
        {"m": OPUS, "ip": US, "who": "a", "when": "2026-06-10T10:00:00Z", "n": 5, "bill": "US"},
        {"m": OPUS, "ip": US, "who": "b", "when": "2026-06-11T10:00:00Z", "n": 7, "bill": "DE"},
    ]
    json_lines(tmp_path / "a.jsonl", rows)
    csv = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    (tmp_path / "a.csv").write_text("\n".join(csv) + "\n")
    pa = arrow()
    pa.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")

    for name in ("a.jsonl", "a.csv", "a.parquet"):
        finished, _ = replayed([tmp_path / name], options)
        assert counts(finished) == [1, 1, 0, 0], name
        assert finished.totals.by_account["b"][1, 1] == 7, name
        assert len(finished.totals.by_day) == 2, name


def test_a_missing_column_is_named_with_its_place_in_the_mapping(tmp_path: Path) -> None:
    options = mapping("mapping: 1\ncolumns:\n  model: m\n  address: client\n")
    (tmp_path / "a.csv").write_text("m,ip\nx,y\n")

    with pytest.raises(InvalidInput) as caught:
        replayed([tmp_path / "a.csv"], options)

    assert "no column `client`; there are ip, m" in str(caught.value)
    assert "mapping.yaml at mapping.yaml:4:12" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mapping: 1\ncolumns: {model: m, adress: x}\n", "m.yaml:2:21: unknown column `adress`"),
        ("mapping: 1\ncolumns: {model: m}\nfacts: {biling: x}\n", "did you mean `billing`?"),
        ("mapping: 1\ncolumns: {address: m}\n", "has no `model`"),
        ("columns: {model: m}\n", "begin it with `mapping: 1`"),
        ("mapping: 1\ncolumns: {model: m}\nextra: 1\n", "m.yaml:3:1: unknown key `extra`"),
    ],
)
def test_a_wrong_mapping_is_refused_with_position_and_help(text: str, wanted: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_mapping(parse_document(text, "m.yaml"))

    assert wanted in str(caught.value)


def test_csv_rows_that_are_broken_are_counted(tmp_path: Path) -> None:
    rows = [f"{OPUS},{US},a", f"{OPUS},{US}", f",{US},a", f"{OPUS},{US},b"]
    text = "\n".join(["model,address,account", *rows]) + "\n"
    (tmp_path / "a.csv").write_bytes(text.encode() + f"{OPUS},{US},".encode() + b"\xff\xfe\n")

    finished, _ = replayed([tmp_path / "a.csv"])

    assert adds_up(finished, 5)
    assert finished.totals.rows == 2
    assert finished.totals.skipped.counts == {
        "wrong number of columns": 1, "names no model": 1, "not UTF-8": 1,
    }  # fmt: skip


def test_lines_that_are_not_json_are_counted_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps({"model": OPUS, "remote_addr": US, "time": "2026-06-10T10:00:00Z"})
    path.write_text(f"{good}\n{good[:20]}\n\n[1]\n{good}\n")

    finished, _ = replayed([path])

    assert adds_up(finished, 5)
    assert finished.totals.rows == 2
    assert finished.totals.skipped.counts == {"not JSON": 1, "blank line": 1, "not an object": 1}


@pytest.mark.parametrize("kind", ["fixed", "binary", "number", "text"])
def test_addresses_in_parquet_may_be_bytes_numbers_or_text(tmp_path: Path, kind: str) -> None:
    pa = arrow()
    raw = [pack(US), pack(DE)]
    column = {
        "fixed": lambda: pa.array(raw, pa.binary(4)),
        "binary": lambda: pa.array(raw, pa.binary()),
        "number": lambda: pa.array([int.from_bytes(one, "big") for one in raw], pa.uint32()),
        "text": lambda: pa.array([US, DE]),
    }[kind]()
    table = pa.table(
        {"model": [OPUS, OPUS], "address": column, "at": [datetime(2026, 6, 1, tzinfo=UTC)] * 2}
    )
    pa.parquet.write_table(table, tmp_path / "a.parquet")

    finished, _ = replayed([tmp_path / "a.parquet"], new=NEW)

    assert counts(finished) == [1, 1, 0, 0]


def test_a_parquet_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    pa = arrow()
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(pa.table({"model": [OPUS] * 1000}), path)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(InvalidInput, match="no whole Parquet file"):
        replayed([path])
