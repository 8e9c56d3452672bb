"""What ``docs/places.md`` lists is what the tables hold."""

import re
from pathlib import Path

import pytest

from bailiwick.places import DUAL, NEVER_INHERIT, countries, groups, territories_of

TEXT = (Path(__file__).parents[2] / "docs/places.md").read_text(encoding="utf-8")
ROWS = [line.split("|")[1:-1] for line in TEXT.splitlines() if line.startswith("|")]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_dual_code_is_listed_with_the_place_it_becomes() -> None:
    start = TEXT.index("## Places with two codes")
    section = TEXT[start : TEXT.index("## Territories")]

    for code, place in DUAL.items():
        assert f"`{code}`" in section
        assert f"`{place}`" in section


def test_every_territory_is_listed_with_its_country() -> None:
    listed = {
        codes(row[0])[0]: set(codes(row[1])) for row in ROWS if len(row) == 2 and codes(row[0])
    }

    inherited = {country: set(territories_of(country)) for country in countries()}
    assert {country: places for country, places in inherited.items() if places} == {
        country: places for country, places in listed.items() if len(country) == 2
    }
    assert "`HK`, `MO`, `TW` never inherit" in TEXT
    assert len(NEVER_INHERIT) == 3


@pytest.mark.parametrize("name", groups())
def test_every_group_is_listed_with_its_size_and_date(name: str) -> None:
    found = groups()[name]

    assert f"`{name}`" in TEXT
    for row in ROWS:
        if len(row) == 4 and codes(row[0]) == [name]:
            assert row[2].strip() == str(len(found.members))
            assert row[3].strip() == found.as_of.isoformat()
