"""Run a decision service from its settings file: the gateway's own pipeline, asked by others."""

import gc
import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

from bailiwick.accounts import AccountDatabase
from bailiwick.bootstrap.build import build_world
from bailiwick.bootstrap.files import read_settings
from bailiwick.bootstrap.logs import configure_logging
from bailiwick.bootstrap.upstreams import described_upstreams, limits_of, timeouts_of
from bailiwick.bootstrap.worker import Worker, utc_now
from bailiwick.errors import BailiwickError
from bailiwick.gateway import Quotas, Services
from bailiwick.service import Asker, Parts, ServiceOptions, Tls, check_grpc, serve
from bailiwick.settings import Settings

log = logging.getLogger("bailiwick")


def run_service(config: Path) -> None:
    """Answer until told to stop (SIGTERM or SIGINT).

    Raises ``BailiwickError`` before anything listens if the settings, the policy, the location
    data or the account database cannot be used.
    """
    settings = read_settings(config)
    configure_logging(settings.logging)
    if settings.service.mounted:
        raise BailiwickError(
            "the gateway answers here: `service.mounted` is true",
            "start `bailiwick serve`, or set it to false",
        )
    options = checked_options(settings)
    upstreams = described_upstreams(settings)
    build_world(settings, config.absolute().parent, upstreams, utc_now())
    accounts = settings.accounts
    AccountDatabase.open(accounts.url, accounts.secret, create=accounts.anonymous)
    log.info("answering on %s:%d, %d workers", options.host, options.port, options.workers)
    serve(options, partial(make_parts, config.absolute(), settings))


def checked_options(settings: Settings) -> ServiceOptions:
    """Find out whether a service could answer. Raises ``BailiwickError`` with the reason."""
    if not settings.service.askers:
        raise BailiwickError(
            "nobody may ask: `service.askers` is empty", "make a token: `bailiwick service-token`"
        )
    options = service_options(settings)
    if options.grpc_port is not None:
        check_grpc()
    return options


def services_with_service(worker: Worker, options: ServiceOptions) -> Services:
    """Make the services of a gateway's worker that answers other people's gateways as well."""
    from bailiwick.service.mounted import Mounted

    found = worker.services()
    quotas = Quotas(options.quota_storage)
    parts = Parts(worker.pipeline, worker.record, worker.style, worker.status, _nothing, quotas)
    mounted = Mounted(options, parts)

    async def stop() -> None:
        await mounted.stop()
        await found.stop()

    return replace(found, start=mounted.start, stop=stop, quotas=quotas)


async def _nothing() -> None:
    """Leave what is shared to the gateway."""


def make_parts(config: Path, settings: Settings) -> Parts:
    """Make the parts of a worker, in the worker. The service calls it."""
    configure_logging(settings.logging)
    node = f"{settings.audit.node}-service"  # a gateway may use the same file beside it
    worker = Worker(config, settings, described_upstreams(settings), settings.service.workers, node)
    worker.begin()
    gc.freeze()
    return Parts(worker.pipeline, worker.record, worker.style, worker.status, worker.stop)


def service_options(settings: Settings) -> ServiceOptions:
    """Translate settings for the decision service."""
    service, tls = settings.service, settings.service.tls
    client_ca = str(tls.client_ca) if tls and tls.client_ca else None
    return ServiceOptions(
        askers=tuple(
            Asker(
                one.name,
                one.token_sha256,
                frozenset(one.says),
                one.address_header,
                one.keys == "ours",
                frozenset(one.keeps),
            )
            for one in service.askers
        ),
        host=service.host,
        port=service.port,
        grpc_port=service.grpc_port,
        workers=service.workers,
        tls=Tls(str(tls.certificate), str(tls.key), client_ca) if tls else None,
        url=service.url,
        most_evaluations=service.most_evaluations,
        admin_host=settings.admin.host,
        admin_port=service.admin_port if settings.admin.enabled else None,
        limits=limits_of(settings),
        timeouts=timeouts_of(settings),
        quota_storage=settings.quotas.storage,
    )
