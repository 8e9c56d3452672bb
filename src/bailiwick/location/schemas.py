"""One adapter for each shape of record that a MaxMind DB file may hold.

The shape is chosen by the file's type and proved on a sample; then every record must fit. The trap
is ``country``: a map, an ISO code or an English name. Only a code of two capitals is believed, and
only if it is a place. A shape nobody knows is refused by name, never read as "nothing known".
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bailiwick.location.answers import NOTHING, Answer, strongest
from bailiwick.location.cells import Cell, cell_of
from bailiwick.location.disputed import places_of
from bailiwick.location.storage import DamagedFile
from bailiwick.places import canonical

_CODE = re.compile(r"[A-Z]{2}")
_ABSENT = ("", "-")


class UnknownShape(Exception):
    """A record that does not fit the schema it was said to have."""


@dataclass(slots=True)
class Adapter:
    """Reads the records of one file and counts what is odd about them."""

    schema: str
    role: str
    read_record: Callable[["Adapter", Any], Answer]
    complete: bool = False
    min_confidence: int = 1
    odd: Counter[str] = field(default_factory=Counter)

    def read(self, record: Any) -> Answer:
        """Turn one record into an answer."""
        return self.read_record(self, record)

    def country(self, code: object) -> str | None:
        """Read an ISO 3166-1 code; ``None`` if it is no place (``EU``, ``AP``, retired ones)."""
        if code is None or code in _ABSENT:
            return None
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise UnknownShape(f"`{code}` is not a country code")
        place = canonical(code)
        if place is None:
            self.odd[code] += 1
        return place

    def notes(self) -> tuple[str, ...]:
        """Say which codes were no places, and in how many records."""
        return tuple(f"`{code}` is no place ({n} records)" for code, n in sorted(self.odd.items()))


def _fields(record: Any, *names: str) -> list[str | None]:
    """Take text fields out of a flat record."""
    values = [_map(record).get(name) for name in names]
    if any(value is not None and not isinstance(value, str) for value in values):
        raise UnknownShape(f"one of {', '.join(names)} is not text")
    return values


def _map(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UnknownShape(f"`{value}` is not a map")
    return value


def _located(country: str | None, code: str | None, name: str | None) -> Answer:
    return Answer(places_of(country, code or None, name or None)) if country else NOTHING


def _maxmind(adapter: Adapter, record: Any) -> Answer:
    """GeoIP2 and GeoLite2 Country, City, Enterprise; DB-IP's own files."""
    country = adapter.country(_map(_map(record).get("country", {})).get("iso_code"))
    registered = adapter.country(_map(record.get("registered_country", {})).get("iso_code"))
    if country is None:  # who holds a block is no location
        return Answer(holder=registered) if registered else NOTHING
    subdivisions = record.get("subdivisions", [])
    if not isinstance(subdivisions, list):
        raise UnknownShape("`subdivisions` is not a list")
    point = _map(record.get("location", {}))
    around = [point.get(name) for name in ("latitude", "longitude", "accuracy_radius")]
    return Answer(_most_specific(country, subdivisions), None, registered, _cell(*around))


def _most_specific(country: str, subdivisions: Sequence[Any]) -> tuple[str, ...]:
    for subdivision in reversed(subdivisions):
        name = _map(_map(subdivision).get("names", {})).get("en")
        code = subdivision.get("iso_code")
        if not isinstance(name, str | None) or not isinstance(code, str | None):
            raise UnknownShape("a subdivision has a name or a code that is not text")
        found = places_of(country, code, name)
        if found != (country,):
            return found
    return (country,)


def _cell(latitude: Any, longitude: Any, radius_km: Any) -> Cell | None:
    """Read coordinates; a file whose coordinates are none is damaged."""
    try:
        return cell_of(latitude, longitude, radius_km)
    except (TypeError, ValueError) as error:
        raise UnknownShape(str(error)) from None


