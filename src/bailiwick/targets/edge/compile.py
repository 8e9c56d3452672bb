"""One policy becomes the configuration of an edge proxy: a folder of files, with its self-test."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bailiwick.catalog import Catalog
from bailiwick.decision import DecisionTable
from bailiwick.location import Everywhere
from bailiwick.targets.edge import envoy, haproxy, nginx, selftest
from bailiwick.targets.edge.addresses import blocks_of, database, examples
from bailiwick.targets.edge.coverage import acknowledged, require_acknowledged
from bailiwick.targets.edge.options import EdgeOptions
from bailiwick.targets.edge.plan import Plan, as_dict, plan


class Edge(StrEnum):
    """The proxies that are compiled for."""

    ENVOY = "envoy"
    NGINX = "nginx"
    HAPROXY = "haproxy"

    @property
    def reads_bodies(self) -> bool:
        """Whether it can look for a model in a body."""
        return self is not Edge.NGINX


@dataclass(frozen=True, slots=True)
class Compiled:
    """Files by name, to be written in this order, each put in its place at one stroke. Those in
    ``secret`` hold the token: nobody else may read them.
    """

    plan: Plan
    files: Mapping[str, bytes]
    secret: frozenset[str]
    command: str
    """Starts the proxy with them."""


def compile_edge(
    edge: Edge,
    table: DecisionTable,
    catalog: Catalog,
    ground: Everywhere,
    at: datetime,
    options: EdgeOptions,
) -> Compiled:
    """Compile for one proxy.

    Raises ``InvalidInput`` if the edge asks nobody, a rule comes out weaker so, and the policy does
    not say who enforces the rest.
    """
    asks = bool(options.service)
    made = plan(table, catalog, ground, at, bodies=edge.reads_bodies, asks=asks)
    if not asks:
        rules = acknowledged(table.policy, edge.value, made.rules)
        require_acknowledged(edge.value, rules)
        made = replace(made, rules=tuple(rules))
    known = examples(made, ground, selftest.MOST)
    shared = {
        "plan.json": json.dumps(as_dict(made), indent=1) + "\n",
        "selftest.json": selftest.plan_file(made, options, known, edge.reads_bodies),
        "selftest.py": selftest.SCRIPT,
    }
    make = {Edge.ENVOY: _envoy, Edge.NGINX: _nginx, Edge.HAPROXY: _haproxy}[edge]
    files, secret, command = make(made, ground, at, options)
    written = {name: text.encode() for name, text in shared.items()}
    return Compiled(made, {**written, **files}, frozenset(secret), command)


Made = tuple[dict[str, bytes], set[str], str]


def _envoy(made: Plan, ground: Everywhere, at: datetime, options: EdgeOptions) -> Made:
    """Write what Envoy watches last: it takes a new state when the last file is in its place.

    A database has a name of its own for each content, so the filters never meet another's.
    """
    files: dict[str, bytes] = {}
    name = ""
    if any(made.of):
        content = database(made, ground, ground.built_at or at)
        name = f"country-{hashlib.sha256(content).hexdigest()[:16]}.mmdb"
        files[name] = content
    served = envoy.resources("listener", envoy.listeners(made, options, name))
    texts = {
        "envoy.json": envoy.bootstrap(options),
        "envoy-whole.json": envoy.config(made, options, name),
        envoy.CLUSTERS: envoy.resources("cluster", envoy.clusters(options)),
        envoy.LISTENERS: served,
    }
    files |= {file: (json.dumps(text, indent=1) + "\n").encode() for file, text in texts.items()}
    return files, {"envoy-whole.json", envoy.LISTENERS}, f"envoy -c {options.folder}/envoy.json"


def _nginx(made: Plan, ground: Everywhere, at: datetime, options: EdgeOptions) -> Made:
    del at
    files = {
        "nginx.conf": nginx.main(made, options),
        "bailiwick-http.conf": nginx.http(made, options),
        "bailiwick-server.conf": nginx.server(made, options, nginx.log_file(options)),
        nginx.SELFTEST: nginx.server(made, options),
        "bailiwick-token.conf": nginx.token(options.token),
        nginx.REFUSED: nginx.blocks_file(blocks_of(made, ground)),
    }
    if options.actions:
        files[nginx.ACTIONS] = nginx.actions(made, options)
    command = f"nginx -c {options.folder}/nginx.conf"
    return {n: t.encode() for n, t in files.items()}, {"bailiwick-token.conf"}, command


def _haproxy(made: Plan, ground: Everywhere, at: datetime, options: EdgeOptions) -> Made:
    del at
    files = {
        "haproxy.cfg": haproxy.main(made, options),
        haproxy.SCRIPT: haproxy.script(made, options),
        haproxy.REFUSED: haproxy.blocks_file(blocks_of(made, ground)),
        haproxy.MODELS: haproxy.models_file(made),
        haproxy.PAIRS: haproxy.pairs_file(made),
        options.token_file: options.token + "\n",
        **haproxy.files(made),
    }
    command = f"haproxy -W -f {options.folder}/haproxy.cfg"
    return {n: t.encode() for n, t in files.items()}, {options.token_file}, command
