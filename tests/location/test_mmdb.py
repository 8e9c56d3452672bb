"""A MaxMind DB file is walked whole; damage and unknown shapes are refused, never half read."""

import ipaddress
import random
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import maxminddb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bailiwick.location import (
    SCHEMAS,
    AddressTable,
    DamagedFile,
    Description,
    MmdbWriter,
    is_routable,
    pack,
)
from bailiwick.location.answers import Answer
from bailiwick.location.mmdb import compile_mmdb

MADE = datetime(2026, 6, 1, tzinfo=UTC)
Networks = dict[str, Any]


def compiled(
    networks: Networks, database_type: str = "Test", **options: Any
) -> tuple[AddressTable, Description]:
    writer = MmdbWriter(database_type, MADE, **options)
    for network, record in networks.items():
        writer.insert(network, record)
    return compile_mmdb(writer.to_bytes(), "test.mmdb")


def answer(networks: Networks, database_type: str = "Test") -> Answer:
    """Compile a file and give its answer for 8.8.8.8."""
    table, _ = compiled(networks, database_type)
    return table.answer(bytes([8, 8, 8, 8]))


def country(code: str | None = None, registered: str | None = None, *divisions: Any) -> Networks:
    record: Networks = {"continent": {"code": "EU"}}
    if code:
        record["country"] = {"iso_code": code, "names": {"en": "Somewhere"}}
    if registered:
        record["registered_country"] = {"iso_code": registered}
    if divisions:
        record["subdivisions"] = list(divisions)
    return {"8.8.8.0/24": record}


def division(code: str | None, name: str | None = None) -> Networks:
    return {"iso_code": code} if name is None else {"names": {"en": name}} | (
        {"iso_code": code} if code else {}
    )  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    ["GeoIP2-Country", "GeoLite2-Country", "GeoIP2-City", "GeoLite2-City", "GeoIP2-Enterprise",
     "DBIP-Country-Lite", "DBIP-Country", "DBIP-City-Lite", "DBIP-Location (compat=City)",
     "My-Own"],
)  # fmt: skip
def test_the_located_country_of_maxmind_s_shape(kind: str) -> None:
    assert answer(country("DE", "US"), kind) == Answer(("DE",), holder="US")


def test_a_registered_country_alone_is_a_holder_and_no_location() -> None:
    assert answer(country(None, "US"), "GeoLite2-Country") == Answer((), holder="US")


def test_a_military_base_or_a_continent_is_no_location() -> None:
    based = {"represented_country": {"iso_code": "US", "type": "military"}}

    assert answer({"8.8.8.0/24": based, "9.0.0.0/8": country("DE")["8.8.8.0/24"]}) == Answer()
    assert answer(country() | {"9.0.0.0/8": country("DE")["8.8.8.0/24"]}) == Answer()


@pytest.mark.parametrize(
    ("parent", "divisions", "places"),
    [
        ("US", [division("CA", "California")], ("US-CA",)),
        ("GB", [division("ENG", "England"), division("WBK", "West Berkshire")], ("GB-WBK",)),
        ("GB", [division("ENG", "England"), division("???", "Nowhere")], ("GB-ENG",)),
        ("DE", [division(None, "Saxony")], ("DE",)),  # ISO 3166-2 spells it Sachsen
        ("DE", [division(None, "Sachsen")], ("DE-SN",)),
        ("US", [division(None, "california")], ("US-CA",)),
        ("US", [division("PR", "Puerto Rico")], ("PR",)),
        ("CN", [division("HK")], ("HK",)),
        ("UA", [division("43", "Crimea")], ("UA-43",)),
        ("UA", [division(None, "Autonomous Republic of Crimea")], ("UA-43",)),
        ("RU", [division("43", "Crimea")], ("RU", "UA-43")),
        ("RU", [division(None, "Sebastopol City")], ("RU", "UA-40")),
        ("RU", [division("SEV")], ("RU", "UA-40")),
        ("RU", [division("MOS", "Moskovskaya oblast'")], ("RU-MOS",)),
        ("RU", [division("ROS", "Rostov")], ("RU-ROS",)),
    ],
)
def test_the_most_specific_known_subdivision(
    parent: str, divisions: list[Any], places: tuple[str, ...]
) -> None:
    assert answer(country(parent, None, *divisions), "GeoIP2-City").places == places


LITE = {
    "country": "United States",
    "country_code": "US",
    "continent": "North America",
    "asn": "AS15169",
}
OLDER = {"country": "US", "country_name": "United States", "asn": "AS15169", "as_name": "Google"}


