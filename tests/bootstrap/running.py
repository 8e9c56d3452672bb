"""A gateway that runs as an operator runs it: in processes of its own."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bootstrap.helpers import Folder, Upstream, free_port

RUN = "import sys; from pathlib import Path; from bailiwick.bootstrap import run_gateway; run_gateway(Path(sys.argv[1]))"
SETTINGS = """\
policy: policy.yaml
listen: {{port: {port}, workers: {workers}}}
admin: {{port: {admin}}}
location: {{trusted_proxies: [127.0.0.0/8]}}
reload: {{interval: {interval}, settle: 100ms}}
timeouts: {{stop: 2s}}
quotas: {{storage: "{quotas}"}}
upstreams:
  - name: one
    base_url: {upstream}
    dialects: [anthropic]
    models: {{"anthropic/*": "*"}}
    key: {{env: UPSTREAM_KEY}}
"""


class Running:
    """A gateway that runs."""

    def __init__(
        self,
        folder: Folder,
        upstream: Upstream,
        workers: int,
        more: str = "",
        interval: str = "100ms",
    ) -> None:
        """``more``: settings beyond the usual ones. ``interval``: of looks at the files."""
        self.folder, self.workers = folder, workers
        self.port, self.admin = free_port(), free_port()
        quotas = "memory://" if workers == 1 else "redis://127.0.0.1:1/0"
        folder.write(
            settings=SETTINGS.format(
                port=self.port,
                admin=self.admin,
                workers=workers,
                quotas=quotas,
                interval=interval,
                upstream=upstream.url,
            )
            + more
        )
        self.log = folder.path / "log.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(folder.config)],
                stderr=log,
                env={**os.environ, "UPSTREAM_KEY": "upstream-secret"},
            )

    def wait_until_ready(self) -> dict[str, Any]:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            ready, detail = self.readiness()
            if ready:
                return detail
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.admin}/readyz", timeout=2
            ) as found:
                return True, json.load(found)
        except urllib.error.HTTPError as error:
            return False, json.load(error)
        except OSError:
            return False, {}

    def send(self, key: str, address: str, model: str = "claude-opus-4-1") -> tuple[int, str]:
        """Send a message; returns the status and the decision."""
        body = {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/messages",
            json.dumps(body).encode(),
            {"x-api-key": key, "x-forwarded-for": address, "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers["x-bailiwick-decision"]
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["x-bailiwick-decision"]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


@contextmanager
def running(
    folder: Folder,
    upstream: Upstream,
    workers: int = 1,
    more: str = "",
    interval: str = "100ms",
) -> Iterator[Running]:
    gateway = Running(folder, upstream, workers, more, interval)
    try:
        gateway.wait_until_ready()
        yield gateway
    finally:
        gateway.stop()


def until(look: Any, patience_s: float = 10) -> Any:
    end = time.monotonic() + patience_s
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
