"""Bulk location says what the locator says of each address."""

from datetime import UTC, datetime

import numpy as np
import pytest

from bailiwick.location import BulkLocator, LocationSettings, load_locator, pack

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
