"""Put what the servers did into tables, and hold it against the goals."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.loads import (
    AUTHZ,
    LARGE,
    LITELLM,
    LOADS,
    LUA,
    NO_FSYNC,
    OURS,
    PLAIN,
    RBAC,
    REFUSED,
    SINGLE,
    SMALL,
    Found,
    Load,
    Measured,
)  # fmt: skip
from benchmarks.processes import Cores
from benchmarks.report import Goal, Section, Spread, Table, ratio
from benchmarks.servers import Server
from benchmarks.upstream import EVERY_S

DIRECT = "the upstream itself"
COLUMNS = (
    "server", "requests/s", "of first", "CPU us", "p50 ms", "p99 ms", "opened", "fsync p50 ms",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that was measured."""

    found: Found
    streams: Mapping[str, Spread]
    """Milliseconds to the first event, by server."""
    servers: Mapping[str, Server]
    restarts_s: Sequence[float]
    cores: Cores
    notes: Sequence[str]

    def rounds(self, load: Load, name: str) -> Sequence[Measured]:
        return self.found.get((load, name), ())

    def rate(self, load: Load, name: str, other: str) -> float | None:
        """Give the median, over the rounds, of one server's rate as a multiple of another's."""
        return self._over(load, name, other, lambda one: one.answered.rate)

    def cpu(self, load: Load, name: str, other: str) -> float | None:
        return self._over(load, name, other, lambda one: one.cpu_us)

    def _over(
        self, load: Load, name: str, other: str, figure: Callable[[Measured], float]
    ) -> float | None:
        pairs = list(zip(self.rounds(load, name), self.rounds(load, other), strict=False))
        return statistics.median(figure(a) / figure(b) for a, b in pairs) if pairs else None


def section(outcome: Outcome) -> Section:
    """Write it all down."""
    tables = [load_table(outcome, load) for load in LOADS]
    tables += [_streams_table(outcome), _memory_table(outcome)]
    return Section("Gateway", tuple(tables), tuple(_goals(outcome)), tuple(notes(outcome)))


def load_table(outcome: Outcome, load: Load) -> Table:
    """Write down one load."""
    measured = {name: outcome.rounds(load, name) for name in load.servers}
    first = next((name for name, every in measured.items() if every), "")
    rows = [
        (_named(outcome, load, name), *_figures(every), *_rest(every))
        for name, every in measured.items()
        if every
    ]
    shown = [
        (name, rate, ratio_of, *rest)
        for (name, rate, *rest), ratio_of in zip(
            rows, (_ratio(outcome, load, name, first) for name, every in measured.items() if every),
            strict=True,
        )
    ]  # fmt: skip
    return Table(load.name, COLUMNS, shown)


def _ratio(outcome: Outcome, load: Load, name: str, first: str) -> str:
    value = outcome.rate(load, name, first)
    return "-" if value is None else ratio(value, 1)


def _named(outcome: Outcome, load: Load, name: str) -> str:
    most = outcome.servers[name].connections
    return f"{name}, {most} connections" if most and most < load.connections else name


def _figures(every: Sequence[Measured]) -> tuple[str, ...]:
    return (
        Spread.of(one.answered.rate for one in every).show(0),
        Spread.of(one.cpu_us for one in every).show(0),
    )


def _rest(every: Sequence[Measured]) -> tuple[str, ...]:
    fsyncs = [one.fsync_ms for one in every if one.fsync_ms is not None]
    return (
        Spread.of(one.answered.p50_ms for one in every).show(2),
        Spread.of(one.answered.p99_ms for one in every).show(2),
        f"{statistics.median(one.opened for one in every):.4f}",
        Spread.of(fsyncs).show(2) if fsyncs else "",
    )


def _streams_table(outcome: Outcome) -> Table:
    rows = [(name, spread.show(1)) for name, spread in outcome.streams.items()]
    note = f"The upstream sends the first event at once and another every {EVERY_S * 1000:.0f} ms."
    return Table("A stream's first event, ms after the request", ("server", "ms"), rows, (note,))


