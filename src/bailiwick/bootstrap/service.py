"""Run a decision service from its settings file: the gateway's own pipeline, asked by others."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bailiwick.bootstrap.files import read_settings
from bailiwick.bootstrap.logs import configure_logging
from bailiwick.bootstrap.upstreams import described_upstreams, limits_of, timeouts_of
from bailiwick.bootstrap.worker import Worker
from bailiwick.errors import BailiwickError
from bailiwick.front import Certificates
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
    node = f"{settings.audit.node}-service"  # a gateway may use the same file beside it
    worker = Worker(
        config.absolute(), settings, described_upstreams(settings), options.workers, node,
        keeps_accounts=False,
    )  # fmt: skip
    worker.prepare()
    log.info("answering on %s:%d, %d workers", options.host, options.port, options.workers)
    serve(options, partial(make_parts, worker), {"the keeper of accounts": worker.keep_accounts})


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


def services_with_service(
    worker: Worker, options: ServiceOptions, certificates: Certificates | None
) -> Services:
    """Make the services of a gateway's worker that answers other people's gateways as well."""
    from bailiwick.service.mounted import Mounted

    found = worker.services()
    quotas = Quotas(options.quota_storage)
    parts = replace(_parts_of(worker), stop=_nothing, reload=_keep, quotas=quotas)
    mounted = Mounted(options, parts, certificates)

    async def stop() -> None:
        await mounted.stop()
        await found.stop()

    def status() -> Mapping[str, Any]:
        return {**found.status(), "service": mounted.status()}

    def reload() -> None:
        found.reload()
        mounted.reload()

    return replace(
        found, start=mounted.start, stop=stop, quotas=quotas, status=status, reload=reload
    )


async def _nothing() -> None:
    """Leave what is shared to the gateway."""


def _keep() -> None:
    """Leave reading again to it as well."""


def make_parts(worker: Worker) -> Parts:
    """Make the parts of a worker, in the worker. The service calls it."""
    worker.begin()
    return _parts_of(worker)


def _parts_of(worker: Worker) -> Parts:
    return Parts(
        worker.pipeline, worker.record, worker.style, worker.status, worker.stop, worker.reload
    )


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
