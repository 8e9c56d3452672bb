"""The addresses that an edge knows, as blocks and as a database that Envoy's filter can read."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from ipaddress import IPv6Address
from typing import Final

from bailiwick.location import Everywhere, MmdbWriter, Runs
from bailiwick.targets.edge.plan import ALL, ASK, Plan

IPV6: Final = "6"
"""Ends the word of an IPv6 address in the database, as Envoy's log has no other way to tell."""


def blocks_of(made: Plan, ground: Everywhere) -> Iterator[tuple[str, str]]:
    """Give the blocks of which something is settled, in order, as few as possible, with the name
    of their set.
    """
    names = list(made.sets)
    for runs, bits in zip(_merged(made, ground), (32, 128), strict=True):
        starts = _numbers(runs, bits)
        ends = [*starts[1:], 1 << bits]
        write = _dotted if bits == 32 else IPv6Address
        for first, end, held in zip(starts, ends, runs.ids.tolist(), strict=True):
            if names[held] != ASK:
                for base, free in _split(first, end - 1, bits):
                    yield f"{write(base)}/{bits - free}", names[held]


def _merged(made: Plan, ground: Everywhere) -> tuple[Runs, Runs]:
    """Join neighbours that are in the same set; ids go by the order of the plan's sets."""
    numbers = {name: number for number, name in enumerate(made.sets)}
    ids = [numbers[name] for name in made.of]
    return ground.v4.renumbered(ids).merged(), ground.v6.renumbered(ids).merged()


def _numbers(runs: Runs, bits: int) -> list[int]:
    high = runs.high.tolist()
    if bits == 32:
        return list(high)
    return [upper << 64 | lower for upper, lower in zip(high, runs.low.tolist(), strict=True)]


def _split(first: int, last: int, bits: int) -> Iterator[tuple[int, int]]:
    """Split a stretch into blocks: where each begins, and how many bits are free in it."""
    while first <= last:
        aligned = (first & -first).bit_length() - 1 if first else bits
        free = min(aligned, (last - first + 1).bit_length() - 1)
        yield first, free
        first += 1 << free


def _dotted(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def database(made: Plan, ground: Everywhere, built_at: datetime) -> bytes:
    """Write, in the shape that MaxMind's readers expect, which classes of models are refused where.

    A reader takes a database of any other shape for an empty one, and says nothing.
    """
    writer = MmdbWriter("GeoIP2-Country", built_at, "Bailiwick: where the edge refuses")
    v4, v6 = _merged(made, ground)
    words = [marked(made, name) for name in made.sets]
    words += [word and f"{word}{IPV6}" for word in words]
    records = [{"country": {"iso_code": one}} if one else None for one in words]
    writer.insert_runs(v4, v6.renumbered([*range(len(made.sets), len(words))]), records)
    return writer.to_bytes()


def marked(made: Plan, name: str) -> str:
    """Write a set in one word, in which each of its classes stands between dots."""
    return name if name in (ALL, ASK) else f".{'.'.join(made.sets[name])}."


def examples(made: Plan, ground: Everywhere, most: int) -> dict[str, tuple[str, str]]:
    """Find IPv4 addresses for the self-test: what each is, to the address and its set.

    Of the largest runs, as data of another day are likely to agree there: up to ``most`` of those
    from which everything, or nothing, is refused, and one of each of so many other sets.
    """
    best: dict[int, tuple[int, int]] = {}
    starts = [*ground.v4.high.tolist(), 1 << 32]
    for number, said in enumerate(ground.v4.ids.tolist()):
        size = starts[number + 1] - starts[number]
        if size > best.get(said, (0, 0))[0]:
            best[said] = (size, starts[number] + size // 2)
    found: dict[str, tuple[str, str]] = {}
    taken = Counter[str]()
    for one in sorted(best, key=lambda said: -best[said][0]):
        said, name = ground.said[one], made.of[one]
        kind = name if name in (ALL, ASK) else "some"
        again = kind == "some" and taken[name]
        if said.places and taken[kind] < most and not again:
            taken.update({kind, name})
            words = " ".join(filter(None, ("/".join(said.places), said.network)))
            found[words] = (_dotted(best[one][1]), name)
    return found
