"""One service for the tests that only ask it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.running import Running, running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(Path(tmp_path_factory.mktemp("service"))) as started:
        yield started


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Allow for slow machines: most of these tests start real programs."""
    for item in items:
        if any(part in item.path.parts for part in ("service", "integrations", "edge")):
            item.add_marker(pytest.mark.timeout(400))
