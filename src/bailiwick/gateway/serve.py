"""Run the gateway: a parent process that watches, and processes that serve.

The parent makes what all of them need, the listening sockets above all, and forks: what is loaded
by then is there at once, and its memory is shared until somebody writes to it.
"""

import logging
import os
import resource
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from bailiwick.errors import BailiwickError
from bailiwick.front import Run, Supervisor, listen, tls_context
from bailiwick.gateway.options import GatewayOptions
from bailiwick.gateway.ports import Factory

_log = logging.getLogger("bailiwick.gateway")

_SPARE_FILES: Final = 256


def serve(
    options: GatewayOptions, factory: Factory, helpers: Mapping[str, Run] | None = None
) -> None:
    """Serve until told to stop (SIGTERM or SIGINT).

    ``factory`` makes the services of one worker, in the worker. ``helpers`` run beside them, each
    in a process of its own; they end when told to, or when what they are given is closed. Raises
    ``BailiwickError`` for bad options, and if no worker comes to serve.
    """
    options.check()
    with tempfile.TemporaryDirectory(prefix="bailiwick-") as temporary:
        directory = Path(options.state_directory or temporary)
        directory.mkdir(parents=True, exist_ok=True)
        _clear(directory)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        _serve_in(options, factory, directory, helpers or {})


def _serve_in(
    options: GatewayOptions, factory: Factory, directory: Path, helpers: Mapping[str, Run]
) -> None:
    from bailiwick.gateway.admin import AdminListener  # these fix how metrics are kept
    from bailiwick.gateway.worker import work

    _allow_files(2 * options.limits.connections + _SPARE_FILES)
    tls = tls_context(options.tls.certificate, options.tls.key) if options.tls else None
    try:
        listening = listen(options.host, options.port, options.workers)
    except OSError as error:
        raise _cannot_listen(options.host, options.port, error) from None
    supervisor = Supervisor(directory, listening, options.timeouts.stop_s)
    if options.admin_port is not None:
        try:
            admin = AdminListener(options, directory)
        except OSError as error:
            raise _cannot_listen(options.admin_host, options.admin_port, error) from None
        supervisor.watch_over("the admin listener", admin.run)
    for name, helper in helpers.items():
        supervisor.watch_over(name, helper)
    for number, one in enumerate(listening, 1):
        run = partial(work, options, factory, directory, one, tls)
        supervisor.watch_over(f"worker {number}", run, one)
    supervisor.run()


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
