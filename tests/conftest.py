"""What all tests share: property tests are never timed, since other work may share the machine."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from postgres_cluster import Cluster, find_binaries

settings.register_profile(
    "bailiwick", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("bailiwick")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server for the whole session; ``new_database()`` gives an empty database."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server is not installed")
    cluster = Cluster(binaries)
    yield cluster
    cluster.remove()
