"""Read addresses from text, strictly, and find the IPv4 address inside an IPv6 one.

Text is read by ``inet_pton``: ``inet_aton`` and friends accept ``1.2.3`` and ``0x7f.1``. Zone
identifiers, spaces and leading zeros are refused. An IPv4-mapped address *is* its IPv4 address; an
address of a translator or tunnel (NAT64, 6to4, Teredo) is judged together with the one inside.
"""

import re
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from bailiwick.errors import InvalidInput

_MAPPED = bytes(10) + b"\xff\xff"
_COMPATIBLE = bytes(12)
_NAT64 = bytes.fromhex("0064ff9b") + bytes(8)
_6TO4 = bytes.fromhex("2002")
_TEREDO = bytes.fromhex("20010000")
_PREFIX_LENGTH = re.compile(r"\d{1,3}", re.ASCII)
_NAT64_LENGTHS = (32, 40, 48, 56, 64, 96)
"""RFC 6052, section 2.2."""


def pack(text: str) -> bytes | None:
    """Read one address as 4 or 16 bytes; ``None`` if it is not exactly an address."""
    try:
        return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):  # ValueError: a NUL or a character outside ASCII
        return None


def show(packed: bytes) -> str:
    """Write an address the one way we write it (RFC 5952 for IPv6)."""
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)


def unmapped(packed: bytes) -> bytes:
    """Turn an IPv4-mapped address into the IPv4 address that it is."""
    return packed[12:] if len(packed) == 16 and packed.startswith(_MAPPED) else packed


def is_ipv4_compatible(packed: bytes) -> bool:
    """Tell ``::a.b.c.d``, which nobody uses honestly, from ``::`` and ``::1``."""
    return len(packed) == 16 and packed.startswith(_COMPATIBLE) and packed[12:] > b"\0\0\0\1"


@dataclass(frozen=True, slots=True)
class Network:
    """A block of addresses, as numbers."""

    version: int
    first: int
    last: int

    @property
    def text(self) -> str:
        """The block in CIDR notation."""
        bits = 32 if self.version == 4 else 128
        length = bits - (self.last - self.first).bit_length()
        return f"{show(self.first.to_bytes(bits // 8, 'big'))}/{length}"


def read_network(text: str) -> Network | None:
    """Read ``192.0.2.0/24`` or a single address; ``None`` if bits are set beyond the prefix."""
    address, slash, length = text.partition("/")
    packed = pack(address)
    if packed is None or (slash and not _PREFIX_LENGTH.fullmatch(length)):
        return None
    bits = len(packed) * 8
    free = bits - (int(length) if slash else bits)
    first = int.from_bytes(packed, "big")
    if free < 0 or first & ((1 << free) - 1):
        return None
    return _unmapped_network(bits, free, first)


def _unmapped_network(bits: int, free: int, first: int) -> Network:
    if bits == 128 and free <= 32 and first >> 32 == 0xFFFF:
        bits, first = 32, first & 0xFFFFFFFF
    return Network(4 if bits == 32 else 6, first, first | ((1 << free) - 1))


@dataclass(frozen=True, slots=True)
class Nat64Prefix:
    """A network's own NAT64 prefix (RFC 6052): where its IPv6 addresses hide IPv4 ones."""

    prefix: bytes
    length: int

    @classmethod
    def read(cls, text: str) -> "Nat64Prefix":
        """Read ``2001:db8:64::/96``; the length is one of RFC 6052."""
        network = read_network(text)
        length = int(text.partition("/")[2] or 128) if network else 0
        if network is None or network.version == 4 or length not in _NAT64_LENGTHS:
            raise InvalidInput.of(
                f"`{text}` is not a NAT64 prefix",
                f"an IPv6 prefix of length {', '.join(map(str, _NAT64_LENGTHS))} (RFC 6052)",
            )
        return cls(network.first.to_bytes(16, "big")[: length // 8], length)

    def inside(self, packed: bytes) -> bytes | None:
        """Take the IPv4 address out of ``packed``; ``None`` if it is outside this prefix."""
        if not packed.startswith(self.prefix):
            return None
        at = self.length // 8
        if self.length == 96:
            return packed[12:]
        return (packed[at:8] + packed[9:])[:4]  # byte 8 is always zero and is skipped


def embedded_ipv4(packed: bytes, nat64: tuple[Nat64Prefix, ...] = ()) -> bytes | None:
    """Find the IPv4 address inside a translated or tunnelled one; ``None`` if there is none."""
    if len(packed) == 4:
        return None
    if packed.startswith(_NAT64):
        return packed[12:]
    if packed.startswith(_6TO4):
        return packed[2:6]
    if packed.startswith(_TEREDO):
        return bytes(byte ^ 0xFF for byte in packed[12:])
    return next((found for prefix in nat64 if (found := prefix.inside(packed))), None)


def judged(packed: bytes, nat64: tuple[Nat64Prefix, ...] = ()) -> tuple[bytes, ...]:
    """List every address that has to be judged for this one, the outer one first."""
    outer = unmapped(packed)
    inner = embedded_ipv4(outer, nat64)
    return (outer,) if inner is None else (outer, inner)
