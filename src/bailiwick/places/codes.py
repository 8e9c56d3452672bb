"""One spelling for every place: ISO 3166-1 alpha-2, or ISO 3166-2 where a country is divided.

A place is a plain ``str``. ``canonical`` is the only way in; everything else in this room, and
every room above, expects what it returned. Codes come from pycountry and are compared exactly.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from difflib import get_close_matches

from bailiwick import iso
from bailiwick.places.territories import DUAL

KOSOVO = "XK"
"""User-assigned, and in wide use; ISO 3166-1 has no entry for Kosovo."""

_RESERVED = {"UK": "GB", "EL": "GR"}
"""Codes that the United Kingdom and the European Union use for places that have another one."""

_USER_ASSIGNED = re.compile(r"X[A-JL-WYZ](-[A-Z0-9]{1,3})?")
"""Codes that ISO 3166 leaves to users, for mechanics and tests. XX means "unknown" in too many
sources to be a place, and XK is Kosovo, which has no subdivisions in ISO 3166-2."""


_ENGLISH = {
    "UA-09": "Luhansk",
    "UA-14": "Donetsk",
    "UA-23": "Zaporizhzhia",
    "UA-40": "Sevastopol",
    "UA-43": "Crimea",
    "UA-65": "Kherson",
}
"""English names of subdivisions that policies often name; ISO 3166-2 has local names only."""


def _names() -> dict[str, str]:
    countries = {c["alpha_2"]: c.get("common_name", c["name"]) for c in iso.countries()}
    divisions = {s["code"]: s["name"] for s in iso.subdivisions() if s["code"] not in DUAL}
    return {**countries, KOSOVO: "Kosovo", **divisions, **_ENGLISH}


def _by_country() -> dict[str, tuple[str, ...]]:
    found = defaultdict(list)
    for code in sorted(_NAMES):
        if is_subdivision(code):
            found[country_of(code)].append(code)
    return {country: tuple(codes) for country, codes in found.items()}


def country_of(place: str) -> str:
    """Find the country (or territory) of a canonical place: ``UA-43`` is in ``UA``."""
    return place[:2]


def is_subdivision(place: str) -> bool:
    """Tell ``UA-43`` from ``UA``."""
    return len(place) > 2


_NAMES = _names()
_COUNTRIES = tuple(sorted(code for code in _NAMES if not is_subdivision(code)))
_SUBDIVISIONS = _by_country()
_CANONICAL = {code: code for code in _NAMES} | dict(DUAL) | _RESERVED
_WITHIN = {code: outer for code, outer in iso.parents().items() if code in _NAMES}


def canonical(code: str) -> str | None:
    """Give the one spelling of ``code``, which must be upper case; ``None`` if it is no place.

    ``EU``, ``AP``, ``ZZ``, ``XX``, ``T1``, ``A1``, ``O1`` and retired codes are no places.
    """
    return _CANONICAL.get(code) or (code if _USER_ASSIGNED.fullmatch(code) else None)


def name_of(place: str) -> str:
    """Name a canonical place: a country in English, most subdivisions in their own language."""
    return _NAMES.get(place, f"user-assigned {place}")


def countries() -> tuple[str, ...]:
    """List every country and territory with a code of its own: ISO 3166-1 and Kosovo, sorted."""
    return _COUNTRIES


def subdivisions_of(country: str) -> tuple[str, ...]:
    """List the ISO 3166-2 subdivisions of ``country``, sorted, without the dual-coded ones."""
    return _SUBDIVISIONS.get(country, ())


def around(place: str) -> Iterator[str]:
    """Walk outwards: ``place`` itself, the subdivisions around it, its country.

    Edinburgh (``GB-EDH``) is in Scotland (``GB-SCT``), which is in ``GB``.
    """
    inner: str | None = place
    while inner and is_subdivision(inner):
        yield inner
        inner = _WITHIN.get(inner)
    yield country_of(place)


def suggestions(code: str) -> tuple[str, ...]:
    """Offer up to three places that the author of ``code`` may have meant, best first."""
    text = code.strip().upper().replace("_", "-")
    exact = canonical(text) or _by_alpha_3().get(text) or _by_name().get(text)
    if exact:
        return (exact,)
    if text[2:3] == "-" and (country := canonical(text[:2])):
        near = get_close_matches(text, subdivisions_of(country), 3, 0.75)
        return tuple(near) or (country,)
    names = _by_name()
    return tuple(dict.fromkeys(names[name] for name in get_close_matches(text, names, 3, 0.8)))


def _by_alpha_3() -> dict[str, str]:
    return {c["alpha_3"]: c["alpha_2"] for c in iso.countries()}


def _by_name() -> dict[str, str]:
    subdivisions = {name.upper(): code for code, name in _NAMES.items() if is_subdivision(code)}
    return subdivisions | {_NAMES[code].upper(): code for code in _COUNTRIES}
