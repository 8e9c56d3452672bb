"""Envoy: its geoip filter and RBAC for what the edge refuses, the service for all the rest.

Traps that this configuration closes: the filter reads only databases of MaxMind's shape and takes
any other for empty; a client's own ``x-geo-*`` header survives where the address is not in the
database; the client is the address that Envoy saw, never a header that the client can write.
"""

from typing import Any, Final

from bailiwick.targets.edge import pages
from bailiwick.targets.edge.options import EdgeOptions, split
from bailiwick.targets.edge.plan import Plan

COUNTRY: Final = "x-bailiwick-country"
ADDRESS: Final = "x-bailiwick-address"
DECISION: Final = "x-bailiwick-decision"
_HTTP: Final = "type.googleapis.com/envoy.extensions.filters.http"
_MANAGER: Final = (
    "type.googleapis.com/envoy.extensions.filters.network."
    "http_connection_manager.v3.HttpConnectionManager"
)
_CLIENT: Final = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
_SENT: Final = (
    "authorization", "x-api-key", "content-type", "content-encoding", "anthropic-version",
    "x-forwarded-model", "x-model", ADDRESS,
)  # fmt: skip
"""Headers that the service reads; whatever else names a model is in the path or the body."""
DATABASE: Final = "country.mmdb"


def config(made: Plan, options: EdgeOptions, admin: str | None = None) -> dict[str, Any]:
    """Give Envoy's whole configuration as a value; ``admin`` is HOST:PORT of its admin page."""
    host, port = split(options.upstream)
    listeners = [
        _listener("models", options.listen, made, options, selftest=False),
        _listener("selftest", options.selftest, made, options, selftest=True),
    ]
    clusters = [
        _cluster("models", host, port),
        _cluster("bailiwick", *split(options.service)),
    ]
    found: dict[str, Any] = {"static_resources": {"listeners": listeners, "clusters": clusters}}
    if admin is not None:
        found["admin"] = {"address": _address(admin)}
    return found


def _listener(
    name: str, listen: str, made: Plan, options: EdgeOptions, *, selftest: bool
) -> dict[str, Any]:
    manager = {
        "@type": _MANAGER,
        "stat_prefix": name,
        "use_remote_address": True,
        **_trust(options, selftest),
        "normalize_path": True,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "route_config": {"virtual_hosts": [_host(selftest)]},
        "local_reply_config": _replies(),
        "http_filters": _filters(made, options),
    }
    network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {
        "name": name,
        "address": _address(listen),
        "per_connection_buffer_limit_bytes": options.body_bytes,
        "filter_chains": [{"filters": [network]}],
    }


def _trust(options: EdgeOptions, selftest: bool) -> dict[str, Any]:
    """Say whose ``x-forwarded-for`` is believed: that of listed proxies, or of the self-test."""
    trusted = ("127.0.0.0/8", "::1/128") if selftest else options.trusted
    if not trusted:
        return {"xff_num_trusted_hops": 0}
    cidrs = [_cidr(one) for one in trusted]
    kind = "type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig"
    xff = {"@type": kind, "xff_trusted_cidrs": {"cidrs": cidrs}, "skip_xff_append": True}
    name = "envoy.http.original_ip_detection.xff"
    return {
        "use_remote_address": False,
        "original_ip_detection_extensions": [{"name": name, "typed_config": xff}],
    }


def _cidr(text: str) -> dict[str, Any]:
    prefix, _, length = text.partition("/")
    return {"address_prefix": prefix, "prefix_len": int(length or (128 if ":" in prefix else 32))}


