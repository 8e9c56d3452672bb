"""A pipeline with a real policy, real location data, a real account database and a real log."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bailiwick.accounts import AccountDatabase, AccountStore
from bailiwick.audit import AuditLog, Pseudonyms
from bailiwick.bootstrap import read_catalog
from bailiwick.decision import compile_table
from bailiwick.location import LocationSettings, Locator, TrustedProxies, load_locator
from bailiwick.pipeline import Asked, ClientRules, Judged, Pipeline, World
from bailiwick.policy import read_policy
from pipeline.helpers import BY, NOW, OPUS, POLICY, PROXY, US, Events


@pytest.fixture(scope="session")
def locator() -> Locator:
    return load_locator(LocationSettings(), NOW)


@pytest.fixture(scope="session")
def make_world(locator: Locator) -> Callable[..., World]:
    catalog = read_catalog()

    def make(text: str = POLICY, **more: Any) -> World:
        policy = read_policy(text, "policy.yaml", catalog)
        rules = ClientRules(TrustedProxies.read(["192.0.2.0/24"]))
        return World(compile_table(policy, catalog), catalog, locator, client=rules, **more)

    return make


@pytest.fixture
def database(tmp_path: Path) -> AccountDatabase:
    url, secret = f"sqlite:///{tmp_path}/accounts.db", tmp_path / "secret"
    return AccountDatabase.open(url, secret, create=True, clock=lambda: NOW)


@pytest.fixture
def key(database: AccountDatabase) -> str:
    """The key of an account with a US billing address."""
    database.add_account("Acme", id="acme", **BY)
    database.set_evidence("acme", "billing", ["US"], **BY)
    return database.add_key("acme", **BY).raw


@pytest.fixture
def store(tmp_path: Path, key: str) -> AccountStore:
    return AccountStore.open(
        f"sqlite:///{tmp_path}/accounts.db", tmp_path / "secret", clock=lambda: NOW
    )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    made = AuditLog.open(tmp_path / "audit", node="test", clock=lambda: datetime.now(UTC))
    yield made
    made.close()


@pytest.fixture
def events(tmp_path: Path, log: AuditLog) -> Events:
    return Events(tmp_path / "audit", log)


@pytest.fixture
def make_pipeline(
    tmp_path: Path, store: AccountStore, log: AuditLog, make_world: Callable[..., World]
) -> Callable[..., Pipeline]:
    def make(
        *, accounts: Any = store, audit: Any = log, world: Any = None, **more: Any
    ) -> Pipeline:
        made = Pipeline(accounts, audit, Pseudonyms(tmp_path / "pseudonyms"), **more)
        made.use(world or make_world())
        return made

    return make


@pytest.fixture
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline()


@pytest.fixture
def ask(key: str) -> Callable[..., Asked]:
    return partial(_asked, key)


def _asked(own_key: str, address: str = US, model: str | None = OPUS, **more: Any) -> Asked:
    given = {
        "peer": PROXY,
        "headers": [("x-forwarded-for", address)],
        "key": own_key,
        "model": model,
        "action": "infer",
        "features": frozenset(),
        "dialect": "anthropic",
        "path": "/v1/messages",
    }
    return Asked(**{**given, **more})  # type: ignore[arg-type]


@pytest.fixture
def judge() -> Callable[..., Judged]:
    """Judge one request, from beginning to end."""

    def run(pipeline: Pipeline, asked: Asked, at: datetime = NOW) -> Judged:
        return asyncio.run(pipeline.judge(asked, at))

    return run
