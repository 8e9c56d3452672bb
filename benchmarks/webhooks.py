"""How many webhook events a second are verified, read, written down and acknowledged on SQLite."""

import asyncio
import hashlib
import hmac
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from bailiwick.accounts import AccountDatabase
from bailiwick.accounts.sources import Inbox, read_json, read_stripe_event, verify_stripe
from benchmarks.options import Options
from benchmarks.processes import Cores, Process, free_port, listens, wait_until
from benchmarks.report import Goal, Section, Spread, Table

EVENTS, ACCOUNTS, SENDERS, SECRET = 5_000, 500, 64, "whsec_benchmark"
POLICY = """\
bailiwick: 1
name: benchmark
models: {open: {openness: [open, open-weight], controlled: false}}
rules:
  - {id: open-everywhere, permit: open}
"""
SETTINGS = """\
policy: policy.yaml
webhooks:
  listen: {{port: {port}}}
  stripe: [{{env: STRIPE_SECRET}}]
accounts: {{database: accounts.db, secret: secret}}
upstreams:
  - name: one
    base_url: http://127.0.0.1:9
    dialects: [anthropic]
    models: {{"anthropic/*": "*"}}
"""


def run(options: Options) -> Section:
    """Measure."""
    rounds: dict[str, list[tuple[float, float]]] = {"over HTTP": [], "everything but HTTP": []}
    for number in range(options.rounds):
        for name, measure in (("over HTTP", _served), ("everything but HTTP", _called)):
            with tempfile.TemporaryDirectory(dir=_build()) as folder:
                rounds[name].append(measure(Path(folder), Random(number)))
    rates = {name: Spread.of(EVENTS / wall for wall, _ in some) for name, some in rounds.items()}
    cpu = {name: Spread.of(u / EVENTS * 1e6 for _, u in some) for name, some in rounds.items()}
    rows = [(name, rates[name].show(0), cpu[name].show(0)) for name in rounds]
    columns = ("verify, read, write, acknowledge", "events a second", "CPU us each")
    title = f"{EVENTS:,} events of {ACCOUNTS} customers, SQLite, synchronous FULL"
    rate = rates["over HTTP"].median
    note = (
        f"{SENDERS} senders, each with a connection that it keeps, wait until an event is durable"
    )
    return Section(
        "Webhooks",
        (Table(title, columns, rows),),
        (Goal("events taken in over HTTP and durable", ">=", 1000.0, rate, "a second"),),
        (note,),
    )


def _build() -> Path:
    found = Path("build")
    found.mkdir(exist_ok=True)
    return found


def _prepare(folder: Path, random: Random) -> tuple[AccountDatabase, list[tuple[bytes, str]]]:
    database = AccountDatabase.open(
        f"sqlite:///{folder / 'accounts.db'}", folder / "secret", create=True
    )
    for number in range(ACCOUNTS):
        database.add_account(f"a{number}", id=f"a{number}", actor="bench", reason="bench")
    now = int(datetime.now(UTC).timestamp())
    return database, [_request(random, number, now) for number in range(EVENTS)]


def _called(folder: Path, random: Random) -> tuple[float, float]:
    """Give the seconds, of the clock and of the processor, in this process."""
    database, requests = _prepare(folder, random)
    inbox = Inbox(database)
    wall, used = time.perf_counter(), time.process_time()
    _send(inbox, requests)
    taken = time.perf_counter() - wall, time.process_time() - used
    inbox.close()
    database.close()
    return taken


def _served(folder: Path, random: Random) -> tuple[float, float]:
    """Give the seconds, of the clock and of the processor, of ``bailiwick webhooks``."""
    database, requests = _prepare(folder, random)
    database.close()
    port, settings = free_port(), folder / "bailiwick.yaml"
    (folder / "policy.yaml").write_text(POLICY)
    settings.write_text(SETTINGS.format(port=port))
    command = [sys.executable, "-m", "bailiwick", "webhooks", "--config", settings]
    server = Process(command, Cores.choose().server, folder / "log", {"STRIPE_SECRET": SECRET})
    try:
        wait_until(listens(port), server)
        used, wall = server.cpu_seconds(), time.perf_counter()
        asyncio.run(_post(port, requests))
        return time.perf_counter() - wall, server.cpu_seconds() - used
    finally:
        server.stop()


async def _post(port: int, requests: Sequence[tuple[bytes, str]]) -> None:
    left = iter(requests)

    async def sender() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body, signature in left:
            head = (
                "POST /webhooks/stripe HTTP/1.1\r\nhost: bench\r\n"
                f"stripe-signature: {signature}\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in answer.partition(b"\r\n")[0], answer
            length = answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
        writer.close()

    await asyncio.gather(*(sender() for _ in range(SENDERS)))


def _request(random: Random, number: int, now: int) -> tuple[bytes, str]:
    kind, found = random.choice(_objects(random, random.randrange(ACCOUNTS), number))
    created = now - random.randrange(1000)
    event = {"id": f"evt_{number}", "created": created, "type": kind, "data": {"object": found}}
    body = json.dumps(event).encode()
    mac = hmac.new(SECRET.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return body, f"t={now},v1={mac}"


def _objects(random: Random, who: int, number: int) -> list[tuple[str, dict[str, Any]]]:
    address = {"country": random.choice(["US", "CA", "DE", "FR"])}
    customer = {
        "id": f"cus_{who}",
        "address": address,
        "phone": "+14155550123",
        "metadata": {"bailiwick_account": f"a{who}"},
    }
    card = {
        "country": "US",
        "funding": "credit",
        "fingerprint": f"f{who}",
        "checks": {"address_postal_code_check": "pass"},
    }
    method = {
        "id": f"pm_{who}_{number % 3}",
        "customer": f"cus_{who}",
        "billing_details": {"address": address},
        "card": card,
    }
    return [
        ("customer.updated", customer),
        ("payment_method.attached", method),
        ("invoice.paid", {"id": f"in_{number}"}),
    ]


def _send(inbox: Inbox, requests: Sequence[tuple[bytes, str]]) -> None:
    slots, left = threading.Semaphore(SENDERS), threading.Semaphore(0)

    def done(outcome: str | Exception) -> None:
        assert isinstance(outcome, str), outcome
        slots.release()
        left.release()

    for body, header in requests:
        slots.acquire()
        verify_stripe(body, header, [SECRET], datetime.now(UTC))
        inbox.submit(read_stripe_event(read_json(body)), done)
    for _ in requests:
        left.acquire()