def _with_cell(record: Any, answer: Answer) -> Answer:
    """Add the coordinates of a flat record, which writes them as text."""
    if not answer.places:
        return answer
    names = (("latitude", "lat"), ("longitude", "lng"), ("radius", "accuracy_radius"))
    found = [next((record[one] for one in pair if record.get(one)), None) for pair in names]
    return replace(answer, cell=_cell(*found))


def _ipinfo_lite(adapter: Adapter, record: Any) -> Answer:
    """``country_code`` is the code; ``country`` is a name in English."""
    code, region_code, region = _fields(record, "country_code", "region_code", "region")
    return _with_cell(record, _located(adapter.country(code), region_code, region))


def _ipinfo_country(adapter: Adapter, record: Any) -> Answer:
    """``country`` is the code, ``country_name`` the name."""
    code, region_code, region = _fields(record, "country", "region_code", "region")
    return _with_cell(record, _located(adapter.country(code), region_code, region))


def _ip_location_db(adapter: Adapter, record: Any) -> Answer:
    code, state = _fields(record, "country_code", "state1")
    return _located(adapter.country(code), None, state)


def _bare(adapter: Adapter, record: Any) -> Answer:
    return _located(adapter.country(record), None, None)


_MAXMIND_FLAGS = {
    "is_tor_exit_node": "tor",
    "is_residential_proxy": "residential_proxy",
    "is_public_proxy": "proxy",
    "is_anonymous_vpn": "vpn",
    "is_hosting_provider": "hosting",
}
_IPINFO_FLAGS = {name: name for name in ("tor", "proxy", "vpn", "relay", "hosting")}


def _anonymous(adapter: Adapter, record: Any) -> Answer:
    """Read MaxMind's flags, present only when true; ``is_anonymous`` alone is some proxy."""
    network = _flagged(record, _MAXMIND_FLAGS)
    if network is None and _flag(record, "is_anonymous"):
        network = "proxy"
    confidence = record.get("anonymizer_confidence", 100)
    if not isinstance(confidence, int):
        raise UnknownShape("`anonymizer_confidence` is not a number")
    return Answer(network=network) if confidence >= adapter.min_confidence else NOTHING


def _residential_proxy(adapter: Adapter, record: Any) -> Answer:
    confidence = _map(record).get("anonymizer_confidence", 100)
    if not isinstance(confidence, int):
        raise UnknownShape("`anonymizer_confidence` is not a number")
    return Answer(network="residential_proxy") if confidence >= adapter.min_confidence else NOTHING


def _ipinfo_privacy(_adapter: Adapter, record: Any) -> Answer:
    return Answer(network=_flagged(record, _IPINFO_FLAGS))


def _ipinfo_residential(_adapter: Adapter, record: Any) -> Answer:
    _map(record)
    return Answer(network="residential_proxy")


def _flagged(record: Any, flags: Mapping[str, str]) -> str | None:
    return strongest(network for name, network in flags.items() if _flag(record, name))


def _flag(record: Any, name: str) -> bool:
    value = _map(record).get(name, False)
    if value in (True, False):
        return bool(value)
    if value in ("true", "false", ""):  # older files hold text
        return bool(value == "true")
    raise UnknownShape(f"`{name}` is `{value}`, which is neither true nor false")


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda record: isinstance(record, dict) and any(name in record for name in names)


def _is_maxmind(record: Any) -> bool:
    parts = ("country", "registered_country", "continent", "traits", "represented_country")
    found = [record[part] for part in parts if part in record] if isinstance(record, dict) else []
    return bool(found) and all(isinstance(part, dict) for part in found)


def _is_lite(record: Any) -> bool:
    return _has("country_code")(record) and isinstance(record.get("country"), str)


def _is_country_code(record: Any) -> bool:
    text = isinstance(record, dict) and isinstance(record.get("country"), str)
    return text and "country_code" not in record and bool({"country_name", "region"} & set(record))


