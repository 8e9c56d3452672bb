"""Compiled edges: their native refusals beside a rule by hand, and the time to compile."""

import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

from bailiwick.catalog import Catalog
from bailiwick.decision import compile_table
from bailiwick.location import LocationSettings, load_locator
from bailiwick.policy import Policy, read_policy
from bailiwick.targets.edge import Edge, EdgeOptions, compile_edge
from benchmarks import gateway as base
from benchmarks import gateway_report, traffic
from benchmarks.loads import Load
from benchmarks.options import Options
from benchmarks.report import Goal, Section, Spread, Table
from benchmarks.servers import Starter, edge

SERVERS = (
    edge.ENVOY_BY_HAND, edge.ENVOY_UNLOGGED, edge.ENVOY_LOGGED, edge.ENVOY_ALIKE, edge.ENVOY,
    edge.ENVOY_MODEL, edge.NGINX_BY_HAND, edge.NGINX_UNLOGGED, edge.NGINX_LOGGED, edge.NGINX_ALIKE,
    edge.NGINX, edge.HAPROXY, edge.HAPROXY_MODEL,
)  # fmt: skip
REFUSED = Load("527 B, refused at the edge, 64 connections", 64, False, False, SERVERS)


def run(options: Options) -> Section:
    """Measure."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=base.on_disk()) as directory,
        ExitStack() as stack,
    ):
        bench, site, _ = base.prepare(Path(directory), stack, edge.TWO)
        bench.sent = {"small-refused": bench.sent["small-refused"]}
        starters: dict[str, Starter] = {
            edge.ENVOY_BY_HAND: edge.envoy_by_hand,
            edge.ENVOY_LOGGED: edge.envoy_logged,
            edge.ENVOY_ALIKE: edge.envoy_alike,
            edge.ENVOY: partial(edge.native, Edge.ENVOY, edge.ENVOY),
            edge.ENVOY_UNLOGGED: partial(edge.native, Edge.ENVOY, edge.ENVOY_UNLOGGED, log=False),
            edge.NGINX_BY_HAND: edge.nginx_by_hand,
            edge.NGINX_LOGGED: edge.nginx_logged,
            edge.NGINX_ALIKE: edge.nginx_alike,
            edge.NGINX: partial(edge.native, Edge.NGINX, edge.NGINX),
            edge.NGINX_UNLOGGED: partial(edge.native, Edge.NGINX, edge.NGINX_UNLOGGED, log=False),
            edge.ENVOY_MODEL: partial(edge.native_model, Edge.ENVOY, edge.ENVOY_MODEL),
            edge.HAPROXY: partial(edge.native, Edge.HAPROXY, edge.HAPROXY),
            edge.HAPROXY_MODEL: partial(edge.native_model, Edge.HAPROXY, edge.HAPROXY_MODEL),
        }
        for name, start in starters.items():
            folder = replace(site, directory=Path(directory) / base.folder_of(name))
            base.start_server(bench, stack, folder, name, start)
        found = base.measure(bench, options, (REFUSED,))
        outcome = gateway_report.Outcome(found, {}, bench.servers, (), bench.cores, bench.notes)
    return _section(outcome, {one: _compile_s(one, options.rounds) for one in Edge})


def _section(outcome: gateway_report.Outcome, times: Mapping[Edge, Spread]) -> Section:
    rows = [(one.value, spread.show(2)) for one, spread in times.items()]
    pairs = (
        (edge.ENVOY_UNLOGGED, edge.ENVOY_BY_HAND), (edge.ENVOY, edge.ENVOY_ALIKE),
        (edge.NGINX_UNLOGGED, edge.NGINX_BY_HAND), (edge.NGINX, edge.NGINX_ALIKE),
    )  # fmt: skip
    slowest = max(spread.median for spread in times.values())
    return Section(
        "Edges",
        (
            gateway_report.load_table(outcome, REFUSED),
            Table(
                "Compiling 50 models, 250 places, 1,000 rules: processor time", ("for", "s"), rows
            ),
        ),
        (
            *(
                Goal(ours, ">=", 0.9, outcome.cpu(REFUSED, theirs, ours), f"of {theirs}")
                for ours, theirs in pairs
            ),
            Goal("compile, the slowest: processor time", "<=", 5.0, slowest, "s"),
        ),
        tuple(gateway_report.notes(outcome)),
    )


def _compile_s(one: Edge, rounds: int) -> Spread:
    """Give the processor time from a policy that was read to every file of the edge.

    The address data are loaded before; what all of them say together is part of it.
    """
    policy, catalog = _policy()
    now = datetime.now(UTC)
    locator = load_locator(LocationSettings(), now)
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        table, ground = compile_table(policy, catalog), locator.everywhere()
        compile_edge(one, table, catalog, ground, now, EdgeOptions())
        taken.append(time.process_time() - began)
    return Spread.of(taken)


def _policy() -> tuple[Policy, Catalog]:
    random = Random(4)
    rules, groups = traffic.many_rules(random, 1000), traffic.place_groups(random)
    text = traffic.policy_text(rules, groups)
    return read_policy(text, "made-up.yaml", traffic.catalog()), traffic.catalog()
