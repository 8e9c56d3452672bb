"""Make the traffic, replay "the frontier model becomes US-only", and say what would be lost.

python -m examples.traffic [--rows N] [--out FOLDER]
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from examples.traffic.traffic import make

HERE = Path(__file__).parent
REPORTED = HERE.parent / "reported.yaml"
OPUS = "anthropic/claude-3.5-opus"


def main(arguments: Sequence[str]) -> int:
    """Run everything; each command is shown before its answer."""
    parser = argparse.ArgumentParser(prog="python -m examples.traffic", description=__doc__)
    parser.add_argument("--rows", type=int, default=4_000_000, help="requests (default 4,000,000)")
    parser.add_argument(
        "--out", type=Path, default=Path("build/traffic"), help="folder to write to"
    )
    given = parser.parse_args(arguments)
    logs = given.out / "logs"
    say(f"making {given.rows:,} requests of June 2026, all made up, in {logs}")
    make(logs, given.rows)
    accounts = given.out / "accounts.csv"
    (logs / "accounts.csv").replace(accounts)
    for title, command in commands(logs, accounts, given.out):
        say(f"\n== {title}")
        if (status := run(command)) > 1:  # 1 is an answer: something does not fit, or is missing
            return status
    say(f"\nThe report: {given.out / 'report.html'}")
    return 0


def commands(logs: Path, accounts: Path, out: Path) -> list[tuple[str, list[str]]]:
    """List what is asked."""
    replay = [
        "replay", str(logs), "--policy", str(REPORTED), "--baseline", str(HERE / "before.yaml"),
        "--accounts", str(accounts), "--assume", "processing=US", "--at", "2026-07-01",
        "--html", str(out / "report.html"),
    ]  # fmt: skip
    traffic = [
        "--traffic", str(logs), "--accounts", str(accounts), "--assume", "processing=US",
        "--at", "2026-06-30",
    ]  # fmt: skip
    continuity = [
        "continuity", "--policy", str(HERE / "before.yaml"), *traffic, "--quality", "mmlu_pro",
        "--scenario", str(HERE / "scenarios.yaml"),
    ]  # fmt: skip
    alternatives = [
        "alternatives", "--policy", str(REPORTED), "--model", OPUS, "--from", "DE",
        "--context", "120000", "--fact", "processing=US", "--at", "2026-07-01",
    ]  # fmt: skip
    return [
        ("Whom would it refuse if the frontier model became US-only?", replay),
        ("What depends on what, and what could stand in?", continuity),
        ("What may Berlin use instead, for contracts of 120,000 tokens?", alternatives),
    ]


def run(command: Sequence[str]) -> int:
    """Show a command and run it."""
    say(f"$ bailiwick {shlex.join(command)}")
    words = [sys.executable, "-m", "bailiwick", *command]
    return subprocess.run(words, check=False).returncode  # noqa: S603 - our own commands


def say(text: str) -> None:
    """Print, before what a command prints."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
