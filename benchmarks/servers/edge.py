"""Proxies from compiled configuration, with Bailiwick's decision service beside them; and the same
proxies with a rule written by hand.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bailiwick.bootstrap import load_policy
from bailiwick.decision import compile_table
from bailiwick.location import LocationSettings, load_locator
from bailiwick.service import new_token
from bailiwick.targets.edge import Edge, EdgeOptions, compile_edge
from benchmarks.processes import Process, answers, free_port, listens, wait_until
from benchmarks.servers import Missing, Server, Site, envoy, ours

OURS = "Envoy + Bailiwick's service"
BY_HAND = "Envoy + a bare service by hand"
ENVOY, NGINX, HAPROXY = "Envoy, compiled", "nginx, compiled", "HAProxy, compiled"
ENVOY_MODEL, HAPROXY_MODEL = "Envoy, compiled, a model", "HAProxy, compiled, a model"
ENVOY_BY_HAND, NGINX_BY_HAND = "Envoy, two countries by hand", "nginx, two countries by hand"
ENVOY_LOGGED, NGINX_LOGGED = f"{ENVOY_BY_HAND}, logged", f"{NGINX_BY_HAND}, logged"
"""The same with a line for each request in the program's own format, as it comes when installed."""
ENVOY_ALIKE, NGINX_ALIKE = f"{ENVOY_BY_HAND}, logged alike", f"{NGINX_BY_HAND}, logged alike"
"""The same with a line that says what ours says: an id, the time, the network, the request, the
status; in the program's own words for these."""
ENVOY_UNLOGGED, NGINX_UNLOGGED = f"{ENVOY}, unlogged", f"{NGINX}, unlogged"
TWO = ("CN", "RU")


def service(site: Site, database_file: Path) -> tuple[Process, int, str]:
    """Start the decision service; gives its process, its port and its token."""
    port, admin, directory = free_port(), free_port(), site.directory
    token, digest = new_token()
    (directory / "policy.yaml").write_text(json.dumps(ours.policy(site)))
    asker = {"name": "envoy", "token_sha256": digest, "says": ["address", "evidence"],
             "address_header": "x-bailiwick-address"}  # fmt: skip
    written = ours.settings(site, database_file, 0, admin, True)
    written["service"] = {"port": str(port), "admin_port": str(admin), "askers": [asker]}
    config = directory / "bailiwick.yaml"
    config.write_text(json.dumps(written))
    command = [sys.executable, "-m", "bailiwick", "service", "--config", str(config)]
    process = Process(command, site.core, directory / "log")
    try:
        wait_until(answers(f"http://127.0.0.1:{admin}/readyz"), process)
    except BaseException:
        process.stop()
        raise
    return process, port, token


def envoy_and_service(site: Site, database_file: Path) -> Server:
    """Start Envoy from compiled configuration, and the service that it asks."""
    process, port, token = service(site, database_file)
    try:
        server = _start(Edge.ENVOY, site, OURS, ours.policy(site), port, token)
    except BaseException:
        process.stop()
        raise
    server.processes += (process,)
    return server


def native(edge: Edge, name: str, site: Site, *, log: bool = True) -> Server:
    """Start a proxy whose refusals are all native; nobody need answer behind it."""
    rules = [
        {"id": "all", "permit": "*"},
        {"id": "two", "deny": "*", "where": {"address": list(TWO)}},
    ]
    policy = {"bailiwick": "1", "name": "two", "rules": rules}
    return _start(edge, site, name, policy, free_port(), "token", log=log)


def native_model(edge: Edge, name: str, site: Site) -> Server:
    """Start a proxy that refuses one model there, which it reads in the body."""
    rules = [
        {"id": "all", "permit": "*"},
        {"id": "two", "deny": f"anthropic/{site.model}", "where": {"address": list(TWO)}},
    ]
    policy = {"bailiwick": "1", "name": "two", "rules": rules}
    return _start(edge, site, name, policy, free_port(), "token")


def _start(
    edge: Edge, site: Site, name: str, policy: Mapping[str, Any], service_port: int, token: str,
    *, log: bool = True,
) -> Server:  # fmt: skip
    port, directory = free_port(), site.directory
    path = directory / "edge-policy.yaml"
    path.write_text(json.dumps(policy))
    loaded = load_policy(path)
    options = EdgeOptions(
        listen=f"127.0.0.1:{port}", selftest=f"127.0.0.1:{free_port()}", token=token,
        upstream=f"127.0.0.1:{site.upstream_port}", service=f"127.0.0.1:{service_port}",
        trusted=("127.0.0.0/8",), folder=str(directory), body_bytes=1 << 20,
        log=log,
    )  # fmt: skip
    now = datetime.now(UTC)
    ground = load_locator(LocationSettings(), now).everywhere()
    table = compile_table(loaded.policy, loaded.catalog)
    made = compile_edge(edge, table, loaded.catalog, ground, now, options)
    (directory / "temporary").mkdir(exist_ok=True)
    for file, content in made.files.items():
        (directory / file).write_bytes(content)
    return _run(edge, site, name, port)


