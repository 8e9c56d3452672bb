"""Read the PROXY protocol header that a layer 4 balancer puts in front of a connection.

A pure function over the first bytes of a connection. A listener either expects the header from
every connection or reads none: whether it is there cannot be detected safely.
"""

import re
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bailiwick.location.addresses import pack, show, unmapped
from bailiwick.location.client import Invalid, TrustedProxies

_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_V1_MAX: Final = 107
_V1 = re.compile(
    rb"PROXY (?:(TCP4|TCP6) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+)"
    rb" (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})"
    rb"|UNKNOWN(?: [^\r\n]*)?)\r\n"
)
_V2_MAX: Final = 16 + 4096
"""Addresses take at most 216 bytes; the rest is for extensions, of which real ones need few."""
_ADDRESS_BYTES: Final = {1: 4, 2: 16}
_CHECKSUM: Final = 0x03


class Incomplete(StrEnum):
    """The header has begun and is not all there yet."""

    MORE = "more"


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a balancer said about a connection."""

    length: int
    """Bytes to drop before the connection's own data begin."""
    source: str | None
    """Canonical address of the client; ``None``: keep the address of the socket."""


def read_proxy_header(data: bytes) -> ProxyHeader | Incomplete | Invalid:
    """Read a version 1 or 2 header at the start of ``data``."""
    if data.startswith(_SIGNATURE):
        return _version_2(data)
    if _SIGNATURE.startswith(data) or b"PROXY ".startswith(data[:6]):
        return _version_1(data)
    return Invalid("proxy.missing")


def still_missing(data: bytes) -> int:
    """Say how many bytes may be read next, so that none behind the header is taken with them."""
    start = len(_SIGNATURE)  # the shortest header is longer
    if len(data) < start:
        return start - len(data)
    if not data.startswith(_SIGNATURE):
        return 1
    if len(data) < 16:
        return 16 - len(data)
    return 16 + int(struct.unpack_from("!H", data, 14)[0]) - len(data)


def peer_behind(peer: str, header: ProxyHeader, trusted: TrustedProxies) -> str | Invalid:
    """Name the peer of a connection that began with ``header``; only a listed peer may send one."""
    packed = pack(peer)
    if packed is None or unmapped(packed) not in trusted:
        return Invalid("proxy.untrusted")
    return header.source or peer


def _version_1(data: bytes) -> ProxyHeader | Incomplete | Invalid:
    end = data.find(b"\r\n", 0, _V1_MAX) if data.startswith(b"PROXY") else -1
    if end < 0:
        return Incomplete.MORE if len(data) < _V1_MAX else Invalid("proxy.too_long")
    match = _V1.fullmatch(data[: end + 2])
    if match is None:
        return Invalid("proxy.unparsable")
    if match[1] is None:
        return ProxyHeader(end + 2, None)
    return _version_1_addresses(match, end + 2)


def _version_1_addresses(match: re.Match[bytes], length: int) -> ProxyHeader | Invalid:
    size = 4 if match[1] == b"TCP4" else 16
    source, destination = pack(match[2].decode()), pack(match[3].decode())
    ports = int(match[4]), int(match[5])
    if source is None or destination is None or max(ports) > 65535:
        return Invalid("proxy.unparsable")
    if len(source) != size or len(destination) != size:
        return Invalid("proxy.family")
    return ProxyHeader(length, show(unmapped(source)))


def _version_2(data: bytes) -> ProxyHeader | Incomplete | Invalid:
    if len(data) < 16:
        return Incomplete.MORE
    command, family, size = struct.unpack_from("!BBH", data, 12)
    if command >> 4 != 2 or command & 15 > 1 or family >> 4 > 3 or family & 15 > 2:
        return Invalid("proxy.unparsable")
    if 16 + size > _V2_MAX:
        return Invalid("proxy.too_long")
    if len(data) < 16 + size:
        return Incomplete.MORE
    return _version_2_addresses(command & 15, family, data[: 16 + size])


def _version_2_addresses(command: int, family: int, header: bytes) -> ProxyHeader | Invalid:
    width = _ADDRESS_BYTES.get(family >> 4)
    if command == 0 or width is None or family & 15 == 0:  # LOCAL, UNIX or unspecified
        return ProxyHeader(len(header), None)
    extensions = 16 + 2 * width + 4
    if len(header) < extensions or not _extensions_fit(header, extensions):
        return Invalid("proxy.unparsable")
    return ProxyHeader(len(header), show(unmapped(header[16 : 16 + width])))


def _extensions_fit(header: bytes, at: int) -> bool:
    while at + 3 <= len(header):
        kind, size = struct.unpack_from("!BH", header, at)
        if kind == _CHECKSUM and (
            size != 4 or _crc32c(_zeroed(header, at + 3)) != header[at + 3 : at + 7]
        ):
            return False
        at += 3 + size
    return at == len(header)


def _zeroed(header: bytes, at: int) -> bytes:
    return header[:at] + bytes(4) + header[at + 4 :]


def _crc32c(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "big")
