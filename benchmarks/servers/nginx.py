"""nginx: the plain proxy that everything is compared with, and one that decides in Lua."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from benchmarks.processes import Process, free_port, listens, wait_until
from benchmarks.servers import Missing, Server, Site

MODULES = ("ndk_http_module", "ngx_http_lua_module", "ngx_http_geoip2_module")

_LUA = """
    local decode = require("cjson.safe").decode
    local var, req, exit, byte = ngx.var, ngx.req, ngx.exit, string.byte
    if not keys[var.http_x_api_key] then return exit(401) end
    req.read_body()
    local data = req.get_body_data()
    local body = data and decode(data)
    if type(body) ~= "table" or type(body.model) ~= "string" then return exit(400) end
    local denied = denied_by_model[body.model]
    if not denied or denied[var.country] then return exit(403) end
"""


def plain(site: Site) -> Server:
    """Start a proxy that decides nothing."""
    server = _start(site, "nginx, plain proxy_pass", "", "", "")
    server.refuses = False
    return server


def geoip_and_lua(site: Site) -> Server:
    """Start a proxy that decides by key, model (of the body) and country."""
    modules = _modules_directory()
    loads = "".join(f"load_module {modules}/{name}.so;\n" for name in MODULES)
    countries = ",".join(f"{country}=true" for country in site.denied)
    http = f"""
  geoip2 {site.country_mmdb} {{ $country source=$remote_addr country iso_code; }}
  init_by_lua_block {{
    keys, denied_by_model = {{}}, {{[{json.dumps(site.model)}] = {{{countries}}}}}
    for key in io.lines({json.dumps(str(site.keys))}) do keys[key] = true end
    require("cjson.safe")
  }}
"""
    here = (
        "    set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;\n"
        f"    access_by_lua_block {{{_LUA}}}\n"
    )
    return _start(site, "nginx + geoip2 + Lua", loads, http, here)


def _start(site: Site, name: str, loads: str, http: str, here: str) -> Server:
    program = shutil.which("nginx")
    if program is None:
        raise Missing("nginx is not installed")
    port = free_port()
    config = site.directory / "nginx.conf"
    config.write_text(_config(site, port, loads, http, here))
    process = Process([program, "-c", config], site.core, site.directory / "log")
    server = Server(name, port, (process,), version=version(program))
    try:
        wait_until(listens(port), process)
    except BaseException:
        process.stop()
        raise
    return server


def _config(site: Site, port: int, loads: str, http: str, here: str) -> str:
    directory = site.directory
    return f"""
{loads}
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  keepalive_requests 1000000000;
  client_max_body_size 64m;
  client_body_buffer_size 1m;
{http}
  upstream models {{
    server 127.0.0.1:{site.upstream_port};
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
{here}
    location / {{
      proxy_pass http://models;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""


def version(program: str = "nginx") -> str:
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
    return said.strip().rpartition("/")[2]


def _modules_directory() -> Path:
    said = subprocess.run(["nginx", "-V"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"--modules-path=(\S+)", said)
    directories = [Path(found[1])] if found else []
    for directory in (*directories, Path("/usr/share/nginx/modules")):
        if all((directory / f"{name}.so").exists() for name in MODULES):
            return directory
    raise Missing(f"nginx has no modules {', '.join(MODULES)}")
