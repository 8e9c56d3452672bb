"""Which territory belongs to which country, and which never follow one."""

from bailiwick.places import NEVER_INHERIT, canonical, countries, parent_of, territories_of

NO_PARENT = {"AQ", "EH", "PS", "TW"}
"""Not independent in ISO 3166-1, and nobody's here: any answer would be an opinion."""
INDEPENDENT = 194
"""Entries that ISO 3166-1 marks independent: the members of the United Nations and VA."""


def test_every_dependent_entry_of_iso_3166_1_has_a_country_or_is_named_as_having_none() -> None:
    territories = {place for place in countries() if parent_of(place)}

    assert not territories & NO_PARENT
    assert len(countries()) - len({"XK"}) - len(territories | NO_PARENT) == INDEPENDENT


def test_a_territory_belongs_to_one_country_which_is_nobodys_territory() -> None:
    for country in countries():
        for territory in territories_of(country):
            assert canonical(territory) == territory
            assert parent_of(territory) == country
            assert parent_of(country) is None


def test_hong_kong_macao_and_taiwan_never_follow_a_country() -> None:
    inherited = frozenset().union(*(territories_of(country) for country in countries()))

    assert sorted(NEVER_INHERIT) == ["HK", "MO", "TW"]
    assert not inherited & NEVER_INHERIT
    assert territories_of("CN") == frozenset()
    assert (parent_of("HK"), parent_of("MO"), parent_of("TW")) == ("CN", "CN", None)


def test_well_known_territories() -> None:
    assert territories_of("US") == {"AS", "GU", "MP", "PR", "UM", "VI"}
    assert territories_of("FI") == {"AX"}
    assert territories_of("DK") == {"FO", "GL"}
    assert territories_of("NO") == {"BV", "SJ"}
    assert {"RE", "NC", "TF"} < territories_of("FR")
    assert territories_of("XA") == frozenset()
    assert parent_of("XK") is None
