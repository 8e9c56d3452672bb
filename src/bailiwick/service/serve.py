"""Run the service: a parent process that watches, and worker processes that answer."""

import gc
import multiprocessing
import os
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
from bailiwick.gateway import GatewayOptions, write_status
from bailiwick.service.options import ServiceOptions
from bailiwick.service.ports import Parts

Factory: TypeAlias = Callable[[], Parts]
"""Makes the parts of one worker, in the worker; picklable."""
_BACKLOG: Final = 4096
_COLLECT: Final = (20_000, 20, 20)


def serve(options: ServiceOptions, factory: Factory) -> None:
    """Serve until told to stop (SIGTERM or SIGINT)."""
    with tempfile.TemporaryDirectory(prefix="bailiwick-") as temporary:
        directory = Path(options.state_directory or temporary)
        directory.mkdir(parents=True, exist_ok=True)
        _serve_in(options, factory, directory)


def _serve_in(options: ServiceOptions, factory: Factory, directory: Path) -> None:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    multiprocessing.set_start_method("spawn", force=True)
    check_free(options)
    server = _server(options)
    if options.admin_port is not None:
        from bailiwick.gateway import AdminListener

        admin_options = GatewayOptions(
            (), admin_host=options.admin_host, admin_port=options.admin_port,
            workers=options.workers,
        )  # fmt: skip
        try:
            admin = AdminListener(admin_options, directory)
        except OSError as error:
            raise _cannot_listen(options.admin_host, options.admin_port, error) from None
        server.on_startup(admin.start)
        server.on_shutdown(admin.stop)
    server.serve(target_loader=partial(load, options, factory, directory), wrap_loader=False)


def load(options: ServiceOptions, factory: Factory, directory: Path) -> Any:
    """Make the service of one worker, in the worker. The server calls this."""
    from bailiwick.service.app import Service

    service = Service(options, factory(), partial(_report, directory))
    gc.freeze()
    gc.set_threshold(*_COLLECT)
    return service


def _report(directory: Path, parts: Parts) -> None:
    write_status(directory, parts.status())


def _server(options: ServiceOptions) -> MPServer:
    return MPServer(
        "bailiwick",
        loop=Loops.auto,
        workers=options.workers,
        respawn_failed_workers=True,
        workers_kill_timeout=options.timeouts.stop_s,
        **listener_options(options),
    )


def listener_options(options: ServiceOptions) -> dict[str, Any]:
    """Say where and how a server listens, whichever process it is in."""
    limits, timeouts, tls = options.limits, options.timeouts, options.tls
    return {
        "address": options.host,
        "port": options.port,
        "interface": Interfaces.RSGI,
        "http": HTTPModes.http1,
        "websockets": False,
        "backlog": _BACKLOG,
        "backpressure": limits.connections,
        "http1_settings": HTTP1Settings(
            header_read_timeout=int(timeouts.header_s * 1000), max_buffer_size=limits.header_bytes
        ),
        "log_level": LogLevels.warning,
        "ssl_cert": Path(tls.certificate) if tls else None,
        "ssl_key": Path(tls.key) if tls else None,
        "ssl_ca": Path(tls.client_ca) if tls and tls.client_ca else None,
        "ssl_client_verify": bool(tls and tls.client_ca),
        "ssl_protocol_min": SSLProtocols.tls12,
    }


def check_free(options: ServiceOptions) -> None:
    """Raise ``BailiwickError`` if a port to listen on is taken."""
    for port in (options.port, options.grpc_port):
        if port:
            _check_free(options.host, port)


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
