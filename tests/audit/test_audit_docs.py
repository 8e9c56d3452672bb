"""``docs/audit.md`` describes the records that are written, and names everything in them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from audit.helpers import OpenLog, segments
from bailiwick.audit.log import OWN_KINDS
from bailiwick.audit.reading import ADDRESS_COLUMNS, COLUMNS

DOCS = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()


@pytest.mark.parametrize("name", [*COLUMNS, *(f"address_{name}" for name in ADDRESS_COLUMNS)])
def test_every_column_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCS


@pytest.mark.parametrize("kind", sorted(OWN_KINDS))
def test_every_kind_of_the_log_itself_is_documented(kind: str) -> None:
    assert f"| `{kind}` |" in DOCS


def test_records_are_written_as_the_documentation_says(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log()
    log.append_nowait({"kind": "decision", "zed": "\u202e\n", "a": 1}, raw={"address": "192.0.2.1"})
    write(log, 1, long="x" * 5000)
    log.close()

    previous = "0" * 64
    for seq, line in enumerate(segments(directory)[0].read_text("ascii").splitlines(), 1):
        record = json.loads(line)
        body = line[: line.rindex(',"sha256":')]
        assert record["sha256"] == hashlib.sha256(body.encode()).hexdigest()
        assert (record["seq"], record["previous"]) == (seq, previous)
        assert line == json.dumps(record, sort_keys=True, separators=(",", ":"))
        assert all(f"| `{name}` |" in DOCS for name in record)
        assert record["schema"] == "bailiwick.audit/1"
        assert record["node"] == "gw-1/0"
        previous = record["sha256"]
    assert seq == 4
