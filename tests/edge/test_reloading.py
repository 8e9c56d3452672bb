"""A new configuration is taken while requests come: none is lost, and nothing opens meanwhile."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bailiwick.cli.edge import write_edge
from bailiwick.targets.edge import Edge, EdgeOptions
from edge.proxies import Proxy, StandIn, running_proxy
from service.envoy import Upstream
from service.running import DE, IR, LLAMA, OPUS, US, free_port, send

POLICY = """\
bailiwick: 1
name: reloading-tests
models:
  frontier: {ids: ["anthropic/claude-opus-*"]}
  open: {openness: [open, open-weight], controlled: false}
rules:
  - {id: open-everywhere, permit: open}
  - {id: frontier-in-us, permit: frontier, where: {address: US}}
  - {id: embargo, deny: "*", where: {address: [IR, KP%s]}, absolute: true}
"""
PATIENCE_S = 60


@pytest.fixture(scope="module")
def service() -> Iterator[StandIn]:
    """Permits everything, so whatever is refused here is refused by the proxy."""
    started = StandIn()
    yield started
    started.close()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    started = Upstream()
    yield started
    started.close()


class Asking:
    """Asks the same again and again, each time over a connection of its own."""

    def __init__(self, port: int, address: str, model: str) -> None:
        self.statuses: list[int] = []
        self._done = threading.Event()
        body = b'{"model":"%b","max_tokens":5,"messages":[]}' % model.encode()
        headers = {"x-forwarded-for": address, "content-type": "application/json"}

        def ask() -> None:
            while not self._done.is_set():
                try:
                    found = send(f"http://127.0.0.1:{port}/v1/messages", body, headers).status
                except OSError:
                    found = 0
                self.statuses.append(found)

        self._thread = threading.Thread(target=ask)
        self._thread.start()

    def until(self, holds: Callable[[list[int]], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds(self.statuses):
            assert time.monotonic() < end, self.statuses[-20:]
            time.sleep(0.02)

    def stop(self) -> None:
        self._done.set()
        self._thread.join()


def compiled(edge: Edge, folder: Path, policy: Path, options: EdgeOptions) -> Proxy:
    """Compile as the command does, over what is there."""
    token = folder.parent / "token"
    token.write_text("token")
    made = write_edge(
        edge, policy, folder, token_file=token, listen=options.listen, selftest=options.selftest,
        upstream=options.upstream, service=options.service, trusted=("127.0.0.0/8",),
    )  # fmt: skip
    folder.chmod(0o755)
    return Proxy(edge, folder, options, made)


def reload(proxy: Proxy) -> None:
    """Tell a proxy; Envoy sees by itself that its files were replaced."""
    assert proxy.process is not None
    if proxy.edge is Edge.NGINX:
        os.kill(proxy.process.pid, signal.SIGHUP)
    elif proxy.edge is Edge.HAPROXY:
        os.kill(proxy.process.pid, signal.SIGUSR2)


@pytest.mark.parametrize("edge", list(Edge))
def test_a_new_configuration_loses_no_request_and_opens_nothing(
    edge: Edge, service: StandIn, upstream: Upstream, tmp_path: Path
) -> None:
    options = EdgeOptions(
        listen=f"127.0.0.1:{free_port()}", selftest=f"127.0.0.1:{free_port()}",
        upstream=f"127.0.0.1:{upstream.port}", service=f"127.0.0.1:{service.port}",
    )  # fmt: skip
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY % "")
    proxy = compiled(edge, tmp_path / "edge", policy, options)
    with running_proxy(proxy):
        home = Asking(proxy.port, US, OPUS)
        refused = Asking(proxy.port, IR, LLAMA)
        changing = Asking(proxy.port, DE, LLAMA)
        settled: list[int] = []
        try:
            changing.until(lambda seen: len(seen) > 10)
            for more, wanted in ((", DE", 403), (", DE, FR", 403), ("", 200)):
                policy.write_text(POLICY % more)
                compiled(edge, tmp_path / "edge", policy, options)
                reload(proxy)
                changing.until(lambda seen, wanted=wanted: seen[-30:] == [wanted] * 30)
                settled.append(len(changing.statuses))
        finally:
            for one in (home, refused, changing):
                one.stop()

    assert set(home.statuses) == {200}
    assert set(refused.statuses) == {403}
    assert set(changing.statuses) == {200, 403}
    # While one takes over from the other either may answer; what both refuse is refused throughout.
    assert set(changing.statuses[settled[0] - 30 : settled[1]]) == {403}
    assert len(list((tmp_path / "edge").glob("country-*.mmdb"))) == (2 if edge is Edge.ENVOY else 0)


def test_envoy_keeps_the_last_good_configuration(
    service: StandIn, upstream: Upstream, tmp_path: Path
) -> None:
    options = EdgeOptions(
        listen=f"127.0.0.1:{free_port()}", selftest=f"127.0.0.1:{free_port()}",
        upstream=f"127.0.0.1:{upstream.port}", service=f"127.0.0.1:{service.port}",
    )  # fmt: skip
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY % "")
    proxy = compiled(Edge.ENVOY, tmp_path / "edge", policy, options)
    with running_proxy(proxy):
        for text in ("{", '{"resources": []}', '{"resources": [{"@type": "x"}]}'):
            draft = tmp_path / "draft"
            draft.write_text(text)
            draft.replace(tmp_path / "edge" / "listeners.json")
            time.sleep(0.5)
            try:
                status = send(
                    f"http://127.0.0.1:{proxy.port}/", b"{}", {"x-forwarded-for": IR}
                ).status
            except OSError:
                status = 0
            assert status in {0, 403}, text
