"""Run the demo: a stand-in model server, a gateway, a few accounts, and requests from everywhere.

    python -m examples.demo [--once]

The second act is the typical case of a person: an account is flagged, told, suspended, appeals to a
second person, and is served again (``case``).

Everything runs on loopback in a temporary folder. The requests are real: the official clients send
them over HTTP, and say through ``x-forwarded-for`` where they come from, as a proxy of yours would
(the gateway trusts loopback as that proxy). The geography is real as well: it comes from the
embedded data. Only the Tor exit is made up, since no list of exits comes with the package.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from examples.demo.case import Step, Unexpected, play_case
from examples.demo.edge import EdgeGateway
from examples.demo.gateway import Gateway
from examples.demo.office import Office
from examples.demo.scenes import SCENES, Answer, Scene, play
from rich.console import Console
from rich.markup import escape
from rich.table import Table

console = Console(width=None if sys.stdout.isatty() else 140)
FRONTS = {
    "gateway": "A gateway",
    "envoy": "Envoy, with the decision service beside it,",
    "nginx": "nginx, with the decision service beside it,",
}
COLOURS = {"permit": "green", "deny": "red", "refused": "yellow"}


def main(words: Sequence[str] | None = None) -> int:
    """Run the demo and, unless ``--once`` is given, leave the gateway running until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--once", action="store_true", help="stop after the requests")
    parser.add_argument(
        "--front", choices=("gateway", "envoy", "nginx"), default="gateway", help="who is asked"
    )
    options = parser.parse_args(words)
    with (
        tempfile.TemporaryDirectory(prefix="bailiwick-demo-") as folder,
        _front(options.front, Path(folder)) as gateway,
    ):
        good = _first_act(gateway, options.front)
        if options.front == "gateway":
            good = _second_act() and good
        console.print(f"Try it:\n{gateway.curl()}", markup=False, soft_wrap=True)
        if not options.once:
            console.print("Ctrl-C stops the gateway.")
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0 if good else 1


def _first_act(gateway: Gateway, front: str) -> bool:
    """Send requests from everywhere; whether every answer was as expected."""
    console.print(
        f"{FRONTS[front]} listens on {gateway.url}, "
        f"policy [bold]{gateway.policy.name}[/] (as reported in June 2026, unverified)."
    )
    answers = [play(scene, gateway) for scene in SCENES]
    console.print(table(SCENES, answers))
    console.print("The Tor exit is a fixture: the demo wrote its address on a list of exits.")
    unexpected = [
        scene
        for scene, answer in zip(SCENES, answers, strict=True)
        if answer.effect not in {scene.want, "deny" if scene.want == "refused" else scene.want}
    ]
    for scene in unexpected:
        console.print(f"[red]not as expected: {escape(scene.who)}, {escape(scene.where)}[/]")
    console.print(
        f"Every decision is in the audit log: [bold]bailiwick audit show {gateway.audit}[/]\n"
    )
    return not unexpected


def _second_act() -> bool:
    """Go through the case of one account; whether it went as it should."""
    with (
        tempfile.TemporaryDirectory(prefix="bailiwick-demo-") as folder,
        Office(Path(folder)) as office,
    ):
        console.print(
            f"Second act: policy [bold]{office.policy.name}[/] sells in the US only, and gives an "
            "account 3 seconds to put its evidence right."
        )
        try:
            for number, step in enumerate(play_case(office), 1):
                _print_step(number, step)
        except Unexpected as error:
            console.print(f"[red]not as expected: {escape(str(error))}[/]")
            return False
    console.print()
    return True


def _print_step(number: int, step: Step) -> None:
    line = f"{number:>2}. {step.at_s:5.1f} s  {step.who:<16}  {step.what}"
    console.print(escape(line), highlight=False, soft_wrap=True)
    for shown in step.shown.splitlines():
        console.print(f"[dim]      | {escape(shown)}[/]", highlight=False, soft_wrap=True)


def _front(name: str, folder: Path) -> Gateway:
    return Gateway(folder) if name == "gateway" else EdgeGateway(folder, name)


def table(scenes: Sequence[Scene], answers: Sequence[Answer]) -> Table:
    """Lay the answers out."""
    made = Table(header_style="bold")
    for column in ("who", "from", "model", "decision", "layer", "because", "ms"):
        made.add_column(column, overflow="fold")
    for scene, answer in zip(scenes, answers, strict=True):
        made.add_row(
            escape(scene.who),
            escape(scene.where),
            escape(scene.model),
            f"[{COLOURS[answer.effect]}]{answer.effect}[/]",
            answer.layer,
            escape(answer.because),
            f"{answer.ms:.0f}",
        )
    return made


if __name__ == "__main__":
    sys.exit(main())
