"""HAProxy: `map_ip` for the blocks where something is refused, a small Lua action that asks.

Where some models are refused, the model is looked for in small bodies (`json_query`), the path and
headers. `json_query` takes the first of two keys and does not see one that is written with escapes;
that only means that the service is asked, which refuses the one and reads the other.

HAProxy cannot ask a service about a request by itself, so Lua does, with its own HTTP client. A
body that does not fit into HAProxy's buffer arrives cut, is no JSON then, and is refused.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from bailiwick.policy import Refusal
from bailiwick.targets.edge import pages
from bailiwick.targets.edge.options import MODEL_HEADERS, MODELS_PATH, READ_BYTES, EdgeOptions
from bailiwick.targets.edge.plan import ALL, Plan

REFUSED: Final = "refused.map"
MODELS: Final = "models.map"
PAIRS: Final = "pairs.map"
SCRIPT: Final = "bailiwick.lua"
_ID: Final = "%[unique-id]"
"""What names a refusal of HAProxy's own."""


def blocks_file(blocks: Iterable[tuple[str, str]]) -> str:
    """Write the blocks for `map_ip`."""
    return "".join(f"{block} {name}\n" for block, name in blocks)


def models_file(made: Plan) -> str:
    """Write the names of models, and their paths, with their classes."""
    return "".join(
        f"{before}{name} {one.name}\n"
        for one in made.classes
        for name in one.names
        for before in ("", MODELS_PATH)
    )


def pairs_file(made: Plan) -> str:
    """Write which class is refused in which set."""
    return "".join(f"{name}:{one} refuse\n" for name, one in made.pairs)


def main(made: Plan, options: EdgeOptions) -> str:
    """Write the configuration."""
    folder = options.folder
    removed = ("x-bailiwick-token", "x-bailiwick-address", "x-bailiwick-decision",
               "x-bailiwick-model", "x-bailiwick-features", "x-bailiwick-action",
               *made.headers)  # fmt: skip
    clean = "\n".join(f"    http-request del-header {name}" for name in removed)
    trusted = " ".join(options.trusted)
    trust = (
        f"    http-request set-src req.hdr(x-forwarded-for,-1) if {{ src {trusted} }}\n"
        if trusted
        else ""
    )

    refused = _answer(made.refusal.status, folder, "refused", pages.link(made.refusal))
    asking = f"""\
    http-request lua.bailiwick
    {_answer(503, folder, "down")} unless {{ var(txn.bailiwick_answer) -m str permit }}
    http-request del-header x-bailiwick-end-user
"""

    def rules() -> str:
        return f"""\
{clean}
    unique-id-format edge_%[uuid()]
    http-request set-var(txn.bailiwick_path) path
    http-request set-var(txn.bailiwick_network) src,ipmask(24,48)
    http-request set-var(txn.bailiwick) src,map_ip({folder}/{REFUSED},ask)
    {refused} if {{ var(txn.bailiwick) -m str {ALL} }}
    http-request deny deny_status 400 if {{ path -m sub % }}
    http-request wait-for-body time 30s at-least {options.body_bytes} if METH_POST
    {_answer(413, folder, "too-large")} if {{ req.body_size gt {options.body_bytes} }}
{_models(folder, refused) if options.models and made.classes else ""}\
    http-request set-log-level silent  # what the service refuses is on record there
{asking if options.service else ""}\
"""

    return f"""\
# Written by `bailiwick compile haproxy`: policy {made.policy}, revision {made.revision[:12]}.
global
    log stdout format raw local0
    tune.bufsize {options.body_bytes + 65536}
    tune.maxrewrite 32768
    tune.lua.session-timeout {options.patience_s + 30}s
{f"    lua-load {folder}/{SCRIPT}{chr(10)}" if options.service else ""}\
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 600s
    timeout http-request 10s
    option http-buffer-request
frontend models
    bind {options.listen}
{_logging(made) if options.log else ""}\
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


def _answer(status: int, folder: str, page: str, link: str | None = None) -> str:
    headers = [("x-bailiwick-decision", _ID)]
    if pages.may_be_kept(status):
        headers.append(("cache-control", "no-store"))
    if link:
        headers.append(("link", f"'{_verbatim(link)}'"))
    said = " ".join(f"hdr {name} {value}" for name, value in headers)
    return (
        f"http-request return status {status} content-type application/json {said} "
        f"lf-file {folder}/{page}.json"
    )


def _verbatim(text: str) -> str:
    """Keep HAProxy from seeing a format in a text."""
    return text.replace("%", "%%")


def _logging(made: Plan) -> str:
    return f"    log global\n    log-format {_log_line(made)}\n"


def _log_line(made: Plan) -> str:
    """Log what HAProxy refuses by itself, with the network of the address, not the address."""
    words: Mapping[str, str] = {
        "id": _ID,
        "at": "%Ts",
        "address": "%[var(txn.bailiwick_network)]",
        "method": "%HM",
        "path": "%[var(txn.bailiwick_path),json(utf8s)]",
        "model": "%[var(txn.bailiwick_model),json(utf8s)]",
        "set": "%[var(txn.bailiwick)]",
        "status": "%ST",
        "revision": made.revision[:12],
    }
    return f"'{json.dumps(words)}'"


def _models(folder: str, answer: str) -> str:
    """Refuse models where they are named: by the path, in a header, in a small body."""
    seen = [
        ("path", "METH_GET"),
        *((f"req.hdr({name})", "METH_POST") for name in MODEL_HEADERS),
        ("req.body,json_query('$.model')",
         f"METH_POST {{ req.body_size le {READ_BYTES} }} !{{ var(txn.bailiwick) -m str ask }}"),
    ]  # fmt: skip
    refused = f"concat(:,txn.bailiwick_class),map_str({folder}/{PAIRS},ask) -m str refuse"
    return "".join(
        f"""\
    http-request set-var(txn.bailiwick_model) {source} if {when}
    http-request set-var(txn.bailiwick_class) \
