"""Our gateway beside other ones, in turns, on a core of their own, in front of one upstream."""

import http.client
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

from bailiwick.location import country_mmdb, load_embedded
from benchmarks import bodies, disk, gateway_report, stream, wrk
from benchmarks.gateway_report import DIRECT
from benchmarks.loads import (
    AUTHZ,
    BARE,
    ENVOY,
    LITELLM,
    LOADS,
    LUA,
    NO_FSYNC,
    OURS,
    PLAIN,
    RBAC,
    Found,
    Load,
    Measured,
)  # fmt: skip
from benchmarks.options import Options
from benchmarks.processes import Cores, Failed, running
from benchmarks.report import Section, Spread
from benchmarks.servers import Missing, Server, Site, Starter, bare, envoy, litellm, nginx, ours
from benchmarks.upstream import Upstream

MODEL = "claude-sonnet-4-5"
DENIED = ("CN", "RU", "KP", "IR", "SY", "CU", "BY", "VE", "HK", "AF")
CALLERS, LARGE_BODIES, WARM_UP_S, STREAMS, RESTARTS = 2000, 16, 1.0, 5, 3


@dataclass(slots=True)
class Bench:
    """Everything that runs, and everything that is sent."""

    cores: Cores
    upstream: Upstream
    records: Path
    """A folder on the disk that the records are on."""
    servers: dict[str, Server] = field(default_factory=dict)
    scripts: dict[tuple[str, str], Path] = field(default_factory=dict)
    sent: dict[str, list[wrk.Sent]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    restarts_s: list[float] = field(default_factory=list)


def run(options: Options) -> Section:
    """Measure."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=on_disk()) as directory,
        ExitStack() as stack,
    ):
        bench = _set_up(Path(directory), stack, options)
        found = measure(bench, options, LOADS)
        outcome = gateway_report.Outcome(
            found, _watch_streams(bench), bench.servers, bench.restarts_s, bench.cores, bench.notes
        )
        return gateway_report.section(outcome)


def on_disk() -> Path:
    """Keep the records on the disk of the project, as ``/tmp`` may be in memory."""
    directory = Path("build")
    directory.mkdir(exist_ok=True)
    return directory.absolute()


# -- setting up --------------------------------------------------------------------------------


def prepare(
    directory: Path, stack: ExitStack, denied: Sequence[str] = DENIED
) -> tuple[Bench, Site, Path]:
    """Start what every server needs: the upstream, accounts, addresses, bodies."""
    cores = Cores.choose()
    random = Random(7)
    table, description = load_embedded()
    mmdb = directory / "country.mmdb"
    built_at = description.built_at or datetime.now(UTC)
    mmdb.write_bytes(country_mmdb(table, built_at, "for benchmarks"))
    database, keys = ours.database(directory / "accounts")
    upstream = Upstream(directory / "upstream", cores.load)
    stack.enter_context(running(*upstream.processes))
    upstream.wait()
    bench = Bench(cores, upstream, directory)
    site = Site(directory, cores.server, upstream.port, mmdb, keys, denied, MODEL)

    def find(places: Sequence[str]) -> list[str]:
        return bodies.addresses(table, random, places, CALLERS)

    _write_bodies(bench, directory, random, find, denied)
    return bench, site, database


def _set_up(directory: Path, stack: ExitStack, options: Options) -> Bench:
    bench, site, database = prepare(directory, stack)
    for name, start in _starters(database).items():
        if options.only and name not in options.only and name != PLAIN:
            continue
        start_server(
            bench, stack, replace(site, directory=directory / folder_of(name)), name, start
        )
    if OURS in bench.servers:
        again = replace(site, directory=directory / "again")
        again.directory.mkdir()
        bench.restarts_s = ours.restarts(again, database, RESTARTS)
    return bench


def folder_of(name: str) -> str:
    return "server-ours" if name == OURS else "server-" + "".join(filter(str.isalnum, name))


def _starters(database: Path) -> dict[str, Starter]:
    return {
        PLAIN: nginx.plain,
        LUA: nginx.geoip_and_lua,
        ENVOY: envoy.plain,
        RBAC: envoy.geoip_and_model,
        AUTHZ: envoy.ext_authz,
        LITELLM: litellm.proxy,
        BARE: bare.server,
        OURS: partial(ours.gateway, database_file=database),
        NO_FSYNC: partial(ours.gateway, database_file=database, fsync=False),
    }


def start_server(bench: Bench, stack: ExitStack, site: Site, name: str, start: Starter) -> None:
    """Start a server and see that it decides as it should; leave it out if it does not."""
    site.directory.mkdir()
    try:
        server = start(site)
        stack.enter_context(running(*server.processes))
        _check(bench, server)
    except (Missing, Failed, OSError) as error:
        bench.notes.append(f"{name}: skipped, {error}")
        return
    bench.servers[name] = server
    for kind, sent in bench.sent.items():
        path = site.directory / f"{kind}.lua"
        bench.scripts[name, kind] = wrk.write_script(path, sent, server.way)


def _write_bodies(
    bench: Bench,
    directory: Path,
    random: Random,
    find: Callable[[Sequence[str]], list[str]],
    denied: Sequence[str],
) -> None:
    directory = directory / "bodies"
    directory.mkdir()
    (small,) = bodies.write(directory, [bodies.small(random, MODEL)], "small")
    large = [bodies.large(random, MODEL) for _ in range(LARGE_BODIES)]
    large_files = bodies.write(directory, large, "large")
    keys = [f"bw_{number:033d}" for number in range(ours.USED)]
    permitted, refused = find(ours.HOME), find(denied)

    def sent(addresses: Sequence[str], files: Sequence[Path]) -> list[wrk.Sent]:
        return [
            wrk.Sent(address, random.choice(keys), random.choice(files)) for address in addresses
        ]

    texts = [bodies.small(random, MODEL) for _ in range(2 * CALLERS)]
    text_files = bodies.write(directory, texts, "text")

    def fresh(every: Sequence[wrk.Sent]) -> list[wrk.Sent]:
        """Let nobody say the same as the last time."""
        return [
            replace(one, body=text, id=f"req-{random.getrandbits(64):016x}")
            for one, text in zip([*every, *every], text_files, strict=True)
        ]

    small_permitted, small_refused = sent(permitted, [small]), sent(refused, [small])
    bench.sent = {
        "small-permitted": small_permitted,
        "small-permitted-fresh": fresh(small_permitted),
        "small-refused": small_refused,
        "small-refused-fresh": fresh(small_refused),
        "large-permitted": [
            wrk.Sent(address, random.choice(keys), file)
            for address, file in zip(permitted, large_files, strict=False)
        ],
    }


def _check(bench: Bench, server: Server) -> None:
    """Ask once for each kind of request."""
    for kind, every in bench.sent.items():
        first = every[0]
        status = _ask(server, first.address, first.key, first.body.read_bytes())
        wanted = 403 if "-refused" in kind and server.refuses else 200
        if status != wanted:
            raise Failed(f"it answered {status} and not {wanted} to a request of kind {kind}")


def _ask(server: Server, address: str, key: str, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("POST", server.way.path, body, _headers(server, address, key))
        return connection.getresponse().status
    finally:
        connection.close()


def _headers(server: Server, address: str, key: str) -> dict[str, str]:
    way = server.way
    return {
        "content-type": "application/json",
        "x-forwarded-for": address,
        way.key_header: way.key_prefix + (way.key or key),
    }


# -- measuring ---------------------------------------------------------------------------------


def measure(bench: Bench, options: Options, loads: Sequence[Load]) -> Found:
    """Load the servers in turns, round by round."""
    found: Found = {}
    turns = [(load, name) for load in loads for name in load.servers if name in bench.servers]
    for number in range(options.rounds + 1):
        for load, name in turns:
            seconds = options.seconds if number else WARM_UP_S
            measured = _one_turn(bench, load, name, seconds)
            if number:
                found.setdefault((load, name), []).append(measured)
    return found


def _one_turn(bench: Bench, load: Load, name: str, seconds: float) -> Measured:
    server = bench.servers[name]
    fsync = disk.fsync_ms(bench.records) if name == OURS else None
    connections = _connections(load, server)
    opened, asked = bench.upstream.counts()
    cpu = server.cpu_seconds()
    script, core = bench.scripts[name, load.kind], bench.cores.load
    answered = wrk.load(server.port, script, connections, seconds, core)
    cpu = server.cpu_seconds() - cpu
    opened_after, asked_after = bench.upstream.counts()
    wrong = answered.refused if load.permitted else answered.requests - answered.refused
    return Measured(
        answered,
        cpu / max(answered.requests, 1) * 1e6,
        max(opened_after - opened - connections, 0) / max(asked_after - asked - 1, 1),
        wrong + answered.broken,
        fsync,
    )


def _connections(load: Load, server: Server) -> int:
    return min(load.connections, server.connections or load.connections)


def _watch_streams(bench: Bench) -> dict[str, Spread]:
    """Give the milliseconds from a request to the first event of its stream."""
    random = Random(9)
    who = bench.sent["small-permitted"][0]
    ways: dict[str, tuple[int, str, str, dict[str, str]]] = {
        DIRECT: (bench.upstream.port, "/stream/v1/messages", MODEL, {})
    }
    for name, server in bench.servers.items():
        if server.stream_path is not None:
            headers = _headers(server, who.address, who.key)
            ways[name] = (server.port, server.stream_path, server.stream_model or MODEL, headers)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(STREAMS):
        for name, (port, path, model, headers) in ways.items():
            body = bodies.small(random, model, stream=True)
            taken[name].append(stream.watch(port, path, headers, body).first_ms)
    return {name: Spread.of(values) for name, values in taken.items()}
