"""Phone numbers and addresses: the places they have, and the ones they do not."""

import pytest

from bailiwick.accounts.sources import phone_place, read_address


@pytest.mark.parametrize(
    ("number", "place"),
    [
        ("+14155550123", "US"), ("+18765550123", "JM"), ("+16135550123", "CA"),
        ("+79161234567", "RU"), ("+77011234567", "KZ"), ("+441624611111", "IM"),
        ("+442079460958", "GB"), ("+883510001234567", None), ("+12", None), ("4155550123", None),
        ("", None), ("+" + "9" * 40, None), ("+1 (415) 555-0123", "US"),
    ],
)  # fmt: skip
def test_a_number_has_the_place_of_its_digits(number: str, place: str | None) -> None:
    assert phone_place(number) == place


@pytest.mark.parametrize(
    ("given", "places", "check"),
    [
        ({"country": "US", "state": "NY", "postal_code": "10001", "city": "x", "line1": "1"}, ("US-NY",), "valid"),
        ({"country": "US", "state": "CA", "postal_code": "10001"}, ("US-CA", "US-NY"), "invalid"),
        ({"country": "US", "state": "ZZ", "postal_code": "10001"}, ("US-NY",), "invalid"),
        ({"country": "US"}, ("US",), None),
        ({"country": "UA", "state": "Crimea"}, ("UA-43",), "valid"),
        ({"country": "UA", "postal_code": "95000"}, ("UA-43",), "valid"),
        ({"country": "UA", "postal_code": "83000"}, ("UA-14",), "valid"),
        ({"country": "UA", "state": "Donetsk oblast"}, ("UA-14",), "valid"),
        ({"country": "UA", "postal_code": "01001"}, ("UA-30",), "valid"),
        ({"country": "de", "postal_code": "10115", "city": "Berlin"}, ("DE",), "valid"),
        ({"country": "DE", "postal_code": "1011"}, ("DE",), "invalid"),
        ({"country": "Germany"}, (), None),
        ({}, (), None),
        ({"country": 7, "state": ["x"]}, (), None),
        ({"country": "GB", "postal_code": "IM1 1AA"}, ("GB",), "valid"),
    ],
)  # fmt: skip
def test_an_address_is_as_fine_as_it_says_and_checked(
    given: dict[str, str], places: tuple[str, ...], check: str | None
) -> None:
    found = read_address(given)

    assert found.places == places
    if places != ("GB",):
        assert found.check == check
