"""Two gateways on one PostgreSQL, asked over HTTP: what is withdrawn, and what an outage does."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import people
from bailiwick.accounts import AccountDatabase, Directives
from bootstrap.helpers import BY, US, Folder, Upstream
from bootstrap.running import Running, running, until

SOON_S = 5.0
"""Within this everything that is withdrawn is withdrawn everywhere."""
STALE_S = 8
ACCOUNTS = "accounts: {{database: '{url}', secret: {secret}, max_stale: {stale}s}}\n"


class Fleet:
    """Two gateways, their database, and a key for each thing that may become of one."""

    def __init__(self, database: AccountDatabase, gateways: list[Running]) -> None:
        self.database = database
        self.gateways = gateways
        self.keys: dict[str, Any] = {}

    def add(self, name: str) -> None:
        self.database.add_account(name, id=name, **BY)
        self.database.set_evidence(name, "billing", ["US"], **BY)
        self.keys[name] = self.database.add_key(name, **BY)

    def statuses(self, name: str) -> set[int]:
        return {gateway.send(self.keys[name].raw, US)[0] for gateway in self.gateways}

    def becomes(self, name: str, status: int, patience_s: float = SOON_S) -> bool:
        """Whether every gateway answers so before long."""
        return bool(until(lambda: self.statuses(name) == {status}, patience_s))


@pytest.fixture
def fleet(postgres: Any, tmp_path: Path) -> Iterator[Fleet]:
    url = postgres.new_database()
    upstream = Upstream()
    secret = tmp_path / "secret"
    database = AccountDatabase.open(url, secret, create=True)
    made = Fleet(database, [])
    for name in ("kept", "revoked", "suspended", "late"):
        made.add(name)
    more = ACCOUNTS.format(url=url, secret="accounts.secret", stale=STALE_S)
    with ExitStack() as stack:
        for number in (1, 2):
            path = tmp_path / f"gateway{number}"
            path.mkdir()
            shutil.copy2(secret, path / "accounts.secret")
            made.gateways.append(stack.enter_context(running(Folder(path), upstream, more=more)))
        yield made
    database.close()
    upstream.close()


def test_what_is_withdrawn_is_withdrawn_on_both_also_after_a_restart_of_the_database(
    fleet: Fleet, postgres: Any
) -> None:
    _withdraw_everything(fleet)
    postgres.stop()
    postgres.start()
    for name in ("revoked", "suspended"):
        fleet.keys[f"{name} before"] = fleet.keys[name]
    for name in ("r2", "s2"):
        fleet.add(name)
    fleet.keys |= {"revoked": fleet.keys["r2"], "suspended": fleet.keys["s2"]}

    assert fleet.becomes("r2", 200, 20), "they follow again by themselves"
    assert fleet.becomes("s2", 200)
    _withdraw_everything(fleet)
    assert fleet.statuses("revoked before") == {401}
    assert fleet.statuses("suspended before") == {403}


def _withdraw_everything(fleet: Fleet) -> None:
    assert [fleet.statuses(one) for one in ("kept", "revoked", "suspended")] == [{200}] * 3

    fleet.database.revoke_key(fleet.keys["revoked"].id, **BY)
    assert fleet.becomes("revoked", 401)
    people.suspend(fleet.database, fleet.keys["suspended"].account)
    assert fleet.becomes("suspended", 403)
    directives = Directives(fleet.database)
    order = directives.switch_off(
        ["anthropic/claude-opus-*"], by="ann", reason="a test",
        review_by=fleet.database.now() + timedelta(days=1),
    )  # fmt: skip
    assert fleet.becomes("kept", 403)
    directives.switch_on(order, by="ann", reason="a test")
    assert fleet.becomes("kept", 200)


def test_in_an_outage_the_last_statuses_serve_for_a_time_and_nobody_suspended_is_ever_admitted(
    fleet: Fleet, postgres: Any
) -> None:
    fleet.database.revoke_key(fleet.keys["revoked"].id, **BY)
    people.suspend(fleet.database, "suspended")
    assert fleet.becomes("revoked", 401)
    assert fleet.becomes("suspended", 403)
    withheld: set[tuple[str, int]] = set()

    def watching(look: Callable[[], bool]) -> bool:
        for name in ("revoked", "suspended"):
            withheld.update((name, status) for status in fleet.statuses(name))
        return look()

    postgres.stop()
    began = time.monotonic()
    try:
        first = fleet.statuses("kept")
        in_time = time.monotonic() - began < STALE_S
        refused = until(lambda: watching(lambda: fleet.statuses("kept") == {503}), STALE_S + 20)
        took = time.monotonic() - began
    finally:
        postgres.start()
    recovered = until(lambda: watching(lambda: fleet.statuses("kept") == {200}), 20)
    people.suspend(fleet.database, "late")

    assert first == {200} or not in_time
    assert refused
    assert took >= STALE_S - 1
    assert recovered
    assert fleet.becomes("late", 403)
    assert withheld == {("revoked", 401), ("suspended", 403)}
