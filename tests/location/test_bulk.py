"""Bulk location says what the locator says of each address."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from bailiwick.location import (
    AnonymizerSource,
    BulkLocator,
    LocatedSource,
    LocationSettings,
    load_locator,
    pack,
)

NOW = datetime(2026, 7, 1, tzinfo=UTC)
EDGES = [
    "0.0.0.0", "10.255.255.255", "11.0.0.0", "100.64.0.1", "192.0.0.9", "192.0.0.8", "203.0.113.255",
    "203.0.114.0", "224.0.0.0", "255.255.255.255", "8.8.8.8", "127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("holder", [False, True])
def test_every_address_is_where_the_locator_says(holder: bool) -> None:
    locator = load_locator(LocationSettings(), NOW)
    bulk = BulkLocator(locator, NOW, holder=holder)
    random = np.random.default_rng(3)
    numbers = random.integers(0, 1 << 32, 3000, dtype=np.uint32)
    edges = [int.from_bytes(pack(text) or b"", "big") for text in EDGES]
    numbers = np.concatenate([numbers, np.array(edges, np.uint32)])

    codes = bulk.codes(numbers)

    for number, code in zip(numbers.tolist(), codes.tolist(), strict=True):
        alone, found = locator.locate(number.to_bytes(4, "big"), NOW), bulk.located[code]
        assert found is not None
        assert (found.places, found.network, found.non_routable) == (
            alone.places, alone.network, alone.non_routable,
        )  # fmt: skip
        if holder:
            assert found.holder == alone.holder


def test_ipv6_and_embedded_addresses_are_judged_as_the_locator_judges_them() -> None:
    locator = load_locator(LocationSettings(), NOW)
    bulk = BulkLocator(locator, NOW)

    for text in ("2001:4860:4860::8888", "2002:808:808::1", "::1", "2001:db8::1"):
        packed = pack(text)
        assert packed is not None
        found = bulk.located[bulk.code(packed)]
        assert found is not None
        assert found.places == locator.locate(packed, NOW).places


def test_what_no_client_can_have_is_no_address() -> None:
    bulk = BulkLocator(load_locator(LocationSettings(), NOW), NOW)

    assert bulk.code(b"\0" * 12 + bytes([8, 8, 8, 8])) == 0
    assert bulk.located[0] is None


def test_every_source_counts_and_each_may_split_a_block(tmp_path: Path) -> None:
    (tmp_path / "vpn.txt").write_text("8.8.8.8/32\n8.8.4.0/22\n5.255.255.0/25\n192.0.0.8/30\n")
    (tmp_path / "feed.csv").write_text("8.8.8.0/28,CA,,,\n193.99.144.64/26,AT,,,\n")
    for name in ("vpn.txt", "feed.csv"):
        os.utime(tmp_path / name, (NOW.timestamp(), NOW.timestamp()))
    settings = LocationSettings(
        located=(
            LocatedSource(kind="embedded"),
            LocatedSource(kind="geofeed", path=str(tmp_path / "feed.csv")),
        ),
        anonymizers=(
            AnonymizerSource(kind="cidr_list", path=str(tmp_path / "vpn.txt"), network="vpn"),
        ),
    )
    locator = load_locator(settings, NOW)
    bulk = BulkLocator(locator, NOW)
    starts = ["8.8.8.0", "8.8.4.0", "8.8.3.240", "5.255.255.112", "193.99.144.48", "192.0.0.0"]
    numbers = np.concatenate(
        [int.from_bytes(pack(text) or b"", "big") + np.arange(32) for text in starts]
    ).astype(np.uint32)

    codes = bulk.codes(numbers)

    for number, code in zip(numbers.tolist(), codes.tolist(), strict=True):
        alone, found = locator.locate(number.to_bytes(4, "big"), NOW), bulk.located[code]
        assert found is not None
        assert (found.places, found.network, found.non_routable) == (
            alone.places, alone.network, alone.non_routable,
        ), alone.address  # fmt: skip
    assert {"vpn", None} <= {one.network for one in bulk.located if one}
