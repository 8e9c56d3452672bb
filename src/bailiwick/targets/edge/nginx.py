"""nginx: a `geo` map of the blocks where something is refused, the service for all the rest.

nginx reads no bodies, so it refuses a model by itself only where the path or a header names it.

``auth_request`` shows a service no body, and the model is in the body. So nginx sends the whole
request to the service first; the service refuses, or names the location that goes on with it
(``X-Accel-Redirect`` to a named location keeps method and body). Paths that stand for an action
without a model, such as signing up, are asked about by ``auth_request``. No module is needed beyond
nginx's own.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from bailiwick.policy import Refusal
from bailiwick.targets.edge import pages
from bailiwick.targets.edge.options import MODEL_HEADERS, MODELS_PATH, EdgeOptions
from bailiwick.targets.edge.plan import ALL, Plan

REFUSED: Final = "refused.geo"
PERMITTED: Final = "@bailiwick_permitted"
_ID: Final = "$bailiwick_id"
"""What names a refusal of nginx's own."""
_NEW_ID: Final = "edge_$connection-$connection_requests-$msec"
"""Workers and reloads count connections together, and a restart has another time. Nothing else
costs as little: `$request_id` is random. A map makes it once, as the time goes on."""
_GIVEN: Final = "$bailiwick_x_bailiwick_decision"
"""What names the service's."""
ACTIONS: Final = "bailiwick-actions.conf"
LOG: Final = "refusals.log"
_REFUSE: Final = "bailiwick_refuse"
"""Variable that says whether nginx refuses by itself."""
SELFTEST: Final = "bailiwick-selftest.conf"
_OURS: Final = ("X-Bailiwick-Model", "X-Bailiwick-Features", "X-Bailiwick-Action")
"""Headers that no client may write."""
_SET: Final = ("X-Bailiwick-Token", "X-Bailiwick-Address", "X-Bailiwick-Accel")
"""Headers that say to the service who asks, about whom, and where a permit goes on."""


def blocks_file(blocks: Iterable[tuple[str, str]]) -> str:
    """Write the blocks for a `geo` map."""
    return "".join(f"{block} {name};\n" for block, name in blocks)


def main(made: Plan, options: EdgeOptions) -> str:
    """Write a whole configuration around the two parts."""
    return f"""\
# Written by `bailiwick compile nginx`: policy {made.policy}, revision {made.revision[:12]}.
pcre_jit on;
worker_processes auto;
error_log {options.folder}/error.log warn;
pid {options.folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {options.folder}/temporary;
    proxy_temp_path {options.folder}/temporary;
    fastcgi_temp_path {options.folder}/temporary;
    uwsgi_temp_path {options.folder}/temporary;
    scgi_temp_path {options.folder}/temporary;
    include {options.folder}/bailiwick-http.conf;
    server {{
        listen {options.listen};
{_trust(options.trusted, 8)}        include {options.folder}/bailiwick-server.conf;
{f"        include {options.folder}/{ACTIONS};{chr(10)}" if options.actions else ""}\
    }}
    server {{
        # The self-test asks here: the same rules, and nothing is forwarded.
        listen {options.selftest};
        set $bailiwick_selftest yes;
{_trust(("127.0.0.0/8", "::1"), 8)}        include {options.folder}/{SELFTEST};
    }}
}}
"""


def _trust(trusted: Iterable[str], indent: int) -> str:
    blocks = list(trusted)
    lines = [f"set_real_ip_from {block};" for block in blocks]
    if blocks:
        lines += ["real_ip_header X-Forwarded-For;", "real_ip_recursive on;"]
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def http(made: Plan, options: EdgeOptions) -> str:
    """Write what belongs into ``http { }``."""
    service = f"""\
upstream bailiwick_service {{
    server {options.service};
    keepalive 64;
}}
"""
    return f"""\
# Written by `bailiwick compile nginx`: policy {made.policy}, revision {made.revision[:12]}.
# Include this in `http {{ }}`, and bailiwick-server.conf in each `server {{ }}`.
geo $bailiwick_set {{
    default "";
    include {options.folder}/{REFUSED};
}}
{_models(made) if _names_models(made, options) else ""}\
map "" {_ID} {{ default {_NEW_ID}; }}
{_logging(made, options) if options.log else ""}\
{service if options.service else ""}\
upstream bailiwick_models {{
    server {options.upstream};
    keepalive 64;
}}
"""


def _logging(made: Plan, options: EdgeOptions) -> str:
    return f"""\
# Refusals of nginx's own are logged with the network of the address, not the address.
map $remote_addr $bailiwick_network {{
    default "";
    "~^([0-9]+[.][0-9]+[.][0-9]+)[.]" $1.0/24;
    "~^([0-9a-f]+:[0-9a-f]+:[0-9a-f]+):" $1::/48;
    "~^([0-9a-f]+(:[0-9a-f]+)?)::" $1::/48;
}}
log_format bailiwick escape=json '{_log_line(made, _names_models(made, options))}';
"""


