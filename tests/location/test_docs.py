"""What is documented is what there is."""

import re
from pathlib import Path

import pytest

from bailiwick.location import IMPORT_KINDS, LIST_KINDS, SCHEMAS, LocationSettings
from bailiwick.location.settings import AnonymizerSource, LocatedSource

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "src" / "bailiwick" / "location"
TEXT = (ROOT / "docs" / "location.md").read_text()


def test_every_reason_is_documented() -> None:
    code = "".join(path.read_text() for path in ROOM.glob("*.py"))
    reasons = set(re.findall(r'"((?:peer|header|address|proxy)\.[a-z0-9_]+)"', code))

    assert len(reasons) > 12
    assert {reason for reason in reasons if f"`{reason}`" not in TEXT} == set()


@pytest.mark.parametrize("name", [
    *IMPORT_KINDS, *SCHEMAS, *LocationSettings.model_fields, *LocatedSource.model_fields,
    *AnonymizerSource.model_fields,
])  # fmt: skip
def test_every_kind_schema_and_setting_is_documented(name: str) -> None:
    assert re.search(rf"\b{re.escape(name)}\b", TEXT)


@pytest.mark.parametrize("kind", LIST_KINDS)
def test_the_age_of_every_list_is_documented(kind: str) -> None:
    (row,) = re.findall(rf"^\| `{kind}` \|.*$", TEXT, re.MULTILINE)

    assert f" {LIST_KINDS[kind].max_age_days} days " in row
