"""One spelling for every place, and nothing else is a place."""

import re

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.places import (
    DUAL,
    around,
    canonical,
    countries,
    country_of,
    is_subdivision,
    name_of,
    subdivisions_of,
    suggestions,
)

EVERY_SUBDIVISION = [part.code for part in pycountry.subdivisions]
PLACES = st.sampled_from([*countries(), *filter(None, map(canonical, EVERY_SUBDIVISION))])


def test_every_country_of_iso_3166_1_and_kosovo_is_a_place() -> None:
    listed = {country.alpha_2 for country in pycountry.countries} | {"XK"}

    assert set(countries()) == listed
    assert len(countries()) == 250
    assert list(countries()) == sorted(countries())
    assert all(canonical(code) == code for code in listed)


def test_every_subdivision_of_iso_3166_2_is_a_place_under_one_code() -> None:
    for code in EVERY_SUBDIVISION:
        place = canonical(code)

        assert place is not None
        assert canonical(place) == place
        assert (place == code) != (code in DUAL)


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("US-PR", "PR"),
        ("CN-HK", "HK"),
        ("CN-MO", "MO"),
        ("CN-TW", "TW"),
        ("FR-971", "GP"),
        ("FR-GP", "GP"),
        ("FR-BL", "BL"),
        ("NL-AW", "AW"),
        ("NL-BQ1", "BQ-BO"),
        ("FI-01", "AX"),
        ("NO-21", "SJ"),
        ("NO-22", "SJ"),
        ("MA-12", "EH"),
        ("UK", "GB"),
        ("EL", "GR"),
    ],
)
def test_a_place_with_two_codes_has_one_spelling(code: str, place: str) -> None:
    assert canonical(code) == place


def test_a_subdivision_named_like_a_country_is_either_dual_coded_or_a_known_namesake() -> None:
    namesakes = {
        "BE-WLX": "a province of Belgium, beside the country Luxembourg",
        "GN-ML": "a prefecture of Guinea, beside Mali",
        "NG-NI": "a state of Nigeria, beside the country Niger",
        "US-GA": "a state, beside the country Georgia",
    }
    names = {
        name: country.alpha_2
        for country in pycountry.countries
        for name in (country.name, getattr(country, "common_name", country.name))
    }

    alike = {
        part.code
        for part in pycountry.subdivisions
        if names.get(part.name, part.country_code) != part.country_code
    }

    assert alike - set(DUAL) == set(namesakes)


def test_a_subdivision_that_iso_files_under_another_country_too_is_dual_coded() -> None:
    filed = {
        part.code: found[1]
        for part in pycountry.subdivisions
        if (found := re.search(r"\(([A-Z]{2})\)$", part.name))
    }

    assert filed
    assert {code: canonical(code) for code in filed} == filed


def test_a_territory_with_a_code_like_its_countrys_subdivision_is_dual_coded() -> None:
    """``FR-PF`` and ``PF``: the letters agree, and so does the place."""
    namesakes = {"FR-CP"}  # Clipperton, which has no entry in ISO 3166-1
    overseas = {
        part.code
        for part in pycountry.subdivisions
        if part.country_code in {"FR", "NL", "US"}
        and ("verseas" in part.type or part.type in {"Country", "Outlying area", "Dependency"})
    }

    assert overseas - set(DUAL) == namesakes


def test_every_dual_code_leads_to_a_place_of_iso_3166() -> None:
    assert all(canonical(place) == place for place in DUAL.values())
    assert all(name_of(place) for place in DUAL.values())


@pytest.mark.parametrize(
    "code",
    [
        *("EU", "AP", "ZZ", "XX", "T1", "A1", "A2", "O1", "??", "SU", "CS", "AN", "YU", "CP", "QQ"),
        *("de", "De", " DE", "DE\n", "\uff24\uff25", "", "D", "DEU", "276", "Germany"),
        *("UA-99", "ua-43", "UA43", "UA_43", "UA-", "-43", "XX-01", "XK-01", "XA-", "XA-0001"),
        *("XA-a", "XA\n", "XA-\u0660\u0661"),
    ],
)
def test_what_is_no_place_is_none(code: str) -> None:
    assert canonical(code) is None


@pytest.mark.parametrize("code", ["XA", "XZ", "XA-01", "XB-ABC", "XC-1"])
def test_user_assigned_codes_are_places_for_mechanics_but_not_countries(code: str) -> None:
    assert canonical(code) == code
    assert code not in countries()
    assert name_of(code) == f"user-assigned {code}"


@given(st.text(max_size=8))
def test_canonical_is_its_own_fixed_point(text: str) -> None:
    place = canonical(text)

    assert place is None or canonical(place) == place


@given(PLACES)
def test_a_place_lies_in_its_country(place: str) -> None:
    chain = list(around(place))

    assert chain[0] == place
    assert chain[-1] == country_of(place)
    assert all(is_subdivision(part) for part in chain[:-1])
    assert country_of(place) in countries()


def test_nested_subdivisions_are_walked_outwards() -> None:
    assert list(around("GB-EDH")) == ["GB-EDH", "GB-SCT", "GB"]
    assert list(around("UA-43")) == ["UA-43", "UA"]
    assert list(around("XA-01")) == ["XA-01", "XA"]
    assert list(around("DE")) == ["DE"]


def test_subdivisions_are_listed_without_the_dual_coded_ones() -> None:
    assert len(subdivisions_of("US")) == 51
    assert "US-PR" not in subdivisions_of("US")
    assert "UA-43" in subdivisions_of("UA")
    assert subdivisions_of("SJ") == ()
    assert sum(len(subdivisions_of(country)) for country in countries()) == sum(
        code not in DUAL for code in EVERY_SUBDIVISION
    )


def test_places_have_names() -> None:
    assert name_of("DE") == "Germany"
    assert name_of("XK") == "Kosovo"
    assert name_of("UA-43") == "Crimea"
    assert name_of("US-CA") == "California"
    assert all(name_of(place) for place in countries())


@pytest.mark.parametrize(
    ("code", "first"),
    [
        ("de", "DE"),
        ("uk", "GB"),
        (" us-pr ", "PR"),
        ("gb_eng", "GB-ENG"),
        ("DEU", "DE"),
        ("Germany", "DE"),
        ("germny", "DE"),
        ("Crimea", "UA-43"),
        ("DE-ZZZ", "DE"),
        ("Georgia", "GE"),
    ],
)
def test_near_misses_are_offered(code: str, first: str) -> None:
    assert suggestions(code)[0] == first


def test_a_mistyped_subdivision_is_looked_for_in_its_country() -> None:
    assert "UA-09" in suggestions("UA-9")
    assert all(country_of(place) == "UA" for place in suggestions("UA-9"))


@given(st.text(max_size=12))
def test_suggestions_are_places_and_few(text: str) -> None:
    offered = suggestions(text)

    assert len(offered) <= 3
    assert all(canonical(place) == place for place in offered)


def test_nothing_is_offered_for_what_is_like_nothing() -> None:
    assert suggestions("EU") == ()
    assert suggestions("%%%%%%") == ()
