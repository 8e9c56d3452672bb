"""Places with two codes, and territories with a country: our own two tables.

Source of both: ISO 3166-1 and ISO 3166-2, as of 2026. A territory here
is an ISO 3166-1 entry that the standard marks as not independent; the country is the one that
administers it. Being in the table says where laws come from in practice and nothing about a claim.
``docs/places.md`` gives the reason for each choice.
"""

from collections.abc import Mapping
from types import MappingProxyType

DUAL: Mapping[str, str] = MappingProxyType(
    {
        "CN-HK": "HK",
        "CN-MO": "MO",
        "CN-TW": "TW",
        "FI-01": "AX",
        "FR-971": "GP",
        "FR-972": "MQ",
        "FR-973": "GF",
        "FR-974": "RE",
        "FR-976": "YT",
        # The five above were once written with letters; geographic data still carries them.
        "FR-GP": "GP",
        "FR-MQ": "MQ",
        "FR-GF": "GF",
        "FR-RE": "RE",
        "FR-YT": "YT",
        "FR-BL": "BL",
        "FR-MF": "MF",
        "FR-NC": "NC",
        "FR-PF": "PF",
        "FR-PM": "PM",
        "FR-TF": "TF",
        "FR-WF": "WF",
        # ISO 3166-2 itself marks these as lying in Western Sahara (those partly in it stay MA).
        "MA-12": "EH",
        "MA-AOU": "EH",
        "MA-BOD": "EH",
        "MA-LAA": "EH",
        "MA-OUD": "EH",
        "NL-AW": "AW",
        "NL-CW": "CW",
        "NL-SX": "SX",
        "NL-BQ1": "BQ-BO",
        "NL-BQ2": "BQ-SA",
        "NL-BQ3": "BQ-SE",
        "NO-21": "SJ",
        "NO-22": "SJ",
        "US-AS": "AS",
        "US-GU": "GU",
        "US-MP": "MP",
        "US-PR": "PR",
        "US-UM": "UM",
        "US-VI": "VI",
    }
)
"""A subdivision code to the code that the same place has under ISO 3166-1. Where the territory is
itself divided (Bonaire, Saba, Sint Eustatius), to the subdivision there."""

_TERRITORIES = {
    "AU": "CC CX HM NF",
    "CN": "HK MO",
    "DK": "FO GL",
    "FI": "AX",
    "FR": "BL GF GP MF MQ NC PF PM RE TF WF YT",
    "GB": "AI BM FK GG GI GS IM IO JE KY MS PN SH TC VG",
    "NL": "AW BQ CW SX",
    "NO": "BV SJ",
    "NZ": "CK NU TK",
    "US": "AS GU MP PR UM VI",
}
"""Every ISO 3166-1 entry that is not independent, but for AQ, EH, PS and TW."""

NEVER_INHERIT = frozenset({"HK", "MO", "TW"})
"""Places that are only ever meant when they are named: ``territories: inherit`` skips them."""

_PARENT = {
    territory: country for country, line in _TERRITORIES.items() for territory in line.split()
}
_INHERITED = {
    country: frozenset(line.split()) - NEVER_INHERIT for country, line in _TERRITORIES.items()
}


def territories_of(country: str) -> frozenset[str]:
    """List what ``territories: inherit`` adds to ``country``; never HK, MO or TW."""
    return _INHERITED.get(country, frozenset())


def parent_of(territory: str) -> str | None:
    """Find the country that administers ``territory``.

    ``None`` for countries and for AQ, EH, PS, TW and XK, where any answer would be an opinion.
    """
    return _PARENT.get(territory)
