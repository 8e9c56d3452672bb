"""One console and one appeal page for the tests that only ask them."""

from collections.abc import Iterator

import pytest

from console.running import Running


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = Running(tmp_path_factory.mktemp("console"))
    try:
        yield made.start("console", "appeals")
    finally:
        made.stop()
