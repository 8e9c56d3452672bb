"""Places by the names that people and pages write: ISO 3166, CLDR and other common spellings.

Names are compared without case, accents and punctuation. Nothing is guessed: a name that means
two places, or none, is found nowhere, and ``suggestions`` offers what may have been meant.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from bailiwick import iso
from bailiwick.places.codes import countries, name_of, subdivisions_of

_ALSO = {
    "AE": "UAE|Emirates",
    "AQ": "Antarctica",
    "AX": "Aland|Åland",
    "BA": "Bosnia|Bosnia & Herzegovina",
    "BL": "St. Barthélemy|Saint Barthelemy",
    "BN": "Brunei",
    "BO": "Bolivia",
    "BQ": "Caribbean Netherlands|Bonaire, Saint Eustatius and Saba",
    "BS": "Bahamas",
    "CC": "Cocos Islands|Keeling Islands",
    "CD": "Congo - Kinshasa|Congo (Kinshasa)|Congo (DRC)|DR Congo|DRC|Congo, Democratic Republic"
    "|Democratic Republic of the Congo|Democratic Republic of Congo",
    "CF": "Central African Republic",
    "CG": "Congo - Brazzaville|Congo (Brazzaville)|Congo (Republic)|Congo Republic"
    "|Republic of the Congo|Republic of Congo|Congo, Republic of the",
    "CI": "Ivory Coast|Cote d'Ivoire|Côte d'Ivoire (Ivory Coast)",
    "CV": "Cape Verde",
    "CZ": "Czech Republic|Czechia (Czech Republic)",
    "FK": "Falkland Islands|Islas Malvinas|Falkland Islands (Islas Malvinas)",
    "FM": "Micronesia|Micronesia (Federated States of)|FSM",
    "FO": "Faeroe Islands",
    "GB": "UK|Great Britain|Britain|United Kingdom (UK)",
    "GM": "Gambia|The Gambia",
    "GS": "South Georgia & South Sandwich Islands",
    "HK": "Hong Kong SAR China|Hong Kong SAR|Hong Kong, China",
    "HM": "Heard & McDonald Islands",
    "IO": "British Indian Ocean Territory|Chagos Archipelago",
    "IR": "Iran",
    "KN": "St. Kitts & Nevis",
    "KP": "North Korea",
    "KR": "South Korea|Republic of Korea",
    "LA": "Laos|Lao PDR",
    "LC": "St. Lucia",
    "MD": "Moldova",
    "MF": "St. Martin|Saint Martin",
    "MK": "Macedonia|FYROM|Republic of North Macedonia",
    "MM": "Burma|Myanmar (Burma)",
    "MO": "Macao|Macau|Macao SAR China|Macao SAR",
    "NC": "New Caledonia",
    "PM": "St. Pierre & Miquelon",
    "PN": "Pitcairn Islands",
    "PS": "Palestine|Palestinian Territories|State of Palestine|Palestinian Territory",
    "RE": "Reunion",
    "RU": "Russia",
    "SH": "St. Helena|Saint Helena",
    "SJ": "Svalbard & Jan Mayen",
    "ST": "São Tomé & Príncipe",
    "SX": "Sint Maarten",
    "SY": "Syria",
    "SZ": "Swaziland|Eswatini (Swaziland)|eSwatini",
    "TC": "Turks & Caicos Islands",
    "TF": "French Southern and Antarctic Lands|French Southern Territories",
    "TL": "East Timor|Timor Leste|Timor-Leste (East Timor)",
    "TR": "Turkey|Türkiye (Turkey)",
    "TW": "Taiwan",
    "TZ": "Tanzania",
    "UM": "U.S. Outlying Islands|US Minor Outlying Islands",
    "US": "USA|U.S.|US|United States of America|U.S.A.",
    "VA": "Vatican City|Vatican|Holy See|Vatican City (Holy See)|Vatican City State",
    "VC": "St. Vincent & Grenadines|St. Vincent and the Grenadines",
    "VE": "Venezuela",
    "VG": "British Virgin Islands",
    "VI": "U.S. Virgin Islands|US Virgin Islands|United States Virgin Islands",
    "VN": "Vietnam|Viet Nam",
    "WF": "Wallis & Futuna",
    "WS": "Western Samoa",
}
"""English spellings of CLDR and of pages that ISO 3166 does not have."""

_SMALL_WORDS = {"the", "and", "of"}


def folded(name: str) -> str:
    """Write a name without case, accents, punctuation and small words."""
    plain = unicodedata.normalize("NFKD", name.replace("&", " and ").casefold())
    letters = "".join(one for one in plain if not unicodedata.combining(one))
    words = re.findall(r"[a-z0-9]+", re.sub("['`.\u2019\u00b4]", "", letters))
    words = ["saint" if one == "st" else one for one in words]
    return " ".join(one for one in words if one not in _SMALL_WORDS)


def place_named(name: str) -> str | None:
    """Find the country or territory that is called ``name``, in English; ``None`` if unsure."""
    return _countries().get(folded(name))


def subdivision_named(name: str, country: str) -> str | None:
    """Find the subdivision of ``country`` that is called ``name``."""
    words = re.sub(r"(?i)\b(regions?|oblasts?|provinces?|republic|city)\b", " ", name)
    found = _subdivisions(country)
    return found.get(folded(name)) or found.get(folded(words))


@cache
def _countries() -> dict[str, str]:
    return _unambiguous((folded(name), code) for code, name in _country_names())


@cache
def _subdivisions(country: str) -> dict[str, str]:
    return _unambiguous((folded(name_of(one)), one) for one in subdivisions_of(country))


def _unambiguous(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for name, code in pairs:
        found.setdefault(name, set()).add(code)
    return {name: codes.pop() for name, codes in found.items() if len(codes) == 1 and name}


def _country_names() -> Iterator[tuple[str, str]]:
    for code in countries():
        yield code, name_of(code)
        yield from ((code, other) for other in _ALSO.get(code, "").split("|") if other)
    for country in iso.countries():
        for key in ("name", "official_name", "common_name"):
            if name := country.get(key):
                yield country["alpha_2"], name
                yield country["alpha_2"], _turned(name)


def _turned(name: str) -> str:
    """Turn ``Korea, Republic of`` into ``Republic of Korea``."""
    last, comma, first = name.partition(", ")
    return f"{first} {last}" if comma else name
