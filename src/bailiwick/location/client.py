"""Find the client's address: the rightmost hop that is not ours, or nothing.

Everything left of that hop was written by the client, so it is never read. An element that cannot
be read ends the walk: skipping it would let a client choose who it is. The peer is the address of
the socket (or of the PROXY header), and only a trusted peer's header is looked at.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bailiwick.errors import InvalidInput, Problem
from bailiwick.location.addresses import (
    Nat64Prefix,
    Network,
    is_ipv4_compatible,
    judged,
    pack,
    read_network,
    show,
    unmapped,
)
from bailiwick.location.special import is_routable

MAX_HOPS: Final = 32
MAX_HEADER_BYTES: Final = 4096

_LISTS: Final = ("x-forwarded-for", "forwarded")
_PORT = "(0|[1-9][0-9]{0,4})"
_WITH_PORT = re.compile(
    rf"([0-9.]{{7,15}}):{_PORT}|\[([0-9A-Fa-f:.]{{2,45}})\](?::{_PORT})?", re.ASCII
)
_NODE_PORT = re.compile(r"(.*):(?:[0-9]{1,5}|_[A-Za-z0-9._-]+)", re.ASCII)
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*"'
_PAIR = re.compile(rf"({_WORD})=({_WORD}|{_QUOTED})", re.ASCII)
_PORT_LIMIT: Final = 65535


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """Whose request this is, by address."""

    address: str
    """Canonical text. An IPv4-mapped address is written as the IPv4 address it is."""
    judged: tuple[str, ...]
    """Every address to judge: this one and the IPv4 address inside it, if it is translated."""
    source: str
    """``peer``, or the name of the header that named it."""
    internal: bool = False
    """Every hop is ours: the request began inside. The address is the peer's and no location."""
    non_routable: bool = False
    """One of the judged addresses cannot be anywhere (private, loopback, documentation, ...)."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """There is no client address, and the request must not be judged as if there were."""

    reason: str
    """A stable code, documented in ``docs/location.md``."""


class TrustedProxies:
    """The blocks whose word about the hop before them is taken."""

    __slots__ = ("_ends", "_starts", "networks")

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self.networks = tuple(networks)
        self._starts: dict[int, list[int]] = {4: [], 6: []}
        self._ends: dict[int, list[int]] = {4: [], 6: []}
        for network in sorted(self.networks, key=lambda n: (n.version, n.first, -n.last)):
            self._add(network)

    def _add(self, network: Network) -> None:
        ends = self._ends[network.version]
        if not ends or network.first > ends[-1]:
            self._starts[network.version].append(network.first)
            ends.append(network.last)

    @classmethod
    def read(cls, cidrs: Iterable[str]) -> "TrustedProxies":
        """Read CIDR blocks; every one that is wrong is reported."""
        found = {text: read_network(text) for text in cidrs}
        wrong = [text for text, network in found.items() if network is None]
        if wrong:
            raise InvalidInput(Problem(*_bad_block(text)) for text in wrong)
        return cls(network for network in found.values() if network)

    def with_block(self, text: str) -> "TrustedProxies":
        """Trust one more block or address."""
        more = read_network(text)
        return TrustedProxies((*self.networks, more)) if more else self

    def __contains__(self, packed: bytes) -> bool:
        version = 4 if len(packed) == 4 else 6
        number = int.from_bytes(packed, "big")
        at = bisect_right(self._starts[version], number) - 1
        return at >= 0 and number <= self._ends[version][at]


def _bad_block(text: str) -> tuple[str, str]:
    return (
        f"trusted proxy `{text}` is not a block of addresses",
        "write 192.0.2.0/24 or 2001:db8::/32",
    )


def client_address(
    peer: str,
    headers: Sequence[tuple[str, str]],
    trusted: TrustedProxies,
    header: str = "x-forwarded-for",
    nat64: tuple[Nat64Prefix, ...] = (),
) -> ClientAddress | Invalid:
    """Find the client of a request that arrived from ``peer`` with these header lines, in order.

    ``header`` is the one header the trusted proxies write: ``x-forwarded-for``, ``forwarded`` or a
    header that holds a single address (``cf-connecting-ip``). Every other one is ignored.
    """
    at = _element(peer)
    if at is None:
        return Invalid("peer.unparsable")
    if at not in trusted:
        return _found(at, "peer", nat64)
    lines = [
        value for name, value in headers if len(name) == len(header) and name.lower() == header
    ]
    hops = _hops(lines, header)
    if isinstance(hops, Invalid):
        return hops
    return _rightmost_untrusted(hops, at, trusted, header, nat64)


def _rightmost_untrusted(
    hops: list[str],
    peer: bytes,
    trusted: TrustedProxies,
    header: str,
    nat64: tuple[Nat64Prefix, ...],
) -> ClientAddress | Invalid:
    for hop in reversed(hops):
        packed = _element(hop)
        if packed is None:
            return Invalid(_why_unreadable(hop))
        if packed not in trusted:
            return _found(packed, header, nat64)
    return ClientAddress(show(peer), (show(peer),), "peer", internal=True, non_routable=True)


def _found(packed: bytes, source: str, nat64: tuple[Nat64Prefix, ...]) -> ClientAddress | Invalid:
    if is_ipv4_compatible(packed):
        return Invalid("address.ipv4_compatible")
    every = judged(packed, nat64)
    nowhere = not all(map(is_routable, every))
    return ClientAddress(show(packed), tuple(map(show, every)), source, non_routable=nowhere)


def _hops(lines: list[str], header: str) -> list[str] | Invalid:
    if sum(map(len, lines)) + 2 * len(lines) > MAX_HEADER_BYTES:
        return Invalid("header.too_long")
    if header not in _LISTS:
        return [lines[0].strip(" \t")] if len(lines) == 1 else _single(lines)
    if header == "forwarded":
        hops = _forwarded(lines)
    else:
        hops = [element.strip(" \t") for line in lines for element in line.split(",")]
    if not isinstance(hops, Invalid) and len(hops) > MAX_HOPS:
        return Invalid("header.too_many_hops")
    return hops


def _single(lines: list[str]) -> list[str] | Invalid:
    return Invalid("header.duplicate") if lines else []


def _element(text: str) -> bytes | None:
    """Read an address that may carry a port: ``192.0.2.1:80``, ``[2001:db8::1]:443``."""
    match = _WITH_PORT.fullmatch(text) if ":" in text else None
    if match is None:
        packed = pack(text)
        return unmapped(packed) if packed else None
    address = match[1] or match[3]
    packed = pack(address)
    if packed is None or int(match[2] or match[4] or 0) > _PORT_LIMIT:
        return None
    return unmapped(packed) if match[1] or ":" in address else None


def _why_unreadable(text: str) -> str:
    if not text:
        return "header.empty"
    if text.lower() == "unknown":
        return "header.unknown"
    return "header.obfuscated" if text.startswith("_") else "header.unparsable"


def _forwarded(lines: list[str]) -> list[str] | Invalid:
    """Read every ``for`` of RFC 7239, in order; a line that breaks its grammar spoils them all."""
    hops = []
    for line in lines:
        at = 0
        while at <= len(line):
            element, at = _forwarded_element(line, at)
            if at < 0:
                return Invalid("header.unparsable")
            hops.append(element)
    return hops


def _forwarded_element(line: str, at: int) -> tuple[str, int]:
    """Read one element from ``at``; answer its ``for`` and where the next begins (-1: broken)."""
    at = _skip_spaces(line, at)
    named: dict[str, str] = {}
    while match := _PAIR.match(line, at):
        name = match[1].lower()
        if name in named:
            return "", -1
        named[name] = match[2]
        at = match.end()
        if line[at : at + 1] != ";":
            break
        at += 1
    at = _skip_spaces(line, at)
    if line[at : at + 1] not in ("", ","):
        return "", -1
    return _node(named.get("for", "")), at + 1


def _skip_spaces(line: str, at: int) -> int:
    while line[at : at + 1] in (" ", "\t"):
        at += 1
    return at


def _node(value: str) -> str:
    """Unquote the value of a ``for`` and drop an obfuscated port, which says nothing."""
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
        if "[" not in value and value.count(":") > 1:
            return "?"
    match = _NODE_PORT.fullmatch(value)
    return match[1] if match and "_" in value[match.end(1) :] else value
