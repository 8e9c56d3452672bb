"""How many webhook events a second are verified, read, written down and acknowledged on SQLite."""

import hashlib
import hmac
import json
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
from benchmarks.report import Goal, Section, Spread, Table

EVENTS, ACCOUNTS, SECRET = 5_000, 500, "whsec_benchmark"


def run(options: Options) -> Section:
    """Measure."""
    rates, cpu = [], []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=_build()) as folder:
            wall, used = _round(Path(folder), Random(number))
        rates.append(EVENTS / wall)
        cpu.append(used / EVENTS * 1e6)
    rows = [("verify, read, write, acknowledge", Spread.of(rates).show(0), Spread.of(cpu).show(0))]
    columns = ("what", "events a second", "CPU us each")
    title = f"{EVENTS:,} events of {ACCOUNTS} customers, SQLite, synchronous FULL"
    return Section(
        "Webhooks",
        (Table(title, columns, rows),),
        (Goal("events taken in and durable", ">=", 1000.0, Spread.of(rates).median, "a second"),),
        ("without HTTP; 64 senders wait for their acknowledgement, as Stripe does",),
    )


def _build() -> Path:
    found = Path("build")
    found.mkdir(exist_ok=True)
    return found


def _round(folder: Path, random: Random) -> tuple[float, float]:
    database = AccountDatabase.open(
        f"sqlite:///{folder / 'accounts.db'}", folder / "secret", create=True
    )
    for number in range(ACCOUNTS):
        database.add_account(f"a{number}", id=f"a{number}", actor="bench", reason="bench")
    now = int(datetime.now(UTC).timestamp())
    requests = [_request(random, number, now) for number in range(EVENTS)]
    inbox = Inbox(database)
    wall, used = time.perf_counter(), time.process_time()
    _send(inbox, requests)
    taken = time.perf_counter() - wall, time.process_time() - used
    inbox.close()
    database.close()
    return taken


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
    slots, left = threading.Semaphore(64), threading.Semaphore(0)

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
