"""Bailiwick's own gateway: one worker, ten rules, 100,000 API keys, everything on record."""

import json
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bailiwick.accounts import AccountDatabase, KeySecret
from benchmarks.processes import Process, answers, free_port, wait_until
from benchmarks.servers import Server, Site

KEYS, USED = 100_000, 1000
STREAMING = "claude-haiku-4-5"
HOME = ("US", "CA", "GB", "AU", "NZ", "JP", "KR", "DE", "FR", "NL", "SE", "CH", "IT", "ES", "PL",
        "BR", "IN", "SG", "NO", "FI", "DK", "AT", "BE", "IE", "PT", "CZ")  # fmt: skip
"""Where the made-up accounts live, and where their requests come from."""
NAME = "Bailiwick"
NO_FSYNC = "Bailiwick, without fsync"
SHADOWED = "Bailiwick, without fsync, with a shadow"


def database(directory: Path) -> tuple[Path, Path]:
    """Make the accounts, a key for each. Returns the database and the file with the keys."""
    directory.mkdir()
    url = f"sqlite:///{directory}/accounts.db"
    AccountDatabase.open(url, directory / "accounts.secret", create=True)
    secret = KeySecret.load(directory / "accounts.secret")
    keys = [f"bw_{number:033d}" for number in range(KEYS)]
    with sqlite3.connect(directory / "accounts.db") as connection:
        for table, rows in _rows(keys, secret).items():
            marks = ",".join("?" * len(rows[0]))
            connection.executemany(f"insert into {table} values ({marks})", rows)
    (directory / "keys").write_text("\n".join(keys))
    return directory / "accounts.db", directory / "keys"


def _rows(keys: Sequence[str], secret: KeySecret) -> dict[str, list[tuple[Any, ...]]]:
    """Write rows as ``bailiwick accounts`` would, but all at once."""
    now = int(time.time() * 1000)
    ids = [f"acct_{number:016x}" for number in range(len(keys))]
    homes = [HOME[number % len(HOME)] for number in range(len(keys))]
    said = [
        (None, account, kind, home, "operator", 3, now, None, 0, None, 1, None)
        for account, home in zip(ids, homes, strict=True)
        for kind in ("billing", "card", "registered")
    ]
    return {
        "accounts": [(one, "account", f"Account {one}", None, "active", now, None) for one in ids],
        "keys": [
            (f"key_{number:013d}", ids[number], secret.digest(key), key[:7], now, None, None)
            for number, key in enumerate(keys)
        ],
        "evidence": said,
    }


def policy(site: Site) -> dict[str, Any]:
    """Write ten rules of the kinds that people write."""
    home, denied = list(HOME), list(site.denied)
    everything = {"address": "home", "billing": "home", "card": ["home", "unknown"]}
    return {
        "bailiwick": "1",
        "name": "benchmark",
        "evidence": {"required": ["address"]},
        "places": {"home": {"include": home}, "embargoed": {"include": denied}},
        "models": {
            "frontier": {"ids": ["anthropic/claude-*"]},
            "open": {"openness": ["open", "open-weight"], "controlled": "false"},
        },
        "rules": [
            {"id": "open-everywhere", "permit": "open"},
            {"id": "frontier-at-home", "permit": "frontier",
             "where": {**everything, "hidden": "ok", "registered": "home", "processing": "US"}},
            {"id": "others-at-home", "permit": ["openai/*", "google/*"], "where": everything},
            {"id": "embargo", "deny": "*", "absolute": "true",
             "where_any": {"address": "embargoed", "billing": "embargoed", "card": "embargoed"}},
            {"id": "no-exits", "deny": "frontier", "where": {"network": ["tor", "proxy"]}},
            {"id": "slow-pictures", "restrict": "google/*",
             "where": {"address": "EU", "features": {"any": ["image_input"]}},
             "to": {"quota": {"requests": "60", "per": "minute"}}},
            {"id": "no-images-in-brazil", "restrict": "openai/*", "where": {"address": "BR"},
             "to": {"features": {"deny": ["image_input"]}}},
            {"id": "long-answers", "restrict": "frontier", "labels": {"any": ["trial"]},
             "to": {"max_output_tokens": "1000"}},
            {"id": "research", "permit": "frontier", "labels": ["research"],
             "where": {"billing": "ZA"}},
            {"id": "tests", "permit": "frontier", "labels": ["red-team"],
             "where": {"address": ["US", "GB"]}},
        ],
    }  # fmt: skip


def settings(site: Site, database_file: Path, port: int, admin: int, fsync: bool) -> dict[str, Any]:
    """Write the settings; what is not said here is as it comes."""
    upstream = f"http://127.0.0.1:{site.upstream_port}"
    model = f"anthropic/{site.model}"
    shared = {"dialects": ["anthropic"], "processing": ["US"], "egress": "US", "endpoint": "US"}
    return {
        "policy": "policy.yaml",
        "listen": {"port": str(port)},
        "admin": {"port": str(admin)},
        "location": {"trusted_proxies": ["127.0.0.0/8"]},
        "accounts": {
            "database": str(database_file),
            "secret": str(database_file.with_name("accounts.secret")),
        },
        "audit": {"directory": "audit", "fsync": "true" if fsync else "false"},
        "upstreams": [
            {"name": "models", "base_url": upstream, "models": {model: site.model}, **shared},
            {"name": "stream", "base_url": f"{upstream}/stream",
             "models": {f"anthropic/{STREAMING}": STREAMING}, **shared},
        ],
        "logging": {"level": "warning"},
    }  # fmt: skip


def gateway(
    site: Site,
    database_file: Path,
    *,
    fsync: bool = True,
    shadow: bool = False,
    limits: Mapping[str, str] | None = None,
) -> Server:
    """Start it; with ``shadow`` beside a policy that refuses some of what its own permits.

    ``limits``: settings of that section.
    """
    port, admin = free_port(), free_port()
    directory = site.directory
    (directory / "policy.yaml").write_text(json.dumps(policy(site)))
    written = settings(site, database_file, port, admin, fsync)
    if shadow:
        beside = policy(site)
        beside["places"]["home"] = {"include": list(HOME[:-2])}
        (directory / "next.yaml").write_text(json.dumps(beside))
        written["shadow"] = "next.yaml"
    if limits:
        written["limits"] = dict(limits)
    config = directory / "bailiwick.yaml"
    config.write_text(json.dumps(written))
    command = [sys.executable, "-m", "bailiwick", "serve", "--config", str(config)]
    process = Process(command, site.core, directory / "log")
    try:
        wait_until(answers(f"http://127.0.0.1:{admin}/readyz"), process, pause_s=0.005)
        ready = time.perf_counter() - process.began
    except BaseException:
        process.stop()
        raise
    name = SHADOWED if shadow else NAME if fsync else NO_FSYNC
    return Server(
        name, port, (process,), stream_path="/v1/messages",
        stream_model=STREAMING, version=version("bailiwick"), start_to_ready_s=ready,
    )  # fmt: skip


def restarts(site: Site, database_file: Path, times: int) -> list[float]:
    """Start it some more times; give the seconds from start to ready."""
    taken = []
    for number in range(times):
        directory = site.directory / f"again-{number}"
        directory.mkdir()
        server = gateway(replace(site, directory=directory), database_file)
        for process in server.processes:
            process.stop()
        taken.append(server.start_to_ready_s or 0.0)
    return taken
