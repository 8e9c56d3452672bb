"""The policy of the pages, gathered once."""

import pytest

from availability.pages_policy import gathered
from bailiwick.availability import Availability


@pytest.fixture(scope="session")
def found() -> Availability:
    return gathered()
