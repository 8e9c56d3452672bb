"""Build real things from files, the clock and the environment.

Commands that only read files do not wait for the gateway's libraries: the other names are
imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bailiwick.bootstrap.files import (
    LoadedPolicy,
    load_organisation,
    load_policy,
    missing_lists,
    read_catalog,
    read_settings,
)
from bailiwick.bootstrap.packs import find_pack, pack_names
from bailiwick.bootstrap.text import read_text

if TYPE_CHECKING:
    from bailiwick.bootstrap.build import Built, build_world, noting
    from bailiwick.bootstrap.in_process import InProcess
    from bailiwick.bootstrap.logs import configure_logging
    from bailiwick.bootstrap.notices import make_transport
    from bailiwick.bootstrap.prices import with_prices
    from bailiwick.bootstrap.reload import Reloader, ReloadStatus
    from bailiwick.bootstrap.run import preflight, run_gateway
    from bailiwick.bootstrap.service import run_service
    from bailiwick.bootstrap.upstreams import find_key, gateway_options
    from bailiwick.bootstrap.watch import Watcher
    from bailiwick.bootstrap.worker import Worker, open_audit, open_pseudonyms

__all__ = [
    "LoadedPolicy", "find_key", "find_pack", "load_organisation", "load_policy", "missing_lists",
    "pack_names", "read_catalog", "read_settings", "read_text", "with_prices",
    "Built", "Watcher", "build_world", "noting", "Reloader", "ReloadStatus",
    "InProcess", "Worker", "configure_logging", "gateway_options", "make_transport", "open_audit",
    "open_pseudonyms", "preflight", "run_gateway", "run_service",
]  # fmt: skip

_LATER = {
    **dict.fromkeys(("Built", "build_world", "noting"), "build"),
    "Watcher": "watch",
    "InProcess": "in_process",
    "configure_logging": "logs",
    "make_transport": "notices",
    **dict.fromkeys(("Reloader", "ReloadStatus"), "reload"),
    **dict.fromkeys(("preflight", "run_gateway"), "run"),
    "run_service": "service",
    **dict.fromkeys(("find_key", "gateway_options"), "upstreams"),
    "with_prices": "prices",
    **dict.fromkeys(("Worker", "open_audit", "open_pseudonyms"), "worker"),
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