def _memory_table(outcome: Outcome) -> Table:
    rows = [
        (name, " + ".join(f"{size:.0f}" for size in server.resident_mb()))
        for name, server in outcome.servers.items()
    ]
    note = (
        "After the load; each process by itself, largest first. Pages that are shared count twice."
    )
    return Table("Resident memory, MB", ("server", "MB"), rows, (note,))


def _goals(outcome: Outcome) -> Iterator[Goal]:
    if OURS not in outcome.servers:
        return
    fsync = _fsync(outcome)

    def times(what: str, load: Load, other: str, limit: float) -> Goal:
        value = outcome.rate(load, OURS, other)
        return Goal(f"{what} (fsync p50 {fsync})", ">=", limit, value, f"of {other}")

    yield times("small, permitted: rate", SMALL, PLAIN, 0.15)
    yield times("small, permitted: rate", SMALL, AUTHZ, 1.5)
    cpu = outcome.cpu(SMALL, OURS, LITELLM)
    yield Goal("small, permitted: CPU a request", "<=", 1 / 50, cpu, f"of {LITELLM}")
    yield times("refused: rate", REFUSED, RBAC, 1.2)
    yield times("400 KB: rate", LARGE, LUA, 1.2)
    yield times("400 KB: rate", LARGE, RBAC, 2.0)
    opened = max((one.opened for one in outcome.rounds(SMALL, OURS)), default=None)
    yield Goal("upstream connections opened for each request", "<=", 0.01, opened)
    yield Goal("first event of a stream, added", "<=", 10, _added_to_stream(outcome), "ms")
    added = _added(outcome, NO_FSYNC)
    yield Goal("1 connection: p50 added, without fsync", "<=", 0.3, added, "ms")
    memory = max(outcome.servers[OURS].resident_mb(), default=None)
    yield Goal("resident memory of the worker, 100,000 API keys", "<=", 150, memory, "MB")
    ready = statistics.median(outcome.restarts_s) if outcome.restarts_s else None
    yield Goal("start to ready, median", "<=", 2.0, ready, "s")


def _fsync(outcome: Outcome) -> str:
    every = [one.fsync_ms for load in LOADS for one in outcome.rounds(load, OURS)]
    known = [one for one in every if one is not None]
    return f"{statistics.median(known):.2f} ms" if known else "unknown"


def _added(outcome: Outcome, name: str) -> float | None:
    """Give what a server adds to nginx's plain proxy at one connection, at the median."""
    pairs = zip(outcome.rounds(SINGLE, name), outcome.rounds(SINGLE, PLAIN), strict=False)
    added = [a.answered.p50_ms - b.answered.p50_ms for a, b in pairs]
    return statistics.median(added) if added else None


def _added_to_stream(outcome: Outcome) -> float | None:
    mine = outcome.streams.get(OURS)
    return mine.median - outcome.streams[DIRECT].median if mine else None


def notes(outcome: Outcome) -> Iterator[str]:
    """Say what the figures do not."""
    cores = outcome.cores
    if cores.apart:
        yield f"each server tree on core {cores.server}; wrk and the upstream on core {cores.load}"
    else:
        yield "there is one core for everything: rates say little, CPU times a little more"
    with_fsync, without = _added(outcome, OURS), _added(outcome, NO_FSYNC)
    if with_fsync is not None and without is not None:
        yield (
            f"1 connection: {OURS} adds {without:.2f} ms at the median without fsync, and fsync "
            f"{with_fsync - without:.2f} ms more (fsync alone: p50 {_fsync(outcome)})"
        )
    for (load, name), every in outcome.found.items():
        wrong = sum(one.wrong for one in every)
        if wrong:
            total = sum(one.answered.requests for one in every)
            yield f"{name}, {load.name}: {wrong} of {total} answers were wrong or missing"
    yield "; ".join(
        f"{name}: {server.version}" for name, server in outcome.servers.items() if server.version
    )
    yield from outcome.notes