def _host(selftest: bool) -> dict[str, Any]:
    action: dict[str, Any] = (
        {"direct_response": {"status": 204}}
        if selftest
        else {"route": {"cluster": "models", "timeout": "0s", "idle_timeout": "600s"}}
    )
    named = {"key": DECISION, "value": f"%REQ({DECISION})%"}
    route = {
        "match": {"prefix": "/"},
        **action,
        "request_headers_to_remove": [COUNTRY, ADDRESS],
        "response_headers_to_add": [
            {"header": named, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
    }
    return {"name": "models", "domains": ["*"], "routes": [route]}


def _filters(made: Plan, options: EdgeOptions) -> list[dict[str, Any]]:
    """Refuse first, as that costs least.

    Who is found in the database is refused, so a client that writes the filter's header itself
    gains nothing by it.
    """
    native = [_geoip(options), _rbac()] if made.refused else []
    asked = [_clean(made), _ask(made, options), _filter("router", "router.v3.Router", {})]
    return [*native, *asked]


def _clean(made: Plan) -> dict[str, Any]:
    """Remove what a client may not say, and name the client as Envoy sees it."""
    ours = [COUNTRY, "x-bailiwick-token", "x-bailiwick-model", "x-bailiwick-features",
            "x-bailiwick-decision", *made.headers]  # fmt: skip
    mutations: list[dict[str, Any]] = [{"remove": name} for name in ours]
    mutations.append({"remove_on_match": {"key_matcher": {"prefix": "x-geo-"}}})
    named = {"header": {"key": ADDRESS, "value": _CLIENT}}
    mutations.append({"append": {**named, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}})
    kind = "header_mutation.v3.HeaderMutation"
    return _filter("header_mutation", kind, {"mutations": {"request_mutations": mutations}})


def _geoip(options: EdgeOptions) -> dict[str, Any]:
    kind = "type.googleapis.com/envoy.extensions.geoip_providers.maxmind.v3.MaxMindConfig"
    maxmind = {
        "@type": kind,
        "common_provider_config": {"geo_field_keys": {"country": COUNTRY}},
        "country_db_path": f"{options.folder}/{DATABASE}",
    }
    provider = {"name": "envoy.geoip_providers.maxmind", "typed_config": maxmind}
    return _filter("geoip", "geoip.v3.Geoip", {"provider": provider})


def _rbac() -> dict[str, Any]:
    """Refuse whoever is found: the database holds nothing but the refused countries' blocks."""
    match = {"header": {"name": COUNTRY, "present_match": True}}
    policy = {"permissions": [{"any": True}], "principals": [match]}
    rules = {"action": "DENY", "policies": {"refused": policy}}
    return _filter("rbac", "rbac.v3.RBAC", {"rules": rules})


def _ask(made: Plan, options: EdgeOptions) -> dict[str, Any]:
    token = [{"key": "x-bailiwick-token", "value": options.token}]
    upstream = [{"exact": name} for name in ("x-bailiwick-decision", *made.headers)]
    config = {
        "transport_api_version": "V3",
        "failure_mode_allow": False,
        "status_on_error": {"code": "ServiceUnavailable"},
        "with_request_body": {
            "max_request_bytes": options.body_bytes,
            "allow_partial_message": False,
        },
        "allowed_headers": {"patterns": [{"exact": name} for name in _SENT]},
        "http_service": {
            "path_prefix": "/check",
            "server_uri": {
                "uri": f"http://{options.service}",
                "cluster": "bailiwick",
                "timeout": f"{options.patience_s}s",
            },
            "authorization_request": {"headers_to_add": token},
            "authorization_response": {"allowed_upstream_headers": {"patterns": upstream}},
        },
    }
    return _filter("ext_authz", "ext_authz.v3.ExtAuthz", config)


def _replies() -> dict[str, Any]:
    """Word what Envoy refuses by itself; what the service says goes through as it is."""
    return {
        "mappers": [
            _mapper(_and(_status(503), _flag("UAEX")), pages.down()),
            {"filter": _flag("UAEX")},
            _mapper(_status(403), pages.refused()),
            _mapper(_status(413), pages.too_large()),
        ]
    }


def _mapper(condition: dict[str, Any], page: str) -> dict[str, Any]:
    text = {"text_format_source": {"inline_string": page}, "content_type": "application/json"}
    return {"filter": condition, "body_format_override": text}


def _and(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"and_filter": {"filters": list(conditions)}}


def _status(code: int) -> dict[str, Any]:
    value = {"default_value": code, "runtime_key": f"bailiwick.status_{code}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _flag(name: str) -> dict[str, Any]:
    return {"response_flag_filter": {"flags": [name]}}


def _filter(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    typed = {"@type": f"{_HTTP}.{kind}", **config}
    return {"name": f"envoy.filters.http.{name}", "typed_config": typed}


def _address(listen: str) -> dict[str, Any]:
    host, port = split(listen)
    return {"socket_address": {"address": host, "port_value": port}}


def _cluster(name: str, host: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address(f"{host}:{port}")}}
    return {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