def _is_ip_location_db(record: Any) -> bool:
    return _has("country_code")(record) and "country" not in record


def _is_code(record: Any) -> bool:
    return isinstance(record, str) and bool(_CODE.fullmatch(record))


@dataclass(frozen=True, slots=True)
class _Schema:
    name: str
    types: str
    """Pattern of ``database_type``."""
    fits: Callable[[Any], bool]
    read: Callable[[Adapter, Any], Answer]
    role: str = "located"
    complete: bool = False


_SCHEMAS = (
    _Schema(
        "maxmind",
        r"Geo(IP2|Lite2)-(Country|City|Enterprise|Precision-Enterprise)\b.*"
        r"|DBIP-(Country|City|Location)\b.*",
        _is_maxmind,
        _maxmind,
    ),
    _Schema("ipinfo-lite", r"ipinfo .*(_lite|_core|_plus|location).*", _is_lite, _ipinfo_lite),
    _Schema("ipinfo-country", r"ipinfo .*(country|location).*", _is_country_code, _ipinfo_country),
    _Schema("ip-location-db", r"(?!x)x", _is_ip_location_db, _ip_location_db),
    _Schema("country-code", r"(?!x)x", _is_code, _bare),
    _Schema(
        "anonymous-ip",
        r"GeoIP2-Anonymous-IP\b.*",
        _has("is_anonymous", *_MAXMIND_FLAGS),
        _anonymous,
        "network",
        complete=True,
    ),
    _Schema(
        "anonymous-plus",
        r"GeoIP2?-Anonymous-Plus\b.*",
        _has("is_anonymous", *_MAXMIND_FLAGS),
        _anonymous,
        "network",
        complete=True,
    ),
    _Schema(
        "residential-proxy",
        r"GeoIP2?-Residential-Proxy\b.*",
        _has("anonymizer_confidence", "network_last_seen", "provider_name"),
        _residential_proxy,
        "network",
    ),
    _Schema(
        "ipinfo-residential-proxy",
        r"ipinfo .*privacy_proxy_residential.*",
        _has("service", "percent_days_seen"),
        _ipinfo_residential,
        "network",
    ),
    _Schema(
        "ipinfo-privacy",
        r"ipinfo .*privacy(?!_proxy).*",
        _has(*_IPINFO_FLAGS),
        _ipinfo_privacy,
        "network",
        complete=True,
    ),
)
SCHEMAS = tuple(schema.name for schema in _SCHEMAS)

_VENDORS = re.compile(r"GeoIP|GeoLite|ipinfo |DBIP")
"""Vendors whose types are all known here: another of theirs is no location file."""


def choose(
    database_type: str, sample: Sequence[Any], name: str, min_confidence: int = 1
) -> Adapter:
    """Choose the adapter of a file by its type, and prove it on a sample of its records."""
    fitting = [schema for schema in _SCHEMAS if _fits(schema, sample)]
    typed = [schema for schema in fitting if re.fullmatch(schema.types, database_type)]
    free = fitting if not _VENDORS.match(database_type) else []
    chosen = typed or free
    if len({schema.read for schema in chosen}) != 1:
        raise DamagedFile(
            f"`{name}` has a schema that is not known: type `{database_type}`, {_shape(sample)}",
            f"known schemas: {', '.join(SCHEMAS)}",
        )
    schema = chosen[0]
    return Adapter(schema.name, schema.role, schema.read, schema.complete, min_confidence)


def _fits(schema: _Schema, sample: Sequence[Any]) -> bool:
    """Most records must have the shape; empty ones may not. All are checked when they are read."""
    filled = [record for record in sample if record]
    return bool(filled) and sum(map(schema.fits, filled)) * 10 >= len(filled) * 9


def _shape(sample: Sequence[Any]) -> str:
    record = next((record for record in sample if record), None)
    if isinstance(record, dict):
        return f"fields {', '.join(f'`{key}`' for key in list(record)[:8])}"
    return f"records of {type(record).__name__}"
