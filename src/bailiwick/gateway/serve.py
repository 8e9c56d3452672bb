"""Run the gateway: workers behind one port, an admin listener, and what else runs beside them."""

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bailiwick.front import Certificates, Front, Place, Run, cannot_listen, run_workers
from bailiwick.gateway.options import GatewayOptions
from bailiwick.gateway.ports import Factory
from bailiwick.gateway.state import write_status


def serve(
    options: GatewayOptions,
    factory: Factory,
    helpers: Mapping[str, Run] | None = None,
    others: tuple[Certificates, ...] = (),
) -> None:
    """Serve until told to stop (SIGTERM or SIGINT).

    ``factory`` makes the services of one worker, in the worker. ``helpers`` run beside them, each
    in a process of its own; they end when told to, or when what they are given is closed.
    ``others`` are certificates that the services of a worker serve with by themselves. Raises
    ``BailiwickError`` for bad options, and if no worker comes to serve.
    """
    options.check()
    place = Place(
        options.host,
        options.port,
        options.workers,
        options.limits.connections,
        options.timeouts.stop_s,
        Certificates(options.tls.certificate, options.tls.key) if options.tls else None,
        options.state_directory,
        others,
    )
    run_workers(place, partial(_gateway, options, factory), partial(_beside, options, helpers))


def _gateway(
    options: GatewayOptions, factory: Factory, directory: Path, loop: asyncio.AbstractEventLoop
) -> Front:
    from bailiwick.gateway.app import Gateway  # it fixes how metrics are kept

    return Gateway(options, factory(), partial(write_status, directory), loop)


def _beside(
    options: GatewayOptions, helpers: Mapping[str, Run] | None, directory: Path
) -> Mapping[str, Run]:
    return {
        **admin(options.admin_host, options.admin_port, options.workers, directory),
        **(helpers or {}),
    }


def admin(host: str, port: int | None, workers: int, directory: Path) -> Mapping[str, Run]:
    """Listen for health, readiness and metrics. Raises ``BailiwickError`` if the port is taken."""
    if port is None:
        return {}
    from bailiwick.gateway.admin import AdminListener  # it fixes how metrics are kept

    try:
        return {"the admin listener": AdminListener(host, port, workers, directory).run}
    except OSError as error:
        raise cannot_listen(host, port, error) from None