var(txn.bailiwick_model),map_str({folder}/{MODELS},none) if {when}
    {answer} if {{ var(txn.bailiwick),{refused} }}
"""
        for source, when in seen
    )


def script(made: Plan, options: EdgeOptions) -> str:
    """Write the Lua action."""
    names = ", ".join(json.dumps(name) for name in ("x-bailiwick-decision", *made.headers))
    return f"""\
-- Written by `bailiwick compile haproxy`: policy {made.policy}, revision {made.revision[:12]}.
-- Asks the decision service; without its permit the configuration refuses.
local file = assert(io.open({json.dumps(f"{options.folder}/{options.token_file}")}, "r"))
local token = file:read("l")
file:close()
local sent = {{ ["authorization"] = true, ["x-api-key"] = true, ["content-type"] = true,
               ["content-encoding"] = true, ["anthropic-version"] = true,
               ["x-bailiwick-end-user"] = true }}
local words = {{ model = true, models = true, engine = true, deployment = true, fallback = true,
                fallbacks = true }}
local obliged = {{ {names} }}

-- A header that names a model must agree with the body, so the service has to see it.
local function names_a_model(name)
  for word in name:gmatch("[^-_.]+") do
    if words[word] then return true end
  end
  return false
end

local function headers_of(txn)
  local given, found = txn.http:req_get_headers(), {{}}
  for name, lines in pairs(given) do
    if sent[name] or names_a_model(name) then
      found[name] = {{}}
      local at = 0
      while lines[at] do
        found[name][at + 1] = lines[at]
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


def files(made: Plan) -> dict[str, str]:
    """Give the pages that HAProxy answers by itself, with a place for the id."""
    style = made.refusal
    given: Refusal = replace(style, appeal=_verbatim(style.appeal) if style.appeal else None)
    found = {
        "refused": pages.refused(given, _ID),
        "down": pages.down(_ID),
        "too-large": pages.too_large(_ID),
    }
    return {f"{name}.json": json.dumps(page) for name, page in found.items()}
