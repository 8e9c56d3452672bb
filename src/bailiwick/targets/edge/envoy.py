"""Envoy: its geoip filter and RBAC for what the edge refuses, the service for all the rest.

The database says of an address which classes of models are refused there. Only where some are, and
only for small plain JSON bodies, Envoy reads the model (``json_to_metadata``), since it reads large
ones slower than the service does.

Traps that this configuration closes: the filter reads only databases of MaxMind's shape and takes
any other for empty; a client's own ``x-geo-*`` header survives where the address is not in the
database; the client is the address that Envoy saw, never a header that the client can write. A
body that can be read in two ways is never permitted here: the service refuses it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from bailiwick.policy import Refusal
from bailiwick.targets.edge import pages
from bailiwick.targets.edge.addresses import IPV6
from bailiwick.targets.edge.options import MODEL_HEADERS, MODELS_PATH, EdgeOptions, split
from bailiwick.targets.edge.plan import ALL, ModelClass, Plan

COUNTRY: Final = "x-bailiwick-country"
ADDRESS: Final = "x-bailiwick-address"
DECISION: Final = "x-bailiwick-decision"
END_USER: Final = "x-bailiwick-end-user"
"""What the account holder attests: for whoever decides, and nobody behind."""
_ID: Final = "edge_%REQ(X-REQUEST-ID):64%"
"""What names a refusal of Envoy's own: Envoy makes it, or a proxy in front did."""
_HTTP: Final = "type.googleapis.com/envoy.extensions.filters.http"
_MANAGER: Final = (
    "type.googleapis.com/envoy.extensions.filters.network."
    "http_connection_manager.v3.HttpConnectionManager"
)
_CLIENT: Final = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
_OURS: Final = (
    COUNTRY, DECISION, "x-bailiwick-token", "x-bailiwick-model", "x-bailiwick-features",
)  # fmt: skip
"""Headers that no client may write."""
_SENT: Final = (
    "x-api-key", "content-type", "content-encoding", "anthropic-version", ADDRESS, END_USER,
)  # fmt: skip
"""Headers that the service reads, beside `authorization`, which Envoy sends anyway."""
_NAMING: Final = ("model", "engine", "deployment", "fallback")
"""What is in the name of a header that names a model; the service sees to it that it agrees with
the body, and says which of them do."""
LISTENERS: Final = "listeners.json"
CLUSTERS: Final = "clusters.json"
_READ: Final = "bailiwick"
_UNREAD: Final = ("_missing", "_error")
"""What stands for a model that cannot be read. A client that writes it is refused like that."""


def config(made: Plan, options: EdgeOptions, database: str) -> dict[str, Any]:
    """Give the whole configuration in one value, to look at, check or copy from."""
    return {
        "static_resources": {
            "listeners": listeners(made, options, database),
            "clusters": clusters(options),
        }
    }


def bootstrap(options: EdgeOptions) -> dict[str, Any]:
    """Give what Envoy starts with: it reads the rest from files, anew when they are replaced."""

    def watched(name: str) -> dict[str, Any]:
        source = {"path": f"{options.folder}/{name}"}
        return {"resource_api_version": "V3", "path_config_source": source}

    return {
        "node": {"id": "bailiwick-edge", "cluster": "bailiwick"},
        "dynamic_resources": {
            "lds_config": watched(LISTENERS),
            "cds_config": watched(CLUSTERS),
        },
    }


