"""Start a real gateway in processes of its own, and read what it wrote."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import gateway_judge

from bailiwick.gateway import GatewayOptions, Limits, Timeouts, Tls, Upstream, serve

QUICK = Timeouts(
    header_s=1.5, body_s=1.0, body_bytes_per_s=100_000, connect_s=1.0, first_byte_s=1.5, idle_s=1.0,
    stop_s=5,
)  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class GatewayProcess:
    """A running gateway."""

    def __init__(self, directory: Path, upstream: str, **settings: Any) -> None:
        self.port, self.admin_port = free_port(), free_port()
        self.log = directory / "events.jsonl"
        self.log.touch()
        self.output = directory / "output.txt"
        given = {
            "port": self.port, "admin_port": self.admin_port, "log": str(self.log),
            "upstream": upstream, "state": str(directory / "state"), **settings,
        }  # fmt: skip
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, __file__, json.dumps(given)], stdout=output, stderr=output
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self, seconds: float = 90) -> "GatewayProcess":
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.admin("/readyz")[0] == 200:
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        said = self.admin("/readyz"), self.process.poll(), self.output.read_text()
        raise AssertionError(f"the gateway did not start: {said}")

    def admin(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.admin_port}{path}", timeout=5
            ) as got:
                return got.status, got.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def events(self, **wanted: Any) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [row for row in rows if wanted.items() <= row.items()]

    def event(self, **wanted: Any) -> dict[str, Any]:
        """Wait for the one event of this kind."""
        end = time.monotonic() + 4
        while not (found := self.events(**wanted)):
            assert time.monotonic() < end, f"no {wanted} in {self.events()[-4:]}"
            time.sleep(0.01)
        return found[-1]

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def options(given: dict[str, Any]) -> GatewayOptions:
    """Make the options of a test gateway: one upstream that serves the models of the tests."""
    models = {"anthropic/*": "up-*", "openai/gpt-test": "gpt-at-upstream"}
    upstreams = (
        Upstream("main", given["upstream"], frozenset({"anthropic", "openai"}), models, "secret-key",
                 fields={"service_tier": "ours"}, authorities=given.get("authorities")),
    )  # fmt: skip
    limits = Limits(
        **{"body_bytes": 2 * 1024 * 1024, "header_bytes": 16384, **given.get("limits", {})}
    )
    timeouts = Timeouts(**{**asdict(QUICK), **given["timeouts"]}) if "timeouts" in given else QUICK
    return GatewayOptions(
        upstreams, port=given["port"], admin_port=given["admin_port"], limits=limits,
        timeouts=timeouts, workers=given.get("workers", 1), state_directory=given["state"],
        quota_storage=given.get("quotas", "memory://"),
        tls=Tls(*given["tls"]) if "tls" in given else None,
        balancers=tuple(given.get("balancers", ())),
    )  # fmt: skip


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    if "real" in told:
        import gateway_real

        factory = partial(gateway_real.services, told["real"])
    else:
        factory = partial(
            gateway_judge.services, told["log"], told.get("refusal", {}), told.get("fault")
        )
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    serve(options(told), factory)
