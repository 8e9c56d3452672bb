"""Serve on a port: a parent process that watches, and processes that serve.

The parent makes what all of them need, the listening sockets above all, and forks: what is loaded
by then is there at once, and its memory is shared until somebody writes to it.
"""

import logging
import os
import resource
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from bailiwick.front.certificates import Certificates
from bailiwick.front.sockets import cannot_listen, listen
from bailiwick.front.supervisor import Run, Supervisor
from bailiwick.front.worker import Make, work

_log = logging.getLogger("bailiwick.front")

_SPARE_FILES: Final = 256

Helpers: TypeAlias = Callable[[Path], Mapping[str, Run]]
"""Makes what runs beside the workers, by name, in the parent; it is given the state directory."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to serve, and with what."""

    host: str
    port: int
    workers: int
    connections: int
    """That one worker keeps open."""
    stop_s: float
    """How long requests in hand may still run."""
    certificates: Certificates | None = None
    """For TLS; ``None``: there is none."""
    state_directory: str | None = None
    """Where workers leave metrics and status; default: a temporary one."""
    others: tuple[Certificates, ...] = ()
    """What the workers serve with elsewhere."""


def run_workers(place: Place, make: Make, helpers: Helpers) -> None:
    """Serve until told to stop (SIGTERM or SIGINT).

    ``make`` makes the front of one worker, in the worker. ``helpers`` each run in a process of
    their own; they end when told to, or when what they are given is closed. Raises
    ``BailiwickError`` if the port is taken, and if no worker comes to serve.
    """
    with tempfile.TemporaryDirectory(prefix="bailiwick-") as temporary:
        directory = Path(place.state_directory or temporary)
        directory.mkdir(parents=True, exist_ok=True)
        _clear(directory)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        _run_in(directory, place, make, helpers)


def _run_in(directory: Path, place: Place, make: Make, helpers: Helpers) -> None:
    _allow_files(2 * place.connections + _SPARE_FILES)
    try:
        listening = listen(place.host, place.port, place.workers)
    except OSError as error:
        raise cannot_listen(place.host, place.port, error) from None
    own = () if place.certificates is None else (place.certificates,)
    supervisor = Supervisor(directory, listening, place.stop_s, (*own, *place.others))
    for name, helper in helpers(directory).items():
        supervisor.watch_over(name, helper)
    for number, one in enumerate(listening, 1):
        run = partial(work, make, directory, one, place.certificates)
        supervisor.watch_over(f"worker {number}", run, one)
    supervisor.run()


def _clear(directory: Path) -> None:
    """Forget what an earlier run left."""
    for pattern in ("worker-*", "*.db"):
        for path in directory.glob(pattern):
            path.unlink(missing_ok=True)


def _allow_files(wanted: int) -> None:
    """Raise the limit on open files as far as we may; connections are files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    if target < wanted:
        _log.warning("only %d open files are allowed; %d are wanted", target, wanted)
