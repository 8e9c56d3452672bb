"""Start programs on loopback, pin them to a core, see what they use, and end them at the end.

What a process used is read from ``/proc``; the benchmark of the gateway runs on Linux only.
"""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 90.0


class Failed(Exception):
    """A program did not do what it should; the message says how it ended."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core the servers under test have to themselves, and which one loads them."""

    load: int
    server: int

    @classmethod
    def choose(cls) -> "Cores":
        allowed = sorted(os.sched_getaffinity(0))
        return cls(allowed[0], allowed[-1])

    @property
    def apart(self) -> bool:
        return self.load != self.server


class Process:
    """One program that we started, and the processes that it started."""

    def __init__(
        self,
        command: Sequence[str | Path],
        core: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self.began = time.perf_counter()
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                ["taskset", "-c", str(core), *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def tree(self) -> list[int]:
        """List this process and its descendants."""
        return descendants(self.pid)

    def cpu_seconds(self) -> float:
        """Give the processor time of the tree so far, user and system."""
        return sum(map(_cpu_ticks, self.tree())) / TICKS

    def resident_mb(self) -> list[float]:
        """Give the resident memory of each process of the tree, largest first."""
        return sorted(map(_resident_mb, self.tree()), reverse=True)

    def check(self) -> None:
        """Raise if the program has ended."""
        if self._popen.poll() is not None:
            tail = self.log.read_text("utf-8", "replace")[-2000:]
            raise Failed(f"it ended with status {self._popen.returncode}:\n{tail}")

    def stop(self) -> None:
        """End the tree: politely, then not."""
        tree = self.tree()
        self._popen.terminate()
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait(10)
        for pid in tree[1:]:
            _end(pid)


def descendants(pid: int) -> list[int]:
    """List a process and all that it started, and so on."""
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(one) for task in tasks for one in (task / "children").read_text().split()]
    except OSError:
        return []


def _cpu_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb(command: Sequence[str], pause_s: float = 0.02) -> float:
    """Run a command; give the most memory that it and its descendants had together.

    Pages that several of them share count once (proportional set size).
    """
    peak = 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as popen:
        while popen.poll() is None:
            peak = max(peak, sum(map(_proportional_mb, descendants(popen.pid))))
            time.sleep(pause_s)
    if popen.returncode:
        raise Failed(f"{command[0]} ended with status {popen.returncode}")
    return peak


def _proportional_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def _end(pid: int) -> None:
    """End a child of a program of ours that outlived it."""
    with suppress(ProcessLookupError):
        os.kill(pid, 9)


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], *processes: Process, pause_s: float = 0.02) -> None:
    """Wait until a server is ready; raise if it ends, or takes too long."""
    gives_up = time.monotonic() + PATIENCE_S
    while not ready():
        for process in processes:
            process.check()
        if time.monotonic() > gives_up:
            raise Failed(f"it is not ready after {PATIENCE_S:.0f} s")
        time.sleep(pause_s)


def listens(port: int) -> Callable[[], bool]:
    """Ask whether somebody listens on a port."""

    def ask() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return ask


def answers(url: str) -> Callable[[], bool]:
    """Ask whether a URL is answered with 200."""

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    return ask


@contextmanager
def running(*processes: Process) -> Iterator[None]:
    """Stop processes at the end."""
    try:
        yield
    finally:
        for process in processes:
            process.stop()