@pytest.mark.parametrize(
    ("kind", "record", "schema"),
    [
        ("ipinfo bundle_location_lite.mmdb", LITE, "ipinfo-lite"),
        ("Test", LITE, "ipinfo-lite"),
        ("ipinfo generic_country_free_country_asn.mmdb", OLDER, "ipinfo-country"),
        ("Test", OLDER, "ipinfo-country"),
        ("Test", {"country_code": "US"}, "ip-location-db"),
        ("geo-whois-asn-country", {"country_code": "US"}, "ip-location-db"),
        ("Test", "US", "country-code"),
    ],
)
def test_flat_shapes_give_the_code_and_never_the_name(kind: str, record: Any, schema: str) -> None:
    table, about = compiled({"8.8.8.0/24": record}, kind)

    assert about.schema == schema
    assert table.answer(bytes([8, 8, 8, 8])) == Answer(("US",))


@pytest.mark.parametrize(
    ("code", "state", "places"),
    [
        ("RU", "Crimea", ("RU", "UA-43")),
        ("UA", "Crimea", ("UA-43",)),
        ("RU", "Sebastopol City", ("RU", "UA-40")),
        ("UA", "Sevastopol City", ("UA-40",)),
        ("UA", "Donetsk", ("UA-14",)),
        ("UA", "Donetska Oblast", ("UA-14",)),
        ("RU", "Luhansk", ("RU", "UA-09")),
        ("UA", "Lugansk", ("UA-09",)),
        ("UA", "Zaporizhzhia", ("UA-23",)),
        ("UA", "Zaporizhzhya Oblast", ("UA-23",)),
        ("RU", "Zaporozhye Oblast", ("RU", "UA-23")),
        ("UA", "Khersons'ka Oblast'", ("UA-65",)),
        ("UA", "Kyiv City", ("UA",)),
        ("RU", "Rostov Oblast", ("RU",)),
        ("US", "California", ("US-CA",)),
        ("US", "Nowhere", ("US",)),
        ("US", "", ("US",)),
        ("FR", "Donetsk", ("FR",)),
    ],
)
def test_a_state_s_name_is_matched_under_both_parents(
    code: str, state: str, places: tuple[str, ...]
) -> None:
    record = {"country_code": code, "state1": state, "city": "Somewhere", "latitude": 1.0}

    assert answer({"8.8.8.0/24": record}).places == places


@pytest.mark.parametrize("city", ["Donetsk", "Lugansk", "Crimea", "Sevastopol"])
def test_a_city_s_name_is_never_matched(city: str) -> None:
    """There is a Donetsk in Rostov and a Lugansk in Novosibirsk."""
    record = {"country_code": "RU", "state1": "Rostov Oblast", "city": city}

    assert answer({"8.8.8.0/24": record}).places == ("RU",)


@pytest.mark.parametrize(
    ("record", "network"),
    [
        ({"is_anonymous": True, "is_anonymous_vpn": True}, "vpn"),
        ({"is_anonymous": True, "is_anonymous_vpn": True, "is_tor_exit_node": True}, "tor"),
        ({"is_residential_proxy": True, "is_hosting_provider": True}, "residential_proxy"),
        ({"is_anonymous": True, "is_public_proxy": True}, "proxy"),
        ({"is_hosting_provider": True}, "hosting"),
        ({"is_anonymous": True}, "proxy"),
        ({"is_anonymous": False}, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["GeoIP2-Anonymous-IP", "GeoIP-Anonymous-Plus", "Test"])
def test_the_strongest_flag_of_maxmind_s_anonymizers(
    kind: str, record: Any, network: str | None
) -> None:
    table, about = compiled({"8.8.8.0/24": record}, kind)

    assert table.answer(bytes([8, 8, 8, 8])) == Answer(network=network)
    assert (about.role, about.complete) == ("network", True)


@pytest.mark.parametrize(
    ("record", "network"),
    [
        ({"vpn": True, "proxy": False, "tor": False, "relay": False, "hosting": True}, "vpn"),
        ({"vpn": False, "proxy": False, "tor": False, "relay": True, "hosting": True}, "relay"),
        ({"vpn": "", "proxy": "", "tor": "true", "relay": "", "hosting": "", "service": ""}, "tor"),
        ({"vpn": "false", "proxy": "true", "tor": "", "relay": "", "hosting": ""}, "proxy"),
        ({"vpn": False, "proxy": False, "tor": False, "relay": False, "hosting": False}, None),
    ],
)
def test_the_strongest_flag_of_ipinfo_s_privacy_data(record: Any, network: str | None) -> None:
    table, about = compiled({"8.8.8.0/24": record}, "ipinfo standard_privacy.mmdb")

    assert table.answer(bytes([8, 8, 8, 8])) == Answer(network=network)
    assert (about.role, about.complete) == ("network", True)


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("GeoIP-Residential-Proxy", {"anonymizer_confidence": 82, "provider_name": "x"}),
        ("GeoIP-Residential-Proxy", {"network_last_seen": "2026-05-11"}),
        (
            "ipinfo generic_privacy_proxy_residential_30d.mmdb",
            {"service": "x", "percent_days_seen": 3},
        ),
    ],
)
def test_a_list_of_residential_proxies_is_not_complete(kind: str, record: Any) -> None:
    table, about = compiled({"8.8.8.0/24": record}, kind)

    assert table.answer(bytes([8, 8, 8, 8])) == Answer(network="residential_proxy")
    assert not about.complete


