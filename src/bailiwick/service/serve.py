"""Run the service: workers behind one port, an admin listener, and what else runs beside them."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias

from bailiwick.front import Certificates, Front, Place, Run, check_free, run_workers
from bailiwick.gateway import admin, write_status
from bailiwick.service.options import ServiceOptions
from bailiwick.service.ports import Parts

Factory: TypeAlias = Callable[[], Parts]
"""Makes the parts of one worker, in the worker."""


def serve(
    options: ServiceOptions, factory: Factory, helpers: Mapping[str, Run] | None = None
) -> None:
    """Serve until told to stop (SIGTERM or SIGINT).

    ``helpers`` run beside the workers, each in a process of its own. Raises ``BailiwickError`` if
    a port is taken or a certificate cannot be used, and if no worker comes to serve.
    """
    if options.grpc_port is not None:
        check_free(options.host, options.grpc_port)
    place = Place(
        options.host,
        options.port,
        options.workers,
        options.limits.connections,
        options.timeouts.stop_s,
        certificates_of(options),
        options.state_directory,
    )
    run_workers(place, partial(_service, options, factory), partial(_beside, options, helpers))


def check_ports(options: ServiceOptions) -> None:
    """Raise ``BailiwickError`` if a port to listen on is taken."""
    for port in (options.port, options.grpc_port):
        if port:
            check_free(options.host, port)


def certificates_of(options: ServiceOptions) -> Certificates | None:
    """Read the certificates of the service's own listener.

    Raises ``BailiwickError`` if they cannot be used.
    """
    tls = options.tls
    return Certificates(tls.certificate, tls.key, tls.client_ca) if tls else None


def _service(
    options: ServiceOptions, factory: Factory, directory: Path, loop: asyncio.AbstractEventLoop
) -> Front:
    from bailiwick.service.app import Service  # it fixes how metrics are kept

    _let_askers_go_first()
    return Service(options, factory(), partial(write_status, directory), loop)


def _let_askers_go_first() -> None:
    """Work off what has come together, rather than interrupt a proxy on the same processor for each
    of its questions: it takes a quarter less of both (Linux, ``sched(7)``).
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):  # a sandbox may forbid it, and it is a courtesy
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _beside(
    options: ServiceOptions, helpers: Mapping[str, Run] | None, directory: Path
) -> Mapping[str, Run]:
    return {
        **admin(options.admin_host, options.admin_port, options.workers, directory),
        **(helpers or {}),
    }
