"""Measure: ``python -m benchmarks [NAME ...]``; see ``benchmarks/README.md``."""

import argparse
import importlib
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from benchmarks import machine
from benchmarks.options import Options
from benchmarks.report import Section, markdown, show

NAMES = (
    "decision", "location", "ownership", "accounts", "audit", "webhooks", "logs", "replay",
    "continuity", "cloud", "gateway", "streams", "shadow", "service", "edge",
)  # fmt: skip
"""Modules with ``run(options) -> Section``, in the order in which they run."""
RESULTS = Path(__file__).with_name("results.md")


def main(arguments: Sequence[str]) -> int:
    """Measure what was asked for, show it, and write it down."""
    given = _read(arguments)
    signal.signal(signal.SIGTERM, _end)
    console = Console(width=max(Console().width, 120))
    described = machine.describe(shlex.join(["python", "-m", "benchmarks", *arguments]))
    options = Options(given.rounds, given.seconds, frozenset(given.server))
    sections = []
    began = time.monotonic()
    for name in given.names or NAMES:
        console.print(f"measuring: {name}", style="dim")
        section = importlib.import_module(f"benchmarks.{name}").run(options)
        show(section, console)
        sections.append(section)
    described.append(
        f"medians [lowest-highest] of {options.rounds} rounds in turns; "
        f"{time.monotonic() - began:.0f} s in all"
    )
    if given.output:
        given.output.write_text(_document(described, sections), "utf-8")
        console.print(f"written to {given.output}")
    return 0


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=str(NAMES))
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each (default 3)")
    parser.add_argument("--seconds", type=float, default=2, help="seconds of load (default 2)")
    parser.add_argument(
        "--server", action="append", default=[], help="gateway: this server only (repeatable)"
    )
    parser.add_argument("--output", type=Path, help=f"file to write (whole runs: {RESULTS.name})")
    given = parser.parse_args(arguments)
    if given.output is None and not given.names and not given.server:
        given.output = RESULTS
    return given


def _document(described: Sequence[str], sections: Sequence[Section]) -> str:
    head = "".join(f"- {line}\n" for line in described)
    body = "\n".join(map(markdown, sections))
    return (
        "# Results\n\nWritten by `python -m benchmarks`; `README.md` says what is measured and "
        f"how. Figures of one run are comparable with each other, not with those of another.\n\n"
        f"{head}\n{body}"
    )


def _end(number: int, frame: FrameType | None) -> None:
    """End as an error does, so that everything that was started is stopped."""
    del number, frame
    sys.exit("ended")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