def resources(kind: str, values: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Give listeners or clusters as one of the files that Envoy watches."""
    name = f"type.googleapis.com/envoy.config.{kind}.v3.{kind.capitalize()}"
    return {"resources": [{"@type": name, **value} for value in values]}


def listeners(made: Plan, options: EdgeOptions, database: str) -> list[dict[str, Any]]:
    """Give the public listener and that of the self-test, which forwards nothing."""
    return [
        _listener("models", options.listen, made, options, database, selftest=False),
        _listener("selftest", options.selftest, made, options, database, selftest=True),
    ]


def clusters(options: EdgeOptions) -> list[dict[str, Any]]:
    """Give the models' server and the service."""
    found = [_cluster("models", *split(options.upstream))]
    if options.service:
        found.append(_cluster("bailiwick", *split(options.service)))
    return found


def _listener(
    name: str, listen: str, made: Plan, options: EdgeOptions, database: str, *, selftest: bool
) -> dict[str, Any]:
    reads = _reads(made, options)
    manager = {
        "@type": _MANAGER,
        "stat_prefix": name,
        "use_remote_address": True,
        **_trust(options, selftest),
        "normalize_path": True,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "route_config": {"virtual_hosts": [_host(options, selftest)]},
        "local_reply_config": _replies(made, reads),
        **({"access_log": _logs(made, reads)} if options.log and not selftest else {}),
        "http_filters": _filters(made, options, database),
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


def _host(options: EdgeOptions, selftest: bool) -> dict[str, Any]:
    action: dict[str, Any] = (
        {"direct_response": {"status": 204}}
        if selftest
        else {"route": {"cluster": "models", "timeout": "0s", "idle_timeout": "600s"}}
    )
    named = {"key": DECISION, "value": f"%REQ({DECISION})%"}
    route = {
        "match": {"prefix": "/"},
        **action,
        "request_headers_to_remove": [ADDRESS, END_USER] if options.service else [ADDRESS],
        "response_headers_to_add": [
            {"header": named, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
    }
    return {"name": "models", "domains": ["*"], "routes": [route]}


def _filters(made: Plan, options: EdgeOptions, database: str) -> list[dict[str, Any]]:
    """Refuse first, as that costs least.

    Whatever the database says of an address only refuses, so a client that writes the filter's
    header itself gains nothing by it.
    """
    native = [_geoip(f"{options.folder}/{database}")] if any(made.of) else []
    rules = {"all": _everything()} if any(made.of) else {}
    if _reads(made, options):
        native.append(_read_model())
        rules |= {one.name: _models(one) for one in made.classes} | {"unread": _unread()}
    if rules:
        native.append(_rbac(rules))
    asked = [_ask(made, options)] if options.service else []
    return [*native, _clean(made), *asked, _filter("router", "router.v3.Router", {})]


def _reads(made: Plan, options: EdgeOptions) -> bool:
    return options.models and bool(made.classes)


def _clean(made: Plan) -> dict[str, Any]:
    """Remove what a client may not say, and name the client as Envoy sees it."""
    mutations: list[dict[str, Any]] = [{"remove": name} for name in (*_OURS, *made.headers)]
    mutations.append({"remove_on_match": {"key_matcher": {"prefix": "x-geo-"}}})
    named = {"header": {"key": ADDRESS, "value": _CLIENT}}
    mutations.append({"append": {**named, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}})
    kind = "header_mutation.v3.HeaderMutation"
    return _filter("header_mutation", kind, {"mutations": {"request_mutations": mutations}})


def _geoip(database: str) -> dict[str, Any]:
    kind = "type.googleapis.com/envoy.extensions.geoip_providers.maxmind.v3.MaxMindConfig"
    maxmind = {
        "@type": kind,
        "common_provider_config": {"geo_field_keys": {"country": COUNTRY}},
        "country_db_path": database,
    }
    provider = {"name": "envoy.geoip_providers.maxmind", "typed_config": maxmind}
    return _filter("geoip", "geoip.v3.Geoip", {"provider": provider})


def _rbac(policies: dict[str, Any]) -> dict[str, Any]:
    return _filter("rbac", "rbac.v3.RBAC", {"rules": {"action": "DENY", "policies": policies}})


def _everything() -> dict[str, Any]:
    """Refuse whoever comes from where nothing is available."""
    principals = [{"header": _country(ALL)}, {"header": _country(f"{ALL}{IPV6}")}]
    return {"permissions": [{"any": True}], "principals": principals}


def _country(word: str) -> dict[str, Any]:
    return {"name": COUNTRY, "string_match": {"exact": word}}


def _models(one: ModelClass) -> dict[str, Any]:
    """Refuse some models where they are: named in the body, by the path, or in a header.

    Cheap questions first: whether it matters at this address, whether anything is named there.
    """
    names = [{"exact": name} for name in one.names]
    inside = {"header": {"name": COUNTRY, "string_match": {"contains": f".{one.name}."}}}
    values = [{"string_match": name} for name in (*names, *names[:1])]  # it wants two or more
    body = _model_is({"or_match": {"value_matchers": values}})
    exact = [{"url_path": {"path": {"exact": f"{MODELS_PATH}{name}"}}} for name in one.names]
    path = _all({"url_path": {"path": {"prefix": MODELS_PATH}}}, _any(exact))
    post = {"header": {"name": ":method", "string_match": {"exact": "POST"}}}
    headers = [
        _all(
            {"header": {"name": header, "present_match": True}},
            post,
            _any([{"header": {"name": header, "string_match": name}} for name in names]),
        )
        for header in MODEL_HEADERS
    ]
    permission = _all(inside, _any([body, path, *headers]))
    return {"permissions": [permission], "principals": [{"any": True}]}


def _all(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"and_rules": {"rules": list(rules)}}


def _any(rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"or_rules": {"rules": rules}}


def _unread() -> dict[str, Any]:
    """Refuse a body that was to be read and has no model in it."""
    return {
        "permissions": [_model_is({"string_match": {"exact": word}}) for word in _UNREAD],
        "principals": [{"any": True}],
    }


def _model_is(match: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": _metadata(match)}


def _metadata(match: dict[str, Any]) -> dict[str, Any]:
    return {"filter": _READ, "path": [{"key": "model"}], "value": match}


def _read_model() -> dict[str, Any]:
    """Read the model of a small plain body, where the address says that it matters."""
    missing, broken = _UNREAD
    place = {"metadata_namespace": _READ, "key": "model"}
    rule = {
        "selectors": [{"key": "model"}],
        "on_present": place,
        "on_missing": {**place, "value": missing},
        "on_error": {**place, "value": broken},
    }
    reader = {
        "@type": f"{_HTTP}.json_to_metadata.v3.JsonToMetadata",
        "request_rules": {"rules": [rule]},
    }
    wanted = [
        _has(COUNTRY, r"\..*"),
        _has(":method", "POST"),
        _has("content-length", "[1-9][0-9]{0,4}"),
        _has("content-type", "application/json"),
        {"not_matcher": _has("content-encoding", ".*")},
    ]
    skip = {
        "name": "skip",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3."
            "SkipFilter",
        },
    }
    unless = {"not_matcher": {"and_matcher": {"predicate": wanted}}}
    matcher = {"matchers": [{"predicate": unless, "on_match": {"action": skip}}]}
    return {
        "name": "envoy.filters.http.json_to_metadata",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            "xds_matcher": {"matcher_list": matcher},
            "extension_config": {"name": "read_model", "typed_config": reader},
        },
    }


def _has(header: str, pattern: str) -> dict[str, Any]:
    kind = "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
    given = {"name": header, "typed_config": {"@type": kind, "header_name": header}}
    match = {"safe_regex": {"google_re2": {}, "regex": pattern}}
    return {"single_predicate": {"input": given, "value_match": match}}


def _ask(made: Plan, options: EdgeOptions) -> dict[str, Any]:
    token = [{"key": "x-bailiwick-token", "value": options.token}]
    upstream = [{"exact": name} for name in ("x-bailiwick-decision", *made.headers)]
    exact = [{"exact": name} for name in _SENT]
    config = {
        "transport_api_version": "V3",
        "failure_mode_allow": False,
        "status_on_error": {"code": "ServiceUnavailable"},
        "with_request_body": {
            "max_request_bytes": options.body_bytes,
            "allow_partial_message": False,
        },
        "allowed_headers": {"patterns": [*exact, *({"contains": one} for one in _NAMING)]},
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


def _replies(made: Plan, reads: bool) -> dict[str, Any]:
    """Word what Envoy refuses by itself; what the service says goes through as it is."""
    link = pages.link(made.refusal)
    more = {"link": _verbatim(link)} if link else {}
    if pages.may_be_kept(made.refusal.status):
        more["cache-control"] = "no-store"
    style = _verbatim_all(made.refusal)
    seen = {"header_filter": {"header": {"name": COUNTRY, "present_match": True}}}
    refused = _mapper(_and(seen, _status(403)), pages.refused(style, _ID), **more)
    unread = _mapper(_and(seen, _said_unread()), pages.unreadable(_ID))
    return {
        "mappers": [
            # What is most, first; the filter's header is there only until it has refused nothing.
            *([{**unread, "status_code": 400}] if reads else []),
            {**refused, "status_code": made.refusal.status},
            _mapper(_and(_status(503), _flag("UAEX")), pages.down(_ID)),
            {"filter": _flag("UAEX")},
            _mapper(_status(413), pages.too_large(_ID)),
        ]
    }


def _mapper(condition: dict[str, Any], page: pages.Page, **headers: str) -> dict[str, Any]:
    given = {DECISION: _ID, **headers}
    action = "OVERWRITE_IF_EXISTS_OR_ADD"
    return {
        "filter": condition,
        "body_format_override": {"json_format": page, "content_type": "application/json"},
        "headers_to_add": [
            {"header": {"key": name, "value": value}, "append_action": action}
            for name, value in given.items()
        ],
    }


def _verbatim(text: str) -> str:
    """Write a text so that Envoy's formatter leaves it as it is."""
    return text.replace("%", "%%")


def _verbatim_all(style: Refusal) -> Refusal:
    return replace(style, appeal=_verbatim(style.appeal) if style.appeal else None)


def _logs(made: Plan, reads: bool) -> list[dict[str, Any]]:
    """Log what Envoy refuses by itself: only then the geoip filter's header is still there.

    It cuts addresses of both kinds to one length, so there is a log of each.
    """
    some = [{"suffix": "."}, {"suffix": f".{IPV6}"}] if reads else [None, None]
    kinds = zip((ALL, f"{ALL}{IPV6}"), some, (24, 48), strict=True)
    return [_log(made, word, ending, bits) for word, ending, bits in kinds]


def _log(made: Plan, word: str, ending: dict[str, str] | None, bits: int) -> dict[str, Any]:
    seen: dict[str, Any] = {"header_filter": {"header": _country(word)}}
    if ending:
        some = {"header_filter": {"header": {"name": COUNTRY, "string_match": ending}}}
        refused = {"or_filter": {"filters": [_status(made.refusal.status), _status(400)]}}
        seen = {"or_filter": {"filters": [seen, _and(some, refused)]}}
    line = {
        "id": _ID,
        "at": "%START_TIME%",
        "address": f"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT({bits})%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ):200%",
        **({"model": f"%DYNAMIC_METADATA({_READ}:model):200%"} if ending else {}),
        "set": f"%REQ({COUNTRY})%" if ending else ALL,
        "status": "%RESPONSE_CODE%",
        "revision": made.revision[:12],
    }
    kind = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
    return {
        "name": "envoy.access_loggers.stdout",
        "filter": seen,
        "typed_config": {"@type": kind, "log_format": {"json_format": line}},
    }


def _said_unread() -> dict[str, Any]:
    filters = [
        {"metadata_filter": {"matcher": _metadata({"string_match": {"exact": word}}),
                             "match_if_key_not_found": False}}
        for word in _UNREAD
    ]  # fmt: skip
    return {"or_filter": {"filters": filters}}


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
