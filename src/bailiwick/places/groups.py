"""Named groups of places, each with the source of its list and the day the list was right.

Membership is that of states: a group never holds a state's territories unless its source lists
them (UN M49 does). Places that a source does not list are not in its groups: TW and XK in M49.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Group:
    """A dated list of places under one name."""

    name: str
    title: str
    """What it is, and whose definition."""
    members: frozenset[str]
    source: str
    as_of: date
    """The day on which the list was right. Later accessions and withdrawals are not in it."""


_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"

_ORGANISATIONS = (
    (
        "EU",
        "European Union, the 27 member states",
        _EU,
        "https://european-union.europa.eu/principles-countries-history/eu-countries_en",
    ),
    (
        "EU_TERRITORY",
        (
            "European Union with Åland and the outermost regions that have a code of their own"
            " (TFEU, articles 349 and 355)"
        ),
        _EU + " AX GF GP MF MQ RE YT",
        "https://eur-lex.europa.eu/eli/treaty/tfeu_2016/oj",
    ),
    (
        "EEA",
        "European Economic Area: the European Union, Iceland, Liechtenstein and Norway",
        _EU + " IS LI NO",
        "https://www.efta.int/eea",
    ),
    (
        "EFTA",
        "European Free Trade Association",
        "CH IS LI NO",
        "https://www.efta.int/about-efta",
    ),
    (
        "SCHENGEN",
        "Schengen area: the European Union without Cyprus and Ireland, and the four of EFTA",
        " ".join(sorted({*_EU.split(), "CH", "IS", "LI", "NO"} - {"CY", "IE"})),
        "https://home-affairs.ec.europa.eu/policies/schengen/schengen-area_en",
    ),
    (
        "FIVE_EYES",
        "Five Eyes, the parties of the UKUSA agreement",
        "AU CA GB NZ US",
        "https://www.dni.gov/index.php/ncsc-how-we-work/217-about/organization/icig-pages/2660-icig-fiorc",
    ),
    (
        "G7",
        "Group of Seven, the countries",
        "CA DE FR GB IT JP US",
        "https://www.g7.utoronto.ca",
    ),
    (
        "G20",
        "Group of Twenty, the 19 countries (the two unions are members too)",
        "AR AU BR CA CN DE FR GB ID IN IT JP KR MX RU SA TR US ZA",
        "https://g20.org",
    ),
    (
        "NATO",
        "North Atlantic Treaty Organization",
        (
            "AL BE BG CA CZ DE DK EE ES FI FR GB GR HR HU IS IT LT LU LV ME MK NL NO PL PT RO SE SI"
            " SK TR US"
        ),
        "https://www.nato.int/nato-welcome",
    ),
    (
        "OECD",
        "Organisation for Economic Co-operation and Development",
        (
            "AT AU BE CA CH CL CO CR CZ DE DK EE ES FI FR GB GR HU IE IL IS IT JP KR LT LU LV MX NL"
            " NO NZ PL PT SE SI SK TR US"
        ),
        "https://www.oecd.org/en/about/members-partners.html",
    ),
    (
        "ASEAN",
        "Association of Southeast Asian Nations, with Timor-Leste (26 October 2025)",
        "BN ID KH LA MM MY PH SG TH TL VN",
        "https://asean.org/member-states",
    ),
    (
        "MERCOSUR",
        "Southern Common Market, without Venezuela (suspended)",
        "AR BO BR PY UY",
        "https://www.mercosur.int/en/about-mercosur/mercosur-countries",
    ),
    (
        "GCC",
        "Gulf Cooperation Council",
        "AE BH KW OM QA SA",
        "https://www.gcc-sg.org",
    ),
    (
        "AFRICAN_UNION",
        "African Union, suspended members included",
        (
            "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA"
            " MG ML MR MU MW MZ NA NE NG RW SC SD SL SN SO SS ST SZ TD TG TN TZ UG ZA ZM ZW"
        ),
        "https://au.int/en/member_states/countryprofiles2",
    ),
    (
        "BRICS",
        "BRICS as its presidency lists it (Saudi Arabia is listed and has not said it joined)",
        "AE BR CN EG ET ID IN IR RU SA ZA",
        "https://brics.br/en/about-the-brics",
    ),
)
_ORGANISATIONS_AS_OF = date(2026, 1, 1)

_M49_PARTS = {
    "NORTHERN_AFRICA": "DZ EG EH LY MA SD TN",
    "EASTERN_AFRICA": "BI DJ ER ET IO KE KM MG MU MW MZ RE RW SC SO SS TF TZ UG YT ZM ZW",
    "MIDDLE_AFRICA": "AO CD CF CG CM GA GQ ST TD",
    "SOUTHERN_AFRICA": "BW LS NA SZ ZA",
    "WESTERN_AFRICA": "BF BJ CI CV GH GM GN GW LR ML MR NE NG SH SL SN TG",
    "NORTHERN_AMERICA": "BM CA GL PM US",
    "CARIBBEAN": "AG AI AW BB BL BQ BS CU CW DM DO GD GP HT JM KN KY LC MF MQ MS PR SX TC TT VC VG"
    " VI",
    "CENTRAL_AMERICA": "BZ CR GT HN MX NI PA SV",
    "SOUTH_AMERICA": "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE",
    "CENTRAL_ASIA": "KG KZ TJ TM UZ",
    "EASTERN_ASIA": "CN HK JP KP KR MN MO",
    "SOUTH_EASTERN_ASIA": "BN ID KH LA MM MY PH SG TH TL VN",
    "SOUTHERN_ASIA": "AF BD BT IN IR LK MV NP PK",
    "WESTERN_ASIA": "AE AM AZ BH CY GE IL IQ JO KW LB OM PS QA SA SY TR YE",
    "EASTERN_EUROPE": "BG BY CZ HU MD PL RO RU SK UA",
    "NORTHERN_EUROPE": "AX DK EE FI FO GB GG IE IM IS JE LT LV NO SE SJ",
    "SOUTHERN_EUROPE": "AD AL BA ES GI GR HR IT ME MK MT PT RS SI SM VA",
    "WESTERN_EUROPE": "AT BE CH DE FR LI LU MC NL",
    "AUSTRALIA_AND_NEW_ZEALAND": "AU CC CX HM NF NZ",
    "MELANESIA": "FJ NC PG SB VU",
    "MICRONESIA": "FM GU KI MH MP NR PW UM",
    "POLYNESIA": "AS CK NU PF PN TK TO TV WF WS",
}
_M49_UNIONS = {
    "SUB_SAHARAN_AFRICA": "EASTERN_AFRICA MIDDLE_AFRICA SOUTHERN_AFRICA WESTERN_AFRICA",
    "AFRICA": "NORTHERN_AFRICA SUB_SAHARAN_AFRICA",
    "LATIN_AMERICA_AND_THE_CARIBBEAN": "CARIBBEAN CENTRAL_AMERICA SOUTH_AMERICA",
    "AMERICAS": "NORTHERN_AMERICA LATIN_AMERICA_AND_THE_CARIBBEAN",
    "ASIA": "CENTRAL_ASIA EASTERN_ASIA SOUTH_EASTERN_ASIA SOUTHERN_ASIA WESTERN_ASIA",
    "EUROPE": "EASTERN_EUROPE NORTHERN_EUROPE SOUTHERN_EUROPE WESTERN_EUROPE",
    "OCEANIA": "AUSTRALIA_AND_NEW_ZEALAND MELANESIA MICRONESIA POLYNESIA",
}
_M49_SOURCE = "https://unstats.un.org/unsd/methodology/m49"
_M49_AS_OF = date(2024, 6, 30)


def _organisations() -> Iterable[Group]:
    for name, title, members, source in _ORGANISATIONS:
        yield Group(name, title, frozenset(members.split()), source, _ORGANISATIONS_AS_OF)


def _m49() -> dict[str, Group]:
    members = {name: frozenset(line.split()) for name, line in _M49_PARTS.items()}
    for name, parts in _M49_UNIONS.items():
        members[name] = frozenset().union(*(members[part] for part in parts.split()))
    groups = {}
    for name, places in members.items():
        title = f"{name.replace('_', ' ').title()} as UN M49 draws it"
        groups[f"UN_{name}"] = Group(f"UN_{name}", title, places, _M49_SOURCE, _M49_AS_OF)
    return groups


def _apac(m49: Mapping[str, Group]) -> Group:
    parts = ("UN_EASTERN_ASIA", "UN_SOUTH_EASTERN_ASIA", "UN_SOUTHERN_ASIA", "UN_OCEANIA")
    return Group(
        "APAC",
        "Asia-Pacific, a definition of Bailiwick's own: Eastern, South-eastern and Southern Asia"
        " and Oceania of UN M49, with Taiwan, without Iran",
        frozenset({"TW"}).union(*(m49[part].members for part in parts)) - {"IR"},
        "docs/places.md",
        date(2026, 11, 22),
    )


def _groups() -> Mapping[str, Group]:
    m49 = _m49()
    found = (*_organisations(), _apac(m49), *m49.values())
    return MappingProxyType({group.name: group for group in found})


_GROUPS = _groups()


def group(name: str) -> Group | None:
    """Find a group by its exact name."""
    return _GROUPS.get(name)


def groups() -> Mapping[str, Group]:
    """Give every group by name."""
    return _GROUPS
