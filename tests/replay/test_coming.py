"""Rules with a later date show in the matrix as "from DATE"."""

import json
from pathlib import Path

import pytest

from bailiwick.decision import coming
from replay.replay_help import MISTRAL, NEW, NOW, bailiwick, table

REGIONS = {
    "Russia": frozenset({"RU"}),
    "both": frozenset({"RU", "DE"}),
    "Germany": frozenset({"DE"}),
}


def test_what_a_later_rule_changes_is_listed_by_its_date() -> None:
    found = coming(table(NEW), NOW, REGIONS, [MISTRAL])

    assert [(f"{one.from_at:%Y-%m-%d}", one.region, one.before, one.after) for one in found] == [
        ("2026-09-01", "Russia", "full", "blocked"),
        ("2026-09-01", "both", "full", "partial (full), 1 blocked"),
    ]
    assert coming(table(NEW), NOW.replace(month=10), REGIONS, [MISTRAL]) == []


@pytest.mark.parametrize("as_json", [False, True])
def test_the_matrix_shows_it(tmp_path: Path, as_json: bool) -> None:
    (tmp_path / "new.yaml").write_text(NEW)
    words = ["policy", "matrix", tmp_path / "new.yaml", "--at", "2026-07-01", "--model", MISTRAL]

    done = bailiwick(*words, "--region", "RU", *(["--json"] if as_json else []))

    if as_json:
        (row,) = json.loads(done.stdout)
        assert [one["after"] for one in row["coming"]] == ["blocked"]
    else:
        assert f"from 2026-09-01 RU: full becomes blocked: {MISTRAL}" in done.stdout
