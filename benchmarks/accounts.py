"""A million accounts and keys: lookup, memory, loading, changes, and when others see a change."""

import gc
import hashlib
import importlib
import multiprocessing
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from bailiwick.accounts import AccountDatabase, AccountStore
from bailiwick.accounts.engine import reading
from bailiwick.accounts.keys import KeySecret, key_id
from bailiwick.accounts.loading import changes_since
from bailiwick.accounts.opening import check_schema
from benchmarks.options import Options
from benchmarks.report import Goal, Section, Spread, Table
from benchmarks.timing import each_call

COUNT, ASKED, SEEN = 1_000_000, 100_000, 200
PLACES = ("US", "CA", "DE", "FR", "NL", "GB", "JP", "BR")
BY = {"actor": "bench", "reason": "bench"}
PAUSE_S = 0.03


@dataclass
class Plain:
    """An account as one would write it first."""

    id: str
    status: str
    values: dict[str, frozenset[str]]
    until: int | None


def run(options: Options) -> Section:
    """Measure."""
    del options  # a hundred thousand lookups, each timed, need no rounds
    with tempfile.TemporaryDirectory(dir=_build()) as folder:
        directory = Path(folder)
        _fill(directory, COUNT)
        ours, plain = (_apart(measure, directory) for measure in (_ours, _plain))
        seen = {"SQLite": _seen(f"sqlite:///{directory}/small.db", directory / "small.secret")}
        with _postgres() as url:
            if url:
                seen["PostgreSQL"] = _seen(url, directory / "server.secret")
    rows = [
        (name, *(f"{found[what]:,.2f}" for what in ("mb", "load_s", "hit_us", "p99_us", "miss_us")))
        for name, found in (("Bailiwick", ours), ("a dict of objects", plain))
    ]
    columns = ("what", "MB", "load, CPU s", "lookup us", "p99", "unknown key us")
    spreads = [(name, spread.show(1), f"{p99:.1f}") for name, (spread, p99) in seen.items()]
    goals = [
        Goal("key to mask, without the hash, median", "<=", 3.0, ours["hit_us"], "us"),
        Goal("memory of all workers together", "<=", 100, ours["mb"], "MB"),
        Goal("load", "<=", 20, ours["load_s"], "s of CPU"),
        Goal("one change applied, median", "<=", 1.0, ours["apply_ms"], "ms of CPU"),
        *(
            Goal(f"a revocation seen by another process, {name}, p99", "<=", 50, p99, "ms")
            for name, (_, p99) in seen.items()
        ),
    ]
    return Section(
        "Accounts",
        (
            Table(f"{COUNT:,} accounts with a key each, asked at random", columns, rows),
            Table("From a commit to another process's answer, ms", ("", "ms", "p99"), spreads),
        ),
        tuple(goals),
        (f"with reading it from the database one change takes {ours['read_ms']:.2f} ms of CPU",),
    )


def _build() -> Path:
    found = Path("build")
    found.mkdir(exist_ok=True)
    return found


def _raw(number: int) -> str:
    return f"bw_{number:033d}"


def _fill(directory: Path, count: int) -> None:
    """Write rows as ``bailiwick accounts`` would, but all at once; a quarter expires some day."""
    url, secret_file = f"sqlite:///{directory}/accounts.db", directory / "secret"
    AccountDatabase.open(url, secret_file, create=True).close()
    secret = KeySecret.load(secret_file)
    ids = [f"acct_{hashlib.sha256(b'%d' % n).hexdigest()[:16]}" for n in range(count)]
    later = int(time.time() * 1000) + 86_400_000
    with sqlite3.connect(directory / "accounts.db") as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executemany(
            "insert into accounts (id, kind, name, status, created_at)"
            " values (?, 'account', 'A', 'active', 0)",
            ((one,) for one in ids),
        )
        connection.executemany(
            "insert into evidence (account_id, kind, value, source, tier, observed_at, expires_at,"
            " against_interest, added_seq) values (?, ?, ?, 'stripe', 2, 0, ?, 0, 0)",
            (
                (one, kind, PLACES[n % len(PLACES)], later + n if kind == "card" else None)
                for n, one in enumerate(ids)
                for kind in (("billing", "card") if n % 4 == 0 else ("billing",))
            ),
        )
        connection.executemany(
            "insert into keys (id, account_id, digest, shown, created_at)"
            " values (?, ?, ?, 'bw_', 0)",
            (
                (key_id(digest), one, digest)
                for n, one in enumerate(ids)
                for digest in (secret.digest(_raw(n)),)
            ),
        )


