"""One upstream and one gateway for all tests of the room; others where a test needs its own."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from gateway_process import GatewayProcess
from gateway_upstream import Upstream


@pytest.fixture(scope="session")
def running_upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(running_upstream: Upstream) -> Upstream:
    running_upstream.clear()
    return running_upstream


@pytest.fixture(scope="session")
def gateway(
    running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    process = GatewayProcess(tmp_path_factory.mktemp("gateway"), running_upstream.url)
    try:
        yield process.wait()
    finally:
        process.stop()


@pytest.fixture
def start_gateway(
    running_upstream: Upstream, tmp_path: Path
) -> Iterator[Callable[..., GatewayProcess]]:
    started: list[GatewayProcess] = []

    def start(**settings: Any) -> GatewayProcess:
        directory = tmp_path / f"gateway-{len(started)}"
        directory.mkdir()
        started.append(GatewayProcess(directory, **{"upstream": running_upstream.url, **settings}))
        return started[-1]

    yield start
    for process in started:
        process.stop()
