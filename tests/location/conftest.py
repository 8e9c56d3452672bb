"""Places of the test world: small MaxMind DB files, small tables, and sources made of them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bailiwick.location import Locator, MmdbWriter, Source
from bailiwick.location.addresses import read_network
from bailiwick.location.answers import Answer
from bailiwick.location.blocks import Answers, runs_of
from bailiwick.location.storage import Description
from bailiwick.location.table import AddressTable

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def mmdb(tmp_path: Path) -> Callable[..., Path]:
    """Write a MaxMind DB file of ``{network: record}``."""

    def write(
        networks: Mapping[str, Any],
        database_type: str = "Test",
        *,
        name: str = "test.mmdb",
        built_at: datetime = NOW - timedelta(days=1),
        ip_version: int = 6,
        record_size: int | None = None,
    ) -> Path:
        writer = MmdbWriter(database_type, built_at, ip_version=ip_version, record_size=record_size)
        for network, record in networks.items():
            writer.insert(network, record)
        path = tmp_path / name
        path.write_bytes(writer.to_bytes())
        return path

    return write


def _table(networks: Mapping[str, Answer]) -> AddressTable:
    answers = Answers()
    blocks = [(read_network(text), answer) for text, answer in networks.items()]
    runs = runs_of([(block, answer) for block, answer in blocks if block], answers)
    return AddressTable(*runs, answers.every())


@pytest.fixture
def table() -> Callable[[Mapping[str, Answer]], AddressTable]:
    """Make a table of ``{network: answer}``."""
    return _table


@pytest.fixture
def source() -> Callable[..., Source]:
    """Make a source of ``{network: answer}``, fresh unless told otherwise."""

    def make(
        name: str,
        networks: Mapping[str, Answer],
        role: str = "located",
        *,
        stale_at: datetime | None = None,
        expires_at: datetime | None = None,
        complete: bool = False,
        versions: tuple[int, ...] = (4, 6),
    ) -> Source:
        built_at = NOW - timedelta(days=10)
        description = Description(name, "test", role, built_at, complete, versions)
        return Source(
            name, "test", description, _table(networks), "0" * 64, name, stale_at, expires_at
        )

    return make


@pytest.fixture
def locator() -> Callable[..., Locator]:
    """Make a locator of sources, without a holder."""

    def make(*sources: Source, **options: Any) -> Locator:
        return Locator(sources, NOW, **options)

    return make