@pytest.mark.parametrize("kind", ["GeoIP-Residential-Proxy", "GeoIP-Anonymous-Plus"])
def test_entries_below_the_confidence_asked_for_are_left_out(kind: str) -> None:
    writer = MmdbWriter(kind, MADE)
    for network, confidence in (("8.8.8.0/24", 30), ("9.9.9.0/24", 90)):
        writer.insert(network, {"is_anonymous_vpn": True, "anonymizer_confidence": confidence})

    table, _ = compile_mmdb(writer.to_bytes(), "x", min_confidence=50)

    assert table.answer(bytes([8, 8, 8, 8])).network is None
    assert table.answer(bytes([9, 9, 9, 9])).network is not None


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("GeoIP2-ISP", {"isp": "x"}),
        ("GeoLite2-ASN", {"autonomous_system_number": 1}),
        ("GeoIP2-IP-Risk", {"is_anonymous": True, "ip_risk": 75.0}),
        ("GeoIP2-Connection-Type", {"connection_type": "Cable"}),
        ("ipinfo standard_asn.mmdb", {"asn": "AS1", "country": "US", "name": "x"}),
        ("ipinfo standard_company.mmdb", {"country": "US", "name": "x", "type": "isp"}),
        ("ipinfo generic_whois_rir.mmdb", {"country": "US", "name": "x"}),
        ("Test", {"country": "United States"}),
        ("Test", {"ip": "1.1.1.1"}),
        ("Test", "1.1.1.1/32"),
        ("Test", ["US"]),
        ("Test", 7),
        ("Test", {"country": "US"}),
    ],
)
def test_a_schema_that_is_not_known_is_refused_by_name(kind: str, record: Any) -> None:
    with pytest.raises(DamagedFile, match="schema that is not known") as refused:
        compiled({"8.8.8.0/24": record}, kind)

    assert f"type `{kind}`" in str(refused.value)
    assert all(schema in str(refused.value) for schema in SCHEMAS)


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ({"country_code": "usa"}, "Test"),
        ({"country_code": "us"}, "Test"),
        ({"country_code": "United States"}, "Test"),
        ({"country_code": 840}, "Test"),
        ({"country": {"iso_code": "USA"}}, "GeoIP2-Country"),
        ({"country": {"iso_code": "US"}, "subdivisions": "CA"}, "GeoIP2-City"),
        ({"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": 6}]}, "GeoIP2-City"),
        ({"vpn": "perhaps"}, "ipinfo standard_privacy.mmdb"),
        ({"vpn": 2}, "ipinfo standard_privacy.mmdb"),
        ({"is_anonymous": "yes"}, "GeoIP2-Anonymous-IP"),
        ({"is_anonymous": True, "anonymizer_confidence": "high"}, "GeoIP-Anonymous-Plus"),
    ],
)
def test_one_record_of_another_shape_refuses_the_file(record: Any, kind: str) -> None:
    good = {"vpn": True} if "privacy" in kind else {"is_anonymous": True}
    if "Country" in kind or "City" in kind:
        good = country("DE")["8.8.8.0/24"]
    elif kind == "Test":
        good = {"country_code": "DE"}  # type: ignore[dict-item]
    many = {f"{n}.0.0.0/8": {**good, "n": n} for n in range(11, 90)}

    with pytest.raises(DamagedFile, match=r"cannot be used as|schema that is not known"):
        compiled({**many, "8.8.8.0/24": record}, kind)


def test_codes_that_are_no_countries_are_unknown_and_named() -> None:
    codes = ["EU", "AP", "ZZ", "XX", "SU", "A1", "", "-", "UK", "DE"]
    networks = {
        f"{n + 11}.0.0.0/8": {"country_code": code} for n, code in enumerate(codes) if code != "A1"
    }
    table, about = compiled(networks)

    places = [table.place_of(network.split("/")[0]) for network in networks]
    assert places == [None, None, None, None, None, None, None, "GB", "DE"]
    assert about.notes == tuple(
        f"`{c}` is no place (1 records)" for c in ("AP", "EU", "SU", "XX", "ZZ")
    )


