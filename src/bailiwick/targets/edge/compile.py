"""One policy becomes the configuration of an edge proxy: a folder of files, with its self-test."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bailiwick.location import AddressTable
from bailiwick.targets.edge import envoy, haproxy, nginx, selftest
from bailiwick.targets.edge.addresses import blocks_of, database, examples
from bailiwick.targets.edge.options import EdgeOptions
from bailiwick.targets.edge.plan import Plan, as_dict


class Edge(StrEnum):
    """The proxies that are compiled for."""

    ENVOY = "envoy"
    NGINX = "nginx"
    HAPROXY = "haproxy"


_LARGE = ("US", "DE", "JP", "BR", "IN", "ZA", "CN", "RU", "IR", "KP", "CU")


@dataclass(frozen=True, slots=True)
class Compiled:
    """Files by name. Those in ``secret`` hold the token: nobody else may read them."""

    plan: Plan
    files: Mapping[str, bytes]
    secret: frozenset[str]
    command: str
    """Starts the proxy with them."""


def compile_edge(
    edge: Edge, made: Plan, table: AddressTable, built_at: datetime, options: EdgeOptions
) -> Compiled:
    """Compile for one proxy."""
    known = examples(table, places_of(table))
    shared = {
        "plan.json": json.dumps(as_dict(made), indent=1) + "\n",
        "selftest.json": selftest.plan_file(made, options, _few(made, known)),
        "selftest.py": selftest.SCRIPT,
    }
    make = {Edge.ENVOY: _envoy, Edge.NGINX: _nginx, Edge.HAPROXY: _haproxy}[edge]
    files, secret, command = make(made, table, built_at, options)
    written = {name: text.encode() for name, text in shared.items()}
    return Compiled(made, {**files, **written}, frozenset(secret), command)


def places_of(table: AddressTable) -> frozenset[str]:
    """Name the countries that a table knows addresses of."""
    return frozenset(answer.places[0][:2] for answer in table.answers if answer.places)


def _few(made: Plan, known: Mapping[str, str]) -> dict[str, str]:
    """Choose the addresses of the self-test: some refused, some asked about, large places first."""
    order = [*_LARGE, *(place for place in known if place not in _LARGE)]
    refused = [one for one in order if one in made.refused and one in known][: selftest.MOST]
    asked = [one for one in order if one not in made.refused and one in known][:4]
    return {place: known[place] for place in (*refused, *asked)}


Made = tuple[dict[str, bytes], set[str], str]


def _envoy(made: Plan, table: AddressTable, built_at: datetime, options: EdgeOptions) -> Made:
    text = json.dumps(envoy.config(made, options), indent=1) + "\n"
    files = {"envoy.json": text.encode()}
    if made.refused:
        files[envoy.DATABASE] = database(table, made.refused, built_at)
    return files, {"envoy.json"}, f"envoy -c {options.folder}/envoy.json"


def _nginx(made: Plan, table: AddressTable, built_at: datetime, options: EdgeOptions) -> Made:
    del built_at
    files = {
        "nginx.conf": nginx.main(made, options),
        "bailiwick-http.conf": nginx.http(made, options),
        "bailiwick-server.conf": nginx.server(made, options),
        "bailiwick-token.conf": nginx.token(options.token),
        nginx.REFUSED: nginx.blocks_file(blocks_of(table, made.refused)),
    }
    command = f"nginx -c {options.folder}/nginx.conf"
    return {n: t.encode() for n, t in files.items()}, {"bailiwick-token.conf"}, command


def _haproxy(made: Plan, table: AddressTable, built_at: datetime, options: EdgeOptions) -> Made:
    del built_at
    files = {
        "haproxy.cfg": haproxy.main(made, options),
        haproxy.SCRIPT: haproxy.script(made, options),
        haproxy.REFUSED: haproxy.blocks_file(blocks_of(table, made.refused)),
        options.token_file: options.token + "\n",
        **haproxy.files(),
    }
    command = f"haproxy -W -f {options.folder}/haproxy.cfg"
    return {n: t.encode() for n, t in files.items()}, {options.token_file}, command
