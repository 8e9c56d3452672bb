"""The addresses of countries, as blocks and as a database that Envoy's filter can read."""

from collections.abc import Collection, Iterator
from datetime import datetime
from ipaddress import IPv6Address

from bailiwick.location import AddressTable, MmdbWriter


def blocks_of(table: AddressTable, places: Collection[str]) -> Iterator[str]:
    """Give the blocks that are used in some countries, in order, as few as possible."""
    wanted = [bool(answer.places) and answer.places[0][:2] in places for answer in table.answers]
    v4, v6 = table.runs()
    for first, last in _stretches(v4.high.tolist(), v4.ids.tolist(), wanted, 1 << 32):
        yield from (f"{_dotted(base)}/{32 - free}" for base, free in _split(first, last, 32))
    high, low = v6.high.tolist(), v6.low.tolist()
    starts = [upper << 64 | lower for upper, lower in zip(high, low, strict=True)]
    for first, last in _stretches(starts, v6.ids.tolist(), wanted, 1 << 128):
        yield from (f"{IPv6Address(base)}/{128 - free}" for base, free in _split(first, last, 128))


def _stretches(
    starts: list[int], answers: list[int], wanted: list[bool], end: int
) -> Iterator[tuple[int, int]]:
    """Join neighbouring runs that are wanted: first and last address of each stretch."""
    begun: int | None = None
    for start, answer in zip(starts, answers, strict=True):
        if wanted[answer]:
            begun = start if begun is None else begun
        elif begun is not None:
            yield begun, start - 1
            begun = None
    if begun is not None:
        yield begun, end - 1


def _split(first: int, last: int, bits: int) -> Iterator[tuple[int, int]]:
    """Split a stretch into blocks: where each begins, and how many bits are free in it."""
    while first <= last:
        aligned = (first & -first).bit_length() - 1 if first else bits
        free = min(aligned, (last - first + 1).bit_length() - 1)
        yield first, free
        first += 1 << free


def _dotted(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def database(table: AddressTable, places: Collection[str], built_at: datetime) -> bytes:
    """Write the addresses of some countries in the shape that MaxMind's readers expect.

    A reader takes a database of any other shape for an empty one, and says nothing.
    """
    writer = MmdbWriter("GeoIP2-Country", built_at, "Bailiwick: where the edge refuses")
    found = [answer.places[0][:2] if answer.places else "" for answer in table.answers]
    records = [{"country": {"iso_code": one}} if one in places else None for one in found]
    writer.insert_table(table, records)
    return writer.to_bytes()


def examples(table: AddressTable, wanted: Collection[str]) -> dict[str, str]:
    """Find an IPv4 address in each of some countries, in the middle of its largest block."""
    v4, _ = table.runs()
    starts = [*v4.high.tolist(), 1 << 32]
    places = [answer.places[0][:2] if answer.places else "" for answer in table.answers]
    best: dict[str, tuple[int, int]] = {}
    for number, answer in enumerate(v4.ids.tolist()):
        size = starts[number + 1] - starts[number]
        if size > best.get(places[answer], (0, 0))[0]:
            best[places[answer]] = (size, starts[number] + size // 2)
    return {place: _dotted(at) for place, (_, at) in sorted(best.items()) if place in wanted}