def test_a_file_of_ipv4_only_says_so() -> None:
    _, about = compiled({"8.8.8.0/24": {"country_code": "DE"}}, ip_version=4)

    assert about.versions == (4,)
    assert about.built_at == MADE


def test_special_purpose_addresses_have_no_place_whatever_the_file_says() -> None:
    blocks = ("0.0.0.0/1", "128.0.0.0/1", "2000::/3", "fc00::/7")
    everywhere = {block: {"country_code": "DE"} for block in blocks}
    table, _ = compiled(everywhere)

    for text in ("203.0.113.4", "10.0.0.1", "2001:db8::1", "fd00::1", "3fff::1"):
        assert table.place_of(text) is None
    assert table.place_of("2a00::1") == "DE"


records = st.sampled_from([{"country_code": code} for code in ("DE", "FR", "US", "EU", "JP")])
networks_of = {
    4: st.tuples(st.ip_addresses(v=4), st.integers(1, 32)),
    6: st.tuples(st.ip_addresses(v=6), st.integers(1, 128)),
}


@pytest.mark.parametrize("record_size", [24, 28, 32])
@pytest.mark.parametrize("version", [4, 6])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_compiled_table_says_what_maxmind_s_reader_says(
    version: int, record_size: int, data: st.DataObject, tmp_path: Path
) -> None:
    both = networks_of[4] if version == 4 else st.one_of(networks_of[4], networks_of[6])
    chosen = data.draw(st.lists(st.tuples(both, records), min_size=1, max_size=10))
    writer = MmdbWriter("Test", MADE, ip_version=version, record_size=record_size)
    points = []
    for (address, length), record in chosen:
        block = ipaddress.ip_network((address, length), strict=False)
        writer.insert(str(block), record)
        points += [block[0], block[-1]]
    path = tmp_path / "x.mmdb"
    path.write_bytes(writer.to_bytes())

    table, _ = compile_mmdb(path.read_bytes(), "x")

    with maxminddb.open_database(path) as reader:
        for point in points:
            code: Any = (reader.get(point) or {}).get("country_code")  # type: ignore[union-attr]
            want = code if code != "EU" and is_routable(point.packed) else None
            if not (point.version == 6 and int(point) >> 112 == 0x2002):  # shown again by aliases
                assert table.places[table.id_of(point.packed)] == want


def _sample() -> bytes:
    writer = MmdbWriter("GeoIP2-Country", MADE)
    rng = random.Random(3)
    for _ in range(25):
        code = rng.choice(["DE", "FR", "US", "JP", "CU", "IR"])
        record = country(code, rng.choice(["US", "DE"]))["8.8.8.0/24"]
        writer.insert(f"{rng.randrange(1, 220)}.{rng.randrange(256)}.0.0/16", record)
        writer.insert(f"2{rng.randrange(0x400, 0xFFF):03x}::/16", record)
    return writer.to_bytes()


def test_a_flipped_bit_never_crashes_and_never_invents_a_place() -> None:
    """The format has no checksum: a flip can turn one record into another, and only a digest or a
    probe in the settings notices that. What is accepted names places and answers any address."""
    good = _sample()
    known = {"DE", "FR", "US", "JP", "CU", "IR"}
    before, _ = compile_mmdb(good, "x")
    rng = random.Random(11)
    refused = changed = 0

    for _ in range(1000):
        data = bytearray(good)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        try:
            table, about = compile_mmdb(bytes(data), "x")
        except DamagedFile:
            refused += 1
            continue
        assert about.role == "located"
        assert all(len(place) == 2 for place in table.places if place)
        for packed in (rng.randbytes(4), rng.randbytes(16)):
            assert table.answer(packed) in table.answers
        changed += set(filter(None, table.places)) != known or len(table) != len(before)
    assert refused > 400
    assert changed < 250


@pytest.mark.parametrize("step", [64])
def test_a_file_cut_anywhere_is_refused(step: int) -> None:
    good = _sample()

    for length in range(0, len(good) - 1, step):
        with pytest.raises(DamagedFile):
            compile_mmdb(good[:length], "x")


