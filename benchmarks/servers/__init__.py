"""The servers that are measured: one file for each kind, each knows how to start it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import Process
from benchmarks.wrk import Way


@dataclass(frozen=True, slots=True)
class Site:
    """What every server needs to know of the others."""

    directory: Path
    """For files of its own."""
    core: int
    upstream_port: int
    country_mmdb: Path
    """Countries in the shape that nginx's and Envoy's modules read."""
    keys: Path
    """API keys that are good, one a line."""
    denied: Sequence[str]
    """Countries that may not use the model."""
    model: str
    """As callers name it."""


@dataclass(slots=True)
class Server:
    """One server under test."""

    name: str
    port: int
    processes: tuple[Process, ...]
    way: Way = field(default_factory=Way)
    stream_path: str | None = "/stream/v1/messages"
    """Where it forwards to the stream; ``None``: not measured."""
    stream_model: str | None = None
    """The model whose answers are streamed, where that depends on the model."""
    refuses: bool = True
    """Whether it decides anything."""
    version: str = ""
    connections: int | None = None
    """The most connections that it bears; ``None``: as many as anybody."""
    start_to_ready_s: float | None = None

    def cpu_seconds(self) -> float:
        return sum(process.cpu_seconds() for process in self.processes)

    def resident_mb(self) -> list[float]:
        sizes = [size for process in self.processes for size in process.resident_mb()]
        return sorted(sizes, reverse=True)


class Missing(Exception):
    """A program that is not installed here; the message says which."""


Starter = Callable[[Site], Server]
