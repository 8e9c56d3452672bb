"""Name the subdivision a city database means, however it files and spells it.

Six subdivisions of Ukraine are filed under UA by some sources and under RU by others, by code or by
one of many names. Filed under RU, they are two candidates: RU and the subdivision. Names of cities
are never matched: there is a Donetsk in Rostov and a Lugansk in Novosibirsk.
"""

import re
import unicodedata
from functools import cache

from bailiwick.places import canonical, name_of, subdivisions_of

_PARENTS = frozenset({"UA", "RU"})

_SPELLINGS = {
    "UA-43": "crimea krym krim crimee",
    "UA-40": "sevastopol sebastopol",
    "UA-14": "donetsk donetska donetskaya donetskyi doneck",
    "UA-09": "luhansk luhanska luhanskyi lugansk luganska luganskaya",
    "UA-23": (
        "zaporizhzhia zaporizhia zaporizhzhya zaporizhya zaporizka zaporizhzhska zaporizke "
        "zaporozhye zaporozhe zaporozhie zaporozhskaya zaporozhzhia zaporizhzhe"
    ),
    "UA-65": "kherson khersonska khersonskaya cherson",
}
_BY_NAME = {spelling: code for code, names in _SPELLINGS.items() for spelling in names.split()}
_BY_CODE = {code[3:]: code for code in _SPELLINGS} | {
    "9": "UA-09",
    "CR": "UA-43",
    "KRY": "UA-43",
    "SEV": "UA-40",
}
"""National codes for them under RU, beside the Ukrainian numbers."""

_FILLER = re.compile(
    r"\b(autonomous|avtonomna|city|district|gorod|misto|oblast|of|people|peoples|province|region|"
    r"republic|republik|respublika|s|the)\b"
)
_MARKS = re.compile(r"['\u02bc\u02b9\u2018\u2019`]")


def places_of(country: str, code: str | None, name: str | None) -> tuple[str, ...]:
    """Give the place (or two candidates) of a record of ``country``, a canonical one.

    ``code`` is the subdivision's code, with or without its country; ``name`` its name. What is not
    recognised leaves the country alone: a subdivision is never guessed.
    """
    if country in _PARENTS and (disputed := _disputed(code, name)):
        return (disputed,) if country == "UA" else ("RU", disputed)
    found = _by_code(country, code) if code else None
    if found is None and name:
        found = _names(country).get(_plain(name))
    return (found or country,)


def _disputed(code: str | None, name: str | None) -> str | None:
    by_code = _BY_CODE.get(code.rpartition("-")[2].upper()) if code else None
    return by_code or (_BY_NAME.get(_stem(name)) if name else None)


def _by_code(country: str, code: str) -> str | None:
    return canonical(code if code.startswith(f"{country}-") else f"{country}-{code}")


@cache
def _names(country: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for code in subdivisions_of(country):
        plain = _plain(name_of(code))
        found[plain] = None if plain in found else code  # two of one name: neither
    return found


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", _MARKS.sub("", name)).casefold()
    kept = "".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c))
    return " ".join(kept.split())


def _stem(name: str) -> str:
    return " ".join(_FILLER.sub(" ", _plain(name)).split())
