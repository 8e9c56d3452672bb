"""Addresses are read strictly, and those that carry another one inside give it up."""

import ipaddress
from itertools import pairwise
from socket import AF_INET6, inet_ntop

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.errors import InvalidInput
from bailiwick.location import Nat64Prefix, is_routable, pack, purpose_of, show
from bailiwick.location.addresses import (
    embedded_ipv4,
    is_ipv4_compatible,
    judged,
    read_network,
    unmapped,
)
from bailiwick.location.special import unroutable_ranges


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1.2.3", "01.2.3.4", "1.2.3.04", "0x7f.1", "0x7f.0.0.1", "1.2.3.4 ", " 1.2.3.4",
        "1.2.3.4\n", "1.2.3.4\0", "1.2.3.256", "1.2.3.4.5", "1,2,3,4", "2130706433", "1.2.3.-4",
        "fe80::1%eth0", "2001:db8::1%25x", "[2001:db8::1]", "2001:db8:::1", "2001:db8::1::2",
        "2001:db8::12345", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1.2.3", "::1.2.3.256",
        "192.0.2.1/24", "localhost", "\uff11.2.3.4", "\u0663.2.3.4", "2001:db8::\ud800",
    ],
)  # fmt: skip
def test_text_that_is_not_exactly_an_address_is_refused(text: str) -> None:
    assert pack(text) is None


@given(st.ip_addresses())
def test_every_address_is_read_and_written_in_one_way(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    packed = pack(str(address))

    assert packed == address.packed
    assert pack(show(packed)) == packed
    assert show(packed) == show(packed).lower()


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:7F00:1", "127.0.0.1"),
        ("0:0:0:0:0:ffff:c000:0201", "192.0.2.1"),
    ],
)
def test_an_ipv4_mapped_address_is_its_ipv4_address(text: str, inside: str) -> None:
    assert unmapped(pack(text) or b"") == pack(inside)
    assert judged(pack(text) or b"") == (pack(inside),)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("64:ff9b::192.0.2.33", "192.0.2.33"),
        ("2002:c000:221::1", "192.0.2.33"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45"),  # Teredo hides it inverted
    ],
)
def test_an_address_of_a_translator_or_tunnel_is_judged_with_the_one_inside(
    text: str, inside: str
) -> None:
    assert judged(pack(text) or b"") == (pack(text), pack(inside))


@pytest.mark.parametrize(
    ("prefix", "text"),
    [
        ("2001:db8::/32", "2001:db8:c000:221::"),
        ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
        ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
        ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ],
)
def test_a_network_s_own_nat64_prefix_gives_up_the_address_inside(prefix: str, text: str) -> None:
    prefixes = (Nat64Prefix.read(prefix),)

    assert embedded_ipv4(pack(text) or b"", prefixes) == pack("192.0.2.33")
    assert embedded_ipv4(pack("2001:db9::1") or b"", prefixes) is None


@pytest.mark.parametrize(
    "text", ["2001:db8::/44", "2001:db8::", "10.0.0.0/8", "x", "2001:db8::1/96"]
)
def test_a_nat64_prefix_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="NAT64"):
        Nat64Prefix.read(text)


@pytest.mark.parametrize(("text", "is_one"), [
    ("::1.2.3.4", True), ("::7f00:1", True), ("::2", True),
    ("::", False), ("::1", False), ("::ffff:1.2.3.4", False), ("1.2.3.4", False),
])  # fmt: skip
def test_an_ipv4_compatible_address_is_recognised(text: str, is_one: bool) -> None:
    assert is_ipv4_compatible(pack(text) or b"") is is_one


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_a_block_is_read_as_written(text: str, written: str) -> None:
    block = read_network(text)

    assert block is not None
    assert block.text == written


@pytest.mark.parametrize(
    "text",
    ["192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/+8", "192.0.2.0/-1", "2001:db8::1/64",
     "2001:db8::/129", "192.0.2.0/255.255.255.0", "/24", "192.0.2.0/\u0662", "192.0.2.0 /24"],
)  # fmt: skip
def test_a_block_with_stray_bits_or_a_wrong_length_is_refused(text: str) -> None:
    assert read_network(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.255.255",
        "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:8.8.8.8", "64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001:1::4",
        "2001:2::1", "2001:10::1", "2001:db8::1", "3fff::1", "3fff:fff:ffff::1", "5f00::1",
        "fc00::1", "fdff::1", "fe80::1", "fec0::1", "ff02::1", "4000::1", "1::1", "8000::1",
    ],
)  # fmt: skip
def test_special_purpose_addresses_are_nowhere(text: str) -> None:
    assert not is_routable(pack(text) or b"")


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1", "192.0.0.9",
        "192.0.1.1", "192.88.98.255", "198.20.0.1", "223.255.255.255", "192.31.196.1",
        "2000::1", "2001:4860::1", "2001:1::1", "2001:20::1", "2001:3::1", "2002::1", "2a00::1",
        "2620:4f:8000::1", "3ffe::1", "64:ff9b::8.8.8.8", "2001::1",
    ],
)  # fmt: skip
def test_other_addresses_can_be_somewhere(text: str) -> None:
    assert is_routable(pack(text) or b"")


def test_a_special_purpose_has_a_name() -> None:
    assert purpose_of(pack("169.254.1.1") or b"") == "link local"
    assert purpose_of(pack("2001:db8::1") or b"") == "documentation"
    assert purpose_of(pack("8.8.8.8") or b"") == "unicast"


@pytest.mark.parametrize("version", [4, 6])
def test_the_runs_of_addresses_that_are_nowhere_are_apart_and_complete(version: int) -> None:
    ranges = unroutable_ranges(version)
    width = 4 if version == 4 else 16

    assert all(one[1] + 1 < other[0] for one, other in pairwise(ranges))
    for first, last in ranges:
        assert not is_routable(first.to_bytes(width, "big"))
        assert not is_routable(last.to_bytes(width, "big"))
        if last + 1 < 1 << width * 8:
            assert is_routable((last + 1).to_bytes(width, "big"))


@given(st.binary(min_size=16, max_size=16))
def test_any_sixteen_bytes_are_an_address_that_can_be_judged(packed: bytes) -> None:
    addresses = judged(packed)

    assert 1 <= len(addresses) <= 2
    assert all(len(address) in (4, 16) for address in addresses)
    assert pack(inet_ntop(AF_INET6, packed)) == packed
