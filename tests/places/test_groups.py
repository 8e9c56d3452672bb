"""Named groups: sourced, dated, made of countries, and right on their day."""

from datetime import date

import pytest

from bailiwick.places import canonical, countries, group, groups, is_subdivision

REGIONS = ("UN_AFRICA", "UN_AMERICAS", "UN_ASIA", "UN_EUROPE", "UN_OCEANIA")


def members(name: str) -> frozenset[str]:
    found = group(name)
    assert found is not None, name
    return found.members


@pytest.mark.parametrize("name", groups())
def test_a_group_says_where_its_list_comes_from_and_when_it_was_right(name: str) -> None:
    found = groups()[name]

    assert found.name == name
    assert found.title
    assert found.source.startswith(("https://", "docs/"))
    assert date(2024, 1, 1) < found.as_of <= date(2026, 11, 22)
    assert found.members <= set(countries())
    assert not any(map(is_subdivision, found.members))


def test_no_group_is_called_like_a_place() -> None:
    assert not [name for name in groups() if canonical(name)]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("EU", 27),
        ("EEA", 30),
        ("EFTA", 4),
        ("SCHENGEN", 29),
        ("FIVE_EYES", 5),
        ("G7", 7),
        ("G20", 19),
        ("NATO", 32),
        ("OECD", 38),
        ("ASEAN", 11),
        ("MERCOSUR", 5),
        ("GCC", 6),
        ("AFRICAN_UNION", 55),
        ("BRICS", 11),
    ],
)
def test_an_organisation_has_as_many_members_as_it_says(name: str, size: int) -> None:
    assert len(members(name)) == size


def test_organisations_relate_as_their_treaties_say() -> None:
    assert members("EEA") - members("EU") == {"IS", "LI", "NO"}
    assert members("EFTA") - members("EEA") == {"CH"}
    assert members("EU") - members("SCHENGEN") == {"CY", "IE"}
    assert members("EU_TERRITORY") - members("EU") == {"AX", "GF", "GP", "MF", "MQ", "RE", "YT"}
    assert members("G7") < members("G20")
    assert "TL" in members("ASEAN")
    assert "TR" in members("NATO")
    assert "TR" not in members("EU")
    assert "GB" not in members("EU")


def test_the_un_regions_part_the_world_without_overlap() -> None:
    together = [place for name in REGIONS for place in members(name)]

    assert len(together) == len(set(together))
    assert set(countries()) - set(together) == {"AQ", "TW", "XK"}


def test_every_un_region_is_the_union_of_its_sub_regions() -> None:
    assert members("UN_AFRICA") == members("UN_NORTHERN_AFRICA") | members("UN_SUB_SAHARAN_AFRICA")
    assert members("UN_AMERICAS") == members("UN_NORTHERN_AMERICA") | members(
        "UN_LATIN_AMERICA_AND_THE_CARIBBEAN"
    )
    assert members("UN_NORTHERN_AMERICA") == {"BM", "CA", "GL", "PM", "US"}
    assert members("AFRICAN_UNION") < members("UN_AFRICA")


def test_asia_pacific_is_our_own_definition_and_says_so() -> None:
    found = group("APAC")

    assert found is not None
    assert "Bailiwick's own" in found.title
    assert {"JP", "IN", "AU", "SG", "TW", "CN", "FJ"} < found.members
    assert not found.members & {"IR", "RU", "TR", "US", "KZ"}


def test_an_unknown_group_is_none() -> None:
    assert group("NOWHERE") is None
    assert group("eu") is None