def _models(made: Plan) -> str:
    """Map what names a model to its class, and a set with a class in it to a refusal.

    A map of nginx does not tell capitals from small letters; a name that is none for us is refused
    by the service as well.
    """
    by_name = {name.lower(): one.name for one in made.classes for name in one.names}

    def named(variable: str, source: str, before: str) -> str:
        lines = "".join(f'    "{before}{name}" {one};\n' for name, one in by_name.items())
        return f'map "{source}" ${variable} {{\n    default "";\n{lines}}}\n'

    pairs = "".join(f'    "{name} {one}" 1;\n' for name, one in made.pairs)
    found = ["map_hash_bucket_size 512;\nmap_hash_max_size 65536;\n"]
    found.append(named("bailiwick_class_path", "$request_method $uri", f"GET {MODELS_PATH}"))
    for header in MODEL_HEADERS:
        source = f"$request_method $http_{_var(header)}"
        found.append(named(f"bailiwick_class_{_var(header)}", source, "POST "))
    sources = ("path", *map(_var, MODEL_HEADERS))
    following = (*(f"$bailiwick_refuse_{one}" for one in sources[1:]), "0")
    found += [
        f'map "$bailiwick_set $bailiwick_class_{source}" $bailiwick_refuse_{source} '
        f"{{\n    default {goes_on};\n{pairs}}}\n"
        for source, goes_on in zip(sources, following, strict=True)
    ]
    found.append(
        f'map $bailiwick_set ${_REFUSE} {{\n    "" 0;\n    {ALL} 1;\n'
        f"    default $bailiwick_refuse_{sources[0]};\n}}\n"
    )
    return "".join(found)


def _names_models(made: Plan, options: EdgeOptions) -> bool:
    return options.models and bool(made.classes)


def server(made: Plan, options: EdgeOptions, log: str = "") -> str:
    """Write what belongs into ``server { }``; ``log``: a file for refusals of nginx's own."""
    condition = f"${_REFUSE}" if _names_models(made, options) else f"$bailiwick_set = {ALL}"
    goes_on = _asking(options) if options.service else _forwarding(made, asked=False)
    return f"""\
# Written by `bailiwick compile nginx`: policy {made.policy}, revision {made.revision[:12]}.
client_max_body_size {options.body_bytes};
client_body_buffer_size 1m;
location / {{
    uninitialized_variable_warn off;
    error_page 413 = @bailiwick_too_large;
    error_page 500 502 503 504 = @bailiwick_down;
    default_type application/json;
    if ({condition}) {{
{_indented(_refused(made, log))}    }}
    if ($request_uri ~ "^[^?]*%") {{ return 400; }}  # the service would read another path
{goes_on}\
}}
{_permitted(made) if options.service else ""}\
{_page("down", 503, pages.down(_ID))}\
{_page("too_large", 413, pages.too_large(_ID))}\
"""


def log_file(options: EdgeOptions) -> str:
    """Name the file for refusals of nginx's own; empty: they are not logged."""
    return f"{options.folder}/{LOG}" if options.log else ""


def _refused(made: Plan, log: str) -> str:
    logged = f"access_log {log} bailiwick buffer=32k flush=1s;\n" if log else ""
    page = pages.refused(_verbatim(made.refusal), _ID)
    return _answer(made.refusal.status, page, logged, pages.link(made.refusal))


def _page(name: str, status: int, page: pages.Page, link: str | None = None, id_: str = _ID) -> str:
    answer = _answer(status, page, "", link, id_)
    return f"""\
location @bailiwick_{name} {{
    uninitialized_variable_warn off;
    default_type application/json;
{answer}}}
"""


def _answer(
    status: int, page: pages.Page, logged: str, link: str | None = None, id_: str = _ID
) -> str:
    """Answer on the spot, as going on to an ``error_page`` costs more."""
    blocked_by = f"add_header Link '{link.replace('$', '%24')}' always;\n" if link else ""
    unkept = "add_header Cache-Control no-store always;\n" if pages.may_be_kept(status) else ""
    text = json.dumps(page).replace("\\", "\\\\").replace("'", "\\'")
    return _indented(
        f"{logged}add_header X-Bailiwick-Decision {id_} always;\n"
        f"{unkept}{blocked_by}return {status} '{text}';\n"
    )


def _indented(lines: str) -> str:
    return "".join(f"    {line}\n" for line in lines.splitlines())


def _verbatim(style: Refusal) -> Refusal:
    """Keep nginx from seeing variables in a text; there is no escape for their sign."""
    return replace(style, appeal=style.appeal.replace("$", "%24") if style.appeal else None)


def _log_line(made: Plan, models: bool) -> str:
    line = {
        "id": _ID,
        "at": "$time_iso8601",
        "address": "$bailiwick_network",
        "method": "$request_method",
        "path": "$uri",
        **({"model": "$http_x_model"} if models else {}),
        "set": "$bailiwick_set",
        "status": "$status",
        "revision": made.revision[:12],
    }
    return json.dumps(line)