@pytest.mark.parametrize(
    "junk",
    [b"", b"\0" * 5000, b"<html>", b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMaxMind.com\xe0"],
)
def test_another_file_is_refused(junk: bytes) -> None:
    with pytest.raises(DamagedFile, match="not a usable MaxMind DB file"):
        compile_mmdb(junk, "x")


def _with_root(left: int, right: int) -> bytes:
    """A file whose first node points where it is told to."""
    writer = MmdbWriter("Test", MADE, ip_version=4, record_size=24)
    writer.insert("8.0.0.0/8", {"country_code": "DE"})
    data = bytearray(writer.to_bytes())
    data[0:6] = left.to_bytes(3, "big") + right.to_bytes(3, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("left", "right", "why"),
    [
        (0, 8, "circle"),
        (1, 1, "circle"),
        (1, 2, "circle"),
        (8, 8, "lead nowhere"),
        (2, 8, "lead nowhere"),
        (8 + 16, 8, "lead nowhere"),
        (1, 8 + 5000, "outside its data"),
        (1, 8 + 3, "outside its data"),
    ],
)
def test_a_search_tree_that_is_no_tree_is_refused(left: int, right: int, why: str) -> None:
    with pytest.raises(DamagedFile, match=why):
        compile_mmdb(_with_root(left, right), "x")


def test_somebody_is_told_how_far_the_walk_is() -> None:
    heard: list[tuple[str, int, int]] = []

    compile_mmdb(_sample(), "x", lambda *told: heard.append(told))

    assert {what for what, _, _ in heard} == {"walking the tree", "reading records"}
    assert all(done <= total for _, done, total in heard)
    assert heard[-1][1] == heard[-1][2]


def test_an_address_with_another_address_inside_is_found_by_the_table_only_as_it_is(
    mmdb: Callable[..., Path],
) -> None:
    path = mmdb({"8.8.8.0/24": {"country_code": "DE"}})
    table, _ = compile_mmdb(path.read_bytes(), "x")

    assert table.answer(pack("::ffff:8.8.8.8") or b"") == Answer()
    assert table.answer(pack("8.8.8.8") or b"") == Answer(("DE",))


def city(latitude: Any = 52.52, longitude: Any = 13.4, radius: Any = 20) -> Networks:
    point = {"latitude": latitude, "longitude": longitude, "accuracy_radius": radius}
    return {"8.8.8.0/24": {**country("DE")["8.8.8.0/24"], "location": point}}


def test_coordinates_become_a_cell_of_whole_degrees_with_a_radius_around_it() -> None:
    assert answer(city(), "GeoLite2-City").cell == (53, 13, 100)
    assert answer(city(radius=200), "GeoLite2-City").cell == (53, 13, 500)
    assert answer(city(-33.9, 151.2, 1), "GeoLite2-City").cell == (-34, 151, 100)


def test_without_a_radius_or_with_one_that_says_too_little_there_is_no_cell() -> None:
    without = city()
    del without["8.8.8.0/24"]["location"]["accuracy_radius"]

    assert answer(without, "GeoLite2-City").cell is None
    assert answer(city(radius=1000), "GeoLite2-City").cell is None
    assert answer(country("DE"), "GeoLite2-City").cell is None


@pytest.mark.parametrize("point", [(91.0, 0.0, 1), (0.0, 181.0, 1), (0.0, 0.0, -1), ("x", 0.0, 1)])
def test_coordinates_that_are_nowhere_refuse_the_file(point: tuple[Any, ...]) -> None:
    with pytest.raises(DamagedFile):
        answer(city(*point), "GeoLite2-City")


def test_ipinfo_writes_coordinates_as_text() -> None:
    record = {
        "country": "DE",
        "country_name": "Germany",
        "region": "Berlin",
        "lat": "52.52",
        "lng": "13.4",
        "radius": "30",
    }
    found = answer({"8.8.8.0/24": record}, "ipinfo standard_location.mmdb")

    assert found.cell == (53, 13, 200)


def test_a_file_with_too_many_different_cells_keeps_its_places_and_says_so() -> None:
    networks = {}
    number = 0
    for latitude in range(-89, 90):
        for longitude in range(-180, 180):
            number += 1
            at = ipaddress.ip_address(0x20000000 + (number << 8))
            networks[f"{at}/24"] = city(float(latitude), float(longitude))["8.8.8.0/24"]
        if number > 65_000:
            break
    for latitude, radius in product((-50, -51), (50, 200, 900)):
        for longitude in range(-180, 180):
            number += 1
            at = ipaddress.ip_address(0x20000000 + (number << 8))
            networks[f"{at}/24"] = city(float(latitude), float(longitude), radius)["8.8.8.0/24"]

    table, description = compiled(networks, "GeoLite2-City")

    assert table.answers == (Answer(), Answer(("DE",)))
    assert description.notes == ("coordinates are left out: there are too many different ones",)
