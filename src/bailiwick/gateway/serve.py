"""Run the gateway: a parent process that watches, and worker processes that serve.

Each worker makes its own services by calling ``factory``, which must therefore be a function of a
module (or a ``functools.partial`` of one) that can be pickled.
"""

import gc
import logging
import multiprocessing
import os
import resource
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from bailiwick.errors import BailiwickError
from bailiwick.gateway.options import GatewayOptions
from bailiwick.gateway.ports import Services
from bailiwick.gateway.state import write_status

_log = logging.getLogger("bailiwick.gateway")

Factory: TypeAlias = Callable[[], Services]
"""Makes the services of one worker, in the worker."""

_BACKLOG: Final = 4096
_SPARE_FILES: Final = 256
_COLLECT: Final = (20_000, 20, 20)
"""A parsed body is tens of thousands of objects without a cycle; looking for one costs."""


def serve(options: GatewayOptions, factory: Factory) -> None:
    """Serve until told to stop (SIGTERM or SIGINT). Raises ``InvalidInput`` for bad options."""
    options.check()
    with tempfile.TemporaryDirectory(prefix="bailiwick-") as temporary:
        directory = Path(options.state_directory or temporary)
        directory.mkdir(parents=True, exist_ok=True)
        _clear(directory)
        _serve_in(options, factory, directory)


def _serve_in(options: GatewayOptions, factory: Factory, directory: Path) -> None:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    multiprocessing.set_start_method("spawn", force=True)
    _check_free(options.host, options.port)
    _allow_files(2 * options.limits.connections + _SPARE_FILES)
    server = _server(options)
    if options.admin_port is not None:
        from bailiwick.gateway.admin import AdminListener

        try:
            admin = AdminListener(options, directory)
        except OSError as error:
            raise _cannot_listen(options.admin_host, options.admin_port, error) from None
        server.on_startup(admin.start)
        server.on_shutdown(admin.stop)
    server.serve(target_loader=partial(load, options, factory, directory), wrap_loader=False)


def load(options: GatewayOptions, factory: Factory, directory: Path) -> Any:
    """Make the gateway of one worker, in the worker. The server calls this."""
    from bailiwick.gateway.app import Gateway

    gateway = Gateway(options, factory(), partial(_report, directory))
    gc.freeze()  # what is loaded by now stays: nobody needs to look through it again and again
    gc.set_threshold(*_COLLECT)
    return gateway


def _report(directory: Path, services: Services) -> None:
    write_status(directory, services.status())


def _server(options: GatewayOptions) -> MPServer:
    limits, timeouts, tls = options.limits, options.timeouts, options.tls
    return MPServer(
        "bailiwick",
        address=options.host,
        port=options.port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        loop=Loops.auto,
        websockets=False,
        workers=options.workers,
        backlog=_BACKLOG,
        backpressure=limits.connections,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(timeouts.header_s * 1000),
            max_buffer_size=limits.header_bytes,
        ),
        log_level=LogLevels.warning,
        ssl_cert=Path(tls.certificate) if tls else None,
        ssl_key=Path(tls.key) if tls else None,
        ssl_protocol_min=SSLProtocols.tls12,
        respawn_failed_workers=True,
        workers_kill_timeout=timeouts.stop_s,
    )


def _check_free(host: str, port: int) -> None:
    """Refuse an address that is taken; workers share theirs, and would share it with a stranger."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _cannot_listen(host, port, error) from None


def _cannot_listen(host: str, port: int, error: OSError) -> BailiwickError:
    return BailiwickError(
        f"cannot listen on `{host}:{port}`: {error.strerror}", "name another address or port"
    )


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
