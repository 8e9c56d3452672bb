"""What shadow mode costs the gateway: processor time of a request with it and without it."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks import gateway as base
from benchmarks.loads import Load, Measured
from benchmarks.options import Options
from benchmarks.report import Goal, Section, Spread, Table
from benchmarks.servers import Starter, ours

SERVERS = (ours.NO_FSYNC, ours.SHADOWED)
LOADS = (
    Load("527 B, permitted, 64 connections", 64, True, False, SERVERS),
    Load("527 B, refused, 64 connections", 64, False, False, SERVERS),
)


def run(options: Options) -> Section:
    """Measure."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=base.on_disk()) as directory,
        ExitStack() as stack,
    ):
        bench, site, database = base.prepare(Path(directory), stack)
        starters: dict[str, Starter] = {
            ours.NO_FSYNC: partial(ours.gateway, database_file=database, fsync=False),
            ours.SHADOWED: partial(ours.gateway, database_file=database, fsync=False, shadow=True),
        }
        for name, start in starters.items():
            folder = replace(site, directory=Path(directory) / base.folder_of(name))
            base.start_server(bench, stack, folder, name, start)
        found = base.measure(bench, options, LOADS)
    ratios = {load: _ratio(*(found[load, name] for name in SERVERS)) for load in LOADS}
    rows = [
        (
            load.name,
            *(Spread.of(one.cpu_us for one in found[load, name]).show(0) for name in SERVERS),
            ratios[load].show(3),
        )
        for load in LOADS
    ]
    wrong = sum(one.wrong for every in found.values() for one in every)
    columns = ("load", "CPU us a request, alone", "with a shadow", "ratio")
    return Section(
        "Shadow mode",
        (Table("Every request judged by a second policy of ten rules", columns, rows),),
        tuple(
            Goal(f"CPU with a shadow: {load.name}", "<=", 1.10, ratio.median, "of without")
            for load, ratio in ratios.items()
        ),
        (
            "the shadow refuses two of 26 places; their records say what it would have said",
            "ratios are of the two turns of one round, one right after the other; without fsync",
            f"{wrong} wrong answers",
            *bench.notes,
        ),
    )


def _ratio(alone: Sequence[Measured], shadowed: Sequence[Measured]) -> Spread:
    return Spread.of(b.cpu_us / a.cpu_us for a, b in zip(alone, shadowed, strict=True))
