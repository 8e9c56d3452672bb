"""Which addresses can be somewhere: the IANA special-purpose registries, as one table.

``ipaddress.is_global`` answers yes for 6to4, local NAT64, SRv6, site-local and documentation
space, so the registries are written out here (as of 22 October 2024). Only 2000::/3 is given out as
global unicast; all other IPv6 space is non-routable unless a row says otherwise.
"""

from bisect import bisect_right
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

_ROWS_V4: Final = (
    ("0.0.0.0/0", True, "unicast"),
    ("0.0.0.0/8", False, "this network"),
    ("10.0.0.0/8", False, "private use"),
    ("100.64.0.0/10", False, "shared address space"),
    ("127.0.0.0/8", False, "loopback"),
    ("169.254.0.0/16", False, "link local"),
    ("172.16.0.0/12", False, "private use"),
    ("192.0.0.0/24", False, "protocol assignments"),
    ("192.0.0.9/32", True, "port control anycast"),
    ("192.0.0.10/32", True, "TURN anycast"),
    ("192.0.2.0/24", False, "documentation"),
    ("192.31.196.0/24", True, "AS112"),
    ("192.52.193.0/24", True, "AMT"),
    ("192.88.99.0/24", False, "deprecated 6to4 relay anycast"),
    ("192.168.0.0/16", False, "private use"),
    ("192.175.48.0/24", True, "direct delegation AS112"),
    ("198.18.0.0/15", False, "benchmarking"),
    ("198.51.100.0/24", False, "documentation"),
    ("203.0.113.0/24", False, "documentation"),
    ("224.0.0.0/4", False, "multicast"),
    ("240.0.0.0/4", False, "reserved"),
    ("255.255.255.255/32", False, "limited broadcast"),
)

_ROWS_V6: Final = (
    ("::/0", False, "not global unicast"),
    ("::/128", False, "unspecified"),
    ("::1/128", False, "loopback"),
    ("::ffff:0:0/96", False, "IPv4-mapped"),
    ("64:ff9b::/96", True, "NAT64"),
    ("64:ff9b:1::/48", False, "local NAT64"),
    ("100::/64", False, "discard only"),
    ("100:0:0:1::/64", False, "dummy prefix"),
    ("2000::/3", True, "unicast"),
    ("2001::/23", False, "protocol assignments"),
    ("2001::/32", True, "Teredo"),
    ("2001:1::1/128", True, "port control anycast"),
    ("2001:1::2/128", True, "TURN anycast"),
    ("2001:1::3/128", True, "DNS-SD anycast"),
    ("2001:2::/48", False, "benchmarking"),
    ("2001:3::/32", True, "AMT"),
    ("2001:4:112::/48", True, "AS112"),
    ("2001:10::/28", False, "deprecated ORCHID"),
    ("2001:20::/28", True, "ORCHIDv2"),
    ("2001:30::/28", True, "drone identifiers"),
    ("2001:db8::/32", False, "documentation"),
    ("2002::/16", True, "6to4"),
    ("2620:4f:8000::/48", True, "direct delegation AS112"),
    ("3fff::/20", False, "documentation"),
    ("5f00::/16", False, "segment routing identifiers"),
    ("fc00::/7", False, "unique local"),
    ("fe80::/10", False, "link local"),
    ("fec0::/10", False, "deprecated site local"),
    ("ff00::/8", False, "multicast"),
)


class _Blocks:
    """The rows of one family, flattened: the most specific row of any address by bisection."""

    __slots__ = ("end", "rows", "starts")

    def __init__(self, rows: tuple[tuple[str, bool, str], ...]) -> None:
        blocks = {ip_network(prefix): (routable, name) for prefix, routable, name in rows}
        first = {int(block.network_address) for block in blocks}
        after = {int(block.broadcast_address) + 1 for block in blocks}
        *self.starts, self.end = sorted(first | after)
        self.rows = [
            blocks[max((b for b in blocks if _within(start, b)), key=lambda b: b.prefixlen)]
            for start in self.starts
        ]

    def row(self, packed: bytes) -> tuple[bool, str]:
        return self.rows[bisect_right(self.starts, int.from_bytes(packed, "big")) - 1]

    def unroutable(self) -> tuple[tuple[int, int], ...]:
        """List the first and the last address of every run that is nowhere."""
        runs: list[tuple[int, int]] = []
        ends = [*self.starts[1:], self.end]
        for start, end, (routable, _) in zip(self.starts, ends, self.rows, strict=True):
            if routable:
                continue
            joins = bool(runs) and runs[-1][1] == start - 1
            runs.append((runs.pop()[0] if joins else start, end - 1))
        return tuple(runs)


def _within(number: int, block: IPv4Network | IPv6Network) -> bool:
    return int(block.network_address) <= number <= int(block.broadcast_address)


_V4 = _Blocks(_ROWS_V4)
_V6 = _Blocks(_ROWS_V6)


def is_routable(packed: bytes) -> bool:
    """Tell whether a packed address (4 or 16 bytes) can be somewhere on the internet."""
    return (_V4 if len(packed) == 4 else _V6).row(packed)[0]


def purpose_of(packed: bytes) -> str:
    """Name the special-purpose block of an address; ``unicast`` if it has none."""
    return (_V4 if len(packed) == 4 else _V6).row(packed)[1]


def unroutable_ranges(version: int) -> tuple[tuple[int, int], ...]:
    """List the first and last number of every run of addresses that are nowhere, in order."""
    return (_V4 if version == 4 else _V6).unroutable()
