"""The files that ``bailiwick fence`` fills in; ``TOKEN``, ``SERVICE``, ``UPSTREAM`` stand in."""

TRAEFIK = """\
# Traefik's dynamic configuration. The headers middleware overwrites what a client may not say; name
# the model (X-Bailiwick-Model, X-Bailiwick-Features: none) in a router of its own for each model,
# since Traefik shows the service no body.
http:
  routers:
    models:
      rule: "PathPrefix(`/v1/`)"
      entryPoints: [models]
      service: models
      middlewares: [bailiwick-names, bailiwick, bailiwick-hides]
  middlewares:
    bailiwick-names:
      headers:
        customRequestHeaders:
          X-Bailiwick-Token: "TOKEN"
          X-Bailiwick-Model: ""
          X-Bailiwick-Features: ""
          X-Bailiwick-Action: ""
          X-Original-Method: ""
          X-Original-URI: ""
          X-Forwarded-Method: ""
          X-Forwarded-Uri: ""
    bailiwick:
      forwardAuth:
        address: "http://SERVICE/forward"
        authResponseHeaders: [HEADERS]
    bailiwick-hides:
      headers:
        customRequestHeaders:
          X-Bailiwick-Token: ""
          X-Bailiwick-Model: ""
          X-Bailiwick-Features: ""
          X-Bailiwick-Action: ""
          X-Bailiwick-End-User: ""
  services:
    models:
      loadBalancer:
        servers: [{url: "http://UPSTREAM"}]
"""
TRAEFIK_STATIC = """\
# Traefik's static configuration. Add `forwardedHeaders: {trustedIPs: [...]}` for proxies in front.
entryPoints: {models: {address: ":8000"}}
providers: {file: {filename: "FOLDER/routes.yaml"}}
"""
CADDY = """\
# Caddy overwrites what a client may not say. Name the model for each route (header_up
# X-Bailiwick-Model NAME, header_up X-Bailiwick-Features none), since Caddy shows the service no
# body. Proxies of yours in front: a line `trusted_proxies BLOCKS` in forward_auth. `route` keeps
# the order; without it Caddy would remove the headers after it has asked.
{
	admin off
	auto_https off
}
:8000 {
	route {
		request_header -X-Bailiwick-Token
		request_header -X-Bailiwick-Address
		request_header -X-Bailiwick-Model
		request_header -X-Bailiwick-Features
		request_header -X-Bailiwick-Action
		request_header -X-Bailiwick-Accel
		request_header -X-Bailiwick-Decision
REMOVED		forward_auth SERVICE {
			uri /forward
			header_up X-Bailiwick-Token "TOKEN"
			copy_headers HEADERS
		}
		request_header -X-Bailiwick-End-User
		reverse_proxy UPSTREAM
	}
}
"""
LITELLM = """\
model_list:
  - model_name: claude-opus-4-1
    litellm_params: {model: openai/claude-opus-4-1, api_base: "http://UPSTREAM/v1", api_key: none}
general_settings: {use_x_forwarded_for: true}
litellm_settings: {callbacks: [bailiwick_hook.proxy_handler_instance]}
"""
ASGI = '''\
"""Your application behind Bailiwick."""

from fastapi import FastAPI

from bailiwick import BailiwickMiddleware

app = FastAPI()
app.add_middleware(BailiwickMiddleware, config="bailiwick.yaml", open_paths=["/healthz"])


@app.get("/healthz")
async def healthz() -> dict[str, bool]:
    return {"ok": True}
'''
PYTHON = '''\
"""Decide in your own program."""

from bailiwick import Bailiwick

bailiwick = Bailiwick.from_policy("policy.yaml")
answer = bailiwick.decide("claude-opus-4-1", address="8.8.8.8")
print("permit" if answer else "no", answer.why)
'''
SERVICE_TEST = '''\
"""Self-test: the service answers this asker, and nobody else."""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

TOKEN = Path(__file__).with_name("bailiwick.token").read_text().strip()
ASKED = {"subject": {"type": "anonymous"}, "action": {"name": "infer"},
         "resource": {"type": "model", "id": "no/such-model"}}


def ask(token):
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    url = "http://SERVICE/access/v1/evaluation"
    request = urllib.request.Request(url, json.dumps(ASKED).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, {}


status, answer = ask(TOKEN)
stranger, _ = ask("a stranger")
good = status == 200 and answer.get("decision") is False and stranger == 401
print("ready" if good else f"NOT READY: {status}, a stranger {stranger}")
sys.exit(0 if good else 1)
'''
FORWARD_TEST = '''\
"""Self-test: the service refuses what it cannot know, and answers nobody else."""

import sys
import urllib.error
import urllib.request
from pathlib import Path

TOKEN = Path(__file__).with_name("bailiwick.token").read_text().strip()


def ask(token, model):
    headers = {"x-bailiwick-token": token, "x-forwarded-for": "203.0.113.1",
               "x-bailiwick-model": model, "x-forwarded-method": "POST",
               "x-forwarded-uri": "/v1/messages"}
    request = urllib.request.Request("http://SERVICE/forward", None, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


unknown, stranger = ask(TOKEN, "no/such-model"), ask("a stranger", "no/such-model")
good = unknown == 403 and stranger == 503
print("ready" if good else f"NOT READY: {unknown}, a stranger {stranger}")
sys.exit(0 if good else 1)
'''
POLICY_TEST = '''\
"""Self-test: the policy loads, and a model that nobody knows is denied everywhere."""

import sys
from pathlib import Path

from bailiwick import Bailiwick

bailiwick = Bailiwick.from_policy(Path(__file__).with_name("policy.yaml"))
located = bailiwick.locator.locate("8.8.8.8").places
good = not bailiwick.decide("no/such-model", address="8.8.8.8") and located == ("US",)
print("ready" if good else f"NOT READY: 8.8.8.8 is in {located}")
sys.exit(0 if good else 1)
'''
