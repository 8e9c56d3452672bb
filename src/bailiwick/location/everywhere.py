"""Every address at once: the runs of addresses of which the sources in use say the same.

For whoever must know before anybody asks, as an edge that refuses by itself. All work on runs is
done on whole arrays; each distinct combination of answers is looked at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from bailiwick.location.addresses import Nat64Prefix, embedded_ipv4, unmapped
from bailiwick.location.runs import Runs, ids_of, joined
from bailiwick.location.special import is_routable, unroutable_ranges

_CARRIERS = (
    (0xFFFF << 32, 96),  # IPv4-mapped
    (0x0064_FF9B << 96, 96),  # NAT64
    (0x2002 << 112, 16),  # 6to4
    (0x2001_0000 << 96, 32),  # Teredo
)
"""IPv6 blocks, as number and length, whose addresses carry an IPv4 address inside."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the sources say together about some addresses."""

    places: tuple[str, ...] = ()
    """Candidates; none: unknown."""
    network: str | None = None
    """Class of ``bailiwick.facts.NETWORKS``; ``None``: unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Everywhere:
    """What is said of every address; the ids of the runs are indexes into ``said``.

    The first says nothing. It also stands for IPv6 addresses that carry another one inside, which
    are judged one by one.
    """

    v4: Runs
    v6: Runs
    said: tuple[Said, ...]
    built_at: datetime | None
    """When the oldest of the data that say places were built."""
    until: datetime | None
    """When the next source grows too old; then some of this is no longer so."""


Look = Callable[[bytes], Said]
"""Says what the sources say together of one packed address that can be somewhere."""


def survey(tables: Sequence[tuple[Runs, Runs]], look: Look, nat64: Sequence[Nat64Prefix]) -> tuple[
    Runs, Runs, tuple[Said, ...]
]:  # fmt: skip
    """Join the runs of several tables (IPv4, IPv6 of each), and look at each combination once."""
    known: dict[Said, int] = {Said(): 0}
    prefixes = tuple(nat64)
    found = [
        _family([one[version] for one in tables], bits, look, prefixes, known)
        for version, bits in enumerate((32, 128))
    ]
    return found[0], found[1], tuple(known)


def _family(
    tables: Sequence[Runs],
    bits: int,
    look: Look,
    nat64: tuple[Nat64Prefix, ...],
    known: dict[Said, int],
) -> Runs:
    starts, codes = _together([*tables, _special(bits, nat64)])
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    ids = []
    for at in first.tolist():
        number = int(starts.high[at]) << 64 | int(starts.low[at])
        number = number >> 64 if bits == 32 else number
        said = _said(number.to_bytes(bits // 8, "big"), look, nat64)
        ids.append(known.setdefault(said, len(known)))
    return Runs(starts.high, starts.low, ids_of(ids)[inverse]).merged()


def _said(packed: bytes, look: Look, nat64: tuple[Nat64Prefix, ...]) -> Said:
    if unmapped(packed) != packed or embedded_ipv4(packed, nat64) is not None:
        return Said()
    return look(packed) if is_routable(packed) else Said((), "non_routable")


def _together(tables: Sequence[Runs]) -> tuple[Runs, npt.NDArray[np.int64]]:
    """Give every start of any table, in order, and a number for each combination of ids there."""
    every = joined(tables)
    order = np.lexsort((every.low, every.high))
    high, low = every.high[order], every.low[order]
    owner = np.repeat(np.arange(len(tables)), [len(one) for one in tables])[order]
    last = np.append((high[1:] != high[:-1]) | (low[1:] != low[:-1]), np.ones(1, bool))
    codes = np.zeros(int(last.sum()), np.int64)
    for number in range(len(tables)):
        at = np.maximum.accumulate(np.where(owner == number, np.arange(len(owner)), 0))
        held = every.ids[order][at][last].astype(np.int64)
        _, codes = np.unique(codes * (1 << 16) + held, return_inverse=True)
    return Runs(high[last], low[last], every.ids[order][last]), codes


def _special(bits: int, nat64: tuple[Nat64Prefix, ...]) -> Runs:
    """Mark where addresses that are nowhere, or that carry others, begin and end."""
    edges = {0}
    for first, last in _special_ranges(bits, nat64):
        edges |= {first, last + 1}
    starts = sorted(edge for edge in edges if not edge >> bits)
    ids = []
    for start in starts:
        packed = start.to_bytes(bits // 8, "big")
        carries = unmapped(packed) != packed or embedded_ipv4(packed, nat64) is not None
        ids.append(2 if carries else 0 if is_routable(packed) else 1)
    return Runs.of(starts, ids, bits)


def _special_ranges(bits: int, nat64: tuple[Nat64Prefix, ...]) -> Iterator[tuple[int, int]]:
    yield from unroutable_ranges(4 if bits == 32 else 6)
    if bits == 128:
        own = [(int.from_bytes(one.prefix.ljust(16, b"\0"), "big"), one.length) for one in nat64]
        for first, length in (*_CARRIERS, *own):
            yield first, first | (1 << 128 - length) - 1