def _apart(measure: Any, directory: Path) -> dict[str, float]:
    """Measure in a process that has done nothing else."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: dict[str, float] = pool.apply(measure, (directory,))
    return found


def _ours(directory: Path) -> dict[str, float]:
    url, secret = f"sqlite:///{directory}/accounts.db", directory / "secret"
    warm = AccountDatabase.open(url, secret)
    before, began = _resident_mb(), time.process_time()
    store = AccountStore.open(url, secret)
    load_s, used = time.process_time() - began, _resident_mb() - before
    snapshot, at, masks = store._snapshot, datetime.now(UTC), {}

    def mask(digest: bytes) -> object:
        view = snapshot.view(digest, at)
        return view and masks.setdefault(id(view.values), view.values)

    found = _asked(mask, secret)
    account, secret_of = snapshot.accounts.identity(0), KeySecret.load(secret)
    whole, applied = [], []
    for number in range(100):
        warm.set_label(account, f"l{number % 5}", **BY)
        with reading(warm.engine) as connection:
            began = time.process_time()
            check_schema(connection, warm.engine, secret_of)
            found_now = changes_since(
                connection, snapshot.sequence, snapshot.deriver, int(time.time() * 1000)
            )
        read = time.process_time()
        snapshot.apply(found_now)
        done = time.process_time()
        whole.append((done - began) * 1000)
        applied.append((done - read) * 1000)
    more = {"apply_ms": statistics.median(applied), "read_ms": statistics.median(whole)}
    return {"mb": used, "load_s": load_s, **found, **more}


def _plain(directory: Path) -> dict[str, float]:
    secret = directory / "secret"
    before, began = _resident_mb(), time.process_time()
    connection = sqlite3.connect(directory / "accounts.db")
    query = """select k.digest, a.id, a.status, group_concat(e.kind || ' ' || e.value),
        min(e.expires_at) from keys k join accounts a on a.id = k.account_id
        join evidence e on e.account_id = a.id group by a.id"""
    accounts = {
        bytes(digest[:16]): Plain(id_, status, _values(said), until)
        for digest, id_, status, said, until in connection.execute(query)
    }
    load_s, used = time.process_time() - began, _resident_mb() - before
    now = int(time.time() * 1000)

    def values(digest: bytes) -> object:
        found = accounts.get(digest[:16])
        return found and (found.until is None or now < found.until) and found.values

    return {"mb": used, "load_s": load_s, **_asked(values, secret)}


def _values(said: str) -> dict[str, frozenset[str]]:
    pairs = (one.partition(" ") for one in said.split(","))
    return {kind: frozenset({value}) for kind, _, value in pairs}


def _asked(look: Any, secret_file: Path) -> dict[str, float]:
    """Time lookups of keys at random; most are not in any cache of the processor."""
    secret, random = KeySecret.load(secret_file), Random(1)
    digests = [secret.digest(_raw(random.randrange(COUNT))) for _ in range(ASKED)]
    for digest in digests[:1000]:
        assert look(digest)
    gc.collect()
    hits = sorted(each_call(look, [(digest,) for digest in digests]))
    misses = each_call(look, [(os.urandom(32),) for _ in range(ASKED)])
    return {
        "hit_us": statistics.median(hits) / 1000,
        "p99_us": hits[len(hits) * 99 // 100] / 1000,
        "miss_us": statistics.median(misses) / 1000,
    }


def _resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _seen(url: str, secret: Path) -> tuple[Spread, float]:
    """Time from the end of a revocation's transaction until another process refuses the key."""
    database = AccountDatabase.open(url, secret, create=True)
    database.add_account("A", id="a", **BY)
    keys = [database.add_key("a", **BY) for _ in range(SEEN)]
    context = multiprocessing.get_context("spawn")
    seen = context.Queue()
    raw = [key.raw for key in keys]
    other = context.Process(target=_look, args=(url, secret, raw, seen), daemon=True)
    other.start()
    seen.get()
    taken = []
    for key in keys:
        time.sleep(PAUSE_S)
        database.revoke_key(key.id, **BY)
        done = time.monotonic()
        taken.append(max(0.0, seen.get() - done) * 1000)
    other.join()
    database.close()
    return Spread.of(taken), sorted(taken)[len(taken) * 99 // 100]


def _look(url: str, secret: Path, keys: Sequence[str], seen: Any) -> None:
    store, now = AccountStore.open(url, secret), datetime.now(UTC)
    gc.freeze()  # as a worker does
    store.start()
    seen.put(0.0)
    for key in keys:
        while store.by_key(key, now) is not None:
            time.sleep(0.0005)
        seen.put(time.monotonic())
    store.close()


@contextmanager
def _postgres() -> Iterator[str | None]:
    """Run a server as the tests do; give the URL of a database, or ``None`` if there is none."""
    cluster = importlib.import_module("tests.postgres_cluster")
    binaries = cluster.find_binaries()
    if binaries is None:
        yield None
        return
    server = cluster.Cluster(binaries)
    try:
        yield server.new_database()
    finally:
        server.remove()
