"""How fast an address becomes a place: text, batches, the whole evidence; beside other readers."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from random import Random
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any

import iptocc
import maxminddb
import numpy as np

from bailiwick.location import (
    AddressTable,
    LocationSettings,
    MmdbWriter,
    TrustedProxies,
    client_address,
    embedded_path,
    load_embedded,
    load_locator,
)
from benchmarks.options import Options
from benchmarks.report import Goal, Section, Spread, Table, ratio
from benchmarks.timing import quiet

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ADDRESSES, PER_TURN = 50_000, 1000
BATCHES = (1_000, 100_000, 5_000_000)
TABLE = "Bailiwick, table"
LOCATOR = "Bailiwick, all evidence"
KNOWN = "Bailiwick, all evidence, address seen before"
READER = "maxminddb (C), one-field record"
REGISTRY = "iptocc (Rust), registry data"
PER_SECOND = 1e9

Measured = Mapping[str, Spread]


def run(options: Options) -> Section:
    """Measure."""
    random = Random(4)
    table, _ = load_embedded()
    texts = {"IPv4": _v4_texts(random), "IPv6": _v6_texts(table, random)}
    with _reader(table) as reader:
        singles = {name: _singles(table, reader, every, options) for name, every in texts.items()}
    batches = _batches(table, options)
    start = Spread.of([_load_seconds() for _ in range(options.rounds)])
    return Section(
        "Location",
        (_singles_table(singles), _batches_table(batches), _others(texts["IPv4"], options)),
        _goals(singles, batches, start),
        (f"the embedded file has {embedded_path().stat().st_size:,} bytes",),
    )


def _v4_texts(random: Random) -> list[str]:
    return [inet_ntop(AF_INET, random.randbytes(4)) for _ in range(ADDRESSES)]


def _v6_texts(table: AddressTable, random: Random) -> list[str]:
    """Draw addresses from the runs that have a place: most of IPv6 is empty."""
    _, runs = table.runs()
    upper = runs.high[(runs.low == 0) & (runs.ids != 0)].tolist()
    chosen = (random.choice(upper) for _ in range(ADDRESSES))
    return [inet_ntop(AF_INET6, high.to_bytes(8, "big") + random.randbytes(8)) for high in chosen]


@contextmanager
def _reader(table: AddressTable) -> Iterator[Any]:
    """Open the same data in the format that most programs read."""
    writer = MmdbWriter("One-Field", NOW)
    writer.insert_table(table, [{"country_code": p} if p else None for p in table.places])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.mmdb"
        path.write_bytes(writer.to_bytes())
        with maxminddb.open_database(path, maxminddb.MODE_MMAP_EXT) as reader:
            yield reader


def _singles(
    table: AddressTable, reader: Any, texts: Sequence[str], options: Options
) -> dict[str, Spread]:
    fresh = load_locator(LocationSettings(cache_size=0), NOW)
    known = load_locator(LocationSettings(cache_size=4 * PER_TURN), NOW)
    return _in_turns(
        {
            TABLE: _over(table.place_of, texts),
            READER: _over(reader.get, texts),
            REGISTRY: _over(iptocc.country_code, texts),
            LOCATOR: _over(fresh.locate, texts),
            KNOWN: _over(known.locate, texts[:PER_TURN]),
        },
        options,
    )


def _in_turns(
    subjects: Mapping[str, Callable[[], int]], options: Options, seconds: float = 0.2
) -> dict[str, Spread]:
    """Give each subject's nanoseconds of CPU per call: the goals are for one core, not for a wall
    clock that other programs share. In every round each subject has its turn."""
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    with quiet():
        for _ in range(options.rounds + 1):
            for name, batch in subjects.items():
                taken[name].append(_turn(batch, seconds))
    return {name: Spread.of(values[1:]) for name, values in taken.items()}


def _turn(batch: Callable[[], int], seconds: float) -> float:
    calls, began = 0, time.process_time_ns()
    while (spent := time.process_time_ns() - began) < seconds * 1e9:
        calls += batch()
    return spent / calls


def _over(function: Callable[[str], Any], texts: Sequence[str]) -> Callable[[], int]:
    endless = cycle(texts)

    def batch() -> int:
        for text in islice(endless, PER_TURN):
            function(text)
        return PER_TURN

    return batch


def _batches(table: AddressTable, options: Options) -> dict[int, Spread]:
    """Give nanoseconds per address for each size of batch."""
    random = np.random.default_rng(4)
    table.ids_of_batch(np.zeros(1, np.uint32))
    found = {}
    for size in BATCHES:
        addresses = random.integers(0, 1 << 32, size, np.uint32)

        def batch(addresses: Any = addresses, size: int = size) -> int:
            table.ids_of_batch(addresses)
            return size

        found[size] = _in_turns({"": batch}, options)[""]
    return found


def _load_seconds() -> float:
    began = time.process_time()
    load_embedded()
    return time.process_time() - began


def _others(texts: Sequence[str], options: Options) -> Table:
    trusted = TrustedProxies.read(["10.0.0.0/8", "127.0.0.0/8"])
    lines = [
        [("host", "a.example"), ("x-forwarded-for", f"{text}, 10.0.0.3"), ("accept", "*/*")]
        for text in texts[:PER_TURN]
    ]

    def clients() -> int:
        for headers in lines:
            client_address("127.0.0.1:4711", headers, trusted)
        return len(lines)

    taken = _in_turns({"client address, two hops in X-Forwarded-For": clients}, options)
    rows = [(name, f"{spread.show(2, 1000)} us") for name, spread in taken.items()]
    return Table("Beside the lookup", ("what", "CPU each"), rows)


def _singles_table(singles: Mapping[str, Measured]) -> Table:
    rows = [
        (version, name, _millions(spread), spread.show(2, 1000), _beside(name, every))
        for version, every in singles.items()
        for name, spread in every.items()
    ]  # fmt: skip
    columns = ("addresses", "who", "million/s", "us of CPU each", "beside maxminddb (C)")
    return Table("Text to place, one core, one at a time", columns, rows)


def _millions(spread: Spread, digits: int = 2) -> str:
    return f"{PER_SECOND / spread.median / 1e6:.{digits}f}"


def _beside(name: str, every: Measured) -> str:
    return ratio(every[READER].median, every[name].median)


def _batches_table(batches: Mapping[int, Spread]) -> Table:
    rows = [(f"{size:,}", _millions(spread, 0)) for size, spread in batches.items()]
    return Table("Binary IPv4 to answer numbers, one core", ("in a batch", "million/s"), rows)


def _goals(
    singles: Mapping[str, Measured], batches: Mapping[int, Spread], start: Spread
) -> tuple[Goal, ...]:
    slowest = max(spread.median for spread in batches.values())
    return (
        Goal("IPv4 text to place", ">=", 1.0, 1e3 / singles["IPv4"][TABLE].median, "million/s"),
        Goal("IPv6 text to place", ">=", 0.5, 1e3 / singles["IPv6"][TABLE].median, "million/s"),
        Goal("binary IPv4 in batches, slowest size", ">=", 30.0, 1e3 / slowest, "million/s"),
        Goal("read and check the embedded data", "<=", 0.3, start.median, "s of CPU"),
    )
