"""The decision service: behind Envoy beside a bare one by hand, and 1,000 evaluations at once."""

import http.client
import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks import gateway as base
from benchmarks import gateway_report
from benchmarks.loads import Load
from benchmarks.options import Options
from benchmarks.processes import Process, running
from benchmarks.report import Goal, Section, Spread, Table
from benchmarks.servers import Starter, edge, envoy

JSON = "Envoy, geoip + json_to_metadata + RBAC"
SERVERS = (edge.BY_HAND, edge.OURS)
SMALL = Load("527 B, permitted, 64 connections", 64, True, False, SERVERS)
REFUSED = Load("527 B, refused, 64 connections", 64, False, False, SERVERS)
LARGE = Load(
    "400 KB with the model last, permitted, 16 connections", 16, True, True, (*SERVERS, JSON)
)
LOADS = (SMALL, REFUSED, LARGE)
ITEMS, ASKED = 1000, 40


def run(options: Options) -> Section:
    """Measure."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=base.on_disk()) as directory,
        ExitStack() as stack,
    ):
        bench, site, database = base.prepare(Path(directory), stack)
        starters: dict[str, Starter] = {
            edge.BY_HAND: envoy.ext_authz,
            edge.OURS: partial(edge.envoy_and_service, database_file=database),
            JSON: envoy.geoip_and_model,
        }
        for name, start in starters.items():
            folder = replace(site, directory=Path(directory) / base.folder_of(name))
            base.start_server(bench, stack, folder, name, start)
        found = base.measure(bench, options, LOADS)
        alone = replace(site, directory=Path(directory) / "alone")
        alone.directory.mkdir()
        process, port, token = edge.service(alone, database)
        with running(process):
            evaluations, cpu = _evaluations(port, token, options.rounds, process)
        outcome = gateway_report.Outcome(found, {}, bench.servers, (), bench.cores, bench.notes)
        return _section(outcome, evaluations, cpu)


def _evaluations(port: int, token: str, rounds: int, process: Process) -> tuple[Spread, Spread]:
    """Give the milliseconds of 1,000 evaluations: from sending them to having read the answers, and
    of processor time in the service.
    """
    models = _models(port, token)
    items = [
        {"resource": {"type": "model", "id": models[n % len(models)]},
         "action": {"name": ("infer", "tune", "deploy", "batch")[n // len(models) % 4]}}
        for n in range(ITEMS)
    ]  # fmt: skip
    body = json.dumps(
        {"subject": {"type": "account", "id": f"acct_{3:016x}"},
         "context": {"address": "8.8.8.8"}, "evaluations": items}
    ).encode()  # fmt: skip
    taken, used = [], []
    for _ in range(rounds):
        before = process.cpu_seconds()
        for _ in range(ASKED):
            began = time.perf_counter()
            answer = _post(port, "/access/v1/evaluations", body, token)
            taken.append((time.perf_counter() - began) * 1000)
            assert answer.count(b'"decision":') == ITEMS
        used.append((process.cpu_seconds() - before) * 1000 / ASKED)
    return Spread.of(taken), Spread.of(used)


def _models(port: int, token: str) -> Sequence[str]:
    body = json.dumps(
        {"subject": {"type": "anonymous"}, "action": {"name": "infer"},
         "resource": {"type": "model"}, "page": {"limit": 1000}}
    ).encode()  # fmt: skip
    found = json.loads(_post(port, "/access/v1/search/resource", body, token))
    names = [one["id"] for one in found["results"]]
    return [*names, "claude-sonnet-4-5", "claude-haiku-4-5", "gpt-4o", "nobody/knows"]


def _post(port: int, path: str, body: bytes, token: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return answer.read()
    finally:
        connection.close()


def _section(outcome: gateway_report.Outcome, evaluations: Spread, cpu: Spread) -> Section:
    tables = [gateway_report.load_table(outcome, load) for load in LOADS]
    row = (f"{ITEMS} evaluations of one account", evaluations.show(2), cpu.show(2))
    small = outcome.rate(SMALL, edge.OURS, edge.BY_HAND)
    large = outcome.rate(LARGE, edge.OURS, JSON)
    return Section(
        "Decision service",
        (
            *tables,
            Table(
                "AuthZEN, from sending to having read, and processor time",
                ("", "ms", "CPU ms"),
                [row],
            ),
        ),
        (
            Goal("Envoy + service, 527 B", ">=", 0.85, small, f"of {edge.BY_HAND}"),
            Goal("Envoy + service, 400 KB", ">=", 2.0, large, f"of {JSON}"),
            Goal(f"{ITEMS} evaluations in one request", "<=", 10.0, evaluations.median, "ms"),
        ),
        (
            *gateway_report.notes(outcome),
            "The bare service knows 100,000 keys, a model and ten countries; it records nothing.",
        ),
    )
