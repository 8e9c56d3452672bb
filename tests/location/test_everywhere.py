"""What is said of all addresses at once is what is said of each of them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from random import Random

import pytest

from bailiwick.location import Answer, Everywhere, LocationSettings, Locator, Said, load_locator
from bailiwick.location.addresses import Nat64Prefix
from bailiwick.location.table import AddressTable


def said_of(ground: Everywhere, address: IPv4Address | IPv6Address) -> Said:
    bits = address.max_prefixlen
    runs = ground.v4 if bits == 32 else ground.v6
    return ground.said[runs.ids[runs.position(int(address) + 1, bits) - 1]]


def expected(locator: Locator, address: IPv4Address | IPv6Address) -> Said:
    found = locator.locate(str(address))
    if len(found.judged) > 1 or found.judged != (str(address),):
        return Said()  # it carries another address inside
    return Said((), "non_routable") if found.non_routable else Said(found.places, found.network)


def test_the_embedded_data_say_the_same_together_and_one_by_one(now: datetime) -> None:
    locator, random = load_locator(LocationSettings(), now), Random(1)
    ground = locator.everywhere()
    fourth = [IPv4Address(random.getrandbits(32)) for _ in range(500)]
    sixth = [IPv6Address(0x2 << 124 | random.getrandbits(124)) for _ in range(500)]
    odd = ["0.0.0.0", "255.255.255.255", "10.0.0.1", "2002:808:808::1", "2001::1", "fe80::1",
           "::ffff:8.8.8.8", "64:ff9b::808:808", "2001:db8::1", "ffff::1"]  # fmt: skip

    for address in (*fourth, *sixth, *(IPv4Address(a) if "." in a and ":" not in a else IPv6Address(a) for a in odd)):  # fmt: skip
        assert said_of(ground, address) == expected(locator, address), address
    assert ground.built_at is not None
    assert ground.built_at < now


@pytest.fixture
def locator(
    source: Callable[..., object], table: Callable[..., AddressTable], now: datetime
) -> Locator:
    """Two sources that say places, and a list of exits that is soon too old."""
    made = [
        source("one", {"11.0.0.0/8": Answer(("XA",)), "2a00::/16": Answer(("XA",))}),
        source("two", {"11.1.0.0/16": Answer(("XB",)), "11.3.0.0/16": Answer(("XA",))}),
        source("exits", {"11.1.2.0/24": Answer(network="tor"), "12.0.0.1": Answer(network="tor")},
               role="network", expires_at=now + timedelta(days=1)),
    ]  # fmt: skip
    nat64 = (Nat64Prefix.read("2a00:64::/96"),)
    return Locator(made, now, nat64=nat64)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "places", "network"),
    [
        ("11.0.0.1", ("XA",), None),
        ("11.1.0.1", ("XA", "XB"), None),
        ("11.1.2.9", ("XA", "XB"), "tor"),
        ("11.1.3.0", ("XA", "XB"), None),
        ("11.3.0.0", ("XA",), None),
        ("12.0.0.1", (), "tor"),
        ("12.0.0.2", (), None),
        ("10.0.0.1", (), "non_routable"),
        ("2a00::1", ("XA",), None),
        ("2a00:64::b01:201", (), None),
    ],
)
def test_sources_are_joined_as_for_one_address(
    locator: Locator, address: str, places: tuple[str, ...], network: str | None
) -> None:
    parsed = IPv6Address(address) if ":" in address else IPv4Address(address)

    assert said_of(locator.everywhere(), parsed) == Said(places, network)
    assert expected(locator, parsed) == Said(places, network)


def test_it_says_until_when_it_is_so_and_what_is_too_old_says_nothing(
    locator: Locator, now: datetime
) -> None:
    later = locator.everywhere(now + timedelta(days=2))

    assert locator.everywhere().until == now + timedelta(days=1)
    assert later.until is None
    assert said_of(later, IPv4Address("11.1.2.9")) == Said(("XA", "XB"))
