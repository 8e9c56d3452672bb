"""Run a gateway from its settings file."""

import gc
import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bailiwick.bootstrap.files import read_settings
from bailiwick.bootstrap.logs import configure_logging
from bailiwick.bootstrap.upstreams import gateway_options
from bailiwick.bootstrap.worker import Worker
from bailiwick.front import Certificates
from bailiwick.gateway import GatewayOptions, Services, serve
from bailiwick.settings import Settings

log = logging.getLogger("bailiwick")


def run_gateway(config: Path) -> None:
    """Serve until told to stop (SIGTERM or SIGINT).

    Raises ``BailiwickError`` before anything listens if the settings, the policy, the location
    data or the account database cannot be used: a start without good ones is refused.
    """
    settings = read_settings(config)
    configure_logging(settings.logging)
    options, worker = preflight(config, settings, os.environ)
    log.info("listening on %s:%d, %d workers", options.host, options.port, options.workers)
    services: Callable[[], Services] = worker.services
    others: tuple[Certificates, ...] = ()
    if settings.service.mounted:
        services, others = _with_service(worker, settings)
    gc.freeze()  # a child that looked through what all of them share would copy it
    serve(options, services, {"the keeper of accounts": worker.keep_accounts}, others)


def _with_service(
    worker: Worker, settings: Settings
) -> tuple[Callable[[], Services], tuple[Certificates, ...]]:
    """Have the workers answer other people's gateways as well, with certificates of their own."""
    from bailiwick.bootstrap.service import checked_options, services_with_service
    from bailiwick.service import certificates_of, check_ports

    answers = checked_options(settings)
    check_ports(answers)
    log.info("answering on %s:%d", answers.host, answers.port)
    found = certificates_of(answers)
    services = partial(services_with_service, worker, answers, found)
    return services, (() if found is None else (found,))


def preflight(
    config: Path, settings: Settings, environment: Mapping[str, str]
) -> tuple[GatewayOptions, Worker]:
    """Find out whether a gateway could start. Raises ``BailiwickError`` with the reason.

    The worker is what each process begins with; it has no threads and no open files yet.
    """
    options = gateway_options(settings, environment)
    worker = Worker(
        config.absolute(), settings, options.upstreams, options.workers, keeps_accounts=False
    )
    worker.prepare()
    return options, worker
