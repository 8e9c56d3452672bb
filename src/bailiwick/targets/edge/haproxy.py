"""HAProxy: `map_ip` for the refused countries' blocks, a small Lua action that asks the service.

HAProxy cannot ask a service about a request by itself, so Lua does, with its own HTTP client. A
body that does not fit into HAProxy's buffer arrives cut, is no JSON then, and is refused.
"""

import json
from collections.abc import Iterable
from typing import Final

from bailiwick.targets.edge import pages
from bailiwick.targets.edge.options import EdgeOptions
from bailiwick.targets.edge.plan import Plan

REFUSED: Final = "refused.map"
SCRIPT: Final = "bailiwick.lua"


def blocks_file(blocks: Iterable[str]) -> str:
    """Write the blocks for `map_ip`."""
    return "".join(f"{block} refuse\n" for block in blocks)


def main(made: Plan, options: EdgeOptions) -> str:
    """Write the configuration."""
    folder = options.folder
    removed = ("x-bailiwick-token", "x-bailiwick-address", "x-bailiwick-decision",
               "x-bailiwick-model", "x-bailiwick-features", *made.headers)  # fmt: skip
    clean = "\n".join(f"    http-request del-header {name}" for name in removed)
    trusted = " ".join(options.trusted)
    trust = (
        f"    http-request set-src req.hdr(x-forwarded-for,-1) if {{ src {trusted} }}\n"
        if trusted
        else ""
    )

    def rules() -> str:
        return f"""\
{clean}
    http-request set-var(txn.bailiwick) src,map_ip({folder}/{REFUSED},ask)
    http-request return status 403 content-type application/json file {folder}/refused.json \
unless {{ var(txn.bailiwick) -m str ask }}
    http-request deny deny_status 400 if {{ path -m sub % }}
    http-request wait-for-body time 30s at-least {options.body_bytes} if METH_POST
    http-request return status 413 content-type application/json file {folder}/too-large.json \
if {{ req.body_size gt {options.body_bytes} }}
    http-request lua.bailiwick
    http-request return status 503 content-type application/json file {folder}/down.json \
unless {{ var(txn.bailiwick_answer) -m str permit }}
"""

    return f"""\
# Written by `bailiwick compile haproxy`: policy {made.policy}, revision {made.revision[:12]}.
global
    tune.bufsize {options.body_bytes + 65536}
    tune.maxrewrite 32768
    tune.lua.session-timeout {options.patience_s + 30}s
    lua-load {folder}/{SCRIPT}
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 600s
    timeout http-request 10s
    option http-buffer-request
frontend models
    bind {options.listen}
{trust}{rules()}\
    http-response set-header x-bailiwick-decision %[var(txn.bailiwick_decision)] \
if {{ var(txn.bailiwick_decision) -m found }}
    default_backend models
frontend selftest
    # The self-test asks here: the same rules, and nothing is forwarded.
    bind {options.selftest}
    http-request set-src req.hdr(x-forwarded-for,-1)
{rules()}\
    http-request return status 204
backend models
    server models {options.upstream}
"""


def script(made: Plan, options: EdgeOptions) -> str:
    """Write the Lua action."""
    names = ", ".join(json.dumps(name) for name in ("x-bailiwick-decision", *made.headers))
    return f"""\
-- Written by `bailiwick compile haproxy`: policy {made.policy}, revision {made.revision[:12]}.
-- Asks the decision service; without its permit the configuration refuses.
local file = assert(io.open({json.dumps(f"{options.folder}/{options.token_file}")}, "r"))
local token = file:read("l")
file:close()
local sent = {{ "authorization", "x-api-key", "content-type", "content-encoding",
               "anthropic-version" }}
local obliged = {{ {names} }}

local function headers_of(txn)
  local given, found = txn.http:req_get_headers(), {{}}
  for _, name in ipairs(sent) do
    if given[name] then
      found[name] = {{}}
      local at = 0
      while given[name][at] do
        found[name][at + 1] = given[name][at]
        at = at + 1
      end
    end
  end
  found["x-bailiwick-token"] = {{ token }}
  found["x-bailiwick-address"] = {{ txn.sf:src() }}
  return found
end

core.register_action("bailiwick", {{ "http-req" }}, function(txn)
  txn:set_var("txn.bailiwick_answer", "none")
  local client = core.httpclient()
  local ask = txn.sf:method() == "POST" and client.post or client.get
  local url = "http://{options.service}/check" .. txn.sf:pathq()
  local request = {{ url = url, headers = headers_of(txn), timeout = {options.patience_s * 1000} }}
  if txn.sf:method() == "POST" then
    request.body = txn.sf:req_body()
    request.headers["content-length"] = {{ tostring(#request.body) }}
  end
  local answer = ask(client, request)
  if not answer or not answer.status then return end
  if answer.status == 200 then
    for _, name in ipairs(obliged) do
      if answer.headers[name] then txn.http:req_set_header(name, answer.headers[name][0]) end
    end
    local decision = answer.headers["x-bailiwick-decision"]
    if decision then txn:set_var("txn.bailiwick_decision", decision[0]) end
    txn:set_var("txn.bailiwick_answer", "permit")
  elseif answer.status >= 400 and answer.status < 500 then
    local reply = txn:reply()
    reply:set_status(answer.status)
    for _, name in ipairs({{ "content-type", "x-bailiwick-decision", "www-authenticate",
                            "retry-after", "link", "cache-control" }}) do
      if answer.headers[name] then reply:add_header(name, answer.headers[name][0]) end
    end
    reply:set_body(answer.body)
    txn:done(reply)
  end
end)
"""


def files() -> dict[str, str]:
    """Give the pages that HAProxy answers by itself."""
    return {
        "refused.json": pages.refused(),
        "down.json": pages.down(),
        "too-large.json": pages.too_large(),
    }
