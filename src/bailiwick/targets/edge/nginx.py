"""nginx: a `geo` map of the refused countries' blocks, the service for all the rest.

``auth_request`` shows a service no body, and the model is in the body. So nginx sends the whole
request to the service first; the service refuses, or names the location that goes on with it
(``X-Accel-Redirect`` to a named location keeps method and body). No module beyond nginx's own.
"""

from collections.abc import Iterable
from typing import Final

from bailiwick.targets.edge import pages
from bailiwick.targets.edge.options import EdgeOptions
from bailiwick.targets.edge.plan import Plan

REFUSED: Final = "refused.geo"
PERMITTED: Final = "@bailiwick_permitted"
_PASSED: Final = ("authorization", "x-api-key", "content-type", "content-encoding",
                  "anthropic-version", "anthropic-beta")  # fmt: skip


def blocks_file(blocks: Iterable[str]) -> str:
    """Write the blocks for a `geo` map."""
    return "".join(f"{block} refuse;\n" for block in blocks)


def main(made: Plan, options: EdgeOptions) -> str:
    """Write a whole configuration around the two parts."""
    return f"""\
# Written by `bailiwick compile nginx`: policy {made.policy}, revision {made.revision[:12]}.
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
    }}
    server {{
        # The self-test asks here: the same rules, and nothing is forwarded.
        listen {options.selftest};
        set $bailiwick_selftest yes;
{_trust(("127.0.0.0/8", "::1"), 8)}        include {options.folder}/bailiwick-server.conf;
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
    return f"""\
# Written by `bailiwick compile nginx`: policy {made.policy}, revision {made.revision[:12]}.
# Include this in `http {{ }}`, and bailiwick-server.conf in each `server {{ }}`.
geo $bailiwick_edge {{
    default ask;
    include {options.folder}/{REFUSED};
}}
upstream bailiwick_service {{
    server {options.service};
    keepalive 64;
}}
upstream bailiwick_models {{
    server {options.upstream};
    keepalive 64;
}}
"""


def server(made: Plan, options: EdgeOptions) -> str:
    """Write what belongs into ``server { }``."""
    passed = "\n".join(
        f"    proxy_set_header {_cased(name)} $http_{_var(name)};" for name in _PASSED
    )
    saved = "\n".join(
        f"    set $bailiwick_{_var(name)} $upstream_http_{_var(name)};"
        for name in ("x-bailiwick-decision", *made.headers)
    )
    sent = "\n".join(
        f"    proxy_set_header {_cased(name)} $bailiwick_{_var(name)};"
        for name in ("x-bailiwick-decision", *made.headers)
    )
    return f"""\
# Written by `bailiwick compile nginx`: policy {made.policy}, revision {made.revision[:12]}.
client_max_body_size {options.body_bytes};
client_body_buffer_size 1m;
location / {{
    error_page 403 = @bailiwick_refused;
    error_page 413 = @bailiwick_too_large;
    error_page 500 502 503 504 = @bailiwick_down;
    if ($bailiwick_edge != ask) {{ return 403; }}
    if ($request_uri ~ "^[^?]*%") {{ return 400; }}  # the service would read another path
    proxy_pass http://bailiwick_service/check$request_uri;
    proxy_http_version 1.1;
    proxy_pass_request_headers off;
    proxy_set_header Connection "";
    proxy_set_header Content-Length $content_length;
    include {options.folder}/bailiwick-token.conf;
    proxy_set_header X-Bailiwick-Address $remote_addr;
    proxy_set_header X-Bailiwick-Accel {PERMITTED};
{passed}
    proxy_connect_timeout 1s;
    proxy_send_timeout {options.patience_s}s;
    proxy_read_timeout {options.patience_s}s;
    proxy_next_upstream off;
    proxy_intercept_errors off;
}}
location {PERMITTED} {{
    # Reached only by the service's answer; what the models' server says is never followed here.
    if ($bailiwick_selftest = yes) {{ return 204; }}
{saved}
    add_header X-Bailiwick-Decision $bailiwick_x_bailiwick_decision always;
    proxy_hide_header X-Bailiwick-Decision;
    proxy_ignore_headers X-Accel-Redirect X-Accel-Buffering X-Accel-Limit-Rate;
    proxy_pass http://bailiwick_models;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header X-Bailiwick-Token "";
    proxy_set_header X-Bailiwick-Address "";
    proxy_set_header X-Bailiwick-Accel "";
    proxy_set_header X-Bailiwick-Model "";
    proxy_set_header X-Bailiwick-Features "";
{sent}
    proxy_buffering off;
    proxy_read_timeout 600s;
}}
location @bailiwick_refused {{
    default_type application/json;
    return 403 '{pages.refused()}';
}}
location @bailiwick_down {{
    default_type application/json;
    return 503 '{pages.down()}';
}}
location @bailiwick_too_large {{
    default_type application/json;
    return 413 '{pages.too_large()}';
}}
"""


def token(text: str) -> str:
    """Write the file that holds the token; nobody else may read it."""
    return f'proxy_set_header X-Bailiwick-Token "{text}";\n'


def _cased(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _var(name: str) -> str:
    return name.lower().replace("-", "_")