def _run(edge: Edge, site: Site, name: str, port: int) -> Server:
    if edge is Edge.ENVOY:
        command = [envoy._program(), "-c", str(site.directory / "envoy.json"), "--concurrency",
                   "1", "--disable-hot-restart", "--log-level", "error"]  # fmt: skip
        version = envoy.version(command[0])
    elif edge is Edge.HAPROXY:
        command = [_program("haproxy"), "-db", "-f", str(site.directory / "haproxy.cfg")]
        said = subprocess.run([command[0], "-v"], capture_output=True, text=True, check=False)
        version = said.stdout.split()[2]
    else:
        command = [_program("nginx"), "-c", str(site.directory / "nginx.conf"), "-g", "daemon off;"]
        said = subprocess.run([command[0], "-v"], capture_output=True, text=True, check=False)
        version = said.stderr.strip().rpartition("/")[2]
    process = Process(command, site.core, site.directory / "log")
    try:
        wait_until(listens(port), process)
    except BaseException:
        process.stop()
        raise
    return Server(name, port, (process,), version=version)


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        raise Missing(f"{name} is not installed")
    return found


def envoy_by_hand(site: Site, name: str = ENVOY_BY_HAND, log: envoy.Log = None) -> Server:
    """Start Envoy with its geoip filter and one rule of two countries, and nothing else."""
    headers = [
        {"header": {"name": envoy.COUNTRY, "string_match": {"exact": country}}} for country in TWO
    ]
    policy = {"permissions": [{"any": True}], "principals": [{"or_ids": {"ids": headers}}]}
    rules = {"action": "DENY", "policies": {"two": policy}}
    filters = [envoy._geoip(site), envoy._filter("rbac", "rbac.v3.RBAC", {"rules": rules})]
    return envoy._start(site, name, filters, [], log)


def nginx_by_hand(
    site: Site, name: str = NGINX_BY_HAND, log: str = "off", more: str = ""
) -> Server:
    """Start nginx with its geoip2 module and one rule of two countries, and nothing else."""
    module = Path("/usr/lib/nginx/modules/ngx_http_geoip2_module.so")
    if not module.exists():
        raise Missing("libnginx-mod-http-geoip2 is not installed")
    port, folder = free_port(), site.directory
    (folder / "temporary").mkdir()
    temporary = "\n".join(
        f"{name}_temp_path {folder}/temporary;"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(f"""\
load_module {module};
pcre_jit on;
worker_processes 1;
error_log {folder}/error.log warn;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    {more}
    access_log {log};
    {temporary}
    geoip2 {site.country_mmdb} {{
        $country source=$remote_addr country iso_code;
    }}
    map $country $refused {{ default 0; CN 1; RU 1; }}
    upstream models {{ server 127.0.0.1:{site.upstream_port}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port};
        set_real_ip_from 127.0.0.0/8;
        real_ip_header X-Forwarded-For;
        location / {{
            if ($refused) {{ return 403; }}
            proxy_pass http://models;
        }}
    }}
}}
""")
    return _run(Edge.NGINX, site, name, port)


def envoy_logged(site: Site) -> Server:
    """Start Envoy in the same way, with its access log."""
    return envoy_by_hand(site, ENVOY_LOGGED, {})


def envoy_alike(site: Site) -> Server:
    """Start Envoy in the same way, logging what our lines say."""
    line = (
        "%REQ(X-REQUEST-ID)% %START_TIME% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(24)% "
        '"%REQ(:METHOD)% %REQ(:PATH)%" %RESPONSE_CODE%\n'
    )
    log = {"log_format": {"text_format_source": {"inline_string": line}}}
    return envoy_by_hand(site, ENVOY_ALIKE, log)


def nginx_logged(site: Site) -> Server:
    """Start nginx in the same way, with its access log, buffered as ours is."""
    log = f"{site.directory}/access.log combined buffer=32k flush=1s"
    return nginx_by_hand(site, NGINX_LOGGED, log)


def nginx_alike(site: Site) -> Server:
    """Start nginx in the same way, logging what our lines say."""
    more = """\
map $remote_addr $network {
        default "";
        "~^([0-9]+[.][0-9]+[.][0-9]+)[.]" $1.0;
        "~^([0-9a-f]+:[0-9a-f]+:[0-9a-f]+):" $1::;
    }
    log_format alike '$request_id $time_iso8601 $network "$request" $status';"""
    log = f"{site.directory}/access.log alike buffer=32k flush=1s"
    return nginx_by_hand(site, NGINX_ALIKE, log, more)