def _asking(options: EdgeOptions) -> str:
    """Send the whole request to the service, which reads the client's headers but for ours."""
    return f"""\
    proxy_pass http://bailiwick_service/check$request_uri;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
{_without_ours()}
    include {options.folder}/bailiwick-token.conf;
    proxy_set_header X-Bailiwick-Address $remote_addr;
    proxy_set_header X-Bailiwick-Accel {PERMITTED};
    proxy_connect_timeout 1s;
    proxy_send_timeout {options.patience_s}s;
    proxy_read_timeout {options.patience_s}s;
    proxy_next_upstream off;
    proxy_intercept_errors off;
"""


def _permitted(made: Plan) -> str:
    return f"""\
location {PERMITTED} {{
    uninitialized_variable_warn off;
    # Reached only by the service's answer; what the models' server says is never followed here.
{_forwarding(made, asked=True)}\
}}
"""


def _forwarding(made: Plan, *, asked: bool, accel: bool = True) -> str:
    """Forward; ``asked``: the service's answer goes along, ``accel``: it came as a redirect."""
    obliged = ("x-bailiwick-decision", *made.headers)
    lines = ["if ($bailiwick_selftest = yes) { return 204; }"] if accel else []
    if asked and accel:
        lines += [f"set $bailiwick_{_var(name)} $upstream_http_{_var(name)};" for name in obliged]
    if asked:
        lines.append("add_header X-Bailiwick-Decision $bailiwick_x_bailiwick_decision always;")
    lines += [
        "proxy_hide_header X-Bailiwick-Decision;",
        "proxy_ignore_headers X-Accel-Redirect X-Accel-Buffering X-Accel-Limit-Rate;",
        "proxy_pass http://bailiwick_models;",
        "proxy_http_version 1.1;",
        'proxy_set_header Connection "";',
        *(f'proxy_set_header {name} "";' for name in (*_OURS, *_SET)),
        *(['proxy_set_header X-Bailiwick-End-User "";'] if asked else []),
        *(
            f"proxy_set_header {_cased(name)} "
            + (f"$bailiwick_{_var(name)};" if asked else '"";')
            for name in obliged
        ),
        "proxy_buffering off;",
        "proxy_read_timeout 600s;",
    ]  # fmt: skip
    return "".join(f"    {line}\n" for line in lines)


def _without_ours() -> str:
    return "\n".join(f'    proxy_set_header {name} "";' for name in _OURS)


def actions(made: Plan, options: EdgeOptions) -> str:
    """Write the operator's own paths: asked about without their bodies, then forwarded."""
    obliged = ("x-bailiwick-decision", *made.headers)
    saved = "\n".join(
        f"    auth_request_set $bailiwick_{_var(name)} $upstream_http_{_var(name)};"
        for name in obliged
    )
    refused = _indented(_refused(made, log_file(options)))
    found = "".join(
        f"""\
location = {path} {{
    uninitialized_variable_warn off;
    default_type application/json;
    error_page 401 403 = @bailiwick_denied;
    error_page 500 502 503 504 = @bailiwick_down;
    if ($bailiwick_set = {ALL}) {{
{refused}    }}
    auth_request /bailiwick-ask/{action};
{saved}
{_forwarding(made, asked=True, accel=False)}\
}}
"""
        for path, action in options.actions
    )
    asked = "".join(
        f"""\
location = /bailiwick-ask/{action} {{
    internal;
    proxy_pass http://bailiwick_service/forward;
    proxy_pass_request_body off;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Content-Length "";
    proxy_set_header X-Original-Method $request_method;
    proxy_set_header X-Original-URI $request_uri;
    proxy_set_header X-Forwarded-Method "";
    proxy_set_header X-Forwarded-Uri "";
    proxy_set_header X-Bailiwick-Model "";
    proxy_set_header X-Bailiwick-Features "";
    proxy_set_header X-Bailiwick-Action {action};
    include {options.folder}/bailiwick-token.conf;
    proxy_set_header X-Bailiwick-Address $remote_addr;
    proxy_connect_timeout 1s;
    proxy_read_timeout {options.patience_s}s;
}}
"""
        for action in sorted({action for _, action in options.actions})
    )
    denied = _page(
        "denied", made.refusal.status, pages.denied(_GIVEN), link=pages.link(made.refusal),
        id_=_GIVEN,
    )  # fmt: skip
    return (
        f"# Written by `bailiwick compile nginx`: policy {made.policy}, revision "
        f"{made.revision[:12]}.\n{denied}{asked}{found}"
    )


def token(text: str) -> str:
    """Write the file that holds the token; nobody else may read it."""
    return f'proxy_set_header X-Bailiwick-Token "{text}";\n'


def _cased(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _var(name: str) -> str:
    return name.lower().replace("-", "_")
