"""The PROXY protocol names a peer only in its exact form, and only for a listed sender."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.location import (
    Incomplete,
    Invalid,
    ProxyHeader,
    TrustedProxies,
    peer_behind,
    read_proxy_header,
)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = (
    socket.inet_aton("198.51.100.7") + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 4711, 443)
)
V6 = (
    socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    + struct.pack("!HH", 4711, 443)
)


def v2(body: bytes, command: int = 0x21, family: int = 0x11) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


@pytest.mark.parametrize(
    ("header", "source"),
    [
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n", "198.51.100.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", "2001:db8::7"),
        (b"PROXY TCP6 2001:DB8:0::7 2001:db8::1 0 65535\r\n", "2001:db8::7"),
        (b"PROXY TCP6 ::ffff:198.51.100.7 2001:db8::1 1 1\r\n", "198.51.100.7"),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
        (v2(V4), "198.51.100.7"),
        (v2(V4, family=0x12), "198.51.100.7"),
        (v2(V6, family=0x21), "2001:db8::7"),
        (v2(V4, command=0x20), None),
        (v2(b"", command=0x20, family=0), None),
        (v2(b"", family=0), None),
        (v2(bytes(216), family=0x31), None),
        (v2(V4 + b"\x04\x00\x02ab"), "198.51.100.7"),
        (v2(V4 + b"\x04\x00\x00"), "198.51.100.7"),
    ],
)
def test_a_good_header_names_the_peer_or_keeps_the_socket_s(
    header: bytes, source: str | None
) -> None:
    assert read_proxy_header(header + b"GET / HTTP/1.1\r\n") == ProxyHeader(len(header), source)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"GET / HTTP/1.1\r\n", "proxy.missing"),
        (b"\r\n\r\nGET", "proxy.missing"),
        (b"proxy TCP4 198.51.100.7 192.0.2.1 1 1\r\n", "proxy.missing"),
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 4711\r\n", "proxy.unparsable"),
        (b"PROXY TCP4  198.51.100.7 192.0.2.1 4711 443\r\n", "proxy.unparsable"),
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443 \r\n", "proxy.unparsable"),
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 04711 443\r\n", "proxy.unparsable"),
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 70000 443\r\n", "proxy.unparsable"),
        (b"PROXY TCP4 198.51.100.007 192.0.2.1 1 1\r\n", "proxy.unparsable"),
        (b"PROXY TCP4 198.51.100.7 192.0.2.1 1 1\n\r\n", "proxy.unparsable"),
        (b"PROXY UDP4 198.51.100.7 192.0.2.1 1 1\r\n", "proxy.unparsable"),
        (b"PROXY TCP4 2001:db8::7 192.0.2.1 1 1\r\n", "proxy.family"),
        (b"PROXY TCP6 198.51.100.7 2001:db8::1 1 1\r\n", "proxy.family"),
        (b"PROXY TCP6 " + b"a" * 200, "proxy.too_long"),
        (v2(V4, command=0x11), "proxy.unparsable"),
        (v2(V4, command=0x22), "proxy.unparsable"),
        (v2(V4, family=0x41), "proxy.unparsable"),
        (v2(V4, family=0x13), "proxy.unparsable"),
        (v2(V4[:-1]), "proxy.unparsable"),
        (v2(V4, family=0x21), "proxy.unparsable"),
        (v2(V4 + b"\x04\x00\x09ab"), "proxy.unparsable"),
        (v2(V4 + b"\x04\x00"), "proxy.unparsable"),
        (v2(V4 + b"\x03\x00\x04abcd"), "proxy.unparsable"),
        (SIGNATURE + b"\x21\x11\xff\xff" + bytes(70_000), "proxy.too_long"),
    ],
)
def test_a_header_in_any_other_form_is_refused(header: bytes, why: str) -> None:
    assert read_proxy_header(header) == Invalid(why)


def test_a_checksum_that_is_right_is_accepted() -> None:
    """CRC-32C of the header with the checksum as zeros, worked out bit by bit here."""
    header = v2(V4 + b"\x03\x00\x04" + bytes(4))
    crc = 0xFFFFFFFF
    for bit in (byte >> shift & 1 for byte in header for shift in range(8)):
        crc = (crc >> 1) ^ (0x82F63B78 if (crc ^ bit) & 1 else 0)
    signed = header[:-4] + (crc ^ 0xFFFFFFFF).to_bytes(4, "big")

    assert read_proxy_header(signed) == ProxyHeader(len(signed), "198.51.100.7")


@pytest.mark.parametrize("header", [b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n", v2(V4)])
def test_a_header_that_arrives_in_pieces_is_waited_for(header: bytes) -> None:
    for length in range(len(header)):
        assert read_proxy_header(header[:length]) is Incomplete.MORE
    assert isinstance(read_proxy_header(header), ProxyHeader)


def test_only_a_listed_peer_may_send_the_header() -> None:
    trusted = TrustedProxies.read(["10.0.0.0/8"])
    header = ProxyHeader(10, "198.51.100.7")

    assert peer_behind("10.0.0.1", header, trusted) == "198.51.100.7"
    assert peer_behind("::ffff:10.0.0.1", header, trusted) == "198.51.100.7"
    assert peer_behind("10.0.0.1", ProxyHeader(10, None), trusted) == "10.0.0.1"
    assert peer_behind("192.0.2.1", header, trusted) == Invalid("proxy.untrusted")
    assert peer_behind("", header, trusted) == Invalid("proxy.untrusted")


@given(st.binary(max_size=80), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE]))
def test_any_bytes_give_a_header_a_reason_or_a_wish_for_more(data: bytes, start: bytes) -> None:
    found = read_proxy_header(start + data)

    if isinstance(found, ProxyHeader):
        assert 0 < found.length <= len(start + data)
    else:
        assert isinstance(found, Invalid | Incomplete)
