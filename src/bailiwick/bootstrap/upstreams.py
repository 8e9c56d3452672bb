"""From settings to what the gateway is told, and to the facts of each upstream."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from bailiwick.errors import InvalidInput, Problem
from bailiwick.facts import UNKNOWN, Fact
from bailiwick.gateway import GatewayOptions, Limits, Timeouts, Tls, Upstream, serving
from bailiwick.pipeline import Route
from bailiwick.settings import KeySettings, Settings, UpstreamSettings

Environment = Mapping[str, str]


def gateway_options(settings: Settings, environment: Environment) -> GatewayOptions:
    """Translate settings for the gateway, secrets looked up. Raises ``InvalidInput``."""
    listen, admin, tls = settings.listen, settings.admin, settings.listen.tls
    options = GatewayOptions(
        upstreams=_upstreams(settings.upstreams, environment),
        host=listen.host,
        port=listen.port,
        workers=listen.workers,
        admin_host=admin.host,
        admin_port=admin.port if admin.enabled else None,
        limits=limits_of(settings),
        timeouts=timeouts_of(settings),
        quota_storage=settings.quotas.storage,
        tls=Tls(str(tls.certificate), str(tls.key)) if tls else None,
        balancers=listen.proxy_protocol,
    )
    options.check()
    return options


def described_upstreams(settings: Settings) -> tuple[Upstream, ...]:
    """Describe the upstreams of another gateway: places and models, without their keys."""
    return tuple(
        Upstream(one.name, one.base_url, frozenset(one.dialects), dict(one.models))
        for one in settings.upstreams
    )


def route_facts(upstreams: tuple[Upstream, ...], settings: Settings) -> Route:
    """Know the places of the upstream that will serve a model, as the settings give them."""
    places = {one.name: upstream_facts(one) for one in settings.upstreams}

    def route(model: str, dialect: str) -> Mapping[str, Fact]:
        found = serving(upstreams, dialect, model)
        return places.get(found.name, {}) if found else {}

    return route


def upstream_facts(upstream: UpstreamSettings) -> Mapping[str, Fact]:
    """Turn an upstream's places into facts; what is not said is unknown."""
    return MappingProxyType(
        {
            "processing": frozenset(upstream.processing) or UNKNOWN,
            "egress": frozenset({upstream.egress}) if upstream.egress else UNKNOWN,
            "endpoint": frozenset({upstream.endpoint}) if upstream.endpoint else UNKNOWN,
        }
    )


def limits_of(settings: Settings) -> Limits:
    """Translate limits."""
    limits = settings.limits
    return Limits(
        body_bytes=limits.body,
        header_bytes=limits.header_bytes,
        json_depth=limits.depth,
        json_items=limits.values,
        concurrency=limits.concurrency,
        connections=limits.connections,
        response_bytes=limits.response,
    )


def timeouts_of(settings: Settings) -> Timeouts:
    """Translate timeouts."""
    timeouts = settings.timeouts
    return Timeouts(
        header_s=timeouts.header.total_seconds(),
        body_s=timeouts.body.total_seconds(),
        body_bytes_per_s=timeouts.body_rate,
        judging_s=timeouts.judging.total_seconds(),
        connect_s=timeouts.connect.total_seconds(),
        first_byte_s=timeouts.first_byte.total_seconds(),
        idle_s=timeouts.idle.total_seconds(),
        stop_s=max(1, round(timeouts.stop.total_seconds())),
    )


def _upstreams(
    upstreams: Iterable[UpstreamSettings], environment: Environment
) -> tuple[Upstream, ...]:
    problems: list[Problem] = []
    made = [_upstream(one, environment, problems.append) for one in upstreams]
    if problems:
        raise InvalidInput(problems)
    return tuple(made)


def _upstream(
    given: UpstreamSettings, environment: Environment, report: Callable[[Problem], None]
) -> Upstream:
    return Upstream(
        name=given.name,
        base_url=given.base_url,
        dialects=frozenset(given.dialects),
        models=dict(given.models),
        key=_secret(given.key, given.name, environment, report) if given.key else None,
        key_header=given.key_header,
        headers=tuple(given.headers.items()),
        authorities=_authorities(given, report),
        fields=dict(given.fields),
    )


def _secret(
    key: KeySettings, upstream: str, environment: Environment, report: Callable[[Problem], None]
) -> str | None:
    found, where = find_key(key, environment)
    if found is None:
        report(
            Problem(
                f"upstream `{upstream}`: {where} holds no key",
                "set it before the gateway starts",
                code="upstream.key",
            )
        )
    return found


def _authorities(given: UpstreamSettings, report: Callable[[Problem], None]) -> str | None:
    if given.certificates is None:
        return None
    try:
        return given.certificates.read_text("ascii", errors="ignore")  # what is not, is comment
    except OSError as error:
        report(
            Problem(
                f"upstream `{given.name}`: cannot read `{given.certificates}`: {error.strerror}",
                "name a PEM file of the authorities to trust",
                code="upstream.certificates",
            )
        )
        return None


def find_key(key: KeySettings, environment: Environment) -> tuple[str | None, str]:
    """Find a secret that settings name, and say where it was looked for."""
    if key.env is not None:
        found = environment.get(key.env, "").strip()
        where = f"the environment variable `{key.env}`"
    else:
        found = _read_secret(key.file) if key.file else ""
        where = f"the file `{key.file}`"
    usable = bool(found) and found.isascii() and found.isprintable()
    return (found if usable else None), where


def _read_secret(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
