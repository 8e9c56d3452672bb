"""Write an audit log under load in a child process and kill it, again and again.

Run as ``python hammer.py DIRECTORY OUTSIDE KILLS SEED``; prints every acknowledged id. Children
are forked from here, where everything is imported already, so that a kill costs milliseconds.
"""

import asyncio
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bailiwick.audit import AuditLog, Settings

SETTINGS = Settings(segment_bytes=40_000, checkpoint_records=40)


def clock() -> datetime:
    return datetime.now(UTC)


async def load(log: AuditLog, name: str, pipe: int) -> None:
    async def client(number: int) -> None:
        for turn in range(1_000_000):
            record = f"{name}-{number}-{turn}"
            await log.append({"kind": "decision", "id": record}, raw={"address": "192.0.2.1"})
            os.write(pipe, f"{record}\n".encode())
            log.append_nowait({"kind": "outcome", "id": record})

    await asyncio.gather(*(client(number) for number in range(8)))


def child(directory: Path, outside: Path, name: str, pipe: int) -> None:
    log = AuditLog.open(
        directory,
        node="gw-1",
        clock=lambda: datetime.now(UTC),
        outside=[outside],
        settings=SETTINGS,
    )
    asyncio.run(load(log, name, pipe))


def kill_one(directory: Path, outside: Path, name: str, seconds: float) -> bytes:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        child(directory, outside, name, writer)
        os._exit(1)
    os.close(writer)
    acknowledged = b""
    until = time.monotonic() + seconds
    os.set_blocking(reader, False)
    while time.monotonic() < until:
        time.sleep(0.0005)
        try:
            acknowledged += os.read(reader, 1 << 20)
        except BlockingIOError:
            continue
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.set_blocking(reader, True)
    while more := os.read(reader, 1 << 20):
        acknowledged += more
    os.close(reader)
    return acknowledged


def main() -> None:
    directory, outside = Path(sys.argv[1]), Path(sys.argv[2])
    chance = random.Random(int(sys.argv[4]))
    for number in range(int(sys.argv[3])):
        acknowledged = kill_one(directory, outside, f"run{number}", chance.uniform(0.002, 0.12))
        sys.stdout.write(acknowledged.decode())


if __name__ == "__main__":
    main()
