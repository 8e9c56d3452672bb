"""Places by name: every ISO spelling, the common ones, and nothing guessed."""

import pycountry
import pytest

from bailiwick.places import place_named, subdivision_named


def test_every_iso_name_is_found() -> None:
    for country in pycountry.countries:
        for key in ("name", "official_name", "common_name"):
            if name := getattr(country, key, None):
                assert place_named(name) == country.alpha_2, name


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("Côte d'Ivoire", "CI"), ("COTE D\u2019IVOIRE", "CI"), ("Ivory Coast", "CI"),
        ("Turkey", "TR"), ("Türkiye", "TR"), ("Congo - Kinshasa", "CD"), ("DR Congo", "CD"),
        ("Republic of the Congo", "CG"), ("The Bahamas", "BS"), ("St. Kitts & Nevis", "KN"),
        ("Saint Kitts and Nevis", "KN"), ("Republic of Korea", "KR"), ("South Korea", "KR"),
        ("Democratic People's Republic of Korea", "KP"), ("Vatican City (Holy See)", "VA"),
        ("Myanmar (Burma)", "MM"), ("Hong Kong SAR China", "HK"), ("Kosovo", "XK"),
        ("U.S. Virgin Islands", "VI"), ("British Virgin Islands", "VG"), ("Åland Islands", "AX"),
        ("Réunion", "RE"), ("Georgia", "GE"), ("Cabo Verde", "CV"), ("Swaziland", "SZ"),
    ],
)  # fmt: skip
def test_a_common_spelling_is_found(name: str, place: str) -> None:
    assert place_named(name) == place


@pytest.mark.parametrize("name", ["Korea", "Virgin Islands", "Atlantis", "", "the", "Europe"])
def test_a_name_that_is_not_clear_is_not_found(name: str) -> None:
    assert place_named(name) is None


@pytest.mark.parametrize(
    ("name", "place"),
    [("Crimea", "UA-43"), ("Donetsk region", "UA-14"), ("Luhansk Oblast", "UA-09"),
     ("Kherson", "UA-65"), ("zaporizhzhia", "UA-23"), ("Gotham", None)],
)  # fmt: skip
def test_a_subdivision_is_found_in_its_country_only(name: str, place: str | None) -> None:
    assert subdivision_named(name, "UA") == place
    assert subdivision_named(name, "DE") is None
