"""What the writer writes, MaxMind's own reader reads: its C extension and its pure Python one."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import maxminddb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bailiwick.errors import InvalidInput
from bailiwick.location import (
    AddressTable,
    MmdbWriter,
    Uint16,
    Uint64,
    country_mmdb,
    load_embedded,
)
from bailiwick.location.answers import Answer
from bailiwick.location.runs import Runs

BUILT_AT = datetime(2026, 6, 25, tzinfo=UTC)


def read(data: bytes) -> maxminddb.reader.Reader:
    return maxminddb.reader.Reader(io.BytesIO(data), maxminddb.MODE_FD)


def written(networks: dict[str, Any], **options: Any) -> bytes:
    writer = MmdbWriter("Test", BUILT_AT, "a test", **options)
    for network, record in networks.items():
        writer.insert(network, record)
    return writer.to_bytes()


RECORD = {
    "country": {
        "iso_code": "UA",
        "geoname_id": 690791,
        "names": {"en": "Ukraine", "ru": "Украина"},
    },
    "subdivisions": [{"iso_code": "43", "names": {"en": "Crimea"}}],
    "location": {"latitude": 45.25, "longitude": -0.0, "accuracy_radius": Uint16(1000)},
    "traits": {"is_anycast": True, "is_satellite_provider": False},
    "zero": 0,
    "negative": -5,
    "big": Uint64(2**40),
    "huge": 2**100,
    "bytes": b"\0\1",
    "empty": {},
    "none": [],
    "long": "x" * 30,
    "longer": "y" * 300,
    "longest": "z" * 70_000,
}


@pytest.mark.parametrize("record_size", [24, 28, 32, None])
@pytest.mark.parametrize("ip_version", [4, 6])
def test_every_type_and_record_size_is_read_back(
    record_size: int | None, ip_version: int, tmp_path: Path
) -> None:
    data = written({"8.8.8.0/24": RECORD}, record_size=record_size, ip_version=ip_version)
    path = tmp_path / "x.mmdb"
    path.write_bytes(data)

    with maxminddb.open_database(path, maxminddb.MODE_MMAP_EXT) as fast:
        assert fast.get("8.8.8.8") == RECORD
        assert fast.get("8.8.9.0") is None
    assert read(data).get("8.8.8.8") == RECORD


def test_the_metadata_say_what_the_file_is() -> None:
    metadata = read(written({"8.8.8.0/24": "XA"})).metadata()

    assert metadata.database_type == "Test"
    assert metadata.description == {"en": "a test"}
    assert metadata.build_epoch == int(BUILT_AT.timestamp())
    assert (metadata.ip_version, metadata.record_size) == (6, 24)
    assert metadata.binary_format_major_version == 2


def test_equal_records_and_equal_parts_are_stored_once() -> None:
    part = {"names": {"en": "a name that is long enough to see"}}
    one = len(written({"8.0.0.0/8": {"country": part, "n": 1}}))
    same = len(
        written({"8.0.0.0/8": {"country": part, "n": 1}, "10.0.0.0/8": {"country": part, "n": 1}})
    )
    other = len(
        written({"8.0.0.0/8": {"country": part, "n": 1}, "10.0.0.0/8": {"country": part, "n": 2}})
    )

    tree = 6 * 8  # a few more nodes
    assert same - one < tree
    assert other - one < tree + 20


def test_an_ipv6_file_shows_its_ipv4_part_again_where_readers_look() -> None:
    reader = read(written({"8.8.8.0/24": "XA", "2a00::/16": "XB"}))

    assert reader.get("::8.8.8.8") == "XA"
    assert reader.get("::ffff:8.8.8.8") == "XA"
    assert reader.get("2002:808:808::1") == "XA"
    assert reader.get("2a00::1") == "XB"


def test_aliases_are_not_put_over_data() -> None:
    reader = read(written({"8.8.8.0/24": "XA", "2002::/16": "XB"}))

    assert reader.get("2002:808:808::1") == "XB"


def test_an_empty_file_knows_nothing() -> None:
    assert read(written({})).get("8.8.8.8") is None


@pytest.mark.parametrize("network", ["8.8.8.1/24", "x", "8.8.8.0/33"])
def test_what_is_no_block_is_refused(network: str) -> None:
    with pytest.raises(InvalidInput, match="is not a block"):
        written({network: "XA"})


def test_ipv6_does_not_fit_an_ipv4_file() -> None:
    with pytest.raises(InvalidInput):
        written({"2a00::/16": "XA"}, ip_version=4)


def test_what_the_format_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot hold"):
        written({"8.8.8.0/24": {"when": None}})


blocks = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(1, 32)),
    st.tuples(st.ip_addresses(v=6, network="2000::/3"), st.integers(3, 128)),
).map(lambda pair: ip_network((pair[0], pair[1]), strict=False))


@settings(max_examples=60)
@given(st.lists(st.tuples(blocks, st.sampled_from(["XA", "XB", "XC"])), max_size=12), st.data())
def test_the_most_specific_block_wins(chosen: list[Any], data: st.DataObject) -> None:
    networks = {str(block): place for block, place in chosen}
    reader = read(written(networks, alias_ipv4=False))

    points = [p for block in networks for p in (ip_network(block)[0], ip_network(block)[-1])]
    for point in [*points, ip_address("9.9.9.9"), data.draw(st.ip_addresses(v=4))]:
        around = [b for b in map(ip_network, networks) if _within(point, b)]
        want = networks[str(max(around, key=lambda b: b.prefixlen))] if around else None
        assert reader.get(str(point)) == want


def _within(point: IPv4Address | IPv6Address, block: Any) -> bool:
    return point.version == block.version and point in block


def test_a_table_becomes_a_country_file(table: Callable[..., AddressTable], tmp_path: Path) -> None:
    made = table(
        {"8.0.0.0/7": Answer(("DE",)), "8.8.8.8": Answer(("UA-43",)), "2a00::/12": Answer(("FR",))}
    )
    path = tmp_path / "x.mmdb"
    path.write_bytes(country_mmdb(made, BUILT_AT, "test"))

    with maxminddb.open_database(path) as reader:
        assert reader.metadata().database_type == "GeoIP2-Country"
        assert reader.get("9.255.255.255") == {"country": {"iso_code": "DE"}}
        assert reader.get("8.8.8.8") == {"country": {"iso_code": "UA"}}
        assert reader.get("2a00::1") == {"country": {"iso_code": "FR"}}
        assert reader.get("10.0.0.0") is None


def test_a_part_of_the_embedded_data_becomes_a_file_that_says_the_same(tmp_path: Path) -> None:
    whole, _ = load_embedded()
    parts = [Runs(r.high[:40_000], r.low[:40_000], r.ids[:40_000]) for r in whole.runs()]
    made = AddressTable(parts[0], parts[1], whole.answers)
    path = tmp_path / "x.mmdb"
    path.write_bytes(country_mmdb(made, BUILT_AT, "test"))
    rows = [start.to_bytes(4, "big") for start in parts[0].high[::97].tolist()]
    rows += [high.to_bytes(8, "big") + bytes(8) for high in parts[1].high[::97].tolist()]

    with maxminddb.open_database(path) as reader:
        for packed in rows[1:]:  # without ::, where readers look for IPv4
            found: Any = reader.get(ip_address(packed)) or {"country": {"iso_code": None}}
            assert found["country"]["iso_code"] == made.places[made.id_of(packed)]
