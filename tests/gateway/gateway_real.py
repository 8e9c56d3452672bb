"""A worker with the real pipeline: policy, location data, accounts in SQLite, an audit log."""

from datetime import UTC, datetime
from pathlib import Path

from bailiwick.accounts import AccountDatabase, AccountStore
from bailiwick.audit import AuditLog, Pseudonyms
from bailiwick.bootstrap import read_catalog
from bailiwick.decision import compile_table
from bailiwick.gateway import Services
from bailiwick.location import LocationSettings, TrustedProxies, load_locator
from bailiwick.pipeline import ClientRules, Pipeline, World
from bailiwick.policy import read_policy

POLICY = """\
bailiwick: 1
name: gateway-tests
refusal: {message: informative, appeal: "https://example.com/appeal"}
places: {us: {include: [US], territories: listed-only}}
models:
  frontier: {ids: ["anthropic/claude-opus-*"]}
rules:
  - {id: frontier-in-us, permit: frontier, where: {address: us, billing: us}}
  - {id: no-images, restrict: frontier, to: {features: {deny: [image_input]}}}
"""


def now() -> datetime:
    return datetime.now(UTC)


def prepare(directory: Path) -> str:
    """Make an account in the US; return its key."""
    url, secret = f"sqlite:///{directory}/accounts.db", directory / "secret"
    database = AccountDatabase.open(url, secret, create=True, clock=now)
    database.add_account("Acme", id="acme", actor="tester", reason="a test")
    database.set_evidence("acme", "billing", ["US"], actor="tester", reason="a test")
    return database.add_key("acme", actor="tester", reason="a test").raw


def services(directory: str) -> Services:
    """Make what a worker works with."""
    folder = Path(directory)
    store = AccountStore.open(f"sqlite:///{folder}/accounts.db", folder / "secret", clock=now)
    store.start()
    log = AuditLog.open(folder / "audit", node="test", clock=now)
    catalog = read_catalog()
    own = folder / "policy.yaml"
    text = own.read_text() if own.exists() else POLICY
    table = compile_table(read_policy(text, "policy.yaml", catalog), catalog)
    rules = ClientRules(TrustedProxies.read(["127.0.0.1/32"]))
    pipeline = Pipeline(store, log, Pseudonyms(folder / "pseudonyms"))
    pipeline.use(World(table, catalog, load_locator(LocationSettings(), now()), client=rules))

    async def stop() -> None:
        store.close()
        log.close()

    return Services(
        judge=pipeline,
        record=lambda event: log.append_nowait(event, late=True),
        style=lambda: table.policy.refusal,
        status=lambda: {"ready": True, "revision": table.revision},
        stop=stop,
    )
